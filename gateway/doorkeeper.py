"""Who stands at the door of a gateway, between its listener and the rest."""

from __future__ import annotations

import asyncio

from gateway.addresses import Address
from gateway.channels.links import bye
from gateway.core import Gateway
from gateway.door.visits import Crowded, Visit
from gateway.listeners.accepting import NotAdmitted
from gateway.listeners.json_lines import JSON_LINES
from gateway.listeners.tcp import TcpLink
from gateway.peer.peer import Peer
from wire.limits import Limits
from wire.reasons import CROWDED, Reason


class Doorkeeper:
    """Lets connections in, and makes peers of them.

    Args:
        gateway: where they come to.
        limits: what they may do.
    """

    def __init__(self, gateway: Gateway, limits: Limits) -> None:
        self._gateway = gateway
        self._limits = limits

    def admit(self, address: Address) -> Visit:
        """Let a connection in.

        Raises:
            NotAdmitted: its address is banned, or has too many.
        """
        now = self._gateway.monotonic()
        if (banned := self._gateway.bans.of_address(address, now)) is not None:
            self.refused("banned")
            raise NotAdmitted(banned)
        try:
            return self._gateway.door.enter(address, now)
        except Crowded as crowded:
            self.refused("crowded")
            raise NotAdmitted(CROWDED, crowded.after) from None

    def refused(self, why: str) -> None:
        """Count a connection that did not come in."""
        self._gateway.meters.doorstep[why] += 1

    def protocol(self, address: Address, where: str, visit: Visit) -> asyncio.Protocol:
        """What a connection becomes."""
        gateway, limits = self._gateway, self._limits
        return TcpLink(
            lambda link: Peer(gateway, link),
            JSON_LINES,
            limits,
            address,
            where,
            visit.over,
            gateway.meters,
            screened=True,
        )

    def farewell(self, reason: Reason, after: float | None = None) -> bytes:
        """The last words to a connection that does not come in."""
        return JSON_LINES.event(bye(reason, after))
