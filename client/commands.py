"""What a typed line means: a message to send, a question to the gateway, or a text to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from wire.frames import Quit, Send, Who


@dataclass(frozen=True)
class Show:
    """Lines for the one who typed; nothing is sent.

    Attributes:
        lines: what to show.
        wrong: whether the line was a mistake, to be corrected rather than typed again.
    """

    lines: tuple[str, ...]
    wrong: bool = False


Meaning = Send | Who | Quit | Show


@dataclass(frozen=True)
class Command:
    """One thing that can be typed after a slash.

    Attributes:
        name: the word, without the slash.
        arguments: what follows it, for the help; empty if nothing does.
        help: what it does.
        read: finds out what it means with the given arguments.
    """

    name: str
    arguments: str
    help: str
    read: Callable[[str], Meaning]

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()


def read(line: str) -> Meaning | None:
    """Find out what a typed line means; None if it is blank.

    A line that begins with ``//`` is a message that begins with ``/``.
    """
    if not line.strip():
        return None
    if not line.startswith("/"):
        return Send(text=line)
    if line.startswith("//"):
        return Send(text=line[1:])
    word, _, arguments = line[1:].partition(" ")
    command = COMMANDS.get(word.rstrip().lower())
    return command.read(arguments.strip()) if command else _unknown(word.split("\n")[0])


def _msg(arguments: str) -> Meaning:
    names, _, text = arguments.partition(" ")
    to = [name for word in names.split(",") if (name := word.strip().removeprefix("@"))]
    if not to or not text.strip():
        return Show((f"to whom, and what? {COMMANDS['msg'].usage}",), wrong=True)
    return Send(text=text.strip(), to=to)


def _help(_arguments: str) -> Meaning:
    width = max(len(command.usage) for command in COMMANDS.values())
    lines = [f"{command.usage:{width}}  {command.help}" for command in COMMANDS.values()]
    ends = [
        ("hi @sis @mom", "names at the end: only they get it"),
        ("//text", "say something that begins with a slash"),
    ]
    return Show((*lines, *(f"{typed:{width}}  {meaning}" for typed, meaning in ends)))


def _unknown(word: str) -> Show:
    near = get_close_matches(word.lower(), COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean /{near[0]}?" if near else "/help lists what there is"
    return Show((f"there is no /{word}: {hint} (// begins a message with a slash)",), wrong=True)


COMMANDS = {
    command.name: command
    for command in (
        Command("msg", "NAME[,NAME] TEXT", "say it to them only, or not at all", _msg),
        Command("who", "", "who is here", lambda _: Who()),
        Command("help", "", "this", _help),
        Command("quit", "", "leave", lambda _: Quit()),
    )
}
