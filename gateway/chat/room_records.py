"""How a room's state is kept in Redis: as text, entry by entry. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeVar, get_args

import msgspec

from gateway.chat.rooms import NEVER, Invitation, RoomState, Sanction
from wire.frames import DEFAULT_MODES, Modes

Part = Literal["meta", "operators", "voices", "bans", "muted", "invited", "kicked"]
"""A part of a room's state: a hash in Redis. ``meta`` holds the topic, the modes and the key."""

PARTS: tuple[Part, ...] = get_args(Part)

MOST_DIGITS = 15
"""Digits of the longest version: a time in milliseconds, which scripts can calculate with."""

_T = TypeVar("_T")

_sanction = msgspec.json.Decoder(Sanction)
_invitation = msgspec.json.Decoder(Invitation)


class Edit(NamedTuple):
    """One change of a room's state.

    Attributes:
        where: the part of the state.
        name: the entry.
        value: its new value; None removes the entry.
    """

    where: Part
    name: str
    value: str | None


def edit_modes(modes: Modes) -> list[Edit]:
    """What has to be written so that a room has these modes; its key is kept apart."""
    values = {
        "invite_only": "1" if modes.invite_only else None,
        "secret": "1" if modes.secret else None,
        "read_only": "1" if modes.read_only else None,
        "slow": str(modes.slow) if modes.slow else None,
        "history": modes.history if modes.history != "all" else None,
    }
    return [Edit("meta", name, value) for name, value in values.items()]


def sanction_text(sanction: Sanction) -> str:
    """A ban or a mute as the value of an entry."""
    return msgspec.json.encode(sanction).decode()


def invitation_text(invitation: Invitation) -> str:
    """An invitation as the value of an entry; a script writes the same."""
    return msgspec.json.encode(invitation).decode()


def state_from(room: str, exists: bool, parts: Mapping[str, Mapping[str, str]]) -> RoomState:
    """Read a room's state. An entry that cannot be read is left out, and costs nothing else.

    Args:
        room: its name, folded.
        exists: whether there is such a room.
        parts: the parts of the state (see `PARTS`); one that is missing is empty.
    """
    meta = parts.get("meta", {})
    key = meta.get("key", "")
    modes = Modes(
        invite_only=meta.get("invite_only") == "1",
        secret=meta.get("secret") == "1",
        read_only=meta.get("read_only") == "1",
        key=bool(key),
        slow=_number(meta.get("slow")),
        history="joined" if meta.get("history") == "joined" else "all",
    )
    return RoomState(
        room=room,
        version=version_from(meta.get("version", NEVER)),
        exists=exists,
        topic=meta.get("topic", ""),
        topic_by=meta.get("topic_by", ""),
        topic_at=_number(meta.get("topic_at")),
        modes=DEFAULT_MODES if modes == DEFAULT_MODES else modes,
        key=key,
        operators=dict(parts.get("operators", {})),
        voices=dict(parts.get("voices", {})),
        bans=_read(parts.get("bans", {}), _sanction.decode),
        muted=_read(parts.get("muted", {}), _sanction.decode),
        invited=_read(parts.get("invited", {}), _invitation.decode),
        kicked=dict(parts.get("kicked", {})),
        deleted=_number(meta.get("deleted")),
    )


def version_from(text: str) -> str:
    """A room's version, as it is kept; `NEVER` if it is damaged. Scripts read it likewise."""
    is_sound = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return text if is_sound else NEVER


def edits_between(old: RoomState, new: RoomState) -> list[Edit]:
    """What has to be written so that a room is as ``new`` says, and not as ``old`` does."""
    edits = []
    before, after = _parts(old), _parts(new)
    for part in PARTS:
        was, is_now = before[part], after[part]
        edits += [Edit(part, name, None) for name in was if name not in is_now]
        edits += [
            Edit(part, name, value) for name, value in is_now.items() if was.get(name) != value
        ]
    return edits


def _parts(state: RoomState) -> dict[Part, dict[str, str]]:
    """The parts that `state_from` reads, without the version."""
    meta = {edit.name: edit.value for edit in edit_modes(state.modes) if edit.value is not None} | {
        name: value
        for name, value in (
            ("topic", state.topic),
            ("topic_by", state.topic_by),
            ("topic_at", str(state.topic_at or "")),
            ("key", state.key),
            ("deleted", str(state.deleted or "")),
        )
        if value
    }
    return {
        "meta": meta,
        "operators": state.operators,
        "voices": state.voices,
        "bans": {key: sanction_text(ban) for key, ban in state.bans.items()},
        "muted": {folded: sanction_text(mute) for folded, mute in state.muted.items()},
        "invited": {folded: invitation_text(each) for folded, each in state.invited.items()},
        "kicked": state.kicked,
    }


def _read(entries: Mapping[str, str], read: Callable[[str], _T]) -> dict[str, _T]:
    found = {}
    for key, text in entries.items():
        try:
            found[key] = read(text)
        except (msgspec.MsgspecError, UnicodeError):
            continue
    return found


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 20 else 0
