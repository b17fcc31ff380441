"""One room that is open on this gateway: its state and its members."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from gateway.addresses import Address
from gateway.backplane import contract
from gateway.backplane.contract import Arrival, Attended, Channel, Departure, Known, Log, LogPage
from gateway.backplane.ids import epoch_of
from gateway.backplane.records import GatewayInfo, Member, Registration
from gateway.chat.room_records import Edit, edits_between
from gateway.chat.rooms import RoomState, Who, may_enter, may_stay
from gateway.errors import BackplaneDown, BackplaneRefused, NoSuchRoom, RoomChanged
from gateway.journal import event
from gateway.rooms.moves import PAUSE, Coming, LetIn, Moves
from gateway.rooms.roster import Roster
from wire.reasons import OutCode, WireError

log = logging.getLogger(__name__)

LATE = 1.0
"""Seconds after which the news of an arrival counts as lost, and not as late."""


class Person(Protocol):
    """Somebody on this gateway who is in rooms, or wants to enter one."""

    @property
    def registration(self) -> Registration:
        """The record of the session."""

    @property
    def ip(self) -> Address:
        """The address of the person, for bans of networks."""

    def put_out(self, room: str, code: str, text: str) -> None:
        """The person is no longer in a room: leave its channel, tell the person, change the record.

        `Rooms` has already let go of the person, so `Rooms.leave` must not be called.

        Args:
            room: the room.
            code: why (`wire.frames.Out`).
            text: why, for the person.
        """


class Backplane(Protocol):
    """What rooms ask of what all gateways share."""

    @property
    def rooms(self) -> contract.Rooms:
        """The members and the states of rooms."""

    @property
    def audit(self) -> contract.Audit:
        """What operators did."""

    def room(self, room: str) -> Channel:
        """The channel of what is for everyone in a room."""

    async def read_log(self, log: Log, after: bytes, count: int) -> LogPage:
        """Some messages of a log."""

    async def neighbours(self) -> dict[str, GatewayInfo]:
        """The other gateways that live."""

    async def look_up(self, folded: str) -> Known | None:
        """What is known about the holder of a name; None if nobody has it."""

    async def order(self, folded: str, verb: str, rest: str, but: str = "") -> None:
        """Give the gateways of a name's sessions an order about each of these."""


class Channels(Protocol):
    """What rooms ask of the channels of this gateway."""

    async def need(self, channel: Channel) -> None:
        """Return once this gateway hears what is published on a room's channel."""

    def drop(self, channel: Channel) -> None:
        """One user of the channel no longer needs it."""

    def at(self, channel: Channel) -> bytes:
        """The id up to which the channel has been delivered."""

    def deliver(self, channel: Channel, lines: bytes) -> None:
        """Deliver lines to all links that have joined the channel."""

    def hold(self, channel: Channel) -> None:
        """Deliver nothing of the channel until `release`; what comes waits, in order."""

    def release(self, channel: Channel) -> None:
        """Deliver what waits."""


