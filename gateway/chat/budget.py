"""A token bucket that keeps no clock."""

from __future__ import annotations

# So that whoever waits exactly as long as told is not refused for what floats lose.
_ROUNDING = 1e-6


class Budget:
    """So many at once, so many a second in the long run.

    Args:
        burst: how many may be taken at once.
        rate: how many come back a second; None for no limit.
        now: reading of the clock that `take` will be given, in seconds.
    """

    __slots__ = ("_burst", "_left", "_rate", "_then")

    def __init__(self, burst: int, rate: float | None, now: float) -> None:
        self._burst = float(burst)
        self._rate = rate
        self._left = self._burst
        self._then = now

    def take(self, now: float) -> float:
        """Take one.

        Returns:
            0.0 if it was granted; else the seconds until it would be, and nothing was taken.
        """
        if self._rate is None:
            return 0.0
        left = min(self._burst, self._left + (now - self._then) * self._rate)
        self._then = now
        if left < 1.0 - _ROUNDING:
            self._left = left
            return (1.0 - left) / self._rate
        self._left = left - 1.0
        return 0.0

    def charge(self, count: int, now: float) -> None:
        """Take for what a request turned out to cost: as much as is left, and a burst on credit."""
        if self._rate is not None:
            left = min(self._burst, self._left + (now - self._then) * self._rate)
            self._left, self._then = max(-self._burst, left - count), now
