"""What a session does with people: away, another name, ignored people, what has been read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from msgspec.structs import replace

from gateway.backplane.contract import Backplane, Channel
from gateway.backplane.ids import parse_id
from gateway.backplane.records import Registration
from gateway.channels.channels import Channels
from gateway.channels.replay import seen_id
from gateway.chat.effects import PeopleRequest
from gateway.chat.rooms import mute_of
from gateway.chat.sending import no_longer_in_room
from gateway.door.bans import Bans
from gateway.errors import BackplaneDown, BackplaneRefused, NameLost
from gateway.fleet.everybody import away
from gateway.peer.asking import Asker, refuse
from gateway.rooms.room import who_is
from gateway.rooms.rooms import Rooms
from wire.codec import encode
from wire.frames import (
    PRIVATE,
    Away,
    Event,
    Ignore,
    Ignored,
    MarkRead,
    Marks,
    Person,
    PersonSession,
    SetAway,
    SetBack,
    SetName,
    Unignore,
    Whois,
)
from wire.names import fold
from wire.reasons import ErrorCode, WireError


class AboutPeople:
    """Carries out what sessions want to do with people.

    Args:
        backplane: what all gateways share.
        channels: this gateway's channels.
        rooms: the rooms that are open here.
        bans: this gateway's copy of the bans.
        quiet_above: with more members than this, a room is not told who is away.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        backplane: Backplane,
        channels: Channels,
        rooms: Rooms,
        bans: Bans,
        quiet_above: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._backplane = backplane
        self._channels = channels
        self._rooms = rooms
        self._bans = bans
        self._quiet_above = quiet_above
        self._monotonic = monotonic

    async def kept(self, record: Registration) -> list[Event]:
        """What is kept with the account of a session that begins."""
        if not record.account:
            return []
        people = self._backplane.people
        found: list[Event] = []
        # A session without these is better than none.
        with contextlib.suppress(BackplaneDown, BackplaneRefused):
            if names := await people.ignored(record.account):
                found.append(Ignored(names))
            if marks := await people.marks(record.account):
                found.append(Marks(marks))
        return found

    async def do(self, asker: Asker, request: PeopleRequest) -> None:
        """Carry out a request."""
        try:
            await self._do(asker, request)
        except WireError as error:
            refuse(asker, error, request.seq, self._monotonic())
        except NameLost:
            asker.unavailable(request.seq)

    async def _do(self, asker: Asker, request: PeopleRequest) -> None:
        match request:
            case SetAway():
                await self._set_away(asker, request.reason)
            case SetBack():
                await self._set_away(asker, None)
            case SetName():
                await self._rename(asker, request)
                return
            case Ignore() | Unignore():
                await self._ignore(asker, request.name, on=isinstance(request, Ignore))
            case MarkRead():
                await self._mark(asker, request)
            case Whois():
                await self._show(asker, request)
                return
        asker.perform_all(asker.session.done(request.seq))

    async def _set_away(self, asker: Asker, reason: str | None) -> None:
        member = asker.membership
        before, now = await self._backplane.people.set_away(member.registration, reason)
        member.is_away(reason)
        asker.session.set_away(reason is not None)
        if before == now:
            return
        told = 0
        for name in member.registration.rooms:
            room = self._rooms.get(name)
            if room is not None and len(room.roster) <= self._quiet_above:
                who = member.registration.name
                line = encode(Away(name, who, now is not None, now or ""))
                await self._backplane.people.tell_room(name, line)
                told += 1
        # Each room that is told costs as much as a message to it.
        asker.session.budget.charge(max(0, told - 1), self._monotonic())

    async def _rename(self, asker: Asker, request: SetName) -> None:
        await asker.answered()
        member, name = asker.membership, request.name
        record = member.registration
        if name == record.name:
            asker.perform_all(
                asker.session.renamed(name, account=record.account, seen=None, seq=request.seq)
            )
            return
        if (banned := self._bans.of_name(fold(name), self._monotonic())) is not None:
            raise WireError(ErrorCode.NAME_TAKEN, f"the name {name} is banned: {banned.text}")
        if not record.account:
            self._check_not_muted(asker)
        renamed = await member.take_name(name)
        seen = renamed.start.decode() if record.account else None
        asker.perform_all(
            asker.session.renamed(name, account=record.account, seen=seen, seq=request.seq)
        )

    def _check_not_muted(self, asker: Asker) -> None:
        """Another name must be no way out of a mute."""
        who = who_is(asker.membership)
        for name in asker.membership.registration.rooms:
            room = self._rooms.get(name)
            if room is not None and mute_of(room.state, who, room.now()) is not None:
                text = f"you are muted in the room {name}: you cannot take another name"
                raise WireError(ErrorCode.NOT_ALLOWED, text)

    def _account(self, asker: Asker, what: str) -> str:
        account = asker.membership.registration.account
        if not account:
            text = f"only a registered name has {what}, since it is kept with the account"
            raise WireError(ErrorCode.NOT_REGISTERED, text)
        return account

    async def _ignore(self, asker: Asker, name: str, *, on: bool) -> None:
        account, people = self._account(asker, "a list of ignored people"), self._backplane.people
        await people.ignore(account, name, on=on)
        names = await people.ignored(account)
        await people.tell(account, encode(Ignored(names)))

    async def _mark(self, asker: Asker, request: MarkRead) -> None:
        account = self._account(asker, "a mark of what was read")
        id = seen_id(request.id)
        if id is None or parse_id(id) > parse_id(self._channels.at(self._channel(asker, request))):
            # A mark that is ahead could never be moved back.
            raise WireError(ErrorCode.NO_SUCH_MESSAGE, "there is no message with that id yet")
        if await self._backplane.people.mark(account, request.room, request.id):
            line = encode(Marks({request.room: request.id}))
            await self._backplane.people.tell(account, line)

    def _channel(self, asker: Asker, request: MarkRead) -> Channel:
        if request.room == PRIVATE:
            return self._backplane.user(asker.membership.registration.folded)
        if not asker.membership.is_in(request.room):
            raise no_longer_in_room(request.room)
        return self._backplane.room(request.room)

    async def _show(self, asker: Asker, request: Whois) -> None:
        folded, own = fold(request.name), asker.membership.registration
        sessions = await self._backplane.people.sessions(folded)
        known = await self._backplane.look_up(folded)
        if not sessions and (known is None or not known.registered):
            text = f"nobody named {request.name} is here, and the name is not registered"
            raise WireError(ErrorCode.NO_SUCH_PERSON, text)
        is_self = folded == own.folded
        rooms = {room for each in sessions for room in each.registration.rooms}
        person = Person(
            name=sessions[0].registration.name if sessions else request.name,
            here=bool(sessions),
            registered=known is not None and known.registered,
            away=away(sessions) if sessions else None,
            sessions=[
                PersonSession(
                    session=each.registration.session,
                    gateway=each.registration.gateway,
                    since=each.registration.since,
                    idle=round(each.idle, 1),
                    client=each.registration.client if is_self else None,
                )
                for each in sessions
            ],
            rooms=sorted(rooms.intersection(own.rooms)),
            seq=request.seq,
        )
        if known is not None and known.registered and not sessions:
            person = replace(person, name=known.name)
        asker.tell(person)
