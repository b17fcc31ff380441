"""One room that somebody on this gateway is in: what holds there, and who is in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from gateway.addresses import Address
from gateway.backplane import contract
from gateway.backplane.contract import Arrival, Attended, Channel, Departure, Known, Log, Said
from gateway.backplane.records import GatewayInfo, Member, Registration
from gateway.chat.room_records import edits_between
from gateway.chat.rooms import RoomState, Who, may_enter, may_stay
from gateway.errors import BackplaneDown, BackplaneRefused, NoSuchRoom, RoomChanged
from gateway.journal import event
from gateway.rooms.moves import PAUSE, Coming, Moves
from gateway.rooms.roster import Roster
from wire.reasons import WireError

log = logging.getLogger(__name__)

LATE = 1.0
"""Seconds after which it is lost, and not late, that somebody has come."""


class Person(Protocol):
    """Somebody on this gateway who is in rooms, or wants to be."""

    @property
    def registration(self) -> Registration:
        """The record of the session."""

    @property
    def ip(self) -> Address:
        """Where the person is: bans may be of networks."""

    def put_out(self, room: str, code: str, text: str) -> None:
        """The person is in a room no longer: leave its channel, tell it, change the record.

        `Rooms` has let go of the person already: `Rooms.leave` is not to be called.

        Args:
            room: which.
            code: why (`wire.frames.Out`).
            text: the same, for the person.
        """


class Backplane(Protocol):
    """What rooms ask of what all gateways share."""

    @property
    def rooms(self) -> contract.Rooms:
        """Who is in rooms, and what holds there."""

    def room(self, room: str) -> Channel:
        """The channel of what is for everyone in a room."""

    async def said(self, log: Log, after: bytes, count: int) -> Said:
        """Messages of a log."""

    async def neighbours(self) -> dict[str, GatewayInfo]:
        """The other gateways that live."""

    async def look_up(self, folded: str) -> Known | None:
        """What is known of a name; None if nothing is."""


class Channels(Protocol):
    """What rooms ask of the channels of this gateway."""

    async def need(self, channel: Channel) -> None:
        """Return once what is published on a room's channel is heard from here on."""

    def drop(self, channel: Channel) -> None:
        """One who needed the channel needs it no more."""

    def at(self, channel: Channel) -> bytes:
        """The id up to which the channel has been delivered."""

    def deliver(self, channel: Channel, lines: bytes) -> None:
        """Tell lines to all who have joined the channel."""

    def hold(self, channel: Channel) -> None:
        """Deliver nothing of the channel until `release`: what comes waits, in its order."""

    def release(self, channel: Channel) -> None:
        """Deliver what waits."""


