"""Rooms as this gateway and as Redis know them: compared now and then, and both repaired.

What was published may have been lost, and Redis may have older data than it was told. About its own
people this gateway knows best. About all other people, and about the states of rooms, Redis does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from gateway.backplane.contract import Departure
from gateway.backplane.records import Member
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.journal import event
from gateway.rooms.moves import Coming, LetIn, Moves
from gateway.rooms.room import Backplane, Person, Room, arrival_of
from wire.reasons import CONNECTION_LOST, GATEWAY_LOST, ErrorCode, OutCode, WireError

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Rooms that one call compares."""


class Mending:
    """Compares rooms with Redis.

    Args:
        backplane: what all gateways share.
        gateway: the id of this gateway.
        moves: takes arrivals and departures to Redis.
        leaving: sessions that have gone from here, and nobody was told about it yet.
    """

    def __init__(
        self, backplane: Backplane, gateway: str, moves: Moves, leaving: Collection[str]
    ) -> None:
        self._backplane = backplane
        self._gateway = gateway
        self._moves = moves
        self._leaving = leaving
        self._alive: set[str] = set()
        self._missing: set[str] = set()

    async def check(self, rooms: list[Room], *, thoroughly: bool) -> None:
        """Compare some rooms.

        Args:
            rooms: the rooms.
            thoroughly: read all their members, even if nothing seems to differ.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        dead, were_alive = await self._dead(rooms)
        for start in range(0, len(rooms), AT_ONCE):
            some = rooms[start : start + AT_ONCE]
            before = [(room.version, room.roster.moves) for room in some]
            marks = await self._backplane.rooms.marks([room.name for room in some])
            for room, (version, moves), mark in zip(some, before, marks, strict=True):
                if mark is None or not room.is_open:
                    continue
                if mark.version != version == room.version:
                    room.heard_change(mark.version)
                # A room that has moved in the meantime is up to date.
                differs = mark.moves != moves == room.roster.moves
                if thoroughly or differs or were_alive or not dead.isdisjoint(room.gateways):
                    await self._try_to_mend(room, dead)

    async def _try_to_mend(self, room: Room, dead: Collection[str]) -> None:
        try:
            await self.mend(room, dead)
        except BackplaneDown:
            pass  # its server of a cluster is away, and others may be there
        except BackplaneRefused as error:
            # A room that cannot be read must not keep the others from being repaired.
            event(log, logging.ERROR, "Redis refused", room=room.name, why=error)

    async def _dead(self, rooms: list[Room]) -> tuple[set[str], bool]:
        """The gateways that were missing twice, and whether one of them was alive before."""
        alive = {*await self._backplane.neighbours(), self._gateway}
        known = self._alive.union(*(room.gateways for room in rooms))
        # Once is not enough: after all leases have ended together, they come back one by one.
        missing = known - alive
        dead = missing & self._missing
        were_alive = not dead.isdisjoint(self._alive)
        self._alive = alive | ((self._alive & missing) - dead)
        self._missing = missing - dead
        return dead, were_alive

    async def mend(self, room: Room, dead: Collection[str] = ()) -> None:
        """Read all members of a room, and repair what is wrong.

        Args:
            room: the room.
            dead: gateways whose members must be taken out.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        here = list(room.here.values())
        members = await room.members()
        forgotten = [
            person
            for person in here
            if self._is_forgotten(person, members.get(person.registration.folded, []), room, dead)
        ]
        for person in forgotten:
            self.enter_again(room, person, told=False)
        every = [(folded, each) for folded, member in members.items() for each in member]
        strays = [(folded, each) for folded, each in every if each.gateway in dead]
        of_ours = [
            (folded, each)
            for folded, each in every
            if each.gateway == self._gateway and not self._is_here(room, folded, each.session)
        ]
        self._take_out(room, strays, GATEWAY_LOST.code)
        self._take_out(room, of_ours, CONNECTION_LOST.code)
        room.gateways.difference_update(dead)
        if forgotten or strays or of_ours:
            event(
                log,
                logging.WARNING,
                "room repaired",
                room=room.name,
                written_down_again=len(forgotten),
                taken_out=len(strays) + len(of_ours),
            )

    def _is_forgotten(
        self, person: Person, sessions: list[Member], room: Room, dead: Collection[str]
    ) -> bool:
        """Whether Redis does not have somebody who is here as a member.

        It may have a newer session of the same guest, on another gateway.
        """
        record = person.registration
        if any(each.session == record.session for each in sessions):
            return False
        return bool(record.account) or all(self._is_gone(room, each, dead) for each in sessions)

    def _is_gone(self, room: Room, member: Member, dead: Collection[str]) -> bool:
        """Whether a member is an older session, whose name somebody here has by now."""
        if member.gateway == self._gateway:
            return member.session not in room.here and member.session not in room.coming
        return member.gateway in dead

    def _is_here(self, room: Room, folded: str, session: str) -> bool:
        if (person := room.here.get(session)) is not None:
            return person.registration.folded == folded  # it may have another name by now
        return session in room.coming or session in self._leaving

    def _take_out(self, room: Room, members: list[tuple[str, Member]], code: str) -> None:
        for folded, member in members:
            departure = Departure(folded, member.name, member.session, code)
            self._moves.depart(room.name, departure)

    def write_down(self, room: Room) -> None:
        """Write all people who are here in a room down again, which makes the room exist again."""
        for person in list(room.here.values()):
            self.enter_again(room, person, told=False)

    def enter_again(self, room: Room, person: Person, *, told: bool) -> None:
        """Write a person down again who is here, if the rules still allow it.

        Args:
            room: the room.
            person: the person.
            told: the others were told that the person is gone.
        """

        def decide() -> WireError | None:
            if person.registration.session not in room.here:
                return WireError(ErrorCode.NOT_IN_ROOM, "gone meanwhile")
            return room.refusal(person, "", returning=True)

        def done(outcome: asyncio.Future[LetIn]) -> None:
            if outcome.cancelled():
                return
            error = outcome.exception()
            if isinstance(error, WireError):
                if person.registration.session in room.here:
                    room.put_out(person, OutCode.REFUSED, error.text)
            elif error is not None and not isinstance(error, BackplaneDown | BackplaneRefused):
                log.error("could not write somebody down again", exc_info=error)

        outcome: asyncio.Future[LetIn] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(done)
        arrival = arrival_of(person, told=told)
        coming = Coming(arrival, room, "", decide, create=True, is_here=True, done=outcome)
        self._moves.arrive(room.name, coming)
