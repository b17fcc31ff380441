"""What Redis keeps of rooms, in memory: see `tests.unit.gateway.fakes.FakeBackplane`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from gateway.backplane.contract import (
    Arrival,
    Attendance,
    Attended,
    Departure,
    Log,
    Mark,
    Move,
    Outgoing,
    Rename,
)
from gateway.backplane.records import Member, Registration
from gateway.chat.room_records import Edit, state_from
from gateway.chat.rooms import NEVER, RoomState
from gateway.errors import NoSuchRoom, RoomChanged
from wire.codec import encode
from wire.frames import LOBBY, Joined, Left, Renamed
from wire.reasons import OutCode

if TYPE_CHECKING:
    from tests.unit.gateway.fakes import FakeBackplane, Memory

MEMBERS = 100
"""Members that are read at once."""


class KeptRoom:
    """A room, as Redis keeps it.

    Attributes:
        members: folded name -> the oldest session of each member.
        beside: folded name -> the other sessions of the same account.
    """

    def __init__(self) -> None:
        self.exists = False
        self.version = int(NEVER)
        self.moves = 0
        self.members: dict[str, Member] = {}
        self.beside: dict[str, list[Member]] = {}
        self.parts: dict[str, dict[str, str]] = {}

    def sessions(self, folded: str) -> list[Member]:
        first = self.members.get(folded)
        return [] if first is None else [first, *self.beside.get(folded, [])]

    def put(self, folded: str, sessions: list[Member]) -> None:
        self.beside.pop(folded, None)
        if not sessions:
            self.members.pop(folded, None)
        else:
            self.members[folded] = sessions[0]
            self.beside[folded] = sessions[1:]

    def bump(self) -> None:
        self.version = max(now(), self.version + 1)

    def edit(self, edits: Iterable[Edit]) -> None:
        for where, name, value in edits:
            part = self.parts.setdefault(where, {})
            if value is None:
                part.pop(name, None)
            else:
                part[name] = value


class FakeRooms:
    """Keeps `gateway.backplane.contract.Rooms` in memory."""

    def __init__(self, backplane: FakeBackplane) -> None:
        self._backplane = backplane

    @property
    def _memory(self) -> Memory:
        return self._backplane.memory

    def _kept(self, room: str) -> KeptRoom:
        return self._memory.rooms.setdefault(room, KeptRoom())

    async def state(self, room: str, known: RoomState | None = None) -> tuple[int, RoomState]:
        await self._backplane.asked_for("state", room)
        kept = self._memory.rooms.get(room, KeptRoom())
        if known is not None and known.version == str(kept.version) != NEVER:
            return now(), replace(known, kicked=dict(kept.parts.get("kicked", {})))
        self._backplane.calls.append(("whole state", room))
        exists = kept.exists or room == LOBBY
        state = state_from(room, exists, kept.parts | {"meta": self._meta(kept)})
        return now(), state

    def _meta(self, kept: KeptRoom) -> dict[str, str]:
        return kept.parts.get("meta", {}) | {"version": str(kept.version)}

    async def attend(
        self,
        room: str,
        version: str,
        items: list[Move],
        *,
        create: bool,
        founding: bool = True,
    ) -> Attended:
        await self._backplane.asked_for("attend", (room, list(items)))
        kept, founder = self._kept(room), ""
        arrivals = [item for item in items if isinstance(item, Arrival)]
        if arrivals and version != str(kept.version):
            raise RoomChanged
        if not kept.exists and room != LOBBY:
            if not arrivals:
                return Attended(self._tail(room), 0, "", kept.moves)
            if not create:
                raise NoSuchRoom
        if arrivals and not kept.exists:
            kept.exists = True
            first = arrivals[0]
            if founding and room != LOBBY and first.told and first.member.account:
                founder = first.folded
                kept.edit([Edit("operators", founder, first.member.name)])
                kept.bump()
        moves = [move for item in items if (move := self._move(kept, room, item)) is not None]
        for told, run in groupby(moves, key=lambda move: move[0]):
            lines = [line for _, line in run]
            kept.moves += len(lines)
            self._publish(room, "+" if told else "~", kept.moves, lines)
        if founder:
            self._publish(room, "=", kept.version, [])
        if not kept.members and room != LOBBY and not kept.parts.get("operators"):
            del self._memory.rooms[room]
        return Attended(self._tail(room), len(kept.members), founder, kept.moves)

    def _move(self, kept: KeptRoom, room: str, item: Move) -> tuple[bool, bytes] | None:
        """Carry one out; returns whether clients are told too, and what; None: nothing to do."""
        if isinstance(item, Rename):
            return self._rename(kept, room, item)
        there = kept.sessions(item.folded)
        if isinstance(item, Departure):
            rest = [each for each in there if item.session not in ("", each.session)]
            if len(rest) == len(there):
                return None
            kept.put(item.folded, rest)
            left = Left(room=room, name=item.name, code=item.code)
            if any(not each.quiet for each in there) and all(each.quiet for each in rest):
                return True, encode(left)
            return None if rest else (False, encode(left))
        news = self._put(kept, item.folded, item.member)
        kept.parts.get("kicked", {}).pop(item.folded, None)
        joined = Joined(room=room, name=item.member.name, account=item.member.account)
        unknown = all(each.quiet for each in there)
        if item.told and unknown:
            return True, encode(joined)
        return (False, encode(joined)) if news else None

    def _put(self, kept: KeptRoom, folded: str, member: Member) -> bool:
        """A member has a session; returns whether that is news for gateways."""
        there = kept.sessions(folded)
        if member in there:
            return False
        beside = bool(member.account) and all(each.account == member.account for each in there)
        rest = [each for each in there if each.session != member.session] if beside else []
        kept.put(folded, [*rest, member])
        return not (there and beside)

    def _rename(self, kept: KeptRoom, room: str, item: Rename) -> tuple[bool, bytes] | None:
        old, member = item.before, item.member
        there = kept.sessions(old.folded)
        rest = [each for each in there if each.session != member.session]
        was_there = bool(kept.sessions(item.folded))
        kept.put(old.folded, rest)
        self._put(kept, item.folded, member)
        if there and not rest:
            if was_there:
                return True, encode(Left(room=room, name=old.name, code=OutCode.RENAMED))
            renamed = Renamed(old.name, member.name, room=room, account=member.account)
            return True, encode(renamed)
        if was_there:
            return None
        return True, encode(Joined(room=room, name=member.name, account=member.account))

    async def change(
        self,
        room: str,
        version: str,
        edits: list[Edit],
        event: bytes,
        *,
        removed: Departure | None = None,
        invite_members: bool = False,
    ) -> str:
        await self._backplane.asked_for("change", (room, list(edits)))
        kept = self._kept(room)
        if not kept.exists and room != LOBBY:
            raise NoSuchRoom
        if version != str(kept.version):
            raise RoomChanged
        kept.edit(edits)
        if invite_members:
            for folded, member in kept.members.items():
                kept.edit([Edit("invited", member.account or folded, invitation(member))])
        kept.bump()
        posted = self._memory.post(room, [Outgoing(event)]) if event else []
        self._publish(room, "=", kept.version, [])
        if removed is not None and (there := kept.members.get(removed.folded)) is not None:
            kept.edit([Edit("kicked", removed.folded, "" if there.account else there.origin)])
            kept.edit([Edit("invited", removed.folded, None)])
            move = self._move(kept, room, removed._replace(session=""))
            assert move is not None, "it is there"
            kept.moves += 1
            self._publish(room, "+", kept.moves, [move[1]])
        return posted[0].id if posted else self._tail(room).decode()

    async def count_made(self, folded: str, most: int) -> bool:
        await self._backplane.asked_for("count_made", folded)
        if self._memory.made[folded] >= most:
            return False
        self._memory.made[folded] += 1
        return True

    async def members(self, room: str, cursor: str) -> Attendance:
        await self._backplane.asked_for("members", room)
        kept = self._memory.rooms.get(room, KeptRoom())
        every, start = list(kept.members), int(cursor)
        after = start + MEMBERS if len(every) > start + MEMBERS else 0
        some = {folded: kept.sessions(folded) for folded in every[start : start + MEMBERS]}
        return Attendance(str(after), kept.moves, some)

    async def marks(self, rooms: list[str]) -> list[Mark | None]:
        await self._backplane.asked_for("marks", list(rooms))
        kept = [self._memory.rooms.get(room, KeptRoom()) for room in rooms]
        return [Mark(str(each.version), each.moves) for each in kept]

    async def all(self) -> list[tuple[RoomState, int]]:
        await self._backplane.asked_for("all")
        return [
            (
                state_from(name, kept.exists, {"meta": self._meta(kept)}),
                len(kept.members),
            )
            for name, kept in ({LOBBY: KeptRoom()} | self._memory.rooms).items()
            if kept.exists or name == LOBBY
        ]

    async def keep(self, user: Registration) -> None:
        await self._backplane.asked_for("keep rooms", user)
        sessions = self._memory.sessions(user.folded)
        kept = [user if each.session == user.session else each for each in sessions]
        self._memory.put(user.folded, kept)

    def _tail(self, room: str) -> bytes:
        return self._memory.tail_of(Log(room))

    def _publish(self, room: str, kind: str, number: int, lines: list[bytes]) -> None:
        head = f"{kind}{number} ".encode() + self._tail(room) + b"\n"
        self._memory.publish(f"room:{room}", head + b"".join(lines))


def invitation(member: Member) -> str:
    """As it is kept."""
    import json

    origin = "" if member.account else member.origin
    return json.dumps({"name": member.name, "origin": origin})


def now() -> int:
    """Redis' clock."""
    return round(time.time() * 1000)
