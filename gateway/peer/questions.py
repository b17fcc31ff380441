"""Questions of a session that concern all gateways, once it has a name."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable

from msgspec.structs import replace

from gateway.backplane.contract import ABSENT, Backplane, Whispered
from gateway.channels.positions import Positions
from gateway.chat.effects import (
    ChangeRoom,
    FindMentioned,
    ShowMembers,
    ShowRoom,
    ShowRooms,
    ShowUsers,
    Whisper,
)
from gateway.chat.sending import Delivery
from gateway.chat.session import State
from gateway.errors import BackplaneDown, BackplaneRefused, NameLost, TooMuchWaits
from gateway.fleet.everybody import Everybody
from gateway.fleet.presence import Presence
from gateway.outcomes import How
from gateway.peer.asking import Asker, refuse
from gateway.peer.membership import Membership
from gateway.rooms.changes import Changes
from gateway.rooms.directory import Directory
from wire.codec import encode_body
from wire.frames import Error, MemberList, RoomList, Users
from wire.names import fold, may_be_held
from wire.reasons import ErrorCode, WireError

log = logging.getLogger(__name__)

USERS_IN_LINE = 50
"""Users in one line, so that it stays below 16 KiB with any names; members of a room, too."""

ROOMS_IN_LINE = 10
"""Rooms in one line, with any topics."""

FEW = 4
"""Recipients of a private message that count as one request: Redis stores and publishes a copy for
each recipient."""

CROWDS = 8
"""The most private messages to more than a few that are under way at a time. What Redis publishes
faster than we take it in waits there, and above about 32 MiB Redis would end our subscription."""

HEARD = 1.0
"""Seconds to wait until such a message has come here, before the next one gets its turn."""


class Questions:
    """Asks the questions, and gives the answers to the session.

    Args:
        backplane: what all gateways share.
        presence: knows when this gateway may act for its people.
        everybody: knows who is online, on all gateways.
        directory: knows the rooms and their members.
        changes: changes rooms.
        positions: know what has been delivered here.
        longest_name: the most characters of a name.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        backplane: Backplane,
        presence: Presence,
        everybody: Everybody,
        directory: Directory,
        changes: Changes,
        positions: Positions,
        longest_name: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._backplane = backplane
        self._presence = presence
        self._everybody = everybody
        self._directory = directory
        self._changes = changes
        self._positions = positions
        self._longest_name = longest_name
        self._monotonic = monotonic
        self._crowds = asyncio.Semaphore(CROWDS)

    async def whisper(self, asker: Asker, whisper: Whisper) -> None:
        """Publish a private message to its recipients who are online, or to the room if none is.

        While Redis is away, a send with a seq waits, and the peer's next requests wait too.
        """
        # Skip names that nobody can have: folding a long name takes long.
        known = [name for name in whisper.names if may_be_held(name, self._longest_name)]
        # It takes another way than the peer's messages to rooms, and must not overtake them.
        await asker.answered()
        if len(known) <= FEW:
            await self._send(asker, whisper, known)
            return
        async with self._crowds:
            if id := await self._send(asker, whisper, known):
                await self._heard(asker, id)

    async def find_mentioned(self, asker: Asker, effect: FindMentioned) -> None:
        """Publish a message to the room, once it is known which of its names are online."""
        names = [fold(name) for name in effect.names]
        while True:
            await self._presence.ready()
            await self._presence.all_known()
            if asker.lost:
                return
            try:
                found = await self._backplane.present(names)
            except BackplaneDown:
                continue  # nothing was changed: ask again when Redis is back
            except BackplaneRefused:
                asker.unavailable(effect.publish.seq)
                return
            else:
                break
        here = [name for name in found if name]
        asker.perform_all(asker.session.mentioned(effect, here, self._monotonic()))

    async def list_users(self, asker: Asker, effect: ShowUsers) -> None:
        """List the users for a peer; each line of the answer costs one request."""
        try:
            users = await self._everybody.users()
        except (BackplaneDown, BackplaneRefused):
            asker.unavailable(effect.seq)
            return
        asker.session.budget.charge(len(users) // USERS_IN_LINE, self._monotonic())
        for start in range(0, max(1, len(users)), USERS_IN_LINE):
            end = start + USERS_IN_LINE
            asker.tell(Users(users=users[start:end], more=end < len(users), seq=effect.seq))
            await asker.link.drained()

    async def list_rooms(self, asker: Asker, effect: ShowRooms) -> None:
        """List the rooms for a peer; each line of the answer costs one request."""
        rooms = await self._directory.all(asker.membership)
        asker.session.budget.charge(len(rooms) // ROOMS_IN_LINE, self._monotonic())
        for start in range(0, max(1, len(rooms)), ROOMS_IN_LINE):
            end = start + ROOMS_IN_LINE
            asker.tell(RoomList(rooms=rooms[start:end], more=end < len(rooms), seq=effect.seq))
            await asker.link.drained()

    async def list_members(self, asker: Asker, effect: ShowMembers) -> None:
        """List the members of a room for a peer; each line of the answer costs one request."""
        try:
            members = await self._directory.members(effect.room, asker.membership)
        except WireError as error:
            refuse(asker, error, effect.seq, self._monotonic())
            return
        asker.session.budget.charge(len(members) // USERS_IN_LINE, self._monotonic())
        for start in range(0, max(1, len(members)), USERS_IN_LINE):
            end, more = start + USERS_IN_LINE, start + USERS_IN_LINE < len(members)
            some = members[start:end]
            asker.tell(MemberList(room=effect.room, members=some, more=more, seq=effect.seq))
            await asker.link.drained()

    async def show_room(self, asker: Asker, effect: ShowRoom) -> None:
        """Tell a peer a room's topic, modes and so on."""
        try:
            parts = await self._directory.about(effect.room, asker.membership, effect.seq)
        except WireError as error:
            refuse(asker, error, effect.seq, self._monotonic())
            return
        asker.session.budget.charge(len(parts) - 1, self._monotonic())
        for part in parts:
            asker.tell(part)
            await asker.link.drained()

    async def change_room(self, asker: Asker, effect: ChangeRoom) -> None:
        """Change a room for a peer, after all its earlier messages are sent."""
        await asker.answered()
        try:
            id = await self._changes.change(effect.request, asker.membership)
        except WireError as error:
            refuse(asker, error, effect.request.seq, self._monotonic())
            return
        request = effect.request
        asker.perform_all(asker.session.done(request.seq, id, request.room))

    async def idle_left(self, membership: Membership) -> float:
        """Seconds of inactivity that are left for a person."""
        registration = membership.registration
        try:
            return await self._backplane.idle_left(registration.session)
        except (BackplaneDown, BackplaneRefused):
            return 0.0  # Redis cannot say: this gateway decides
        except Exception:
            log.exception("an unexpected error")
            return 0.0

    async def _send(self, asker: Asker, whisper: Whisper, known: list[str]) -> str | None:
        """Send it to the recipients that can exist; returns its id, if it was posted."""
        # The same in all copies, while each copy has its own id.
        body = encode_body(replace(whisper.message, key=secrets.token_hex(6)))
        whispered = await self._whisper(asker, [fold(name) for name in known], body, whisper.seq)
        if whispered is None:
            return None
        id, found = whispered
        by_name = dict(zip(known, found, strict=True))
        to = list(dict.fromkeys(each.name for each in found if each.how is How.HERE))
        later = list(dict.fromkeys(each.name for each in found if each.how is How.LATER))
        absent = [name for name in whisper.names if by_name.get(name, ABSENT) == ABSENT]
        away = {each.name: each.away for each in found if each.away is not None}
        became, now = Delivery(id, to, later, absent, away), self._monotonic()
        asker.session.budget.charge(max(0, len(to) + len(later) - 1) // FEW, now)
        for effect in asker.session.whispered(whisper, became, now):
            if isinstance(effect, FindMentioned):
                await self.find_mentioned(asker, effect)
            else:
                asker.perform_all([effect])
        return id

    async def _heard(self, asker: Asker, id: str) -> None:
        """Wait until a message has come here, and with it everything published before it."""
        heard = asyncio.Event()
        channel = self._backplane.user(asker.membership.registration.folded)
        self._positions.reached(channel.key, id.encode(), heard.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(heard.wait(), HEARD)

    async def _whisper(
        self, asker: Asker, names: list[str], body: bytes, seq: int | None
    ) -> Whispered | None:
        """Publish it; None if it was not published, and the peer has been told if possible."""
        sender = asker.membership
        while True:
            await self._presence.ready()
            await self._presence.all_known()
            if asker.lost:
                return None
            try:
                return await self._backplane.whisper(sender.registration, names, body, seq=seq)
            except BackplaneDown:
                # It may have been stored. With a seq it is not stored twice.
                if seq is None:
                    asker.unavailable(None)
                    return None
            except BackplaneRefused as error:
                asker.tell(Error(code=ErrorCode.UNAVAILABLE, text=error.not_sent, seq=seq))
                return None
            except NameLost:
                if asker.session.state is State.CLOSED:
                    return None  # it has released its name
                # Either the peer is leaving, or Redis has lost its record, which is written again.
                with contextlib.suppress(BackplaneDown):
                    await self._presence.check(sender)
            except TooMuchWaits as error:
                text = f"not sent: too much waits for {error} already; send it when they are back"
                refusal = WireError(ErrorCode.MAILBOX_FULL, text, seq)
                asker.perform_all(asker.session.refuse(refusal, self._monotonic()))
                return None
