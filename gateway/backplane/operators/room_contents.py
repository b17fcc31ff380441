"""The rooms as they are stored in Redis, for `chatctl doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.readable import MEMBER, REGISTRATION, UNREADABLE
from gateway.chat.room_records import PARTS
from wire.frames import LOBBY

AT_ONCE = 500
"""Rooms, or members, that are read in one call."""

OPERATORS = PARTS.index("operators")


class RoomContents(NamedTuple):
    """What is wrong with the rooms.

    Attributes:
        total: how many rooms there are.
        unlisted: rooms that are missing from the set of all rooms.
        endless: rooms that nobody is in, that nobody keeps, and that have no TTL.
        absent: room and name of members whose session is not in the chat.
        unreadable: room and name of members whose records cannot be read.
    """

    total: int
    unlisted: list[str]
    endless: list[str]
    absent: list[tuple[str, str]]
    unreadable: list[tuple[str, str]]


def look(client: redis.Redis, keys: Keys, rooms: Iterable[str]) -> RoomContents:
    """Read the rooms and their members.

    Args:
        client: of Redis.
        keys: of the chat.
        rooms: the rooms that have keys.

    Raises:
        ResponseError: this user may not, or a key has the wrong type.
    """
    listed: Any = client.smembers(keys.rooms)
    names = {name.decode(errors="replace") for name in listed}
    found = RoomContents(0, [], [], [], [])
    total = 0
    for page in _pages(sorted(rooms)):
        for room, (created, kept, people, left, operators) in zip(
            page, _facts(client, keys, page), strict=True
        ):
            exists = created or room == LOBBY
            total += exists
            if created and room not in names | {LOBBY}:
                found.unlisted.append(room)
            if exists and not (people or kept or operators or room == LOBBY) and left == -1:
                found.endless.append(room)
            if people:
                _look_at_members(client, keys, room, found)
    return found._replace(total=total)


def _facts(client: redis.Redis, keys: Keys, rooms: list[str]) -> Iterator[tuple[Any, ...]]:
    """Of each room: is it there, kept, how many are in it, the TTL in ms, how many operators."""
    with client.pipeline(transaction=False) as pipeline:
        for room in rooms:
            pipeline.hexists(keys.room_meta(room), "created")
            pipeline.hexists(keys.room_meta(room), "kept")
            pipeline.hlen(keys.room_members(room))
            pipeline.pttl(keys.room_meta(room))
            pipeline.hlen(keys.room_state(room)[OPERATORS])
        found = pipeline.execute()
    return (tuple(found[i : i + 5]) for i in range(0, len(found), 5))


def _look_at_members(client: redis.Redis, keys: Keys, room: str, found: RoomContents) -> None:
    for page in _pages(client.hscan_iter(keys.room_members(room), count=AT_ONCE)):
        sessions: dict[str, set[str]] = {}
        for folded, text in page:
            name = folded.decode(errors="replace")
            some, all_readable = _sessions(text, MEMBER)
            if some:
                sessions[name] = some
            if not all_readable:
                found.unreadable.append((room, name))
        absent = _absent(client, keys, sessions)
        # They may have left, or come back, since they were read: look again.
        found.absent.extend((room, name) for name in absent if _stays(client, keys, room, name))


def _absent(client: redis.Redis, keys: Keys, sessions: dict[str, set[str]]) -> list[str]:
    """The names that are not held by all of these sessions."""
    if not sessions:
        return []
    records: Any = client.hmget(keys.users, list(sessions))
    return [
        name
        for (name, some), record in zip(sessions.items(), records, strict=True)
        if not some <= _sessions(record or b"", REGISTRATION)[0]
    ]


def _stays(client: redis.Redis, keys: Keys, room: str, name: str) -> bool:
    record: Any = client.hget(keys.room_members(room), name)
    some, _ = _sessions(record or b"", MEMBER)
    return bool(some and _absent(client, keys, {name: some}))


def _sessions(text: bytes, kind: msgspec.json.Decoder[Any]) -> tuple[set[str], bool]:
    """The sessions in a text with a line for each, and whether all lines can be read."""
    found, all_readable = set(), True
    for line in filter(None, text.split(b"\n")):
        try:
            found.add(kind.decode(line).session)
        except UNREADABLE:
            all_readable = False
    return found, all_readable


def _pages(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while page := list(islice(rest, AT_ONCE)):
        yield page