class Surroundings(NamedTuple):
    """What every room needs.

    Attributes:
        backplane: what all gateways share.
        channels: the channels of this gateway.
        moves: takes arrivals and departures to Redis.
        ready: returns once this gateway may speak for its users.
        spawn: has a coroutine run.
        mend: reads all members of a room again, and mends what is wrong with them.
        quiet_above: members above which clients are not told who comes and goes.
        monotonic: a clock in seconds that never goes back.
    """

    backplane: contract.Rooms
    channels: Channels
    moves: Moves
    ready: Callable[[], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    mend: Callable[[Room], Awaitable[None]]
    quiet_above: int
    monotonic: Callable[[], float]


def who_is(person: Person) -> Who:
    """A person, as the rules of rooms see one."""
    record = person.registration
    return Who(record.folded, record.name, record.origin, record.account, person.ip)


def arrival_of(person: Person, *, told: bool) -> Arrival:
    """A person, as Redis is told that one is in a room; see `Arrival`."""
    record = person.registration
    member = Member(
        name=record.name,
        session=record.session,
        gateway=record.gateway,
        origin=record.origin,
        account=record.account,
    )
    return Arrival(record.folded, member, told)


class Room:
    """What is known here about one room.

    Args:
        channel: the room's.
        of: what every room needs.
        emptied: called when the last who needed the room is gone.

    Attributes:
        name: the room's.
        channel: where what is said in it is published.
        state: what holds in it.
        roster: who is in it, on any gateway.
        here: who of this gateway is in it, by their sessions.
        coming: sessions of those who are on their way in.
        gateways: those on which somebody was when all members were read the last time.
    """

    def __init__(self, channel: Channel, of: Surroundings, emptied: Callable[[Room], None]) -> None:
        self.name = channel.log.room
        self.channel = channel
        self.state = RoomState(room=self.name)
        self.roster = Roster()
        self.here: dict[str, Person] = {}
        self._let_in_by: dict[str, int] = {}
        self.coming: set[str] = set()
        self.gateways: set[str] = set()
        self._of = of
        self._emptied = emptied
        self._users = 0
        self._opening: asyncio.Future[None] | None = None
        self._is_open = False
        self._read_at = (0, 0.0)
        self._asked, self._answered = 0, 0
        self._reading = asyncio.Lock()
        self._newest = 0
        self._restoring = False
        self._held = False
        self._counting = asyncio.Lock()
        self._mending = False
        # Who has come, by Redis, and is told once that is heard here, with the count of moves.
        self._arrived: list[tuple[int, str, list[Coming]]] = []
        self._timer: asyncio.TimerHandle | None = None

    # Opening and closing.

    async def need(self) -> None:
        """Return once the room is open; raises what opening it raises. To be `drop`ped, if so."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        self._users += 1
        if self._is_open:
            return
        try:
            # Shielded: others wait for the same.
            await asyncio.shield(self._opening)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """One who needed the room needs it no longer; without any it is closed."""
        self._users -= 1
        if not self._users:
            self._close()
            self._emptied(self)

    async def _open(self) -> None:
        channels = self._of.channels
        self.roster.begin()
        await channels.need(self.channel)
        try:
            # Listening already: what changes while these are read is heard behind them.
            await asyncio.gather(self.refresh(), self.members())
        except BaseException:
            channels.drop(self.channel)
            raise
        self._is_open = True

    def _close(self) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
        if self._is_open:
            self._is_open = False
            self._of.channels.drop(self.channel)
        if self._timer is not None:
            self._timer.cancel()
        for _, _, comings in self._arrived:
            self._let_go(comings)
        self._arrived = []

    # What holds.

    @property
    def version(self) -> str:
        """The version of the state."""
        return self.state.version

    def now(self) -> int:
        """Redis' clock, milliseconds since 1970: a little behind, never ahead."""
        told, at = self._read_at
        return told + round((self._of.monotonic() - at) * 1000)

    def refusal(self, person: Person, key: str, *, returning: bool) -> WireError | None:
        """Why somebody may not come in, as far as is known here; None: the person may."""
        return may_enter(self._state_for(person), who_is(person), key, self.now(), returning)

    def _state_for(self, person: Person) -> RoomState:
        """The state without kicks, for a member who was let in after all that this state knows.

        A kick is forgotten when the person enters again, and that makes no new version.
        """
        let_in_by = self._let_in_by.get(person.registration.session, -1)
        return self.state if let_in_by < _number(self.version) else replace(self.state, kicked={})

    async def refresh(self) -> None:
        """Read what holds, not earlier than now; put out who may not be here any longer.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: it refuses.
        """
        self._asked += 1
        ticket = self._asked
        async with self._reading:
            if self._answered >= ticket:
                return  # it was read for others, and after this one had asked
            asked = self._asked
            now, state = await self._of.backplane.state(self.name)
            self._answered = asked
            self._read_at = (now, self._of.monotonic())
            self._take_in(state)

    def _take_in(self, state: RoomState) -> None:
        version = _number(state.version)
        if version < self._newest:
            # Redis has forgotten something. What is known here holds until it knows again.
            state = replace(self.state, version=state.version)
            if not self._restoring:
                self._restoring = True
                self._of.spawn(self._restore())
        self._newest = max(self._newest, version)
        before, self.state = self.state, state
        if state.version != before.version:
            self._look_who_may_stay()

    async def _restore(self) -> None:
        """Write down again what Redis has forgotten of what holds here."""
        event(log, logging.WARNING, "Redis has forgotten what holds in a room", room=self.name)
        while self._is_open:
            try:
                # People first: with them there is the room again.
                await self._of.mend(self)
                await self._of.moves.settle(self.name)
                _, state = await self._of.backplane.state(self.name)
                if _number(state.version) < self._newest:
                    edits = edits_between(state, self.state)
                    await self._of.backplane.change(self.name, state.version, edits, b"")
                await self.refresh()
            except (NoSuchRoom, RoomChanged):
                continue  # others restore it too
            except (BackplaneDown, BackplaneRefused):
                await asyncio.sleep(PAUSE)
                await self._of.ready()
            else:
                break
        self._restoring = False

    def _look_who_may_stay(self) -> None:
        for person in list(self.here.values()):
            out = may_stay(self._state_for(person), who_is(person), self.now())
            if out is not None:
                self.put_out(person, *out)

    def put_out(self, person: Person, code: str, text: str) -> None:
        """Somebody is in the room no longer, without having wanted that."""
        self.leave(person, code)
        person.put_out(self.name, code, text)

    @property
    def is_open(self) -> bool:
        """Whether it has been opened, and is not closed again."""
        return self._is_open

    def heard_change(self, version: str) -> None:
        """What holds has changed: nothing more is delivered before it is known who may hear it."""
        if version == self.version or self._held:
            return
        self._held = True
        self._of.channels.hold(self.channel)
        self._of.spawn(self._refresh_and_release())

    async def _refresh_and_release(self) -> None:
        while True:
            try:
                await self.refresh()
            except (BackplaneDown, BackplaneRefused):
                await asyncio.sleep(PAUSE)
                await self._of.ready()
            else:
                break
        self._held = False
        if self._is_open:
            self._of.channels.release(self.channel)

    # Who is in it.

    def enter(self, person: Person, version: str) -> None:
        """Somebody of this gateway is in the room; the need of before stays until `leave`.

        Args:
            person: who.
            version: the version of the state by which the person was let in.
        """
        self.here[person.registration.session] = person
        self._let_in_by[person.registration.session] = _number(version)

    def leave(self, person: Person, code: str) -> None:
        """Somebody of this gateway leaves; nothing happens if the person is not here."""
        record = person.registration
        if self._remove(record.session):
            self.depart(record, code)
            self.drop()

    def abandon(self, person: Person) -> None:
        """Somebody of this gateway is gone, and it is told later, if it is."""
        if self._remove(person.registration.session):
            self.drop()

    def _remove(self, session: str) -> bool:
        self._let_in_by.pop(session, None)
        return self.here.pop(session, None) is not None

    def depart(self, record: Registration, code: str) -> None:
        """Have it written down that a session is in the room no longer."""
        departure = Departure(record.folded, record.name, record.session, code)
        self._of.moves.depart(self.name, departure)

    def came(self, attended: Attended, version: str, comings: list[Coming]) -> None:
        """Redis has let these in: they are told once that is heard here, behind what was before."""
        # A guest who makes a room changes nothing that has a version.
        self.state = replace(self.state, exists=True)
        if self._is_open:
            self._arrived.append((attended.moves, version, comings))
            self._tell_arrived()
        else:
            self._let_go(comings)

    def heard_moves(self, moves: int, lines: bytes, *, told: bool) -> None:
        """Some came and went.

        Args:
            moves: the count behind these.
            lines: the events.
            told: for clients too, and not for gateways only.
        """
        complete = self.roster.hear(moves, lines)
        if told and len(self.roster) <= self._of.quiet_above:
            self._of.channels.deliver(self.channel, lines)
        if not complete:
            self.count_again()
        self._tell_arrived()

    def _tell_arrived(self) -> None:
        while self._arrived and not self.roster.reading:
            moves, version, comings = self._arrived[0]
            if self.roster.moves < moves:
                break
            del self._arrived[0]
            for coming in comings:
                if coming.done.done():
                    self._let_go([coming])
                else:
                    coming.done.set_result(version)
        if self._arrived and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATE, self._is_late)

    def _let_go(self, comings: list[Coming]) -> None:
        """Nobody waits any longer for these to have come."""
        for coming in comings:
            if not coming.is_here:
                self._of.moves.depart(self.name, coming.departure())

    def _is_late(self) -> None:
        self._timer = None
        if self._arrived:
            self.count_again()
            self._tell_arrived()

    def count_again(self) -> None:
        """Have all members read again."""
        if not self._mending:
            self._mending = True
            self._of.spawn(self._count())

    async def _count(self) -> None:
        try:
            with contextlib.suppress(BackplaneDown, BackplaneRefused):  # it is found again
                await self._of.mend(self)
        finally:
            self._mending = False
        self._tell_arrived()

    async def members(self) -> dict[str, Member]:
        """Read all members again, for the roster too; returns their records.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: it refuses.
        """
        async with self._counting:
            return await self._read_members()

    async def _read_members(self) -> dict[str, Member]:
        roster = self.roster
        while True:
            roster.begin()
            cursor, more = "0", True
            try:
                while more:
                    page = await self._of.backplane.members(self.name, cursor)
                    roster.page(page)
                    cursor, more = page.cursor, page.cursor != "0"
            except BaseException:
                roster.give_up()
                raise
            if (found := roster.finish()) is not None:
                self.gateways = {member.gateway for member in found.values()}
                return found


def _number(version: str) -> int:
    """Versions grow; anything else is older than any version."""
    return int(version) if version.isdecimal() else 0
