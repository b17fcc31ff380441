"""Calls of scripts: each script's keys and arguments, in order, in one place."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.backplane.contract import Arrival, Departure, Outgoing, Proof
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.chat.room_records import Edit
from gateway.chat.rooms import NEVER, RoomState
from wire.codec import encode
from wire.frames import LOBBY, Joined, Left

KEPT_WITH_OPERATORS_MS = 90 * 24 * 3600 * 1000
"""Milliseconds that an empty room is kept if it has operators."""

ANY = "*"
"""Stands for a version where the version of the room does not matter."""

Call = tuple[Any, ...]
"""A script's name, the list of its keys, and its arguments: the arguments of `Pair.run`."""


def user_claim(
    keys: Keys,
    user: Registration,
    gateway: str,
    run_id: str,
    *,
    ago_ms: int,
    idle_ms: int,
    resume: str,
    auth: Proof,
) -> Call:
    """Claim a name.

    Args:
        keys: the chat's keys.
        user: the record to write.
        gateway: the gateway that claims the name.
        run_id: Redis' run id.
        ago_ms: milliseconds since the last activity.
        idle_ms: milliseconds of inactivity before eviction; 0 for none.
        resume: the hash of the token that was shown, or "".
        auth: what the peer has to prove.
    """
    touched = [keys.users, keys.alive(user.folded), keys.held(gateway)]
    touched += [keys.user_log(user.folded), keys.accounts, keys.users_epoch]
    return (
        "user_claim",
        touched,
        user.folded,
        user.session,
        _without_beginning(user),
        ago_ms,
        idle_ms,
        keys.users,
        resume,
        run_id,
        auth.mode,
        auth.hash,
        user.origin,
        msgspec.json.encode(user.began),
        msgspec.json.encode(user.rooms),
        "1" if user.account else "",
    )


def _without_beginning(user: Registration) -> bytes:
    """The record without the fields that the script writes itself, and without its first brace."""
    fields = msgspec.to_builtins(user)
    for name in ("origin", "began", "rooms", "account"):
        fields.pop(name, None)
    return msgspec.json.encode(fields)[1:]


def user_release(keys: Keys, gateway: str, users: list[Registration], *, kept_ms: int) -> Call:
    """Release names.

    Args:
        keys: the chat's keys.
        gateway: the gateway that holds them.
        users: their records.
        kept_ms: milliseconds in which they can resume; 0 if they left for good.
    """
    pairs = [part for user in users for part in (user.folded, user.session)]
    return ("user_release", [keys.users, keys.held(gateway)], keys.users, kept_ms, *pairs)


def room_publish(
    keys: Keys,
    room: str,
    version: str,
    messages: list[Outgoing],
    run_id: str,
    *,
    known: bytes,
    history: int,
    kept_ms: int,
    until_ms: int | None,
) -> Call:
    """Publish messages to a room.

    Args:
        keys: the chat's keys.
        room: the room.
        version: see `gateway.backplane.contract.Messages.publish`.
        messages: see there.
        run_id: Redis' run id.
        known: the last id of the room's log that the caller knows.
        history: roughly how many messages the log keeps.
        kept_ms: milliseconds that seqs are kept, and messages of a room that has ended.
        until_ms: when the gateway's lease ends, milliseconds since 1970; None without a lease.
    """
    touched = [keys.room_log(room), keys.room_epoch(room)]
    touched += [keys.room_meta(room), keys.room_clock(room)]
    parts: list[str | bytes] = []
    for message in messages:
        if message.slow:
            parts += (_slow(message), message.body)
        elif message.seq is None:
            parts += ("", message.body)
        else:
            parts += (f"{message.origin} {message.seq}", message.body)
    return (
        "room_publish",
        touched,
        history,
        run_id,
        known,
        keys.room_channel(room),
        keys.room_posted(room),
        kept_ms,
        "" if until_ms is None else until_ms,
        version,
        keys.room_slow(room),
        _ends(room, kept_ms)[0],
        *parts,
    )


def _slow(message: Outgoing) -> str:
    seq = "-" if message.seq is None else message.seq
    return f"{message.origin} {seq} {message.name} {message.slow * 1000}"


def room_state(keys: Keys, room: str, known: RoomState | None = None) -> Call:
    """Read a room's state; see `gateway.backplane.redis.replies.parse_room_state`.

    Args:
        keys: the chat's keys.
        room: the room.
        known: as in `gateway.backplane.contract.Rooms.state`.
    """
    # A room that nobody has changed may have been made or have ended without a new version.
    version = "" if known is None or known.version == NEVER else known.version
    return ("room_state", keys.room_state(room), version)


def room_attend(
    keys: Keys,
    room: str,
    version: str,
    items: list[Arrival | Departure],
    run_id: str,
    *,
    create: bool,
    founding: bool,
    known: bytes,
    kept_ms: int,
) -> Call:
    """Record arrivals in a room and departures from it.

    Args:
        keys: the chat's keys.
        room: the room.
        version: see `gateway.backplane.contract.Rooms.attend`.
        items: see there.
        run_id: Redis' run id.
        create: see there.
        founding: see there.
        known: the last id of the room's log that the caller knows.
        kept_ms: milliseconds that a room without members and operators is kept.
    """
    arrivals = [each for each in items if isinstance(each, Arrival)]
    founders = (each for each in arrivals if founding and each.told and each.member.account)
    founder = next(founders, None)
    return (
        "room_attend",
        keys.room(room),
        version if arrivals else ANY,
        "1" if create else "",
        run_id,
        known,
        keys.room_channel(room),
        *_ends(room, kept_ms),
        founder.folded if founder else "",
        founder.member.name if founder else "",
        *(part for each in items for part in _item(room, each)),
    )


def _item(room: str, item: Arrival | Departure) -> tuple[str | bytes, ...]:
    if isinstance(item, Departure):
        left = encode(Left(room=room, name=item.name, code=item.code))
        return ("-", item.folded, item.session, "", left)
    member = item.member
    joined = encode(Joined(room=room, name=member.name, account=member.account))
    sign = "+" if item.told else "~"
    return (sign, item.folded, member.session, msgspec.json.encode(member), joined)


def room_change(
    keys: Keys,
    room: str,
    version: str,
    edits: list[Edit],
    event: bytes,
    run_id: str,
    *,
    removed: Departure | None,
    invite_members: bool,
    known: bytes,
    history: int,
    kept_ms: int,
) -> Call:
    """Change a room's state.

    Args:
        keys: the chat's keys.
        room: the room.
        version: see `gateway.backplane.contract.Rooms.change`.
        edits: see there.
        event: see there.
        run_id: Redis' run id.
        removed: see there.
        invite_members: see there.
        known: the last id of the room's log that the caller knows.
        history: roughly how many messages the log keeps.
        kept_ms: milliseconds that a room without members and operators is kept, and that Redis
            remembers who was put out.
    """
    gone = removed and encode(Left(room=room, name=removed.name, code=removed.code))
    values = ((e.where, e.name, "-" if e.value is None else f"={e.value}") for e in edits)
    return (
        "room_change",
        keys.room(room),
        version,
        history,
        run_id,
        known,
        keys.room_channel(room),
        *_ends(room, kept_ms),
        event,
        removed.folded if removed else "",
        gone or "",
        kept_ms,
        "1" if invite_members else "",
        *(part for edit in values for part in edit),
    )


def _ends(room: str, kept_ms: int) -> tuple[int, int]:
    """Milliseconds that an empty room is kept: without operators, and with operators."""
    return (0, 0) if room == LOBBY else (kept_ms, max(kept_ms, KEPT_WITH_OPERATORS_MS))
