"""The way back after a lost connection."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from time import monotonic

from client.backoff import Backoff, Pick
from client.connection import Connection
from client.errors import CannotConnect, ChatError, Ended, Refused, Untrusted
from client.news import StillAway
from wire.reasons import ErrorCode

FIRST, LONGEST = 2.0, 15.0
"""Upper ends, in seconds, of the first delay and of every delay. All clients of a gateway that
crashed come back within the first, but not thousands in the same moment."""

TAKEN_FOR = 30.0
"""Seconds to go on trying while the name is taken. Our own older connection may still have it, if
its gateway has not noticed the end of it yet and a Redis that lost its memory does not know our
token. But somebody else may have the name, too, and keep it."""

UNTRUSTED_FOR = 300.0
"""Seconds to go on trying while a certificate is not trusted. Perhaps the network wants a login
first, or the certificate is just being renewed. If it takes longer, a person must look into it."""

Dial = Callable[[Connection, dict[str, str]], Awaitable[Connection]]
"""Makes a connection that takes over from an earlier one; it gets the last id seen in each room."""

Sleep = Callable[[float], Awaitable[None]]


class Returning:
    """Tries to come back until that works, or is hopeless.

    Args:
        dial: makes the connections.
        tell: takes the news that an attempt failed.
        sleep: waits for a number of seconds.
        pick: draws the delays.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        dial: Dial,
        tell: Callable[[StillAway], None],
        sleep: Sleep,
        pick: Pick = random.uniform,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._dial = dial
        self._tell = tell
        self._sleep = sleep
        self._clock = clock
        self._backoff = Backoff(FIRST, LONGEST, pick)
        self._came = clock()
        self._since: dict[type[ChatError], float] = {}

    async def after(self, lost: Connection, seen: dict[str, str]) -> Connection:
        """Come back.

        Args:
            lost: the connection that is over.
            seen: the last id seen in each room.

        Raises:
            ChatError: why it is hopeless.
        """
        if self._clock() - self._came > self._backoff.cap:
            self._backoff.reset()  # the last connection was a good one
        delay = self._backoff.next() if lost.wait is None else lost.wait
        why = ""
        self._since.clear()
        while True:
            await self._sleep(delay)
            try:
                connection = await self._dial(lost, seen)
            except ChatError as error:
                if not self._may_pass(error):
                    raise
                asked = _asked_wait(error)
                if str(error) != why:
                    why = str(error)
                    self._tell(StillAway(why, error.after if isinstance(error, Ended) else None))
            else:
                self._came = self._clock()
                return connection
            delay = self._backoff.next() if asked is None else asked

    def _may_pass(self, error: ChatError) -> bool:
        match error:
            case Refused(code=ErrorCode.NAME_TAKEN):
                return self._bears(error, TAKEN_FOR)
            case Untrusted():
                return self._bears(error, UNTRUSTED_FOR)
            case Refused():
                return error.may_pass
            case Ended(reason=reason):
                return reason.reconnect
            case _:
                return isinstance(error, CannotConnect)

    def _bears(self, error: ChatError, seconds: float) -> bool:
        """Whether the first error of this kind is less than this number of seconds ago."""
        now = self._clock()
        return now - self._since.setdefault(type(error), now) < seconds


def _asked_wait(error: ChatError) -> float | None:
    """Seconds that the gateway asked us to wait; None if it did not say."""
    match error:
        case Refused(retry_after=after) | Ended(after=after):
            return after
        case _:
            return None
