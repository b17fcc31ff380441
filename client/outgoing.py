"""Sending: one message after the other, each until it is known what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from client.backoff import Backoff, Pick
from client.connection import Connection
from client.errors import Ended, Refused, Unconfirmed
from client.news import Held, News, SentAgain
from wire.frames import Ack, Send
from wire.reasons import ErrorCode

FIRST_RETRY, LONGEST_RETRY = 1.0, 5.0
"""Seconds: upper ends of the first delay, and of any, before a message that the gateway could not
take is sent again, where it did not say when."""

LONGEST_PAUSE = 10.0
"""Seconds that all messages behind one may have to wait for it. A room in which people may write
seldom asks for more: then the message is given back, and the others go on."""


class Outgoing:
    """What is on its way to the gateway, over as many connections as it takes.

    A message has one number however often it is sent, and none is sent before the one before it
    is answered: so it is posted once, and all are posted in order.

    Args:
        connected: returns the connection as soon as there is one; raises `Ended` once there will
            be none any more.
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
        """Send a message after all those before it.

        Raises:
            Refused: the gateway did not take it.
            Unconfirmed: it may have been taken, and the chat is over, or the gateway cannot say.
            Ended: the chat is over; it was not sent.
        """
        async with self._turn:
            return await self._deliver(send)

    async def settled(self) -> None:
        """Return once all is answered that was to be sent before."""
        async with self._turn:
            pass

    async def _deliver(self, send: Send) -> Ack:
        retry = Backoff(FIRST_RETRY, LONGEST_RETRY, self._pick)
        in_doubt: object = None  # the session in which it may have been taken
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
            Refused: it may not, or not for a long time.
            Unconfirmed: the gateway has seen its number before, and what became of it is not known.
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
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._over.wait()
