"""What was said in a room, read straight from Redis, for `chatctl`: no gateway need be alive."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from itertools import islice, takewhile
from typing import Any, NamedTuple

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.replies import whole

PAGE = 200
"""Messages that are read at once."""

BLOCK = 1.0
"""Seconds that Redis lets a follower wait for news; less than the patience with Redis itself."""


class Said(NamedTuple):
    """One message of a log.

    Attributes:
        id: its place in the log.
        line: the message as it went over the wire, newline included.
    """

    id: bytes
    line: bytes


def newest(
    url: str, prefix: str, room: str, *, count: int | None = None, since: datetime | None = None
) -> list[Said]:
    """The newest messages of a room, oldest first; none of a room that is not known.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name.
        count: how many at most; None for no limit.
        since: only those that Redis got then or later, by its clock; None for all.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    log = Keys(prefix).room_log(room)
    oldest = since.timestamp() * 1000 if since else 0
    with reaching(url) as there:
        entries = takewhile(
            lambda entry: _time(entry[1]) >= oldest,
            _backwards(there, log, min(count or PAGE, PAGE)),
        )
        found = [_said(*entry) for entry in islice(filter(_is_ours, entries), count)]
    return found[::-1]


def follow(url: str, prefix: str, room: str, after: bytes) -> Iterator[list[Said]]:
    """What is said in a room, as it is said, for ever.

    Each list has what is new; after `BLOCK` seconds without news an empty one says that Redis is
    still there.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        room: its name.
        after: id of the message before the first one wanted.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    log = Keys(prefix).room_log(room)
    with reaching(url) as there:
        while True:
            reply: Any = there.xread({log: after}, count=PAGE, block=round(BLOCK * 1000))
            entries = [entry for _, entries in reply for entry in entries]
            if entries:
                after = entries[-1][0]
            yield [_said(*entry) for entry in filter(_is_ours, entries)]


def _backwards(there: redis.Redis, log: str, at_once: int) -> Iterator[tuple[bytes, Any]]:
    """The entries of a log, newest first."""
    end = b"+"
    while True:
        page: Any = there.xrevrange(log, end, "-", count=at_once)
        if not page:
            return
        yield from page
        end = b"(" + page[-1][0]


def _is_ours(entry: tuple[bytes, Any]) -> bool:
    """Whether it is a message: somebody else may have written something into the log."""
    return b"d" in entry[1]


def _time(fields: dict[bytes, bytes]) -> float:
    """When Redis got it, milliseconds since 1970; what does not say so ends no search."""
    return int(fields[b"t"]) if fields.get(b"t", b"").isdigit() else math.inf


def _said(id: bytes, fields: dict[bytes, bytes]) -> Said:
    return Said(id, whole(id, fields[b"d"]))
