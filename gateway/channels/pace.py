"""How fast those of one place are told what they missed. Pure.

Somebody who comes back again and again, with an id that was seen long ago, could else have
everything told each time.
"""

from __future__ import annotations

AT_ONCE = 32 * 1024 * 1024
"""Bytes that those of one place are told as fast as they take them."""

A_SECOND = 1024 * 1024
"""Bytes a second from then on."""

MOST = 10_000
"""Places that are remembered before those are forgotten that have all before them again."""


class Pace:
    """What was told to whom of late."""

    def __init__(self) -> None:
        # Of each place when what it was told would have been told at the slower pace.
        self._paid_at: dict[str, float] = {}

    def told(self, place: str, size: int, now: float) -> float:
        """Something was told; returns the seconds to wait before more is.

        Args:
            place: whom it was told to, as `gateway.addresses.neighbourhood` says it.
            size: bytes.
            now: reading of a monotonic clock, seconds.
        """
        if len(self._paid_at) >= MOST:
            self._paid_at = {of: at for of, at in self._paid_at.items() if at > now}
        paid_at = max(self._paid_at.get(place, now), now) + size / A_SECOND
        self._paid_at[place] = paid_at
        return max(0.0, paid_at - now - AT_ONCE / A_SECOND)
