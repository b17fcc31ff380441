"""All rooms that are open on this gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from gateway.backplane.contract import Departure, Rename
from gateway.backplane.ids import before, is_beginning, parse_id
from gateway.backplane.records import Registration
from gateway.chat.rooms import RoomState, entered, may_say, no_such_room, slow_for
from gateway.rooms.mending import Mending
from gateway.rooms.moves import Coming, LetIn, Moves
from gateway.rooms.room import Backplane, Channels, Person, Room, Surroundings, arrival_of, who_is
from gateway.rooms.roster import Named
from wire.frames import LOBBY, Entered
from wire.reasons import CONNECTION_LOST, ErrorCode, OutCode, WireError

REPLACED_AFTER = 5.0
"""Seconds after which a newer session has entered all rooms that it resumes."""


class Entry(NamedTuple):
    """Somebody has entered a room.

    Attributes:
        at: the id after which the person gets messages: nothing that was said after others heard
            of the arrival is missed.
        entered: the event for the person; without ``seq``.
        history: the last messages up to ``at``, as lines, the oldest first.
    """

    at: bytes
    entered: Entered
    history: list[bytes]


class _Inside(NamedTuple):
    """Somebody that Redis has let in: the room is needed for this person from now on."""

    room: Room
    person: Person
    version: str
    at: bytes
    history: list[bytes]


class Rooms:
    """The rooms of this gateway's people.

    A room is open here while somebody on this gateway is in it. Then this gateway listens to its
    channel, and knows its state and its members.

    Args:
        gateway: the id of this gateway.
        backplane: what all gateways share.
        channels: the channels of this gateway.
        ready: returns once this gateway may speak for its users.
        spawn: runs a coroutine.
        anybody_makes: entering a room that does not exist makes it.
        most_made: how many rooms an account may make in a day. Such rooms are kept for long.
        quiet_above: with more members than this, clients are not told who comes and goes.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        gateway: str,
        backplane: Backplane,
        channels: Channels,
        ready: Callable[[], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        *,
        anybody_makes: bool,
        most_made: int,
        quiet_above: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._backplane = backplane
        self._channels = channels
        self._anybody_makes = anybody_makes
        self._most_made = most_made
        self._leaving: set[str] = set()
        self._moves = Moves(backplane.rooms, ready, spawn)
        self._mending = Mending(backplane, gateway, self._moves, self._leaving)
        self._of = Surroundings(
            backplane.rooms,
            channels,
            self._moves,
            ready,
            spawn,
            self._mending.mend,
            self._mending.write_down,
            quiet_above,
            monotonic,
        )
        self._open: dict[str, Room] = {}
        self._by_channel: dict[bytes, Room] = {}

    def __len__(self) -> int:
        """The number of open rooms."""
        return len(self._open)

    # Coming and going.

    async def enter(
        self, room: str, person: Person, *, key: str = "", history: int = 0, returning: bool = False
    ) -> Entry:
        """Let somebody enter a room, if the rules allow it. A room that does not exist is made.

        At the moment of the return the person is in the room. The link must get what comes after
        `Entry.at`: then nothing is missed. From then on the person may be put out at any time
        (`Person.put_out`). Somebody who is in the room already gets the same answer.

        Args:
            room: its name, folded.
            person: the person.
            key: the key that the person showed; "" for none.
            history: how many of the last messages are wanted. Those that may be read are returned.
            returning: the person was in the room before, and has resumed. No key is needed, and a
                person who was kicked meanwhile is refused.

        Raises:
            WireError: the person may not enter, or the room does not exist and is not made.
            BackplaneDown: Redis is away; the person is not in the room.
            BackplaneRefused: Redis refused; the person is not in the room.
        """
        inside = await self._let_in(room, person, key, history, returning=returning)
        entry = self._settle(inside)
        if isinstance(entry, WireError):
            raise entry
        return entry

    async def enter_all(
        self, rooms: Iterable[str], person: Person, *, returning: bool
    ) -> dict[str, Entry | WireError]:
        """Let somebody enter several rooms at the same time; see `enter`.

        Returns:
            For each room the entry, or why it was refused.

        Raises:
            BackplaneDown: Redis is away; the person is in none of them.
            BackplaneRefused: Redis refused; the person is in none of them.
        """
        names = list(dict.fromkeys(rooms))
        if len(names) == 1:
            return {names[0]: await self._enter_one(names[0], person, returning=returning)}
        tasks = [
            asyncio.ensure_future(self._let_in(name, person, returning=returning)) for name in names
        ]
        try:
            found = await asyncio.gather(*tasks, return_exceptions=True)
        except BaseException:
            # We are cancelled, and so are the tasks. Some may have entered just before.
            for task in tasks:
                task.add_done_callback(self._give_back)
            raise
        for each in found:
            if isinstance(each, BaseException) and not isinstance(each, WireError):
                for task in tasks:
                    self._give_back(task)
                raise each
        return {
            name: self._settle(each) if isinstance(each, _Inside) else each
            for name, each in zip(names, found, strict=True)
            if not isinstance(each, BaseException) or isinstance(each, WireError)
        }

    async def _enter_one(self, room: str, person: Person, *, returning: bool) -> Entry | WireError:
        """The usual case, the lobby alone, without a task."""
        try:
            return self._settle(await self._let_in(room, person, returning=returning))
        except WireError as refusal:
            return refusal

    async def _let_in(
        self, name: str, person: Person, key: str = "", history: int = 0, *, returning: bool
    ) -> _Inside:
        room = self._room(name)

        def refusal() -> WireError | None:
            if not (room.exists or self._anybody_makes):
                return no_such_room(name)
            return room.refusal(person, key, returning=returning)

        await room.need(refusal)
        record, version, at = person.registration, room.version, b""
        came = False
        try:
            if record.session not in room.here:
                room.coming.add(record.session)
                version, at = await self._arrive(room, person, key, returning=returning)
                came = True
            after, lines = await self._last(room, history)
        except BaseException:
            room.coming.discard(record.session)
            if came:
                room.depart(record, CONNECTION_LOST.code)
            room.drop()
            raise
        return _Inside(room, person, version, after or at, lines)

    async def _arrive(self, room: Room, person: Person, key: str, *, returning: bool) -> LetIn:
        """Have Redis let somebody in."""

        def decide() -> WireError | None:
            return room.refusal(person, key, returning=returning)

        if decide() is not None:
            # An invitation may be newer than the state that is known here.
            await room.refresh()
            if (refusal := decide()) is not None:
                raise refusal
        create = self._anybody_makes or room.name == LOBBY
        if create and not (room.exists or returning):
            await self._count_made(person)
        done: asyncio.Future[LetIn] = asyncio.get_running_loop().create_future()
        arrival = arrival_of(person, told=True)
        coming = Coming(arrival, room, room.version, decide, create, is_here=False, done=done)
        self._moves.arrive(room.name, coming)
        return await done

    async def _count_made(self, person: Person) -> None:
        """Refuse a room that somebody wants to make who has made too many of late."""
        record = person.registration
        if not record.account:
            return  # the room ends soon after everybody has left it
        if not await self._backplane.rooms.count_made(record.account, self._most_made):
            text = (
                f"you have made {self._most_made} rooms within a day, and may make no more. "
                "Try again tomorrow, or ask the operators of the chat to make the room"
            )
            raise WireError(ErrorCode.TOO_MANY_ROOMS, text)

    def _settle(self, inside: _Inside) -> Entry | WireError:
        """Take in a person that Redis has let in, unless the state has changed since."""
        room, person, version, at, history = inside
        record = person.registration
        is_new = record.session not in room.here
        room.coming.discard(record.session)
        refusal = None
        if is_new and version != room.version:
            refusal = room.refusal(person, "", returning=True, let_in_by=version)
        if refusal is not None:
            room.depart(record, OutCode.REFUSED)
            room.drop()
            return refusal
        if is_new:
            room.enter(person, version)
        else:
            room.drop()
        at = at or self._channels.at(room.channel)
        who = who_is(person)
        event = entered(room.state, who, at.decode(), len(room.roster))
        return Entry(at, event, history)

    def _give_back(self, task: asyncio.Future[_Inside]) -> None:
        """Take somebody out again who was let in and does not come."""
        if task.cancelled() or task.exception() is not None:
            return
        room, person = task.result()[:2]
        record = person.registration
        room.coming.discard(record.session)
        if record.session not in room.here:
            room.depart(record, CONNECTION_LOST.code)
        room.drop()

    async def _last(self, room: Room, count: int) -> tuple[bytes, list[bytes]]:
        """The last messages, and the id of the last one; an empty id if none are wanted."""
        if not count or room.state.modes.history != "all":
            return b"", []
        at = self._channels.at(room.channel)
        if is_beginning(at):
            return b"", []
        epoch, n = parse_id(at)
        after = b"%d-%d" % (epoch, n - count) if n >= count else before(epoch)
        lines: list[bytes] = []
        while parse_id(after) < (epoch, n):
            page = await self._backplane.read_log(room.channel.log, after, count)
            some = [(id, line) for id, line in page.messages if parse_id(id) <= (epoch, n)]
            lines += [line for _, line in some if line]
            if not (some and page.more):
                break
            after = some[-1][0]
        return at, lines

    def tell_account(self, room: str, person: Person) -> None:
        """Write somebody in a room down again, who has an account from now on."""
        if (known := self.get(room)) is not None and person.registration.session in known.here:
            self._mending.enter_again(known, person, told=False)

    def rename(self, room: str, person: Person, before: Registration) -> None:
        """Tell a room that somebody in it has another name.

        Args:
            room: the room.
            person: the person.
            before: the record with the name until now.
        """
        arrival = arrival_of(person, told=True)
        self._moves.rename(room, Rename(arrival.folded, arrival.member, before))

    def leave(self, room: str, person: Person, code: str) -> None:
        """Take somebody out of a room. The others are told as soon as Redis has written it down.

        Leave the channel first: if nobody else on this gateway is in the room, it is closed here.

        Args:
            room: the room.
            person: the person. Nothing happens if they are not in the room.
            code: why (`wire.frames.Left`).
        """
        if (known := self._open.get(room)) is not None:
            known.leave(person, code)

    def abandon(self, person: Person) -> None:
        """Take somebody out of all rooms here, without telling others yet.

        `depart` or `replaced` tell them. Without these the person keeps their place in the rooms.
        """
        record = person.registration
        self._leaving.add(record.session)
        for name in record.rooms:
            if (room := self._open.get(name)) is not None:
                room.abandon(person)

    def depart(self, record: Registration, code: str) -> None:
        """Take a session out of all rooms of its record, whichever gateway it was on.

        Args:
            record: the record of the session.
            code: why (`wire.frames.Left`).
        """
        self._leaving.discard(record.session)
        for room in record.rooms:
            departure = Departure(record.folded, record.name, record.session, code)
            self._moves.depart(room, departure)

    def enter_again(self, person: Person) -> None:
        """Tell the rooms that somebody is here after all, because others had said otherwise.

        Args:
            person: the person.
        """
        for name in person.registration.rooms:
            if (room := self.get(name)) is not None and person.registration.session in room.here:
                self._mending.enter_again(room, person, told=True)

    def replaced(self, record: Registration) -> None:
        """A newer session has the name: take this one out of rooms that the newer is not in."""
        loop = asyncio.get_running_loop()
        loop.call_later(REPLACED_AFTER, self.depart, record, CONNECTION_LOST.code)

    async def check(self, *, thoroughly: bool = False) -> None:
        """Compare what is known here with Redis, and repair both. Call it every ten seconds.

        Args:
            thoroughly: read all members again, because Redis may have forgotten anything.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        rooms = [room for room in self._open.values() if room.is_open]
        await self._mending.check(rooms, thoroughly=thoroughly)

    async def settle(self) -> None:
        """Return once Redis has written down all arrivals and departures."""
        await self._moves.settle()

    # Sending.

    def terms(self, room: str, person: Person) -> tuple[str, int]:
        """The terms on which a member of a room may send to it.

        This is decided from the state that is known here. Ask again if `version` has changed when
        the message is published, and after a `RoomChanged` and `refresh`.

        Returns:
            The version of the room's rules by which this was decided, and the seconds that the
            member has to wait between two messages; 0 for none.

        Raises:
            WireError: the person may not.
        """
        known = self._open[room]
        state = known.state
        if state.lets_all_talk:  # nearly always, and this is asked for each message
            return known.posting, 0
        who = who_is(person)
        if (refusal := may_say(state, who, known.now())) is not None:
            raise refusal
        return known.posting, slow_for(state, who)

    def version(self, room: str) -> str | None:
        """The version of a room's state to post with; None if the room is not open here.

        Redis refuses to publish with another version than the room has.
        """
        known = self._open.get(room)
        return None if known is None else known.posting

    async def refresh(self, room: str) -> None:
        """Read the state of a room again, and put out the members who may no longer be in it.

        If Redis has forgotten the state, it is written down first.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        if (known := self._open.get(room)) is not None:
            await known.refresh()
            await known.restored()

    def get(self, room: str) -> Room | None:
        """A room; None if it is not open here."""
        known = self._open.get(room)
        return known if known is not None and known.is_open else None

    async def read_state(self, room: str) -> tuple[int, RoomState]:
        """Redis' time, and the state of a room as Redis has it now, whether or not it is open here.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        known = self.get(room)
        return await self._backplane.rooms.state(room, None if known is None else known.known)

    def is_in(self, room: str, person: Person) -> bool:
        """Whether somebody on this gateway is in a room."""
        known = self.get(room)
        return known is not None and person.registration.session in known.here

    async def members(self, room: str) -> Mapping[str, Named]:
        """The members of a room: from its roster, or from Redis if it is not open here.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        known = self.get(room)
        return await self.read_members(room) if known is None else known.roster.members

    async def read_members(self, room: str) -> Mapping[str, Named]:
        """The members of a room, from Redis; raises what `members` raises."""
        members: dict[str, Named] = {}
        cursor, more = "0", True
        while more:
            page = await self._backplane.rooms.members(room, cursor)
            for folded, [member, *_] in page.members.items():
                members[folded] = Named(member.name, member.account)
            cursor, more = page.cursor, page.cursor != "0"
        return members

    # What is heard.

    def heard(self, channel: bytes, kind: bytes, number: int, lines: bytes) -> None:
        """Something other than messages was published on a room's channel. Call it in order.

        Args:
            channel: the channel.
            kind: ``+``, ``~`` or ``=`` (`gateway.backplane.contract.Events.deliver`).
            number: the moves, or the version.
            lines: the events.
        """
        room = self._by_channel.get(channel)
        if room is None:
            return
        if kind == b"=":
            room.heard_change(str(number))
        else:
            room.heard_moves(number, lines, told=kind == b"+")

    async def repaired(self, channel: bytes) -> None:
        """A channel has been repaired from its log, and nothing of that is delivered yet.

        Await this before you deliver it, because the lost part may have put somebody out. If it
        raises, deliver nothing: the hole is still there.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        if (room := self._by_channel.get(channel)) is not None:
            await room.refresh()

    def _room(self, name: str) -> Room:
        room = self._open.get(name)
        if room is None:
            channel = self._backplane.room(name)
            room = Room(channel, self._of, self._emptied)
            self._open[name] = self._by_channel[channel.key] = room
        return room

    def _emptied(self, room: Room) -> None:
        del self._open[room.name], self._by_channel[room.channel.key]
