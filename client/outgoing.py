"""Sending messages one after the other, each until we know what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from client.backoff import Backoff, Pick, pause
from client.connection import Connection
from client.errors import Ended, Refused, Unconfirmed
from client.news import Held, News, SentAgain
from wire.frames import Ack, Send
from wire.reasons import ErrorCode

FIRST_RETRY, LONGEST_RETRY = 1.0, 5.0
"""Upper ends, in seconds, of the first delay and of every delay before a message is sent again that
the gateway could not accept, if it did not say how long to wait."""

LONGEST_PAUSE = 10.0
"""The longest pause, in seconds, for which all later messages wait too. Slow mode in a room may ask
for more: then the message is refused, and the later ones go on."""


class Outgoing:
    """The messages on their way to the gateway, over one connection after the other.

    A message keeps its number however often it is sent, and it is sent only after the message
    before it has been answered. So each is posted once, and all are posted in order.

    Args:
        connected: returns the connection as soon as there is one; raises `Ended` once there will
            not be another.
        over: set once the chat is over.
        tell: takes the news.
        pick: draws the delays.
    """

    def __init__(
        self,
        connected: Callable[[], Awaitable[Connection]],
        over: asyncio.Event,
        tell: Callable[[News], None],
        pick: Pick,
    ) -> None:
        self._connected = connected
        self._over = over
        self._tell = tell
        self._pick = pick
        self._turn = asyncio.Lock()  # fair: first come, first sent
        self._held = False

    async def send(self, send: Send) -> Ack:
        """Send a message, after all earlier ones.

        Raises:
            Refused: the gateway did not accept it.
            Unconfirmed: it may have been accepted, but the chat is over, or the gateway cannot
                tell.
            Ended: the chat is over; the message was not sent.
        """
        async with self._turn:
            return await self._deliver(send)

    async def settled(self) -> None:
        """Return once all earlier messages have been answered."""
        async with self._turn:
            pass

    async def _deliver(self, send: Send) -> Ack:
        retry = Backoff(FIRST_RETRY, LONGEST_RETRY, self._pick)
        in_doubt: object = None  # the session in which it may have been accepted
        held = False
        while True:
            try:
                connection = await self._connected()
            except Ended as ended:
                if in_doubt is None:
                    raise
                raise Unconfirmed(str(ended)) from None
            if in_doubt not in (None, connection.session):
                self._tell(SentAgain(send.text))
                in_doubt = connection.session
            try:
                ack = await connection.deliver(send)
            except Unconfirmed:
                in_doubt = connection.session
            except Ended:
                pass  # before anything was sent
            except Refused as refused:
                if refused.code == ErrorCode.UNAVAILABLE:
                    in_doubt = connection.session
                await self._hold(refused, retry)
                held = True
            else:
                self._held = self._held and held
                return ack

    async def _hold(self, refused: Refused, retry: Backoff) -> None:
        """Wait until a refused message may be sent again.

        Raises:
            Refused: it may not be sent again, or not soon.
            Unconfirmed: the gateway has seen its number before, and cannot tell what became of it.
        """
        if refused.code == ErrorCode.STALE_SEQ:
            raise Unconfirmed(refused.text)
        if not refused.may_pass:
            raise refused
        delay = retry.next() if refused.retry_after is None else refused.retry_after
        if delay > LONGEST_PAUSE:
            raise refused
        if not self._held:
            self._held = True
            self._tell(Held(refused, delay))
        await pause(delay, self._over)
