"""The list of commands, as /help shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from client.display.commands import ENDING, TALKING, TOPICS
from client.display.meaning import Command
from client.display.room_commands import ROOMS

WIDE = 72
"""The narrowest window, in columns, in which the list is a table."""

_SIGNS = (
    ("hi @sis @mom", "names at the end: only they get it"),
    (r"hi \@sis", r"\@ is a plain at sign, which names nobody"),
    ("//text", "send a message that begins with a slash"),
)


def help_lines(width: int | None, topic: str = "") -> list[str]:
    """The commands, grouped by what they are for.

    Args:
        width: the columns of the window; None if there is no window.
        topic: one of `display.commands.TOPICS`; "" for the commands that people need first, and
            the names of the others.
    """
    if topic:
        return _table([(topic, _told(TOPICS[topic]))], width)
    more = [
        (f"/help {topic}", ", ".join(f"/{command.name}" for command in commands))
        for topic, commands in TOPICS.items()
    ]
    groups = [
        ("talking", [*_SIGNS, *_told(TALKING)]),
        ("rooms", _told(ROOMS)),
        ("the client", _told(ENDING)),
        ("more", more),
    ]
    return _table(groups, width)


def _table(groups: Sequence[tuple[str, list[tuple[str, str]]]], width: int | None) -> list[str]:
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
