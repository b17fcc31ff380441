"""Turns what the gateway tells about rooms into lines of text. Pure, like `display.render`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from client.display.rows import INDENT, MOST_ROWS, rows, width_of
from client.display.safe_text import clean_name, clean_text
from client.display.spans import shown_span
from client.display.view import View, info
from wire.frames import (
    OPERATOR,
    Changed,
    Entered,
    Modes,
    Out,
    Role,
    Room,
    RoomInfo,
    RoomMember,
    Sanctioned,
)
from wire.reasons import OutCode

_SIGNS: dict[Role, str] = {"operator": "@", "voice": "+", "": ""}
_RANKS: dict[Role, int] = {"operator": 0, "voice": 1, "": 2}

_GAP = 2
"""Blank columns between two names."""

MOST_NAMED = 20
"""People in a room who are named when somebody comes in; if there are more, only how many."""

_ACTIONS = {
    "kick": "{by} kicked {name} out of {room}",
    "ban": "{by} banned {name} from {room}",
    "unban": "{by} let {name} into {room} again",
    "mute": "{by} muted {name} in {room}",
    "unmute": "{by} let {name} talk in {room} again",
    "invite": "{by} invited {name} to {room}",
    "uninvite": "{by} took the invitation to {room} back from {name}",
    "op": "{by} made {name} an operator of {room}",
    "deop": "{by} took the operator rights in {room} from {name}",
    "voice": "{by} gave {name} a voice in {room}",
    "devoice": "{by} took the voice in {room} from {name}",
}

_KEY = "needs a key"
_SLOW = "one message per"
_HISTORY = "newcomers see new messages only"
_OPPOSITES = {_KEY: "needs no key", _HISTORY: "newcomers see earlier messages"}


def shown_room(room: str) -> str:
    """A room's name as people see it."""
    return f"#{clean_name(room)}"


def entered(event: Entered, view: View) -> list[str]:
    """A line about entering a room: ``· you are in #dev (3 people, invite-only): bees``."""
    about = [_people(event.people), *modes(event.modes)]
    if event.role:
        about.append("you are an operator" if event.role == "operator" else "you have a voice")
    topic = f": {_line(event.topic)}" if event.topic else ""
    return info(f"you are in {shown_room(event.room)} ({', '.join(about)}){topic}", view)


def out(event: Out, view: View) -> list[str]:
    """A line about being out of a room, and why."""
    if event.code == OutCode.LEFT:
        return info(f"you left {shown_room(event.room)}", view)
    return info(_line(event.text), view)


def changed(event: Changed, view: View, before: Modes | None = None) -> list[str]:
    """A line about a change: ``· mom kicked sis out of #dev: spam``.

    Args:
        event: what was changed.
        view: who looks at it, and how.
        before: the modes of the room before the change, if they are known.
    """
    by, room = _actor(event.by, view), shown_room(event.room)
    match event.change:
        case "topic" if event.topic:
            return info(f"{by} changed the topic of {room}: {_line(event.topic)}", view)
        case "topic":
            return info(f"{by} removed the topic of {room}", view)
        case "modes":
            return info(f"{by} {_modes_changed(room, event.modes or Modes(), before)}", view)
        case action:
            # Members are not told which network is banned.
            name = "a network" if event.name is None else _actor(event.name, view)
            text = _ACTIONS[action].format(by=by, name=name, room=room)
    until = "" if event.until is None else f" until {_moment(event.until, view)}"
    reason = f": {_line(event.reason)}" if event.reason else ""
    return info(f"{text}{until}{reason}", view)


def room_list(found: Sequence[Room], view: View) -> list[str]:
    """A table of rooms, the fullest first; ``*`` marks the rooms that we are in."""
    title = f"· {len(found)} room{'s' * (len(found) != 1)}{':' if found else ''}"
    shown = sorted(found, key=lambda room: (-room.people, room.room))
    if view.width is not None:
        shown = shown[:MOST_ROWS]
    names = [shown_room(room.room) for room in shown]
    width = max(map(width_of, names), default=0)
    count = max((len(str(room.people)) for room in shown), default=0)
    lines = [title]
    for room, name in zip(shown, names, strict=True):
        held = modes(room.modes)
        about = [_line(room.topic)] if room.topic else []
        about += [f"({', '.join(held)})"] if held else []
        mark = "*" if room.joined else " "
        row = f"{mark} {_padded(name, width)}  {room.people:{count}}  {' '.join(about)}"
        lines.append(f" {row}".rstrip())
    return _listed(lines, len(found) - len(shown), "rooms", view)


