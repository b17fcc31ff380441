"""A time at which somebody wants to be told, and which may be moved."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

STALL = 1.0
"""Seconds by which the alarm may be late. Later than that the gateway stood still, and nobody is
judged before all has been heard that came meanwhile."""

HEAR = 0.1
"""Seconds for hearing it."""


class Alarm:
    """Rings once, when its time has come.

    Args:
        monotonic: the clock that it is set by, in seconds.
        ring: called at the time, in the event loop.

    Attributes:
        at: when it rings; None: never.
    """

    __slots__ = ("_monotonic", "_ring", "_timer", "at")

    def __init__(self, monotonic: Callable[[], float], ring: Callable[[], None]) -> None:
        self._monotonic = monotonic
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self.at: float | None = None

    def set(self, at: float | None) -> None:
        """Ring at this time, and at no other; None: never."""
        self.at = at
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._call_later(max(0.0, at - self._monotonic()), self._due)

    def _due(self) -> None:
        assert self.at is not None
        if self._monotonic() - self.at > STALL:
            self._call_later(HEAR, self._now)
        else:
            self._now()

    def _now(self) -> None:
        self._timer = None
        self._ring()

    def _call_later(self, seconds: float, what: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, what)


@contextlib.asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Have what is done in the context come to its end in time.

    Raises:
        TimeoutError: it has not.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        alarm = Alarm(loop.time, lambda: timeout.reschedule(loop.time()))
        alarm.set(loop.time() + seconds)
        try:
            yield
        finally:
            alarm.set(None)
