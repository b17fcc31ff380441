"""Orders: what other gateways and operators tell this gateway to do, through Redis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Set
from typing import Any, Protocol

from gateway.backplane.contract import Backplane
from gateway.backplane.records import Registration
from gateway.channels.links import Link
from gateway.chat.rooms import invited
from gateway.door.bans import Bans
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.fleet.presence import Presence
from wire.frames import Event
from wire.reasons import KICKED, REPLACED, Reason

MAX_EARLY = 1000
"""The most sessions to remember that were ordered to end but are not known here."""


class Connected(Protocol):
    """Somebody who is connected, with or without a name."""

    link: Link

    def end(self, reason: Reason) -> None:
        """End the connection."""


class Online(Protocol):
    """Somebody who has a name."""

    registration: Registration

    def end(self, reason: Reason) -> None:
        """End the connection."""

    def tell(self, event: Event) -> None:
        """Tell the person an event."""

    async def enter_too(self, room: str) -> None:
        """Enter a room, as the person did in another session."""

    def leave_too(self, room: str) -> None:
        """Leave a room, as the person did in another session."""


class Orders:
    """Carries out what comes over the control channel: `gateway.backplane.contract.Events.control`.

    Args:
        backplane: what all gateways share.
        presence: removes people from Redis who are not here.
        bans: this gateway's copy of the bans.
        connected: everybody who is connected here.
        online: everybody who has a name, by session.
        spawn: runs a coroutine in the background.
        monotonic: a clock in seconds that never goes back.

    Attributes:
        drain: set when this gateway has been told to drain and end.
    """

    def __init__(
        self,
        backplane: Backplane,
        presence: Presence,
        bans: Bans,
        connected: Set[Connected],
        online: Mapping[str, Online],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        monotonic: Callable[[], float],
    ) -> None:
        self.drain = asyncio.Event()
        self._backplane = backplane
        self._presence = presence
        self._bans = bans
        self._connected = connected
        self._online = online
        self._spawn = spawn
        self._monotonic = monotonic
        self._early: dict[str, Reason] = {}
        self._settling = False

    def early(self, session: str) -> Reason | None:
        """Why a new session must end at once; None if it may go on.

        Orders and Redis' replies come over two connections, so the order to end a session may come
        before its gateway knows that it got the name.
        """
        return self._early.pop(session, None)

    def take(self, verb: str, rest: str) -> None:
        """Carry out one order; an unknown one, from a newer version, is ignored."""
        match verb:
            case "bans":
                self._spawn(self._bans_changed())
            case "probe":
                self._spawn(self._backplane.answer_probe(rest))
            case "drain":
                self.drain.set()
            case _:
                session, _, text = rest.partition(" ")
                self._take_about(session, verb, text)

    def _take_about(self, session: str, verb: str, text: str) -> None:
        """Carry out an order about one session."""
        member = self._online.get(session)
        match verb:
            case "replaced":
                self._end(session, REPLACED)
            case "kick":
                self._end(session, KICKED._replace(text=text or KICKED.text))
                if member is None:
                    self._settle()
            case "invited" if member is not None:
                room, _, by = text.partition(" ")
                member.tell(invited(room, by))
            case "enter" if member is not None:
                self._spawn(member.enter_too(text))
            case "exit" if member is not None:
                member.leave_too(text)

    async def read_bans(self) -> None:
        """Read the bans, and disconnect everybody who is banned.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        clock, bans = await self._backplane.admission.bans()
        now = self._monotonic()
        self._bans.set(bans, clock, now)
        for peer in list(self._connected):
            if (reason := self._bans.of_address(peer.link.ip, now)) is not None:
                peer.end(reason)
        for member in list(self._online.values()):
            if (reason := self._bans.of_name(member.registration.folded, now)) is not None:
                member.end(reason)

    def _end(self, session: str, reason: Reason) -> None:
        if (member := self._online.get(session)) is not None:
            member.end(reason)
        else:
            self._early[session] = reason
            if len(self._early) > MAX_EARLY:
                del self._early[next(iter(self._early))]

    def _settle(self) -> None:
        """Remove people from Redis who are not here: the order may have been about one of them."""
        if not self._settling:
            self._settling = True
            self._spawn(self._settle_once())

    async def _settle_once(self) -> None:
        try:
            with contextlib.suppress(
                BackplaneDown, BackplaneRefused
            ):  # it is done every 10 s anyway
                await self._presence.settle()
        finally:
            self._settling = False

    async def _bans_changed(self) -> None:
        with contextlib.suppress(
            BackplaneDown, BackplaneRefused
        ):  # they are read again when Redis is back
            await self.read_bans()
