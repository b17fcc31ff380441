"""The things that a typed line can mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wire.frames import (
    AboutRoom,
    Ignore,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    Moderate,
    Quit,
    ReadHistory,
    Send,
    SetAway,
    SetBack,
    SetModes,
    SetName,
    SetTopic,
    Unignore,
    Who,
    Whois,
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
    """The person wants the list of commands.

    Attributes:
        topic: only those about this, one of `display.commands.TOPICS`; "" for the overview.
    """

    topic: str = ""


@dataclass(frozen=True)
class Go:
    """The person wants to talk in a room that they are in."""

    room: str


@dataclass(frozen=True)
class Which:
    """A message that was shown, as a person says which one.

    Attributes:
        by: whose it is; "" for anybody's.
        back: 1 for the last one, 2 for the one before, and so on.
    """

    by: str = ""
    back: int = 1


@dataclass(frozen=True)
class Reply:
    """Answer a message that was shown."""

    which: Which
    text: str


@dataclass(frozen=True)
class Remove:
    """Delete a message that was shown: the person's own, unless it says whose."""

    which: Which


@dataclass(frozen=True)
class Respond:
    """React to a message that was shown, or take the reaction back."""

    which: Which
    emoji: str
    on: bool


@dataclass(frozen=True)
class NeedPassword:
    """The person wants something that needs a password, which must be typed hidden.

    Attributes:
        change: change the password; otherwise register a name.
        name: the further name to register; None for the person's own.
    """

    change: bool
    name: str | None = None


@dataclass(frozen=True)
class ShowIgnored:
    """The person wants to see the names of the people that they ignore."""


@dataclass(frozen=True)
class Choose:
    """The person wants another value for an option of the client.

    Attributes:
        option: its name, one of `display.options.VALUES`.
        value: as it was typed.
    """

    option: str
    value: str


@dataclass(frozen=True)
class ShowOptions:
    """The person wants to see the options of the client."""


@dataclass(frozen=True)
class LookBack:
    """The person wants to see what was said since a time.

    Attributes:
        since: the time, as `display.times.moment` reads it.
        request: what else is asked for.
    """

    since: str
    request: ReadHistory


OnMessage = Reply | Remove | Respond
"""What a person does with a message that was shown."""

PeopleRequest = SetAway | SetBack | SetName | Ignore | Unignore | Whois
"""Requests about people."""

RoomRequest = Join | Leave | ListRooms | ListMembers | AboutRoom | SetTopic | SetModes | Moderate
"""Requests to a room, or about rooms."""

Meaning = (
    Send
    | Who
    | Quit
    | RoomRequest
    | PeopleRequest
    | ReadHistory
    | LookBack
    | OnMessage
    | NeedPassword
    | ShowIgnored
    | Show
    | Help
    | Go
    | Choose
    | ShowOptions
)

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
