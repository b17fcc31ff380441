"""What a typed line means: a message to send, a question to the gateway, or a text to show.

Whatever looks like a command is one, or is refused: no slip may make a private message public.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from wire.frames import Quit, Send, Who
from wire.mentions import AT, SEPARATORS
from wire.names import NEVER_LAST, in_names
from wire.unseen import is_unseen, shows_nothing, without_blank_end

SLASHES = "/\uff0f\u2044\u2215"
"""The slash, and what keyboards and word processors make of it."""

_LIKE = re.compile(r"(?P<signs>[^\w\s]{1,4})(?P<word>\w+)(?P<rest>.*)", re.DOTALL)
_LONGEST = 40
"""Characters of a line that tell whether it looks like a command."""

_WORD = re.compile(r"\S*+")

# The names behind /msg, by the kinds of characters: `n`ame, un`~`seen, at sign, separator, blank.
_NAME = re.compile("n[n~]*+")
_NAMES = re.compile(r"[ ~,]*+@*+~*+n[n~]*+(?:(?:[ ~]*+,[ ~,]*+@*+|[ ~]*+@++)~*+n[n~]*+)*+:?")


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


def read(line: str, to: Sequence[str] | None = None) -> Meaning | None:
    """Find out what a typed line means; None if there is nothing to read in it.

    A line that begins with ``//`` is a message that begins with ``/``.

    Args:
        line: as it was typed or pasted; a paste may hold several lines.
        to: who gets every message; None to read that from each.
    """
    line = without_blank_end(line)
    said = line[_blank(line) :]
    if not said:
        return None
    if any(_command_like(later) for later in said.splitlines()[1:]):
        return _wrong("a line of it is a command: nothing was sent. Say that line alone")
    if not _is_slash(said[0]):
        like = _command_like(said)
        return _wrong(f"did you mean /{like}?") if like else _message(line, to)
    if _is_slash(said[1:2]):
        return _message(f"/{said[2:]}", to)
    word = _WORD.match(said, 1)
    assert word is not None
    command = COMMANDS.get(_plain(word[0]).rstrip(":,"))
    if command is None:
        return _unknown(_plain(word[0]))
    meaning = command.read(said[word.end() :].strip())
    if to is not None and isinstance(meaning, Send):
        return _wrong(f"everything goes to {', '.join(to)} only: not sent")
    return meaning


def names_in(text: str) -> tuple[list[str], str]:
    """The names that a text begins with, and the rest.

    Before each name but the first stands an at sign, or a comma or the like.
    """
    kinds = "".join(map(_kind, text))
    found = _NAMES.match(kinds)
    if not found:
        return [], text
    spans = [name.span() for name in _NAME.finditer(kinds, 0, found.end())]
    names = [_seen(text[slice(*span)]).rstrip("".join(NEVER_LAST)) for span in spans]
    return [name for name in names if name], text[found.end() :]


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


def _message(text: str, to: Sequence[str] | None) -> Send | None:
    if shows_nothing(text):
        return None
    return Send(text=text, to=None if to is None else list(to))


def _msg(arguments: str) -> Meaning:
    to, text = names_in(arguments)
    if not to or shows_nothing(text):
        return Show((f"to whom, and what? {COMMANDS['msg'].usage}",), wrong=True)
    return Send(text=text.strip(), to=to)


def _help(_arguments: str) -> Meaning:
    width = max(len(command.usage) for command in COMMANDS.values())
    lines = [f"{command.usage:{width}}  {command.help}" for command in COMMANDS.values()]
    ends = [
        ("hi @sis @mom", "names at the end: only they get it; elsewhere, everyone does"),
        (r"hi \@sis", r"\@ is a plain at sign, and names nobody"),
        ("//text", "say something that begins with a slash"),
    ]
    return Show((*lines, *(f"{typed:{width}}  {meaning}" for typed, meaning in ends)))


def _command_like(line: str) -> str | None:
    """The name of the command that a line is, or that it looks like with a slip in it."""
    start = _blank(line)
    found = _LIKE.match(_plain(line[start : start + _LONGEST]))
    if not found or found["word"] not in COMMANDS or found["signs"].startswith("//"):
        return None
    if "/" in found["signs"]:
        return found["word"]
    # "!msg sis hi" and "!who" are slips. "(msg me)" and "...who is it?" are texts, "@who" a name.
    slip = bool(COMMANDS[found["word"]].arguments) or not found["rest"].strip()
    slip = slip and len(found["signs"]) == 1 and found["signs"] not in AT + "("
    return found["word"] if slip else None


def _blank(line: str) -> int:
    """How many characters a line begins with that are blank or not seen."""
    gap = (place for place, char in enumerate(line) if not (char.isspace() or is_unseen(char)))
    return next(gap, len(line))


def _is_slash(char: str) -> bool:
    return char != "" and char in SLASHES


def _plain(text: str) -> str:
    """A text as commands are compared: without what is not seen, in common small letters."""
    text = unicodedata.normalize("NFKC", _seen(text)).casefold()
    return "".join("/" if char in SLASHES else char for char in text)


def _seen(text: str) -> str:
    return "".join(char for char in text if not is_unseen(char))


def _unknown(word: str) -> Show:
    near = get_close_matches(word[:_LONGEST], COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean /{near[0]}?" if near else "/help lists what there is"
    return _wrong(f"there is no /{word[:_LONGEST]}: {hint}")


def _wrong(text: str) -> Show:
    return Show((f"{text} (// begins a message with a slash)",), wrong=True)


COMMANDS = {
    command.name: command
    for command in (
        Command("msg", "NAME[,NAME] TEXT", "say it to them only, or not at all", _msg),
        Command("who", "", "who is here", lambda _: Who()),
        Command("help", "", "this", _help),
        Command("quit", "", "leave", lambda _: Quit()),
    )
}
