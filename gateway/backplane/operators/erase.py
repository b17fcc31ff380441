"""Deleting what was said in a room, for `chatctl erase`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import redis

from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.operators.asking import run
from gateway.backplane.operators.rooms import KEEP_ALL, read_state
from gateway.backplane.readable import UNREADABLE
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.calls import room_erase
from gateway.backplane.url import database
from gateway.errors import NoSuchRoom
from wire.frames import OPERATOR
from wire.names import fold

AT_ONCE = 100
"""Messages that one event tells about. One event for each would push others out of the log."""

PAGE = 500
"""Entries that are read in one call."""


def erase(
    url: str, prefix: str, room: str, *, ids: list[str], name: str = "", everything: bool = False
) -> int:
    """Delete messages of a room, and tell everybody there.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name, folded.
        ids: the messages.
        name: all messages of the person with this name, too.
        everything: all messages of the room.

    Returns:
        How many were deleted. Ids that the room does not have count as none.

    Raises:
        NoSuchRoom: there is no such room.
        RedisUnreachable: the text says why, without the URL's password.
    """
    keys = Keys(prefix, database(url))
    with reaching(url) as client:
        entries = list(_messages(client, keys.room_log(room)))
        there = {id for id, _ in entries}
        wanted = [id for id in dict.fromkeys(ids) if id in there]
        if name:
            folded = fold(name)
            wanted += [id for id, by in entries if fold(by) == folded and id not in wanted]
        if everything:
            _erase(client, keys, room, [], everything=True)
            return len(entries)
        for start in range(0, len(wanted), AT_ONCE):
            _erase(client, keys, room, wanted[start : start + AT_ONCE])
        if not wanted and not read_state(client, keys, room)[1].exists:
            raise NoSuchRoom(room)
        return len(wanted)


def _erase(
    client: redis.Redis,
    keys: Keys,
    room: str,
    ids: list[str],
    *,
    everything: bool = False,
) -> None:
    while True:
        _, state = read_state(client, keys, room)
        if not state.exists:
            raise NoSuchRoom(room)
        call = room_erase(
            keys,
            room,
            state.version,
            ids,
            OPERATOR,
            everything=everything,
            known=NOTHING,
            history=KEEP_ALL,
        )
        reply = run(client, *call)
        if reply == b"NONE":
            # One of them was trimmed or deleted meanwhile: do it one by one.
            for id in ids if len(ids) > 1 else []:
                _erase(client, keys, room, [id])
            return
        if reply != b"CHANGED":
            return


def _messages(client: redis.Redis, log: str) -> Iterator[tuple[str, str]]:
    """The ids of the messages in a log, with the names of their senders."""
    after = "-"
    while True:
        page: Any = client.xrange(log, after, "+", count=PAGE)
        for id, fields in page:
            try:
                body = msgspec.json.decode(fields.get(b"d", b""))
            except UNREADABLE:
                continue
            if isinstance(body, dict) and body.get("op") == "msg":
                yield id.decode(), str(body.get("from", ""))
        if len(page) < PAGE:
            return
        after = f"({page[-1][0].decode()}"
