"""What a typed line can mean."""

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
    """Lines for the one who typed; nothing is sent.

    Attributes:
        lines: what to show.
        wrong: whether the line was a mistake, to be corrected rather than typed again.
    """

    lines: tuple[str, ...]
    wrong: bool = False


@dataclass(frozen=True)
class Help:
    """The list of commands is wanted."""


RoomRequest = Join | Leave | ListRooms | ListMembers | AboutRoom | SetTopic | SetModes | Moderate
"""What is asked of a room, or about rooms."""

Meaning = Send | Who | Quit | RoomRequest | Show | Help

Reader = Callable[[str, str | None], Meaning]
"""Finds out what a command means, from what follows it and from the room that one talks in."""


@dataclass(frozen=True)
class Command:
    """One thing that can be typed after a slash.

    Attributes:
        name: the word, without the slash.
        arguments: what follows it, for the help; empty if nothing does.
        help: what it does.
        read: finds out what it means.
        undo: the command that takes it back; empty if there is none.
    """

    name: str
    arguments: str
    help: str
    read: Reader
    undo: str = ""

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()


def mistake(text: str) -> Show:
    """A line was wrong, and this is why."""
    return Show((text,), wrong=True)
