"""Entering rooms without a person: if the gateway asks for a pause, we wait and try again."""

from __future__ import annotations

import asyncio

from client.backoff import Backoff, Pick, pause
from client.connection import Connection
from client.errors import Ended, Refused
from wire.frames import Entered, Join

FIRST_RETRY, LONGEST_RETRY = 1.0, 5.0
"""Upper ends, in seconds, of the first delay and of every delay before the next attempt to enter a
room, if the gateway does not say how long to wait."""


async def enter(connection: Connection, request: Join, over: asyncio.Event, pick: Pick) -> Entered:
    """Enter a room, as soon as the gateway can do it.

    Args:
        connection: the connection to use.
        request: which room to enter, and how.
        over: set once the chat is over.
        pick: draws the delays.

    Returns:
        What the gateway says of the room.

    Raises:
        Refused: the room does not let us in.
        Ended: the connection is over, or the chat is.
    """
    retry = Backoff(FIRST_RETRY, LONGEST_RETRY, pick)
    while True:
        try:
            return await connection.ask(request)
        except Refused as refused:
            if not refused.may_pass:
                raise
            # Many rooms at once are too many requests for a gateway: it says when to go on.
            delay = retry.next() if refused.retry_after is None else refused.retry_after
        await pause(delay, over)
        if connection.ended:
            raise Ended(connection.ended)
