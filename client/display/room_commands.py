"""Commands about rooms, and what each means with its arguments."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from client.display.arguments import names_in, room_named
from client.display.meaning import Choose, Command, Go, Meaning, Reader, Show, ShowOptions, mistake
from client.display.options import VALUES, read_option
from client.display.spans import read_span
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

EARLIER = 20
"""Earlier messages that somebody who enters a room gets to see, if the room allows that."""

_LONGEST_KEY = 64
_LONGEST_SLOW = 86_400
_TIME = "TIME is like 30m, 2h or 7d. Without it there is no end"
_SWITCHES = ("invite-only", "secret", "read-only")

MODES = {
    **dict.fromkeys(_SWITCHES, ("on", OFF)),
    "slow": ("10s", OFF),
    "key": (OFF,),
    "history": ("all", "joined"),
}
"""The modes of a room, each with values that completion offers."""


def _join(arguments: str, _room: str | None) -> Meaning:
    words = arguments.split()
    if len(words) not in (1, 2):
        return mistake(f"write it like this: {JOIN.usage}")
    room = room_named(words[0])
    if room is None:
        return _no_room(words[0])
    return Join(room=room, key=words[1] if words[1:] else None, history=EARLIER)


def _go(arguments: str, _room: str | None) -> Meaning:
    room = room_named(arguments)
    if room is None:
        return _no_room(arguments) if arguments else mistake("write it like this: /go ROOM")
    return Go(room)


def _leave(arguments: str, current: str | None) -> Meaning:
    room = _room_or(current, arguments)
    return Leave(room=room) if isinstance(room, str) else room


def _names(arguments: str, current: str | None) -> Meaning:
    room = _room_or(current, arguments)
    return ListMembers(room=room) if isinstance(room, str) else room


def _rooms(arguments: str, _room: str | None) -> Meaning:
    return mistake("nothing may follow /rooms") if arguments else ListRooms()


def _topic(arguments: str, room: str | None) -> Meaning:
    if room is None:
        return mistake(NOWHERE)
    topic = _one_line(arguments)
    if not topic:
        return AboutRoom(room=room)
    return SetTopic(room=room, topic="" if topic.casefold() == OFF else topic)


def _set(arguments: str, room: str | None) -> Meaning:
    words = arguments.split()
    if words and (option := words[0].casefold().replace("_", "-")) in VALUES:
        return _choose(option, arguments.strip()[len(words[0]) :].strip())
    if words == ["options"]:
        return ShowOptions()
    if room is None:
        return mistake(NOWHERE)
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


def _choose(option: str, value: str) -> Meaning:
    if not value:
        return mistake(f"{option} needs a value, like: {' or '.join(VALUES[option])}")
    try:
        read_option(option, value)
    except ValueError as error:
        return mistake(str(error))
    return Choose(option, value)


def _mode(word: str) -> str | None:
    plain = re.sub("[-_]", "", word.casefold())
    return next((mode for mode in MODES if mode.replace("-", "") == plain), None)


def _value(mode: str, word: str) -> dict[str, Any] | Show:
    """A mode with its value as a field of the request, or a text about what is wrong with it."""
    value = word.casefold()
    match mode:
        case "key":
            if not 0 < len(word) <= _LONGEST_KEY:
                return mistake(f"key needs one word of at most {_LONGEST_KEY} characters, or off")
            return {"key": "" if value == OFF else word}
        case "slow":
            seconds = 0 if value == OFF else read_span(value)
            if seconds is None or seconds > _LONGEST_SLOW:
                return mistake("slow needs a time, like 10s or 5m, at most 1d; or off")
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
    """A reader for ``NAME``, and for a time and a reason if the action takes them."""

    def read(arguments: str, room: str | None) -> Meaning:
        if room is None:
            return mistake(NOWHERE)
        names, rest = names_in(arguments)
        if len(names) != 1:
            why = "one person at a time" if names else "write it like this"
            return mistake(f"{why}: {COMMANDS[action].usage}")
        rest = _one_line(rest)
        seconds = None
        if lasting:
            seconds, rest = _span_first(rest)
            first = rest.split(" ")[0]
            if seconds is None and first.isdigit():
                return mistake(f"a time needs a unit: {first}s, {first}m, {first}h or {first}d")
        if rest and not reason:
            return mistake(f"nothing may follow the name: {COMMANDS[action].usage}")
        return Moderate(room=room, action=action, name=names[0], reason=rest, seconds=seconds)

    return read


def _span_first(text: str) -> tuple[int | None, str]:
    """The length of time at the beginning of a text, in seconds, and the rest of the text."""
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
        return mistake("one room at a time; its name is one word")
    return room_named(words[0]) or _no_room(words[0])


def _no_room(word: str) -> Show:
    return mistake(f"no room can be called {word[:40]}: use letters and digits, with _ - . inside")


def _no_mode(word: str) -> Show:
    near = get_close_matches(word[:40].casefold(), [*MODES, *VALUES], n=1, cutoff=0.5)
    known = f"the modes are {', '.join(MODES)}; /set options shows your own options"
    hint = f"did you mean {near[0]}?" if near else known
    return mistake(f"there is no mode {word[:40]}: {hint}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


JOIN = Command("join", "ROOM [KEY]", "enter a room, and talk there", _join)

ROOMS = (
    JOIN,
    Command("go", "ROOM", "talk in another of your rooms; so does Alt-1 to Alt-9", _go),
    Command("leave", "[ROOM]", "leave a room", _leave),
    Command("rooms", "", "list the rooms", _rooms),
    Command("names", "[ROOM]", "list its people: @ operator, + has a voice", _names),
    Command("topic", "[TEXT]", "show or set the topic; `off` removes it", _topic),
)
"""For everyone."""

MODERATION = (
    Command("invite", "NAME", "let them join", _moderate("invite"), undo="uninvite"),
    Command("kick", "NAME [REASON]", "put them out", _moderate("kick", reason=True)),
    Command(
        "ban",
        "NAME [TIME] [REASON]",
        "put them out and keep them out",
        _moderate("ban", lasting=True, reason=True),
        undo="unban",
        more=_TIME,
    ),
    Command(
        "mute",
        "NAME [TIME] [REASON]",
        "let them read, but not send",
        _moderate("mute", lasting=True, reason=True),
        undo="unmute",
        more=_TIME,
    ),
    Command(
        "voice",
        "NAME",
        "let them send when read-only",
        _moderate("voice"),
        undo="devoice",
    ),
    Command("op", "NAME", "make them an operator", _moderate("op"), undo="deop"),
    Command(
        "set",
        "[NAME VALUE]",
        "change modes of the room, or your own options",
        _set,
        more=f"the modes are {', '.join(MODES)}. For example: /set slow 10s, /set key off. "
        f"Your own options are {', '.join(VALUES)}. For example: /set bell off. "
        "/set options shows them",
    ),
)
"""For operators of a room."""

UNDOING = (
    Command("uninvite", "NAME", "take back an invitation", _moderate("uninvite")),
    Command("unban", "NAME", "let them join again", _moderate("unban")),
    Command("unmute", "NAME", "let them send again", _moderate("unmute")),
    Command("devoice", "NAME", "take back their voice", _moderate("devoice")),
    Command("deop", "NAME", "make them an ordinary member", _moderate("deop")),
)
"""For operators too. The help shows each beside the command that it undoes."""

COMMANDS = {command.name: command for command in (*ROOMS, *MODERATION, *UNDOING)}
