"""A chat that outlives its connections: it comes back by itself, and sends in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from client.connection import Connection
from client.errors import CannotConnect, ChatError, Ended, Refused, Unconfirmed
from wire.frames import Ack, Event
from wire.reasons import IDLE, QUIT, ErrorCode, Reason

Dial = Callable[[Connection | None], Awaitable[Connection]]
"""Makes a connection: the first one, or one that takes over from an earlier one."""


@dataclass(frozen=True)
class Lost:
    """The connection is over, and we are trying to come back."""

    reason: Reason


@dataclass(frozen=True)
class StillAway:
    """An attempt to come back failed; the next one follows."""

    why: str


@dataclass(frozen=True)
class Back:
    """We are here again."""

    gateway: str


class Backoff:
    """Delays before attempts: exponential with full jitter, so that a crowd spreads itself out.

    The first attempt has its delay too: when a gateway goes down, all its clients come at once.

    Args:
        base: upper end of the first delay, in seconds.
        cap: upper end of any delay, in seconds.
        pick: draws a number between two.
    """

    def __init__(
        self,
        base: float = 0.5,
        cap: float = 15.0,
        pick: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.cap = cap
        self._base = base
        self._pick = pick
        self._attempt = 0

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        # 2**16 is far above any cap; without a limit the power grows out of a float's range.
        most = min(self.cap, self._base * 2 ** min(self._attempt, 16))
        self._attempt += 1
        return self._pick(0.0, most)

    def reset(self) -> None:
        """Begin anew: the last connection was a good one."""
        self._attempt = 0


class LastingChat:
    """Sends and events of one person, over as many connections as it takes.

    Somebody must iterate over `events`: that is what notices a lost connection and comes back.

    Args:
        connection: the first connection.
        dial: makes the next ones.
        slowed: called with the seconds to wait, when sending has to wait for the gateway's limits;
            once, until a message has gone through without waiting.
        backoff: how long to wait before each attempt to come back.

    Attributes:
        connection: the latest connection.
        ended: why the chat is over; None while it is not.
        failure: what went wrong, if it ended otherwise than by leaving or by idleness.
    """

    def __init__(
        self,
        connection: Connection,
        dial: Dial,
        slowed: Callable[[float], None],
        backoff: Backoff | None = None,
    ) -> None:
        self.connection = connection
        self.ended: Reason | None = None
        self.failure: ChatError | None = None
        self._dial = dial
        self._slowed = slowed
        self._slow = False
        self._backoff = backoff or Backoff()
        self._turn = asyncio.Lock()  # fair: first come, first sent
        self._over = asyncio.Event()
        self._here = asyncio.Event()
        self._here.set()

    @property
    def away(self) -> bool:
        """Whether there is no connection just now."""
        return not self._here.is_set()

    async def events(self) -> AsyncIterator[Event | Lost | StillAway | Back]:
        """What happens, until the chat has ended for good."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                since = loop.time()
                async for event in self.connection:
                    yield event
                reason = self.connection.ended or QUIT
                if self.ended or not reason.reconnect:
                    self._end(reason)
                    return
                self._here.clear()
                if loop.time() - since > self._backoff.cap:
                    self._backoff.reset()
                yield Lost(reason)
                async for failure in self._come_back():
                    yield failure
                yield Back(self.connection.welcome.gateway)
        except ChatError as error:
            self.failure = error
        finally:
            self._end(QUIT)

    async def send(self, text: str, *, to: Sequence[str] | None = None) -> Ack:
        """Say something: after all that was to be sent before, and as soon as there is a way.

        Raises:
            Refused: the gateway did not take it.
            Unconfirmed: the connection ended before the gateway answered. It is not sent again.
            Ended: the chat is over; nothing was sent.
        """
        async with self._turn:
            waited = False
            while True:
                await self._here.wait()
                if self.ended:
                    raise Ended(self.ended)
                try:
                    ack = await self.connection.send(text, to=to)
                except Unconfirmed:
                    raise
                except Ended:  # before anything was sent; `events` will find out what comes next
                    self._here.clear()
                except Refused as refused:
                    if refused.code != ErrorCode.SLOW_DOWN:
                        raise
                    waited = True
                    await self._pause(1.0 if refused.retry_after is None else refused.retry_after)
                else:
                    self._slow = self._slow and waited
                    return ack

    async def quit(self, within: float = 2.0) -> None:
        """Leave for good, giving what is still to be sent so many seconds for it."""
        if not self.away:
            with suppress(TimeoutError):
                async with asyncio.timeout(within), self._turn:
                    pass
        self._end(QUIT)
        await self.connection.quit()

    def _end(self, reason: Reason) -> None:
        if not self.ended:
            self.ended = reason
            if reason.code not in (QUIT.code, IDLE.code):
                self.failure = Ended(reason)
        # Whoever waits to send must learn that there is nothing to wait for.
        self._over.set()
        self._here.set()

    async def _pause(self, delay: float) -> None:
        if not self._slow:
            self._slow = True
            self._slowed(delay)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._over.wait()

    async def _come_back(self) -> AsyncIterator[StillAway]:
        """Try until it works; yields each failure."""
        while True:
            await asyncio.sleep(self._backoff.next())
            try:
                self.connection = await self._dial(self.connection)
            except Refused as refused:
                if not refused.may_pass:
                    raise
                yield StillAway(refused.text)
            except Ended as ended:
                if not ended.reason.reconnect:
                    raise
                yield StillAway(str(ended))
            except CannotConnect as error:
                yield StillAway(str(error))
            else:
                self._here.set()
                return
