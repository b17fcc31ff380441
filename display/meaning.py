"""The things that a typed line can mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wire.frames import (
    AboutRoom,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    Moderate,
    Quit,
    Send,
    SetModes,
    SetTopic,
    Who,
)


@dataclass(frozen=True)
class Show:
    """Lines to show to the person; nothing is sent.

    Attributes:
        lines: what to show.
        wrong: whether the typed line was a mistake, so that it should stay to be corrected.
    """

    lines: tuple[str, ...]
    wrong: bool = False


@dataclass(frozen=True)
class Help:
    """The person wants the list of commands."""


RoomRequest = Join | Leave | ListRooms | ListMembers | AboutRoom | SetTopic | SetModes | Moderate
"""Requests to a room, or about rooms."""

Meaning = Send | Who | Quit | RoomRequest | Show | Help

Reader = Callable[[str, str | None], Meaning]
"""Finds out what a command means, from the text after it and from the current room."""


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: the word, without the slash.
        arguments: what follows it, for the help; empty if nothing does.
        help: what it does.
        read: finds out what it means.
        undo: the command that undoes it; empty if no command does.
        more: what only the help for this command alone tells.
    """

    name: str
    arguments: str
    help: str
    read: Reader
    undo: str = ""
    more: str = ""

    @property
    def usage(self) -> str:
        """How to type it."""
        return f"/{self.name} {self.arguments}".rstrip()

    @property
    def told(self) -> str:
        """What it does, and how to undo that."""
        return f"{self.help}; undo: /{self.undo}" if self.undo else self.help


def mistake(text: str) -> Show:
    """The typed line was a mistake, and this is why."""
    return Show((text,), wrong=True)
