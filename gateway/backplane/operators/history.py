"""What was said in a room, read straight from Redis, for `chatctl`: no gateway has to be alive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice, takewhile
from typing import Any, NamedTuple

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.replies import whole

PAGE = 200
"""Entries of a log that are read at once."""

BLOCK = 1.0
"""Seconds that Redis lets a follower wait for news; less than our patience with Redis itself."""


class LogEntry(NamedTuple):
    """One entry of a room's log.

    Attributes:
        id: its place in the log.
        line: the message as it went over the wire, newline included.
    """

    id: bytes
    line: bytes


def newest(
    url: str,
    prefix: str,
    room: str,
    *,
    count: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    wanted: Callable[[bytes], bool] = lambda _line: True,
) -> list[LogEntry]:
    """The newest entries of a room's log, oldest first; none if there is no such room.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name, folded.
        count: how many at most; None for no limit.
        since: only those that Redis got then or later, by its clock; None for all.
        until: only those that Redis got before; None for all.
        wanted: whether a line counts.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    log = Keys(prefix).room_log(room)
    oldest = since.timestamp() * 1000 if since else 0
    end = until.timestamp() * 1000 if until else math.inf
    with reaching(url) as client:
        entries = takewhile(
            lambda entry: _time(entry[1]) >= oldest,
            _backwards(client, log, min(count or PAGE, PAGE)),
        )
        inside = (_entry(*each) for each in entries if _is_ours(each) and _time(each[1]) < end)
        found = list(islice((entry for entry in inside if wanted(entry.line)), count))
    return found[::-1]


def follow(url: str, prefix: str, room: str, after: bytes) -> Iterator[list[LogEntry]]:
    """What is new in a room's log, as it comes, without an end.

    After `BLOCK` seconds without news an empty list says that Redis is still there.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name, folded.
        after: id of the entry before the first one wanted.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    log = Keys(prefix).room_log(room)
    with reaching(url) as client:
        while True:
            reply: Any = client.xread({log: after}, count=PAGE, block=round(BLOCK * 1000))
            entries = [entry for _, entries in reply for entry in entries]
            if entries:
                after = entries[-1][0]
            yield [_entry(*entry) for entry in filter(_is_ours, entries)]


def _backwards(client: redis.Redis, log: str, at_once: int) -> Iterator[tuple[bytes, Any]]:
    """The entries of a log, newest first."""
    end = b"+"
    while True:
        page: Any = client.xrevrange(log, end, "-", count=at_once)
        if not page:
            return
        yield from page
        end = b"(" + page[-1][0]


def _is_ours(entry: tuple[bytes, Any]) -> bool:
    """Whether a gateway wrote it: another program may have written something into the log."""
    fields = entry[1]
    body, time = fields.get(b"d", b""), fields.get(b"t", b"")
    return bool(body.startswith(b"{") and time.isdigit())


def _time(fields: dict[bytes, bytes]) -> float:
    """When Redis got it, milliseconds since 1970. An entry without a time ends no search."""
    return int(fields[b"t"]) if fields.get(b"t", b"").isdigit() else math.inf


def _entry(id: bytes, fields: dict[bytes, bytes]) -> LogEntry:
    return LogEntry(id, whole(id, fields[b"t"], fields[b"d"]))
