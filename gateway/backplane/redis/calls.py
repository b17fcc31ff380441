"""Calls of scripts: each script's keys and arguments, in order, in one place."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from gateway.backplane.contract import Arrival, Departure, Move, Outgoing, Proof, Rename
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.backplane.redis.store import RUN_ID
from gateway.chat.room_records import Edit
from gateway.chat.rooms import NEVER, RoomState
from wire.codec import encode, encode_body
from wire.frames import LOBBY, Deleted, Joined, Left, Reacted, Renamed
from wire.names import fold
from wire.reasons import OutCode

KEPT_WITH_OPERATORS_MS = 90 * 24 * 3600 * 1000
"""Milliseconds that an empty room is kept if it has operators."""

ANY = "*"
"""Stands for a version where the version of the room does not matter."""

Call = tuple[Any, ...]
"""A script's name, the list of its keys, and its arguments: the arguments of `Store.run`."""


class IdleMs(NamedTuple):
    """Milliseconds of inactivity before a user is evicted; 0 for never.

    Attributes:
        here: of a user who is here.
        away: of a user who is away.
    """

    here: int
    away: int


def user_claim(
    keys: Keys,
    user: Registration,
    gateway: str,
    *,
    ago_ms: int,
    idle: IdleMs,
    resume: str,
    auth: Proof,
    most_sessions: int,
    mail_ms: int,
) -> Call:
    """Claim a name.

    Args:
        keys: the chat's keys.
        user: the record to write.
        gateway: the gateway that claims the name.
        ago_ms: milliseconds since the last activity.
        idle: how long users may be inactive.
        resume: the hash of the token that was shown, or "".
        auth: what the peer has to prove.
        most_sessions: the most sessions of a registered name.
        mail_ms: milliseconds that private messages are kept.
    """
    touched = [keys.users, keys.alive(user.session), keys.held(gateway)]
    touched += [keys.user_log(user.folded), keys.accounts, keys.users_epoch]
    return (
        "user_claim",
        touched,
        user.folded,
        user.session,
        _without_beginning(user),
        ago_ms,
        idle.here,
        keys.users,
        resume,
        RUN_ID,
        auth.mode,
        auth.hash,
        user.origin,
        msgspec.json.encode(user.began),
        msgspec.json.encode(user.rooms),
        user.account,
        most_sessions,
        mail_ms,
        idle.away,
    )


def _without_beginning(user: Registration) -> bytes:
    """The record without the fields that the script writes itself, and without its first brace."""
    fields = msgspec.to_builtins(user)
    for name in ("v", "origin", "began", "rooms", "account"):
        fields.pop(name, None)
    return msgspec.json.encode(fields)[1:]


def user_release(
    keys: Keys, gateway: str, users: list[Registration], *, kept_ms: int, mail_ms: int
) -> Call:
    """Release names.

    Args:
        keys: the chat's keys.
        gateway: the gateway that holds them.
        users: their records.
        kept_ms: milliseconds in which they can resume; 0 if they left for good.
        mail_ms: milliseconds that private messages of a registered name are kept.
    """
    touched = [keys.users, keys.held(gateway), keys.accounts]
    each = [part for user in users for part in (user.folded, user.session, user.mail)]
    return ("user_release", touched, keys.users, kept_ms, mail_ms, *each)


MOST_NAMES = 10
"""The most further names of an account."""


def account_put(
    keys: Keys,
    name: str,
    action: Literal["add", "change"],
    *,
    hash: str,
    text: str,
    owner: str = "",
    asks: Registration | None = None,
) -> Call:
    """Register a name, or change the password of an account.

    Args:
        keys: the chat's keys.
        name: as it is shown.
        action: "add" or "change".
        hash: of the password; "" with ``owner``.
        text: for the people whose sessions end.
        owner: the folded name of the account that the name belongs to; "" if it is its own.
        asks: the session that asks for it, and goes on; None for an operator.
    """
    return (
        "account_put",
        [keys.accounts, keys.users],
        fold(name),
        action,
        name,
        hash,
        text,
        keys.users,
        owner,
        asks.session if asks else "",
        asks.folded if asks else "",
        MOST_NAMES,
    )


