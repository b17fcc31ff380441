"""What a gateway is told to do by the others, and by operators, through Redis."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from gateway.errors import BackplaneDown, BackplaneRefused
from wire.reasons import KICKED, REPLACED, Reason

if TYPE_CHECKING:
    from gateway.core import Gateway


MOST_EARLY = 1000
"""Sessions whose end was ordered and which are not known here: most of them have just gone."""


class Orders:
    """Carries out what comes over the control channel: `gateway.backplane.contract.Events.control`.

    Args:
        gateway: whose.

    Attributes:
        drain: set once this gateway shall drain and end.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.drain = asyncio.Event()
        self._gateway = gateway
        self._early: dict[str, Reason] = {}
        self._settling = False

    def early(self, session: str) -> Reason | None:
        """Why a session that begins has to end at once; None if it has not.

        Orders and the answers of Redis come over two connections, so a session may be ended before
        its gateway knows that it got the name.
        """
        return self._early.pop(session, None)

    def take(self, verb: str, rest: str) -> None:
        """Do one thing; what a newer version may say is ignored."""
        session, _, text = rest.partition(" ")
        match verb:
            case "replaced":
                self._end(session, REPLACED)
            case "kick":
                self._end(session, KICKED._replace(text=text or KICKED.text))
                if session not in self._gateway.online:
                    self._settle()
            case "bans":
                self._gateway.tasks.spawn(self._bans_changed())
            case "probe":
                self._gateway.tasks.spawn(self._gateway.backplane.answer_probe(rest))
            case "drain":
                self.drain.set()

    async def read_bans(self) -> None:
        """Learn who is banned, and send away whoever is.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        gateway = self._gateway
        clock, bans = await gateway.backplane.admission.bans()
        now = gateway.monotonic()
        gateway.bans.set(bans, clock, now)
        for peer in list(gateway.peers):
            reason = gateway.bans.of_address(peer.link.ip, now)
            if reason is None and peer.channels:
                reason = gateway.bans.of_name(peer.registration.folded, now)
            if reason is not None:
                peer.end(reason)

    def _end(self, session: str, reason: Reason) -> None:
        if (peer := self._gateway.online.get(session)) is not None:
            peer.end(reason)
        else:
            self._early[session] = reason
            if len(self._early) > MOST_EARLY:
                del self._early[next(iter(self._early))]

    def _settle(self) -> None:
        """Take out who is written down for this gateway and not here: that was meant, perhaps."""
        if not self._settling:
            self._settling = True
            self._gateway.tasks.spawn(self._settle_once())

    async def _settle_once(self) -> None:
        try:
            with contextlib.suppress(BackplaneDown, BackplaneRefused):  # done every 10 s
                await self._gateway.presence.settle()
        finally:
            self._settling = False

    async def _bans_changed(self) -> None:
        with contextlib.suppress(BackplaneDown, BackplaneRefused):  # they are read when it is back
            await self.read_bans()
