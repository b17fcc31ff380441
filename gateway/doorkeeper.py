"""The doorkeeper: connects the listener of the chat port with the rest of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.addresses import Address
from gateway.channels.links import Link, bye
from gateway.door.bans import Bans
from gateway.door.visits import Crowded, Door, Visit
from gateway.listeners.accepting import NotAdmitted
from gateway.listeners.json_lines import JSON_LINES
from gateway.listeners.tcp import TakesLines, TcpLink
from gateway.meters import Meters
from wire.limits import Limits
from wire.reasons import CROWDED, Reason


class Room(Protocol):
    """What is behind a door: how its connections speak."""

    def protocol(self, address: Address, where: str, gone: Callable[[], None]) -> asyncio.Protocol:
        """Make the link for a connection.

        Args:
            address: where it comes from.
            where: the same with its port, for people.
            gone: to be called when it has ended.
        """

    def farewell(self, reason: Reason, after: float | None = None) -> bytes:
        """The last line for a connection that may not come in."""


class Doorkeeper:
    """Lets connections in. All doors count them together.

    Args:
        door: counts connections per address.
        bans: this gateway's copy of the bans.
        room: what is behind this door.
        meters: where to count.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        door: Door,
        bans: Bans,
        room: Room,
        meters: Meters,
        monotonic: Callable[[], float],
    ) -> None:
        self._door = door
        self._bans = bans
        self._room = room
        self._meters = meters
        self._monotonic = monotonic

    def admit(self, address: Address) -> Visit:
        """Let a connection in.

        Raises:
            NotAdmitted: its address is banned, or has too many.
        """
        now = self._monotonic()
        if (banned := self._bans.of_address(address, now)) is not None:
            self.refused("banned")
            raise NotAdmitted(banned)
        try:
            return self._door.enter(address, now)
        except Crowded as crowded:
            self.refused("crowded")
            raise NotAdmitted(CROWDED, crowded.after) from None

    def refused(self, why: str) -> None:
        """Count a connection that did not come in."""
        self._meters.doorstep[why] += 1

    def protocol(self, address: Address, where: str, visit: Visit) -> asyncio.Protocol:
        """Make the link for a connection."""
        return self._room.protocol(address, where, visit.over)

    def farewell(self, reason: Reason, after: float | None = None) -> bytes:
        """The last line for a connection that may not come in."""
        return self._room.farewell(reason, after)


class JsonRoom:
    """Behind the door of the chat's own clients, who speak JSON.

    Args:
        connect: makes the peer of a link.
        limits: what a peer may do.
        meters: where to count.
    """

    def __init__(
        self, connect: Callable[[Link], TakesLines], limits: Limits, meters: Meters
    ) -> None:
        self._connect = connect
        self._limits = limits
        self._meters = meters

    def protocol(self, address: Address, where: str, gone: Callable[[], None]) -> asyncio.Protocol:
        """As in `Room`."""
        return TcpLink(
            self._connect,
            JSON_LINES,
            self._limits,
            address,
            where,
            gone,
            self._meters,
            screened=True,
        )

    def farewell(self, reason: Reason, after: float | None = None) -> bytes:
        """As in `Room`."""
        return JSON_LINES.event(bye(reason, after))
