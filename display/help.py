"""The list of commands, as /help shows it."""

from __future__ import annotations

from collections.abc import Iterable

from display.commands import ENDING, TALKING
from display.meaning import Command
from display.message_commands import MESSAGES
from display.people_commands import PEOPLE
from display.room_commands import MODERATION, ROOMS

WIDE = 72
"""The narrowest window, in columns, in which the list is a table."""

_SIGNS = (
    ("hi @sis @mom", "names at the end: only they get it"),
    (r"hi \@sis", r"\@ is a plain at sign, which names nobody"),
    ("//text", "send a message that begins with a slash"),
)


def help_lines(width: int | None) -> list[str]:
    """All commands, grouped by what they are for.

    Args:
        width: the columns of the window; None if there is no window.
    """
    groups = (
        ("talking", [*_SIGNS, *_told(TALKING)]),
        ("with messages", _told(MESSAGES)),
        ("with people", _told(PEOPLE)),
        ("rooms", _told(ROOMS)),
        ("for operators of a room", _told(MODERATION)),
        ("the client", _told(ENDING)),
    )
    wide = width is None or width >= WIDE
    column = max(len(typed) for _, lines in groups for typed, _ in lines) if wide else 0
    shown: list[str] = []
    for title, lines in groups:
        shown.append(f"{title}:")
        shown += (
            f"  {typed:{column}}  {meaning}" if wide else f"  {typed}: {meaning}"
            for typed, meaning in lines
        )
    return shown


def _told(commands: Iterable[Command]) -> list[tuple[str, str]]:
    return [(command.usage, command.told) for command in commands]
