"""Modes of rooms as letters of IRC, and back. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from wire.frames import Modes

FLAGS = {"i": "invite_only", "s": "secret", "m": "read_only"}
"""The modes that are on or off."""

ALWAYS = "nt"
"""Modes that each room has: only members may send to it, only operators set its topic."""

PEOPLE = {"o": ("op", "deop"), "v": ("voice", "devoice"), "b": ("ban", "unban")}
"""The modes that are about a person: what to do, and how to undo it."""

CHANMODES = "beI,k,,imnst"
"""As `ISUPPORT` has it: lists, with a parameter always, with one if it is set, without."""


class Asked(NamedTuple):
    """What a MODE command asks for.

    Attributes:
        lists: letters of lists to show.
        fields: what to change, by the names of `wire.frames.SetModes`.
        people: what to do with people: action, name.
        unknown: letters that no room has.
    """

    lists: list[str]
    fields: dict[str, Any]
    people: list[tuple[str, str]]
    unknown: list[str]


def shown(modes: Modes) -> str:
    """All modes of a room; its key is not shown."""
    letters = [letter for letter, name in FLAGS.items() if getattr(modes, name)]
    return "+" + "".join(sorted([*ALWAYS, *letters, *("k" if modes.key else "")]))


def changes(before: Modes, now: Modes) -> list[str]:
    """What has changed, as the parameters of a MODE line; empty if nothing that IRC shows."""
    added, removed = "", ""
    params: list[str] = []
    for letter, name in FLAGS.items():
        if getattr(now, name) and not getattr(before, name):
            added += letter
        elif getattr(before, name) and not getattr(now, name):
            removed += letter
    if now.key and not before.key:
        added += "k"
        params.append("*")
    elif before.key and not now.key:
        removed += "k"
        params.append("*")
    words = (f"+{added}" if added else "") + (f"-{removed}" if removed else "")
    return [words, *params] if words else []


def parse_modes(words: list[str]) -> Asked:
    """What the parameters of a MODE command ask for, without the channel."""
    asked = Asked([], {}, [], [])
    letters, params, on = words[0] if words else "", words[1:], True
    for letter in letters:
        if letter in "+-":
            on = letter == "+"
        elif letter in FLAGS:
            asked.fields[FLAGS[letter]] = on
        elif letter in ALWAYS:
            continue
        elif letter == "k":
            key = params.pop(0) if params else ""
            if on and not key:
                continue
            asked.fields["key"] = key if on else ""
        elif letter in "beI" and not params:
            asked.lists.append(letter)
        elif letter in PEOPLE:
            if params:
                do, undo = PEOPLE[letter]
                asked.people.append((do if on else undo, person_of(params.pop(0))))
        else:
            asked.unknown.append(letter)
    return asked


def person_of(mask: str) -> str:
    """The person of a mask like ``dana!*@*``: bans of the chat are by name or network."""
    name, _, host = mask.partition("!")
    if name == "*" and "@" in host:
        return host.partition("@")[2]
    return name