class Surroundings(NamedTuple):
    """What every room needs.

    Attributes:
        backplane: what all gateways share.
        channels: the channels of this gateway.
        moves: takes arrivals and departures to Redis.
        ready: returns once this gateway may speak for its users.
        spawn: runs a coroutine.
        mend: reads all members of a room again, and repairs what is wrong.
        write_down: writes all people who are here in a room down again.
        quiet_above: with more members than this, clients are not told who comes and goes.
        monotonic: a clock in seconds that never goes back.
    """

    backplane: contract.Rooms
    channels: Channels
    moves: Moves
    ready: Callable[[], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    mend: Callable[[Room], Awaitable[None]]
    write_down: Callable[[Room], None]
    quiet_above: int
    monotonic: Callable[[], float]


def who_is(person: Person) -> Who:
    """A person as the rules of rooms see them."""
    record = person.registration
    return Who(record.folded, record.name, record.origin, record.account, person.ip)


def arrival_of(person: Person, *, told: bool) -> Arrival:
    """The arrival of a person, for Redis; see `Arrival`."""
    record = person.registration
    member = Member(
        name=record.name,
        session=record.session,
        gateway=record.gateway,
        origin=record.origin,
        account=record.account,
        quiet=record.quiet,
    )
    return Arrival(record.folded, member, told and not record.quiet)


class Room:
    """What is known here about one room.

    Args:
        channel: the room's channel.
        of: what every room needs.
        emptied: called when nobody needs the room any longer.

    Attributes:
        name: the room's name.
        channel: the room's channel.
        state: the room's state, as it is known here.
        posting: the version with which messages are posted, usually the state's. While Redis has
            forgotten the state it is the newest known one. Then Redis refuses them, because
            somebody may have entered while there were no rules.
        roster: its members, on all gateways.
        here: its members on this gateway, by session.
        coming: sessions that are on their way in.
        gateways: the gateways with members, when all members were read the last time.
    """

    def __init__(self, channel: Channel, of: Surroundings, emptied: Callable[[Room], None]) -> None:
        self.name = channel.log.room
        self.channel = channel
        self.state = RoomState(room=self.name)
        self.posting = self.state.version
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
        self._restored = asyncio.Event()
        self._restored.set()
        self._held = False
        self._counting = asyncio.Lock()
        self._mending = False
        # Arrivals that Redis has accepted. They are told once they are heard here, by their moves.
        self._arrived: list[tuple[int, str, list[Coming]]] = []
        self._timer: asyncio.TimerHandle | None = None

    # Opening and closing.

    async def need(self, refusal: Callable[[], WireError | None]) -> None:
        """Return once the room is open; call `drop` when it is no longer needed.

        To open a room is dear: all its members are read, and Redis keeps something for good of each
        log that somebody listens to. So only somebody who may enter has it opened.

        Args:
            refusal: returns why somebody may not enter, by the state that is known here.

        Raises:
            WireError: the refusal.
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
            Each time there is nothing to drop.
        """
        self._users += 1
        if self._is_open:
            return
        try:
            if self._opening is None:
                await self.refresh()
                if (refused := refusal()) is not None:
                    raise refused
            if self._opening is None:
                self._opening = asyncio.ensure_future(self._open())
            # Shielded, because others wait for it too.
            await asyncio.shield(self._opening)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """One user of the room no longer needs it. Without users it is closed."""
        self._users -= 1
        if not self._users:
            self._close()
            self._emptied(self)

    async def _open(self) -> None:
        channels = self._of.channels
        self.roster.begin()
        await channels.need(self.channel)
        try:
            # We listen already, so changes during these reads are heard after them.
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

    # Its state.

    @property
    def version(self) -> str:
        """The version of the state."""
        return self.state.version

    @property
    def exists(self) -> bool:
        """Whether there is such a room."""
        return self.state.exists

    @property
    def known(self) -> RoomState | None:
        """The state, if Redis had exactly this one when it was read; None otherwise."""
        return self.state if _number(self.version) == self._newest else None

    def now(self) -> int:
        """Redis' time, milliseconds since 1970: a little behind, never ahead."""
        told, at = self._read_at
        return told + round((self._of.monotonic() - at) * 1000)

    def refusal(
        self, person: Person, key: str, *, returning: bool, let_in_by: str = ""
    ) -> WireError | None:
        """Why somebody may not enter, by the state that is known here; None if they may.

        Args:
            person: the person.
            key: as in `may_enter`.
            returning: as in `may_enter`.
            let_in_by: the version of the state that has let the person in; "" for none yet.
        """
        state = self._state_for(person, let_in_by)
        return may_enter(state, who_is(person), key, self.now(), returning)

    def _state_for(self, person: Person, let_in_by: str = "") -> RoomState:
        """The state, as it counts for this person.

        For somebody who was in an earlier room of this name, their room does not exist. There are
        no kicks for a member who was let in later than this version: Redis forgets a kick when the
        person enters again, and that makes no new version.
        """
        state, record = self.state, person.registration
        by = _number(let_in_by) if let_in_by else self._let_in_by.get(record.session, -1)
        began = record.began.get(self.name)
        if by >= 0:
            is_of_earlier = by < state.deleted
        else:
            is_of_earlier = began is not None and epoch_of(began.encode()) <= state.deleted
        if is_of_earlier:
            return replace(state, exists=False)
        return state if by < _number(self.version) else replace(state, kicked={})

    async def refresh(self) -> None:
        """Read the state again, and put out the members who may no longer be here.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        self._asked += 1
        ticket = self._asked
        async with self._reading:
            if self._answered >= ticket:
                return  # another call has read it in the meantime
            asked = self._asked
            now, state = await self._of.backplane.state(self.name, self.known)
            self._answered = asked
            self._read_at = (now, self._of.monotonic())
            self._take_in(state)

    def _take_in(self, state: RoomState) -> None:
        version = _number(state.version)
        if version < self._newest:
            # Redis has forgotten something. What is known here stays valid until it knows it again.
            state = replace(self.state, version=state.version)
            if self._restored.is_set():
                self._restored.clear()
                self._of.spawn(self._restore())
        self._newest = max(self._newest, version)
        before, self.state = self.state, state
        self.posting = state.version if self._restored.is_set() else str(self._newest)
        if state.version != before.version:
            self._look_who_may_stay(before)

    async def restored(self) -> None:
        """Return once Redis has the state again, if it has forgotten it, or after a second."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE):
                await self._restored.wait()

    async def _restore(self) -> None:
        """Write the state down again, after Redis has forgotten it."""
        event(log, logging.WARNING, "Redis has forgotten the state of a room", room=self.name)
        try:
            await self._write_state_down()
        finally:
            self._restored.set()
            self.posting = self.version

    async def _write_state_down(self) -> None:
        while self._is_open:
            try:
                # People first: they make the room exist again.
                await self._of.mend(self)
                await self._of.moves.settle(self.name)
                _, state = await self._of.backplane.state(self.name)
                if _number(state.version) < self._newest:
                    # Redis' clock may be behind the versions that are known.
                    edits = [
                        *edits_between(state, self.state),
                        Edit("meta", "version", str(self._newest)),
                    ]
                    await self._of.backplane.change(self.name, state.version, edits, b"")
                await self.refresh()
            except RoomChanged:
                continue  # others restore it too
            except NoSuchRoom:
                # It has its members still, so none of them is missing.
                self._of.write_down(self)
                await self._of.moves.settle(self.name)
                await asyncio.sleep(PAUSE)
            except (BackplaneDown, BackplaneRefused):
                await asyncio.sleep(PAUSE)
                await self._of.ready()
            else:
                break

    def _look_who_may_stay(self, before: RoomState) -> None:
        state = self.state
        # Nearly always something else has changed, and thousands may be here.
        all_of_them = (
            not state.exists
            or state.deleted != before.deleted
            or state.bans != before.bans
            or state.modes.invite_only > before.modes.invite_only
        )
        for person in list(self.here.values()):
            if all_of_them or person.registration.folded in state.kicked:
                out = self._must_leave(person)
                if out is not None:
                    self.put_out(person, *out)

    def _must_leave(self, person: Person) -> tuple[str, str] | None:
        if (out := may_stay(self._state_for(person), who_is(person), self.now())) is not None:
            return out
        # Somebody who came in while the room had no rules is invited by the change that closes it,
        # unless Redis had forgotten the rules.
        if self._let_in_by[person.registration.session] == 0 and self.state.modes.invite_only:
            refusal = self.refusal(person, "", returning=True)
            return None if refusal is None else (OutCode.REFUSED, refusal.text)
        return None

    def put_out(self, person: Person, code: str, text: str) -> None:
        """Put somebody out of the room."""
        self.leave(person, code)
        person.put_out(self.name, code, text)

    @property
    def is_open(self) -> bool:
        """Whether it has been opened, and not closed since."""
        return self._is_open

    def heard_change(self, version: str) -> None:
        """The state has changed: nothing is delivered until it is known who may still hear it."""
        if version == self.version or self._held:
            return
        self._held = True
        self._of.channels.hold(self.channel)
        self._of.spawn(self._refresh_and_release())

    async def _refresh_and_release(self) -> None:
        while self._users:
            try:
                await self.refresh()
            except (BackplaneDown, BackplaneRefused):
                await asyncio.sleep(PAUSE)
                await self._of.ready()
            except Exception:
                # Our own error must not silence the room for good.
                log.exception("could not read the state of a room")
                await asyncio.sleep(PAUSE)
            else:
                break
        self._held = False
        if self._users:  # also while it is being opened; once it is closed the channel is not ours
            self._of.channels.release(self.channel)

    # Its members.

    def enter(self, person: Person, version: str) -> None:
        """Somebody on this gateway is in the room now, and needs it until `leave`.

        Args:
            person: the new member.
            version: the version of the state that let the person in.
        """
        self.here[person.registration.session] = person
        self._let_in_by[person.registration.session] = _number(version)

    def leave(self, person: Person, code: str) -> None:
        """Somebody on this gateway leaves. Nothing happens if the person is not here."""
        record = person.registration
        if self._remove(record.session):
            self.depart(record, code)
            self.drop()

    def abandon(self, person: Person) -> None:
        """Somebody on this gateway is gone; whether the others are told is decided later."""
        if self._remove(person.registration.session):
            self.drop()

    def _remove(self, session: str) -> bool:
        self._let_in_by.pop(session, None)
        return self.here.pop(session, None) is not None

    def depart(self, record: Registration, code: str) -> None:
        """Have Redis write down that a session has left the room."""
        departure = Departure(record.folded, record.name, record.session, code)
        self._of.moves.depart(self.name, departure)

    def came(self, attended: Attended, version: str, comings: list[Coming]) -> None:
        """Redis has let these people in. They are told once this gateway hears of it, in order."""
        if not self.state.exists and version == self.version:
            # A guest who makes a room does not change its version.
            self.state = replace(self.state, exists=True)
        if self._is_open:
            self._arrived.append((attended.moves, version, comings))
            self._tell_arrived()
        else:
            self._let_go(comings)

    def heard_moves(self, moves: int, lines: bytes, *, told: bool) -> None:
        """Arrivals and departures were published.

        Args:
            moves: the number of moves so far, including these.
            lines: the events.
            told: they are for clients too, and not for gateways only.
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
                    at = self._of.channels.at(self.channel)
                    coming.done.set_result(LetIn(version, at))
        if self._arrived and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATE, self._is_late)

    def _let_go(self, comings: list[Coming]) -> None:
        """Nobody waits for these arrivals any longer."""
        for coming in comings:
            if not coming.is_here:
                self._of.moves.depart(self.name, coming.departure())

    def _is_late(self) -> None:
        self._timer = None
        if self._arrived:
            self.count_again()
            self._tell_arrived()

    def count_again(self) -> None:
        """Read all members again."""
        if not self._mending:
            self._mending = True
            self._of.spawn(self._count())

    async def _count(self) -> None:
        try:
            with contextlib.suppress(BackplaneDown, BackplaneRefused):  # the next check finds it
                await self._of.mend(self)
        finally:
            self._mending = False
        self._tell_arrived()

    async def members(self) -> dict[str, list[Member]]:
        """Read all members again into the roster, and return their records.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        async with self._counting:
            count = len(self._arrived)
            members = await self._read_members()
            self._tell_read(count)
            return members

    def _tell_read(self, count: int) -> None:
        """All members were read after the first arrivals, so nobody waits to hear of these."""
        forgotten = any(moves > self.roster.moves for moves, _, _ in self._arrived[:count])
        self._arrived[:count] = [(0, version, who) for _, version, who in self._arrived[:count]]
        if forgotten and self._is_open:
            # Redis has forgotten them already, and must be told again once they are in.
            asyncio.get_running_loop().call_later(LATE, self.count_again)

    async def _read_members(self) -> dict[str, list[Member]]:
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
                self.gateways = {each.gateway for member in found.values() for each in member}
                return found


def _number(version: str) -> int:
    """Versions grow; anything else is older than any version."""
    return int(version) if version.isdecimal() else 0
