r"""Texts of IRC and of the chat. Pure.

IRC has formatting characters, which the chat refuses, and says ``/me`` with ``\x01ACTION``. The
chat has texts of several lines, which IRC sends as several messages, or as one batch.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from gateway.irc.lines import MAX_REST, split_text

HOST = "chat"
"""Stands for everybody's host: nobody's address is shown."""

USER = "~u"
"""Stands for everybody's user name: it is not checked and would not be kept."""

_FORMATTING = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-Fa-f]{6})?|[\x00-\x08\x0b-\x1f\x7f]"
)
_CTCP = re.compile("\x01([^\x01 ]*) ?([^\x01]*)\x01?")


class Said(NamedTuple):
    """A text of a client.

    Attributes:
        text: without formatting.
        kind: as in `wire.frames.Msg`.
    """

    text: str
    kind: Literal["", "me", "notice"] = ""


def said(command: str, text: str) -> Said | None:
    """What a PRIVMSG or NOTICE says; None if it is a question of program to program (CTCP)."""
    kind: Literal["", "me", "notice"] = "notice" if command == "NOTICE" else ""
    if found := _CTCP.fullmatch(text):
        if found[1].upper() != "ACTION":
            return None
        text, kind = found[2], "me"
    return Said(_FORMATTING.sub("", text), kind)


def source(name: str) -> str:
    """A person as the source of a line."""
    return f"{name}!{USER}@{HOST}"


def spoken(command: str, sender: str, target: str, text: str, kind: str) -> list[str]:
    """The lines, without tags, of a message.

    Args:
        command: PRIVMSG or NOTICE.
        sender: the source.
        target: a channel or a person.
        text: what was said, of one line or several.
        kind: as in `wire.frames.Msg`.
    """
    head = f":{sender} {command} {target} :"
    around = len("\x01ACTION \x01") if kind == "me" else 0
    most = MAX_REST - 2 - len(head.encode()) - around
    pieces = [piece for part in text.split("\n") for piece in split_text(part, most)]
    return [head + (f"\x01ACTION {piece}\x01" if kind == "me" else piece) for piece in pieces]


class Part(NamedTuple):
    """A part of a text that fits into a line of IRC.

    Attributes:
        text: may be empty.
        goes_on: whether it goes on where the part before it ended, in the same line of the text.
    """

    text: str
    goes_on: bool


def parts(text: str, most: int) -> list[Part]:
    """A text in parts. Put together again, they are the text.

    Args:
        text: of one line or several.
        most: the most bytes of a part, at least 5.
    """
    found = []
    for line in text.split("\n"):
        at = 0
        # One byte is left for the space at a cut, which belongs to the part before it.
        for part in [line] if len(line.encode()) <= most else split_text(line, most - 1):
            end = at + len(part)
            end += line[end : end + 1] == " "
            found.append(Part(line[at:end], at > 0))
            at = end
    return found
