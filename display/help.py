"""The list of what can be typed."""

from __future__ import annotations

from collections.abc import Iterable

from display.commands import ENDING, TALKING
from display.meaning import Command
from display.room_commands import MODERATION, ROOMS

WIDE = 72
"""Columns of a window that has room for two columns of text."""

_SIGNS = (
    ("hi @sis @mom", "names at the end: only they get it"),
    (r"hi \@sis", r"\@ is a plain at sign, and names nobody"),
    ("//text", "say something that begins with a slash"),
)


def help_lines(width: int | None) -> list[str]:
    """All commands, by what they are for.

    Args:
        width: columns of the window; None where there is none.
    """
    groups = (
        ("talking", [*_SIGNS, *_told(TALKING)]),
        ("rooms", _told(ROOMS)),
        ("in a room, for its operators", _told(MODERATION)),
        ("besides", _told(ENDING)),
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
    return [
        (command.usage, command.help + (f"; undo: /{command.undo}" if command.undo else ""))
        for command in commands
    ]
