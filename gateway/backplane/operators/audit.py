"""The audit log, for `chatctl audit` and the commands that are written down in it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from gateway.backplane.keys import Keys
from gateway.backplane.readable import AUDITED, UNREADABLE
from gateway.backplane.records import Audited
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.audit import add_entry

AT_ONCE = 500
"""Entries that are read in one call."""


def note(url: str, prefix: str, entry: Audited) -> None:
    """Add an entry.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        entry: what was done.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    with reaching(url) as client:
        call: Any = client.execute_command
        call(*add_entry(Keys(prefix), entry))


def read(
    url: str, prefix: str, *, last: int, since: int = 0, by: str = "", room: str = ""
) -> list[Audited]:
    """The newest entries, the oldest of them first.

    Args:
        url: of Redis.
        prefix: what every key begins with.
        last: the most entries.
        since: only what was done after this time, milliseconds since 1970.
        by: only what this person or operator did; "" for all. Case does not matter.
        room: only what was done in this room (folded); "" for all.

    Raises:
        RedisUnreachable: the text says why, without the URL's password.
    """
    key, found = Keys(prefix).audit, list[Audited]()
    by = by.casefold()
    with reaching(url) as client:
        upto = "+"
        while len(found) < last:
            page: Any = client.xrevrange(key, upto, str(since), count=AT_ONCE)
            for id, fields in page:
                entry = _entry(id, fields)
                if entry is not None and _matches(entry, by, room):
                    found.append(entry)
            if len(page) < AT_ONCE:
                break
            upto = f"({page[-1][0].decode()}"
    return found[:last][::-1]


def _matches(entry: Audited, by: str, room: str) -> bool:
    is_by = not by or by in (entry.by.casefold(), entry.account)
    return is_by and (not room or entry.room == room)


def _entry(id: bytes, fields: dict[bytes, bytes]) -> Audited | None:
    try:
        entry = AUDITED.decode(fields.get(b"d", b""))
    except UNREADABLE:
        return None
    return replace(entry, at=int(id.partition(b"-")[0]))
