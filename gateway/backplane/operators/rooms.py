"""Rooms, read and changed straight in Redis, for `chatctl`: no gateway has to be alive.

Changes follow the rules that hold for people in a room. Redis refuses a change that was decided by
an old state of the room; then the room is read again, and the change decided again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import redis

from gateway.backplane.contract import Departure
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.operators.gateways import read_gateways
from gateway.backplane.records import Member
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.calls import Call, room_change, room_state
from gateway.backplane.redis.replies import (
    account_of,
    left_sessions,
    parse_members,
    parse_room,
    parse_room_state,
    sessions,
)
from gateway.backplane.redis.store import RUN_ID
from gateway.backplane.url import database
from gateway.chat.room_changes import Change, Plan, Target, network_in, plan
from gateway.chat.room_records import PARTS
from gateway.chat.rooms import CHAT_OPERATOR, RoomState
from gateway.errors import NoSuchRoom, RoomChanged
from wire.codec import encode_body
from wire.frames import LOBBY, Moderate
from wire.names import fold
from wire.reasons import OutCode

OPERATORS = PARTS.index("operators")

AT_ONCE = 500
"""Rooms, or members, that are read in one call."""

ATTEMPTS = 20
"""How often a change is decided anew for a room that changes all the time."""

KEEP_ALL = 2**53
"""`history` for a caller that must not trim the log, since it does not know the gateways' limit."""

RESUME_WITHIN = 600.0
"""Seconds within which people can come back, if no gateway reports its setting."""

DELETED_FOR = 3600
"""Seconds for which Redis remembers that a room was deleted, so that every gateway sees it."""


class RoomSummary(NamedTuple):
    """A room, as the list of rooms shows it.

    Attributes:
        state: its topic and modes; the lists of people are empty.
        people: how many people are in it.
        operators: how many operators it has.
        last: when its last message came, milliseconds since 1970; None if it has none.
    """

    state: RoomState
    people: int
    operators: int
    last: int | None


class RoomDetails(NamedTuple):
    """All that is known of a room.

    Attributes:
        now: the time by Redis' clock, milliseconds since 1970.
        state: its topic, modes and lists of people.
        members: the sessions of the people in it, by their folded names.
        kept: it stays until it is deleted.
        last: when its last message came, milliseconds since 1970; None if it has none.
    """

    now: int
    state: RoomState
    members: dict[str, list[Member]]
    kept: bool
    last: int | None


def list_rooms(url: str, prefix: str) -> list[RoomSummary]:
    """All rooms, by name.

    Args:
        url: of Redis.
        prefix: what every key begins with.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as client:
        index: Any = client.smembers(keys.rooms)
        names = sorted({name.decode(errors="replace") for name in index} | {LOBBY})
        pages = (names[i : i + AT_ONCE] for i in range(0, len(names), AT_ONCE))
        return [summary for page in pages for summary in _summaries(client, keys, page)]


def read_room(url: str, prefix: str, room: str) -> RoomDetails | None:
    """A room and the people in it; None if there is no such room.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name, folded.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    with reaching(url) as client:
        now, state = read_state(client, keys, room)
        if not state.exists:
            return None
        kept = room == LOBBY or bool(client.hexists(keys.room_meta(room), "kept"))
        newest: Any = client.xrevrange(keys.room_log(room), count=1)
        members = dict(_members(client, keys, room))
    return RoomDetails(now, state, members, kept, _time(newest))


def change_room(url: str, prefix: str, request: Change) -> str | None:
    """Change a room as the operators of the chat.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        request: what to change; its room is folded.

    Returns:
        The id of the event that tells the people there; None if nothing had to be changed.

    Raises:
        WireError: the rules of rooms refuse it.
        NoSuchRoom: there is no such room.
        RoomChanged: the room changed again and again meanwhile.
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix, database(url))
    with reaching(url) as client:
        for _ in range(ATTEMPTS):
            now, state = read_state(client, keys, request.room)
            if not state.exists:
                raise NoSuchRoom(request.room)
            people: int = client.hlen(keys.room_members(request.room))
            target = _target(client, keys, request)
            planned = plan(state, CHAT_OPERATOR, request, now, people=people, target=target)
            if planned is None:
                return None
            reply = run(client, *_change(client, keys, state, planned, target))
            if reply == b"NONE":
                raise NoSuchRoom(request.room)
            if reply != b"CHANGED":
                id: bytes = reply[0]
                return id.decode()
    raise RoomChanged(request.room)


def create_room(url: str, prefix: str, room: str) -> bool:
    """Make a room, and keep it until it is deleted; returns whether there was none before.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name, folded.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix)
    # The list of people who were kicked ends by itself.
    kicked = keys.room_state(room)[PARTS.index("kicked")]
    touched = [key for key in keys.room(room) if key != kicked]
    with reaching(url) as client:
        # First, so that there is no room that no list shows.
        client.sadd(keys.rooms, room)
        return bool(run(client, "room_create", touched))


