"""A token bucket that keeps no clock."""

from __future__ import annotations

# Waiting exactly as long as told must be enough, though floats lose a little.
_ROUNDING = 1e-6


class Budget:
    """A number of requests at once, and another number each second in the long run.

    Args:
        burst: the most that can be taken at once.
        rate: the number that comes back each second; None for no limit.
        now: reading of the clock that `take` will be given, seconds.
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
            0.0 if it was taken. Otherwise nothing was, and these are the seconds to wait for it.
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
        """Take more for a request that turned out to be expensive. It may overdraw by one burst."""
        if self._rate is not None:
            left = min(self._burst, self._left + (now - self._then) * self._rate)
            self._left, self._then = max(-self._burst, left - count), now
