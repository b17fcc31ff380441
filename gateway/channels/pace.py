"""How fast the people of one network get what they missed. Pure.

Without this, somebody could resume again and again with an old id, and have everything sent each
time.
"""

from __future__ import annotations

BURST = 32 * 1024 * 1024
"""Bytes that one network gets as fast as it takes them."""

PER_SECOND = 1024 * 1024
"""Bytes per second after that."""

MAX_NETWORKS = 10_000
"""Networks to remember before those that have their whole burst again are forgotten."""


class Pace:
    """How much each network has got lately."""

    def __init__(self) -> None:
        # For each network: when it would have got everything so far at the slower rate.
        self._paid_at: dict[str, float] = {}

    def sent(self, network: str, size: int, now: float) -> float:
        """Count what was sent; returns the seconds to wait before sending more.

        Args:
            network: the receiver's network, from `gateway.addresses.subnet`.
            size: the number of bytes.
            now: reading of a monotonic clock, seconds.
        """
        if len(self._paid_at) >= MAX_NETWORKS:
            self._paid_at = {of: at for of, at in self._paid_at.items() if at > now}
        paid_at = max(self._paid_at.get(network, now), now) + size / PER_SECOND
        self._paid_at[network] = paid_at
        return max(0.0, paid_at - now - BURST / PER_SECOND)
