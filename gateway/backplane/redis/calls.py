"""Calls of the scripts that more than one of us makes: what each takes, in its order, once."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.backplane.contract import Arrival, Departure, Entry, Outgoing
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.chat.room_records import Edit
from wire.codec import encode
from wire.frames import LOBBY, Joined, Left

KEPT_WITH_OPERATORS_MS = 90 * 24 * 3600 * 1000
"""Milliseconds for which a room is kept that has operators, and in which nobody is."""

Call = tuple[Any, ...]
"""A script's name, a list of its keys, and then its arguments: what `Pair.run` takes."""


def user_claim(
    keys: Keys,
    user: Registration,
    gateway: str,
    run_id: str,
    *,
    ago_ms: int,
    idle_ms: int,
    resume: str,
    auth: Entry,
) -> Call:
    """Claim a name.

    Args:
        keys: those of the chat.
        user: who.
        gateway: that shall have the name.
        run_id: of Redis.
        ago_ms: since the last activity.
        idle_ms: inactivity that the user is given; 0 for no end.
        resume: hash of the token that was shown, or "".
        auth: what has to be shown besides.
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
    """The record, for a script that puts what it decides itself in front."""
    fields = msgspec.to_builtins(user)
    for name in ("origin", "began", "rooms", "account"):
        fields.pop(name, None)
    return msgspec.json.encode(fields)[1:]


def user_release(keys: Keys, gateway: str, users: list[Registration], *, kept_ms: int) -> Call:
    """Give names back.

    Args:
        keys: those of the chat.
        gateway: that has them.
        users: who.
        kept_ms: for which they can resume; 0 for those who left for good.
    """
    pairs = [part for user in users for part in (user.folded, user.session)]
    return ("user_release", [keys.users, keys.held(gateway)], keys.users, kept_ms, *pairs)


def room_publish(
    keys: Keys,
    room: str,
    version: str | None,
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
        keys: those of the chat.
        room: where.
        version: as `gateway.backplane.contract.Backplane.publish` takes it.
        messages: likewise.
        run_id: of Redis.
        known: the last id that the caller knows of the room's log.
        history: messages that the log keeps, roughly.
        kept_ms: for which seqs are kept.
        until_ms: when the lease of the gateway ends, since 1970; None for a caller without one.
    """
    touched = [keys.room_log(room), keys.room_epoch(room)]
    touched += [keys.room_meta(room), keys.room_clock(room)]
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
        version or "",
        keys.room_slow(room),
        *(part for message in messages for part in (_head(message), message.body)),
    )


def _head(message: Outgoing) -> str:
    if message.event:
        return "!"
    seq = "-" if message.seq is None else message.seq
    if message.slow:
        return f"{message.origin} {seq} {message.name} {message.slow * 1000}"
    return "" if message.seq is None else f"{message.origin} {seq}"


def room_state(keys: Keys, room: str) -> Call:
    """Read what holds in a room; see `gateway.backplane.redis.replies.parse_room_state`.

    Args:
        keys: those of the chat.
        room: which.
    """
    return ("room_state", keys.room_state(room))


def room_attend(
    keys: Keys,
    room: str,
    version: str,
    items: list[Arrival | Departure],
    run_id: str,
    *,
    create: bool,
    known: bytes,
    kept_ms: int,
) -> Call:
    """Write down who comes into a room and who leaves it.

    Args:
        keys: those of the chat.
        room: which.
        version: as `gateway.backplane.contract.Rooms.attend` takes it.
        items: likewise.
        run_id: of Redis.
        create: as there.
        known: the last id that the caller knows of the room's log.
        kept_ms: for which a room without members and operators is kept.
    """
    arrivals = [each for each in items if isinstance(each, Arrival)]
    founder = next((each for each in arrivals if each.told and each.member.account), None)
    return (
        "room_attend",
        keys.room(room),
        version if arrivals else "",
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
    """Change what holds in a room.

    Args:
        keys: those of the chat.
        room: which.
        version: as `gateway.backplane.contract.Rooms.change` takes it.
        edits: likewise.
        event: likewise.
        run_id: of Redis.
        removed: as there.
        invite_members: as there.
        known: the last id that the caller knows of the room's log.
        history: messages that the log keeps, roughly.
        kept_ms: for which a room without members and operators is kept, and for which it is known
            who was put out.
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
    """For how many milliseconds a room is kept in which nobody is, without operators and with."""
    return (0, 0) if room == LOBBY else (kept_ms, max(kept_ms, KEPT_WITH_OPERATORS_MS))
