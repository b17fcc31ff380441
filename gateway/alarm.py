"""A timer that can be moved, and deadlines that are fair after a standstill."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

STALL = 1.0
"""Seconds that an alarm may be late. If it is later, the whole gateway stood still, and everything
that arrived in the meantime must be read before anybody is judged to be late."""

CATCH_UP = 0.1
"""Seconds to read it."""


class Alarm:
    """Rings once, at a time that can be changed.

    Args:
        monotonic: the clock that it is set by, in seconds.
        ring: called at that time, in the event loop.

    Attributes:
        at: when it rings; None for never.
    """

    __slots__ = ("_monotonic", "_ring", "_timer", "at")

    def __init__(self, monotonic: Callable[[], float], ring: Callable[[], None]) -> None:
        self._monotonic = monotonic
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self.at: float | None = None

    def set(self, at: float | None) -> None:
        """Ring at this time and not at an earlier setting; None for never."""
        self.at = at
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._call_later(max(0.0, at - self._monotonic()), self._due)

    def _due(self) -> None:
        assert self.at is not None
        if self._monotonic() - self.at > STALL:
            self._call_later(CATCH_UP, self._now)
        else:
            self._now()

    def _now(self) -> None:
        self._timer = None
        self._ring()

    def _call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, callback)


@contextlib.asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Limit the time that the body of the context may take.

    Raises:
        TimeoutError: it took longer.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        alarm = Alarm(loop.time, lambda: timeout.reschedule(loop.time()))
        alarm.set(loop.time() + seconds)
        try:
            yield
        finally:
            alarm.set(None)
