"""Commands about rooms: what each means with what was typed behind it."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from display.arguments import names_in, room_named
from display.meaning import Command, Meaning, Reader, Show, mistake
from display.spans import read_span
from wire.frames import (
    AboutRoom,
    Action,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    Moderate,
    SetModes,
    SetTopic,
)

NOWHERE = "you are in no room: /rooms lists them, /join ROOM enters one"

OFF = "off"

_LONGEST_KEY = 64
_LONGEST_SLOW = 86_400
_SWITCHES = ("invite-only", "secret", "read-only")

MODES = {
    **dict.fromkeys(_SWITCHES, ("on", OFF)),
    "slow": ("10s", OFF),
    "key": (OFF,),
    "history": ("all", "joined"),
}
"""What can be set in a room, and values to offer for it."""


def _join(arguments: str, _room: str | None) -> Meaning:
    words = arguments.split()
    if len(words) not in (1, 2):
        return mistake(f"which room? {JOIN.usage}")
    room = room_named(words[0])
    if room is None:
        return _no_room(words[0])
    return Join(room=room, key=words[1] if words[1:] else None)


def _leave(arguments: str, current: str | None) -> Meaning:
    room = _room_or(current, arguments)
    return Leave(room=room) if isinstance(room, str) else room


def _names(arguments: str, current: str | None) -> Meaning:
    room = _room_or(current, arguments)
    return ListMembers(room=room) if isinstance(room, str) else room


def _rooms(arguments: str, _room: str | None) -> Meaning:
    return mistake("/rooms takes nothing behind it") if arguments else ListRooms()


def _topic(arguments: str, room: str | None) -> Meaning:
    if room is None:
        return mistake(NOWHERE)
    topic = _one_line(arguments)
    if not topic:
        return AboutRoom(room=room)
    return SetTopic(room=room, topic="" if topic.casefold() == OFF else topic)


def _set(arguments: str, room: str | None) -> Meaning:
    if room is None:
        return mistake(NOWHERE)
    words = arguments.split()
    if not words:
        return AboutRoom(room=room)
    fields: dict[str, Any] = {}
    for place in range(0, len(words), 2):
        mode = _mode(words[place])
        if mode is None:
            return _no_mode(words[place])
        if mode in fields:
            return mistake(f"{mode} is there twice")
        found = _value(mode, words[place + 1] if words[place + 1 :] else "")
        if isinstance(found, Show):
            return found
        fields |= found
    return SetModes(room=room, **fields)


def _mode(word: str) -> str | None:
    plain = re.sub("[-_]", "", word.casefold())
    return next((mode for mode in MODES if mode.replace("-", "") == plain), None)


def _value(mode: str, word: str) -> dict[str, Any] | Show:
    """The field of a request that a mode with this value is, or why there is none."""
    value = word.casefold()
    match mode:
        case "key":
            if not 0 < len(word) <= _LONGEST_KEY:
                return mistake(f"which key? One word of at most {_LONGEST_KEY} characters, or off")
            return {"key": "" if value == OFF else word}
        case "slow":
            seconds = 0 if value == OFF else read_span(value)
            if seconds is None or seconds > _LONGEST_SLOW:
                return mistake("how slow? slow 10s, slow 5m, at most slow 1d; or slow off")
            return {"slow": seconds}
        case "history":
            if value not in MODES[mode]:
                return mistake("history all, or history joined?")
            return {"history": value}
        case _:
            if value not in MODES[mode]:
                return mistake(f"{mode} on, or {mode} off?")
            return {mode.replace("-", "_"): value == "on"}


def _moderate(action: Action, *, lasting: bool = False, reason: bool = False) -> Reader:
    """A reader of ``NAME``, of how long it lasts, and of why, as far as the action has them."""

    def read(arguments: str, room: str | None) -> Meaning:
        if room is None:
            return mistake(NOWHERE)
        names, rest = names_in(arguments)
        if len(names) != 1:
            return mistake(f"{'one at a time' if names else 'whom'}? {COMMANDS[action].usage}")
        rest = _one_line(rest)
        seconds = None
        if lasting:
            seconds, rest = _span_first(rest)
            first = rest.split(" ")[0]
            if seconds is None and first.isdigit():
                return mistake(f"for how long? {first}s, {first}m, {first}h or {first}d")
        if rest and not reason:
            return mistake(f"nothing goes behind that: {COMMANDS[action].usage}")
        return Moderate(room=room, action=action, name=names[0], reason=rest, seconds=seconds)

    return read


def _span_first(text: str) -> tuple[int | None, str]:
    """The length of time that a text begins with, in seconds, and the rest."""
    words = text.split(" ")
    for count in (1, 2):
        seconds = read_span("".join(words[:count]))
        if seconds is not None:
            return seconds, " ".join(words[count:])
    return None, text


def _room_or(current: str | None, arguments: str) -> str | Show:
    words = arguments.split()
    if not words:
        return mistake(NOWHERE) if current is None else current
    if len(words) > 1:
        return mistake("one room at a time: its name is one word")
    return room_named(words[0]) or _no_room(words[0])


def _no_room(word: str) -> Show:
    return mistake(f"no room can be called {word[:40]}: letters, digits, and _ - . between them")


def _no_mode(word: str) -> Show:
    near = get_close_matches(word[:40].casefold(), MODES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(MODES)}"
    return mistake(f"there is no {word[:40]} to set: {hint}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


JOIN = Command("join", "ROOM [KEY]", "enter a room, or talk in one that you are in", _join)

ROOMS = (
    JOIN,
    Command("leave", "[ROOM]", "leave it", _leave),
    Command("rooms", "", "which rooms there are", _rooms),
    Command("names", "[ROOM]", "who is in it: @ may change it, + has a voice", _names),
    Command("topic", "[TEXT]", "what it is about; `off` for nothing", _topic),
)
"""For everyone."""

MODERATION = (
    Command("invite", "NAME", "let them in", _moderate("invite"), undo="uninvite"),
    Command("kick", "NAME [REASON]", "put them out", _moderate("kick", reason=True)),
    Command(
        "ban",
        "NAME [TIME] [REASON]",
        "put them out and keep them out",
        _moderate("ban", lasting=True, reason=True),
        undo="unban",
    ),
    Command(
        "mute",
        "NAME [TIME] [REASON]",
        "let them read, but not talk",
        _moderate("mute", lasting=True, reason=True),
        undo="unmute",
    ),
    Command(
        "voice",
        "NAME",
        "let them talk if it is read-only",
        _moderate("voice"),
        undo="devoice",
    ),
    Command("op", "NAME", "let them change the room, too", _moderate("op"), undo="deop"),
    Command("set", "[MODE VALUE]", "say what holds there; without a mode, see it", _set),
)
"""For operators of a room."""

UNDOING = (
    Command("uninvite", "NAME", "take an invitation back", _moderate("uninvite")),
    Command("unban", "NAME", "let them in again", _moderate("unban")),
    Command("unmute", "NAME", "let them talk again", _moderate("unmute")),
    Command("devoice", "NAME", "take their voice back", _moderate("devoice")),
    Command("deop", "NAME", "let them change the room no more", _moderate("deop")),
)
"""For them too; the help tells of each beside what it undoes."""

COMMANDS = {command.name: command for command in (*ROOMS, *MODERATION, *UNDOING)}
