"""The door: limits for each address, checked before anything expensive is done for it. Pure."""

from __future__ import annotations

from gateway.addresses import Address, subnet
from gateway.chat.budget import Budget
from gateway.config import AddressLimits

FORGET_EVERY = 60.0
"""Seconds between sweeps of idle addresses: after a minute without a connection an address has all
its rights again, like a new one."""

MAX_REMEMBERED = 100_000
"""The most addresses to remember, about 40 MB. Above it, addresses without connections are
forgotten early; those with connections never are."""


class Crowded(Exception):
    """An address has too many connections, or opens them too fast.

    Attributes:
        after: seconds after which it may try again.
    """

    def __init__(self, after: float) -> None:
        super().__init__(f"too many connections; try again in {after:.0f} s")
        self.after = after


class Visit:
    """One connection that was let in, until it ends."""

    __slots__ = ("_visitor",)

    def __init__(self, visitor: _Visitor | None) -> None:
        self._visitor = visitor

    def over(self) -> None:
        """The connection has ended; calling this twice does no harm."""
        if self._visitor is not None:
            self._visitor.connections -= 1
            self._visitor = None


class Door:
    """Counts connections per IPv4 address, or per /64 of IPv6.

    Args:
        limits: what an address may do.
        now: the time by the clock that `enter` will be given, in seconds.
    """

    def __init__(self, limits: AddressLimits, now: float) -> None:
        self._limits = limits
        self._visitors: dict[str, _Visitor] = {}
        self._last_sweep = now
        self._max_remembered = MAX_REMEMBERED

    def enter(self, address: Address, now: float) -> Visit:
        """Let a connection in.

        Raises:
            Crowded: there are too many.
        """
        limits = self._limits
        if any(address in network for network in limits.exempt):
            return Visit(None)
        if now - self._last_sweep >= FORGET_EVERY:
            self._forget(now, FORGET_EVERY)
        elif len(self._visitors) >= self._max_remembered:
            self._forget(now, 0.0)
        key = subnet(address)
        visitor = self._visitors.get(key)
        if visitor is None:
            visitor = self._visitors[key] = _Visitor(limits.connects, now)
        visitor.last_seen = now
        if limits.connections is not None and visitor.connections >= limits.connections:
            raise Crowded(FORGET_EVERY)
        if wait := visitor.budget.take(now):
            raise Crowded(wait)
        visitor.connections += 1
        return Visit(visitor)

    def _forget(self, now: float, idle: float) -> None:
        self._last_sweep = now
        self._visitors = {
            key: visitor
            for key, visitor in self._visitors.items()
            if visitor.connections or now - visitor.last_seen < idle
        }
        # Twice what is left, so that the cost of a sweep is spread over many new addresses.
        self._max_remembered = max(MAX_REMEMBERED, 2 * len(self._visitors))


class _Visitor:
    __slots__ = ("budget", "connections", "last_seen")

    def __init__(self, connects: int | None, now: float) -> None:
        self.connections = 0
        self.budget = Budget(connects or 1, None if connects is None else connects / 60.0, now)
        self.last_seen = now
