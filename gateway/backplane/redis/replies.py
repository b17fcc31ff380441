"""Reading Redis' replies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gateway.backplane.contract import Listed
from gateway.backplane.readable import ACCOUNT, MEMBER, REGISTRATION, readable
from gateway.backplane.records import Account, Member, Registration
from gateway.chat.room_records import PARTS, state_from
from gateway.chat.rooms import RoomState
from wire.frames import LOBBY


def registrations(records: Iterable[bytes]) -> list[Registration]:
    """The users' records that can be read; "" is skipped."""
    return readable(REGISTRATION, filter(None, records), "the record of a user")


def registration(record: bytes) -> Registration | None:
    """A user's record; None for b"" or an unreadable one."""
    return next(iter(registrations([record])), None)


def sessions(text: bytes) -> list[Registration]:
    """The sessions of a name that can be read, from the text that is kept for it."""
    return registrations(text.split(b"\n"))


def left_sessions(text: bytes) -> list[Registration]:
    """The same of the sessions that have left."""
    return registrations(line.partition(b" ")[2] for line in text.split(b"\n"))


def account_of(record: bytes) -> Account | None:
    """An account; None for b"" or an unreadable one."""
    return next(iter(readable(ACCOUNT, filter(None, [record]), "an account")), None)


def whole(id: bytes, ts: bytes, body: bytes) -> bytes:
    """A message from a log as it goes over the wire: its body, with id and time in front."""
    return b'{"id":"%s","ts":%s,%s' % (id, ts, body[1:])


def parse_user_list(reply: list[bytes]) -> tuple[str, list[Listed]]:
    """Read the reply of the script ``user_list``."""
    listed = [
        Listed(
            user,
            int(reply[i + 1]) / 1000,
            None if int(reply[i + 2]) < 0 else int(reply[i + 2]) / 1000,
        )
        for i in range(1, len(reply), 3)
        if (user := registration(reply[i])) is not None
    ]
    return reply[0].decode(), listed


def parse_room_state(
    room: str, reply: list[Any], known: RoomState | None = None
) -> tuple[int, RoomState]:
    """Read the reply of the script ``room_state``: Redis' time in milliseconds, and the state.

    Args:
        room: the room.
        reply: the reply.
        known: what the script was given.
    """
    now, *hashes = reply
    if known is not None and len(hashes) == 1:
        kicked = _texts(hashes[0])
        # A copy would have to work its cached properties out again.
        return int(now), known if kicked == known.kicked else replace(known, kicked=kicked)
    parts = dict(zip(map(str, PARTS), map(_texts, hashes), strict=True))
    exists = room == LOBBY or "created" in parts["meta"]
    return int(now), state_from(room, exists, parts)


def _texts(found: list[bytes]) -> dict[str, str]:
    """A hash with fields and values as text; we write no bytes that are not UTF-8."""
    texts = [each.decode(errors="replace") for each in found]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def parse_room(room: str, meta: list[bytes], people: int) -> tuple[RoomState, int] | None:
    """A room as lists of rooms show it, from its hash; None if it does not exist."""
    fields = _texts(meta)
    if room != LOBBY and "created" not in fields:
        return None
    return state_from(room, True, {"meta": fields}), people


def parse_members(reply: list[Any]) -> tuple[str, dict[str, list[Member]]]:
    """The members in a reply of HSCAN: the cursor, and each member's sessions."""
    cursor, found = reply
    members = {}
    for folded, text in zip(found[::2], found[1::2], strict=True):
        if some := readable(MEMBER, text.split(b"\n"), "the record of a member"):
            members[folded.decode(errors="replace")] = some
    return cursor.decode(), members
