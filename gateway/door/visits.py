"""The door: what an address may do, before anything that costs is done for it. Pure."""

from __future__ import annotations

from gateway.addresses import Address, neighbourhood
from gateway.chat.budget import Budget
from gateway.config import AddressLimits

FORGET_EVERY = 60.0
"""Seconds between two looks for addresses of which nothing need be known any more: after a minute
without a connection everything is as for a new one."""

MOST_KEPT = 100_000
"""Addresses of which something is known, but for those that have connections: some 40 MB. Beyond
that those without connections are forgotten early."""


class Crowded(Exception):
    """Too many connections come from an address.

    Attributes:
        after: seconds after which another one may come.
    """

    def __init__(self, after: float) -> None:
        super().__init__(f"too many connections, {after:.0f} s to wait")
        self.after = after


class Visit:
    """One connection that was let in, until it has left."""

    __slots__ = ("_visitor",)

    def __init__(self, visitor: _Visitor | None) -> None:
        self._visitor = visitor

    def over(self) -> None:
        """The connection has ended; saying so twice does no harm."""
        if self._visitor is not None:
            self._visitor.connections -= 1
            self._visitor = None


class Door:
    """Counts connections by address, of IPv6 by /64.

    Args:
        limits: what an address may do.
        now: reading of the clock that `enter` will be given, in seconds.
    """

    def __init__(self, limits: AddressLimits, now: float) -> None:
        self._limits = limits
        self._visitors: dict[str, _Visitor] = {}
        self._looked = now
        self._most = MOST_KEPT

    def enter(self, address: Address, now: float) -> Visit:
        """Let a connection in.

        Raises:
            Crowded: there are too many.
        """
        limits = self._limits
        if any(address in network for network in limits.exempt):
            return Visit(None)
        if now - self._looked >= FORGET_EVERY:
            self._forget(now, FORGET_EVERY)
        elif len(self._visitors) >= self._most:
            self._forget(now, 0.0)
        key = neighbourhood(address)
        visitor = self._visitors.get(key)
        if visitor is None:
            visitor = self._visitors[key] = _Visitor(limits.connects, now)
        visitor.seen = now
        if limits.connections is not None and visitor.connections >= limits.connections:
            raise Crowded(FORGET_EVERY)
        if wait := visitor.budget.take(now):
            raise Crowded(wait)
        visitor.connections += 1
        return Visit(visitor)

    def _forget(self, now: float, silent: float) -> None:
        self._looked = now
        self._visitors = {
            key: visitor
            for key, visitor in self._visitors.items()
            if visitor.connections or now - visitor.seen < silent
        }
        # Twice what is left, so that this costs little for each of those who come in between.
        self._most = max(MOST_KEPT, 2 * len(self._visitors))


class _Visitor:
    __slots__ = ("budget", "connections", "seen")

    def __init__(self, connects: int | None, now: float) -> None:
        self.connections = 0
        self.budget = Budget(connects or 1, None if connects is None else connects / 60.0, now)
        self.seen = now
