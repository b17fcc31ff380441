"""Rooms: their members and their state."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.backplane.contract import Attendance, Attended, Departure, Log, Mark, Move
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.backplane.redis.calls import room_attend, room_change, room_state
from gateway.backplane.redis.logs import Keeping
from gateway.backplane.redis.replies import parse_members, parse_room, parse_room_state
from gateway.backplane.redis.store import Store, some_of
from gateway.chat.room_records import Edit, version_from
from gateway.chat.rooms import NEVER, RoomState
from gateway.errors import BackplaneDown, BackplaneRefused, NoSuchRoom, RoomChanged
from wire.frames import LOBBY

MEMBERS_AT_ONCE = 500

MADE_COUNTS_MS = 24 * 3600 * 1000
"""Milliseconds for which the rooms count that an account has made."""

ROOMS_AT_ONCE = 100
"""Rooms that are asked about together, with three calls each."""


class RedisRooms:
    """Implements `gateway.backplane.contract.Rooms`.

    Args:
        store: where the data is.
        keys: the names of the keys.
        keeping: how much logs keep.
        kept_ms: milliseconds that a room without members and operators is kept.
        known: returns the last id that this gateway knows of a log.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        keeping: Keeping,
        kept_ms: int,
        known: Callable[[Log], bytes],
    ) -> None:
        self._store = store
        self._keys = keys
        self._kept_ms = kept_ms
        self._keeping = keeping
        self._known = known

    async def state(self, room: str, known: RoomState | None = None) -> tuple[int, RoomState]:
        reply = await self._store.run(*room_state(self._keys, room, known))
        return parse_room_state(room, reply, known)

    async def attend(
        self,
        room: str,
        version: str,
        items: list[Move],
        *,
        create: bool,
        founding: bool = True,
    ) -> Attended:
        call = room_attend(
            self._keys,
            room,
            version,
            items,
            create=create,
            founding=founding,
            known=self._known(Log(room)),
            kept_ms=self._kept_ms,
        )
        attending = self._store.run(*call)
        if create and room != LOBBY:
            # First, so that no room exists that no list shows.
            _, reply = await asyncio.gather(self._add_to_index([room]), attending)
        else:
            reply = await attending
        tail, people, founder, moves = _done(room, reply)
        return Attended(tail, people, founder.decode(), int(moves))

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
        call = room_change(
            self._keys,
            room,
            version,
            edits,
            event,
            removed=removed,
            invite_members=invite_members,
            known=self._known(Log(room)),
            history=self._keeping.history,
            kept_ms=self._kept_ms,
        )
        id: bytes = _done(room, await self._store.run(*call))[0]
        return id.decode()

    async def count_made(self, account: str, most: int) -> bool:
        keys = [self._keys.made(account)]
        counted: int = await self._store.run("room_made", keys, most, MADE_COUNTS_MS)
        return counted == 1

    async def members(self, room: str, cursor: str) -> Attendance:
        keys = self._keys
        # In this order: all moves in the count happened before the members are read.
        moves, found = await asyncio.gather(
            self._store.call("HGET", keys.room_meta(room), "moves"),
            self._store.call("HSCAN", keys.room_members(room), cursor, "COUNT", MEMBERS_AT_ONCE),
        )
        next_cursor, members = parse_members(found)
        return Attendance(next_cursor, _count(moves), members)

    async def marks(self, rooms: list[str]) -> list[Mark | None]:
        with contextlib.suppress(BackplaneDown):  # the rooms themselves may be within reach
            await self._add_to_index(rooms)
        return await some_of(self._mark(room) for room in rooms)

    async def _mark(self, room: str) -> Mark | None:
        try:
            version, moves = await self._store.call(
                "HMGET", self._keys.room_meta(room), "version", "moves"
            )
        except BackplaneRefused:
            return None
        text = (version or NEVER.encode()).decode(errors="replace")
        return Mark(version_from(text), _count(moves))

    async def all(self) -> list[tuple[RoomState, int]]:
        keys, call = self._keys, self._store.call
        names = {name.decode(errors="replace") for name in await call("SMEMBERS", keys.rooms)}
        rooms, found, ended = sorted(names | {LOBBY}), [], []
        # Some at a time: to ask about all of them at once would stop the event loop.
        for start in range(0, len(rooms), ROOMS_AT_ONCE):
            some = rooms[start : start + ROOMS_AT_ONCE]
            for room, facts in zip(some, await some_of(map(self._facts, some)), strict=True):
                if facts is None:
                    continue  # its server is away
                if (listed := _listed(room, *facts)) is None:
                    ended.append(room)
                else:
                    found.append(listed)
        if ended:
            # The next person who enters one of them adds it again.
            await call("SREM", keys.rooms, *ended)
        return found

    async def _facts(self, room: str) -> tuple[list[bytes], int, int]:
        keys, call = self._keys, self._store.call
        meta, people, has_operators = await asyncio.gather(
            call("HGETALL", keys.room_meta(room)),
            call("HLEN", keys.room_members(room)),
            call("EXISTS", keys.room_operators(room)),
        )
        return meta, people, has_operators

    async def keep(self, user: Registration) -> None:
        rooms, began = msgspec.json.encode(user.rooms), msgspec.json.encode(user.began)
        users = [self._keys.users]
        await self._store.run(
            "user_rooms", users, user.folded, user.session, rooms, began, user.mail
        )

    async def _add_to_index(self, rooms: list[str]) -> None:
        if rooms:
            with contextlib.suppress(BackplaneRefused):  # Redis is full: `marks` adds them later
                await self._store.call("SADD", self._keys.rooms, *rooms)


def _listed(
    room: str, meta: list[bytes], people: int, has_operators: int
) -> tuple[RoomState, int] | None:
    """A room as the list of all has it; None if it is about to end."""
    if people or has_operators or room == LOBBY or b"kept" in meta[::2]:
        return parse_room(room, meta, people)
    return None


def _done(room: str, reply: Any) -> Any:
    """The reply of a script, unless it refused to do anything."""
    if reply == b"CHANGED":
        raise RoomChanged(room)
    if reply == b"NONE":
        raise NoSuchRoom(room)
    return reply


def _count(found: bytes | None) -> int:
    return int(found) if found and found.isdigit() else 0