def delete_room(url: str, prefix: str, room: str) -> int | None:
    """Delete a room with its history; the gateways put everybody out.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name, folded.

    Returns:
        How many people were in it; None if there is no such room.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix, database(url))
    with reaching(url) as client:
        args = (keys.room_channel(room), DELETED_FOR * 1000, RUN_ID)
        # First, since the room may be made again, and listed, at any moment after that.
        client.srem(keys.rooms, room)
        people: int = run(client, "room_delete", keys.room(room), *args)
    return None if people < 0 else people


def _summaries(client: redis.Redis, keys: Keys, rooms: list[str]) -> Iterator[RoomSummary]:
    with client.pipeline(transaction=False) as pipeline:
        for room in rooms:
            pipeline.hgetall(keys.room_meta(room))
            pipeline.hlen(keys.room_members(room))
            pipeline.hlen(keys.room_state(room)[OPERATORS])
            pipeline.xrevrange(keys.room_log(room), count=1)
        found = pipeline.execute()
    for i, room in enumerate(rooms):
        meta, people, operators, newest = found[i * 4 : i * 4 + 4]
        flat = [part for field in meta.items() for part in field]
        if (known := parse_room(room, flat, people)) is not None:
            yield RoomSummary(known[0], people, operators, _time(newest))


def read_state(client: redis.Redis, keys: Keys, room: str) -> tuple[int, RoomState]:
    """Redis' time, milliseconds since 1970, and what holds in a room."""
    return parse_room_state(room, run(client, *room_state(keys, room)))


def _members(client: redis.Redis, keys: Keys, room: str) -> Iterator[tuple[str, list[Member]]]:
    for field in client.hscan_iter(keys.room_members(room), count=AT_ONCE):
        yield from parse_members([b"0", field])[1].items()


def _time(newest: list[tuple[bytes, dict[bytes, bytes]]]) -> int | None:
    """The time of the newest entry of a log, if it has one."""
    time = newest[0][1].get(b"t", b"") if newest else b""
    return int(time) if time.isdigit() else None


def _target(client: redis.Redis, keys: Keys, request: Change) -> Target | None:
    """The person that a request is about, if it is about one."""
    if not isinstance(request, Moderate) or network_in(request) is not None:
        return None
    folded = fold(request.name)
    inside = bool(client.hexists(keys.room_members(request.room), folded))
    here: Any = client.hget(keys.users, folded)
    left: Any = client.get(keys.resume(folded))
    kept: Any = client.hget(keys.accounts, folded)
    user = next(iter(sessions(here or b"") or left_sessions(left or b"")), None)
    account = account_of(kept or b"")
    known = user or account
    return Target(
        folded,
        known.name if known else request.name,
        user.origin if user else "",
        account=(account.owner if account else "") or (folded if kept else ""),
        inside=inside,
    )


def _change(
    client: redis.Redis, keys: Keys, state: RoomState, planned: Plan, target: Target | None
) -> Call:
    removed = None
    if planned.removed is not None and target is not None:
        code = OutCode.BANNED if planned.event.change == "ban" else OutCode.KICKED
        removed = Departure(planned.removed, target.name, "", code)
    return room_change(
        keys,
        state.room,
        state.version,
        planned.edits,
        encode_body(planned.event),
        removed=removed,
        invite_members=planned.invite_members,
        known=NOTHING,
        history=KEEP_ALL,
        kept_ms=_kept_ms(client, keys),
    )


def _kept_ms(client: redis.Redis, keys: Keys) -> int:
    """Milliseconds for which an empty room is kept, by the settings of the gateways."""
    settings = [each.info.settings for each in read_gateways(client, keys)[1] if each.info]
    seconds = [each.resume_within for each in settings if each is not None]
    return round(max(seconds, default=RESUME_WITHIN) * 1000)