def members(room: str, found: Sequence[RoomMember], view: View) -> list[str]:
    """The members of a room in columns: operators with ``@``, voices with ``+``, the others."""
    found = sorted(found, key=lambda member: (_RANKS[member.role], member.name.casefold()))
    names = [f"{_SIGNS[member.role]}{_member(member, view)}" for member in found]
    title = f"{len(names)} in {shown_room(room)}"
    if view.width is None or not names:
        return info(f"{title}: {', '.join(names)}" if names else title, view)
    column = max(map(width_of, names)) + _GAP
    across = max(1, (view.width - _GAP) // column)
    shown = names[: MOST_ROWS * across]
    lines = [f"· {title}:", *_in_columns(shown, column, across)]
    return _listed(lines, len(names) - len(shown), "people", view)


def here(found: Sequence[RoomMember], view: View) -> list[str]:
    """Who is in the current room, in a line; only how many if they are many."""
    if len(found) > MOST_NAMED:
        return info(f"{len(found):,} here", view)
    names = ", ".join(sorted((_member(each, view) for each in found), key=str.casefold))
    return info(f"{len(found)} here: {names}", view)


def _listed(lines: Sequence[str], left_out: int, what: str, view: View) -> list[str]:
    if left_out:
        lines = [*lines, f"{INDENT}… {left_out:,} more {what}"]
    return [row for line in lines for row in rows([view.style.info(line)], view.width)]


def room_info(found: RoomInfo, view: View) -> list[str]:
    """Topic, modes and people of a room, as far as the gateway tells them to us."""
    held = modes(found.modes)
    lines = [f"{shown_room(found.room)}: {_people(found.people)}"]
    lines.append(_topic(found, view))
    lines.append(f"modes: {', '.join(held) if held else 'none'}")
    for title, names in (
        ("operators", found.operators),
        ("voices", found.voices),
        ("invited", found.invited),
    ):
        if names:
            lines.append(f"{title}: {', '.join(map(clean_name, names))}")
    if found.key:
        lines.append(f"key: {clean_name(found.key)}")
    for title, sanctions in (("banned", found.bans), ("muted", found.muted)):
        lines += [f"{title}: {_sanction(sanction, view)}" for sanction in sanctions]
    return [row for line in lines for row in info(line, view)]


def modes(held: Modes) -> list[str]:
    """Modes in words; nothing for a mode that is off."""
    found = {
        "invite-only": held.invite_only,
        "secret": held.secret,
        "read-only": held.read_only,
        _KEY: held.key,
        f"{_SLOW} {shown_span(held.slow)}": held.slow > 0,
        _HISTORY: held.history == "joined",
    }
    return [words for words, holds in found.items() if holds]


def _no_longer(words: str) -> str:
    """What holds now that a mode, in these words, was switched off."""
    if words.startswith(_SLOW):
        return "no longer slow"
    return _OPPOSITES.get(words, f"no longer {words}")


def _modes_changed(room: str, now: Modes, before: Modes | None) -> str:
    held = modes(now)
    if before is None:
        return f"changed {room}: {', '.join(held) if held else 'all modes are off'}"
    old = modes(before)
    new = [words for words in held if words not in old]
    gone = [words for words in old if words not in held]
    if new and not gone and all(" " not in words for words in new):
        return f"made {room} {' and '.join(new)}"
    # Slow mode has only changed if it goes on with another length.
    gone = [words for words in gone if not (words.startswith(_SLOW) and now.slow)]
    if not new and not gone:
        return f"set a new key for {room}" if now.key else f"left {room} as it was"
    return f"changed {room}: {', '.join([*new, *map(_no_longer, gone)])}"


def _topic(found: RoomInfo, view: View) -> str:
    if not found.topic:
        return "topic: none"
    by = [_actor(found.topic_by, view)] if found.topic_by else []
    at = [_moment(found.topic_at, view)] if found.topic_at else []
    said = f" ({', '.join(by + at)})" if by or at else ""
    return f"topic: {_line(found.topic)}{said}"


def _sanction(found: Sanctioned, view: View) -> str:
    until = "for good" if found.until is None else f"until {_moment(found.until, view)}"
    by = f", by {_actor(found.by, view)}" if found.by else ""
    reason = f": {_line(found.reason)}" if found.reason else ""
    return f"{clean_name(found.name)} ({until}{by}){reason}"


def _actor(name: str, view: View) -> str:
    if name == OPERATOR:
        return "an operator of the chat"
    return "you" if view.is_me(name) else clean_name(name)


def _member(member: RoomMember, view: View) -> str:
    return clean_name(member.name) + (" (you)" if view.is_me(member.name) else "")


def _in_columns(names: Sequence[str], column: int, across: int) -> list[str]:
    """Names in columns, from top to bottom and then to the right."""
    down = -(-len(names) // across)
    lines = (names[row::down] for row in range(down))
    return [
        (" " * _GAP + "".join(_padded(name, column) for name in line)).rstrip() for line in lines
    ]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def _people(count: int) -> str:
    return "only you" if count == 1 else f"{count} people"


def _moment(milliseconds: int, view: View) -> str:
    try:
        at = datetime.fromtimestamp(milliseconds // 1000, view.now.tzinfo or UTC)
    except (OverflowError, ValueError, OSError):
        return "a time that no calendar has"
    clock = at.strftime("%H:%M")
    return clock if at.date() == view.now.date() else f"{at.date().isoformat()} {clock}"


def _line(text: str) -> str:
    """A short text such as a topic or a reason, as one line."""
    return " ".join(clean_text(text).split())