def room_publish(
    keys: Keys,
    room: str,
    version: str,
    messages: list[Outgoing],
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
        known: the last id of the room's log that the caller knows.
        history: roughly how many messages the log keeps.
        kept_ms: milliseconds that seqs are kept, and messages of a room that has ended.
        until_ms: when the gateway's lease ends, milliseconds since 1970; None without a lease.
    """
    touched = [keys.room_log(room), keys.room_epoch(room)]
    touched += [keys.room_meta(room), keys.room_clock(room)]
    parts: list[str | bytes] = []
    for message in messages:
        if message.account or message.slow or message.seq is None:
            parts += (_head(message), message.body)
        else:
            parts += (f"{message.origin} {message.seq}", message.body)
    return (
        "room_publish",
        touched,
        history,
        RUN_ID,
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


def _head(message: Outgoing) -> str:
    if message.seq is None and not message.slow:
        return f"@{message.account}" if message.account else message.origin or "*"
    author = f"@{message.account} " if message.account else ""
    seq = "-" if message.seq is None else message.seq
    slow = f" {message.name} {message.slow * 1000}" if message.slow else ""
    return f"{author}{message.origin} {seq}{slow}"


def room_erase(
    keys: Keys,
    room: str,
    version: str,
    ids: list[str],
    by: str,
    *,
    author: str = "",
    within_ms: int | None = None,
    everything: bool = False,
    known: bytes,
    history: int,
) -> Call:
    """Delete messages of a room.

    Args:
        keys: the chat's keys.
        room: the room.
        version: see `gateway.backplane.contract.Messages.erase`.
        ids: see there.
        by: see there.
        author: see there.
        within_ms: milliseconds that the messages may be old; None for any.
        everything: delete all messages of the log.
        known: the last id of the room's log that the caller knows.
        history: roughly how many messages the log keeps.
    """
    return (
        "room_erase",
        _log_keys(keys, room),
        history,
        RUN_ID,
        known,
        keys.room_channel(room),
        version,
        author,
        "" if within_ms is None else within_ms,
        encode_body(Deleted(room=room, by=by)),
        "1" if everything else "",
        *ids,
    )


def room_react(
    keys: Keys,
    room: str,
    version: str,
    reaction: Reacted,
    person: str,
    *,
    known: bytes,
    history: int,
) -> Call:
    """React to a message of a room; the arguments are as in `room_erase`."""
    touched = _log_keys(keys, room)
    return (
        "room_react",
        [*touched[:4], touched[5]],
        history,
        RUN_ID,
        known,
        keys.room_channel(room),
        version,
        reaction.target,
        reaction.emoji,
        person,
        reaction.from_,
        "1" if reaction.on else "",
        encode_body(reaction),
    )


def _log_keys(keys: Keys, room: str) -> list[str]:
    return [
        keys.room_log(room),
        keys.room_epoch(room),
        keys.room_meta(room),
        keys.room_clock(room),
        keys.room_front(room),
        keys.room_reactions(room),
    ]


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
    items: list[Move],
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
        RUN_ID,
        known,
        keys.room_channel(room),
        *_ends(room, kept_ms),
        founder.member.account if founder else "",
        founder.member.name if founder else "",
        *(part for each in items for part in _item(room, each)),
    )


def _item(room: str, item: Move) -> tuple[str | bytes, ...]:
    if isinstance(item, Departure):
        left = encode(Left(room=room, name=item.name, code=item.code))
        return ("-", item.folded, item.session, "", left)
    member = item.member
    joined = encode(Joined(room=room, name=member.name, account=member.account))
    if isinstance(item, Rename):
        old, new = item.before.name, member.name
        renamed = encode(Renamed(old, new, room=room, account=member.account))
        lines = renamed + joined + encode(Left(room=room, name=old, code=OutCode.RENAMED))
        record = msgspec.json.encode(member)
        return (f"={item.before.folded}", item.folded, member.session, record, lines)
    sign = "+" if item.told else "~"
    return (sign, item.folded, member.session, msgspec.json.encode(member), joined)


def room_change(
    keys: Keys,
    room: str,
    version: str,
    edits: list[Edit],
    event: bytes,
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
        RUN_ID,
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
