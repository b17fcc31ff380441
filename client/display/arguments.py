"""What follows a command: names of people, and the name of a room."""

from __future__ import annotations

import re

from wire.mentions import AT, SEPARATORS
from wire.names import NEVER_LAST, fold, in_names, may_be_held
from wire.unseen import is_unseen

ROOM_SIGNS = "#\uff03\ufe5f"
"""Signs that may stand in front of a room's name: ``#``, also as Asian keyboards have it."""

_LONGEST_ROOM = 200
"""The longest name of a room that we read, in characters; gateways allow fewer."""

# Names are found by the kinds of characters: `n`ame, un`~`seen, at sign, separator, blank.
_NAME = re.compile("n[n~]*+")
_NAMES = re.compile(r"[ ~,]*+@*+~*+n[n~]*+(?:(?:[ ~]*+,[ ~,]*+@*+|[ ~]*+@++)~*+n[n~]*+)*+:?")


def names_in(text: str) -> tuple[list[str], str]:
    """The names at the beginning of a text, and the rest of it.

    Between two names stands an at sign, a comma, or another sign that joins them.
    """
    kinds = "".join(map(_kind, text))
    found = _NAMES.match(kinds)
    if not found:
        return [], text
    spans = [name.span() for name in _NAME.finditer(kinds, 0, found.end())]
    names = [seen(text[slice(*span)]).rstrip("".join(NEVER_LAST)) for span in spans]
    return [name for name in names if name], text[found.end() :]


def room_named(word: str) -> str | None:
    """The folded name of the room that a word means; None if no room can have this name.

    ``#Dev`` and ``dev`` are the same room.
    """
    name = seen(word).lstrip(ROOM_SIGNS).rstrip(":,")
    if not may_be_held(name, _LONGEST_ROOM):
        return None
    return fold(name)


def seen(text: str) -> str:
    """A text without its invisible characters."""
    return "".join(char for char in text if not is_unseen(char))


def _kind(char: str) -> str:
    if char in AT:
        return "@"
    if is_unseen(char):
        return "~"
    if in_names(char):
        return "n"
    if char.isspace():
        return " "
    return "," if char in SEPARATORS else ":" if char in ":\uff1a" else "."
