"""Calls of the scripts that more than one of us makes: what each takes, in its order, once."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.backplane.contract import Entry, Outgoing
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration

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
    )


def _without_beginning(user: Registration) -> bytes:
    """The record, for a script that puts the origin, and where it began, in front."""
    fields = msgspec.to_builtins(user)
    del fields["origin"]
    fields.pop("began", None)
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
