"""What a typed line means: a message to send, a request to the gateway, or a text to show.

A line that looks like a command is a command, or is refused. So a typing mistake cannot make a
private message public.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches

from client.display import message_commands, people_commands, room_commands
from client.display.arguments import names_in, seen
from client.display.meaning import Command, Help, Meaning, Reply, Show, mistake
from client.display.room_commands import NOWHERE
from wire.frames import LOBBY, Quit, Send, Who
from wire.mentions import AT, read_mentions
from wire.unseen import is_unseen, shows_nothing, without_blank_end

SLASHES = "/\uff0f\u2044\u2215"
"""The slash, and the characters that some keyboards and word processors use for it."""

_LIKE = re.compile(r"(?P<signs>[^\w\s]{1,4})(?P<word>\w+)(?P<rest>.*)", re.DOTALL)
_LONGEST = 40
"""Only the first characters of a line decide whether it looks like a command."""

_QUOTES = "\"'*_`\u201c\u2018\u00ab\u201e"
"""Signs that begin a quotation or an emphasis."""

_CLOSING = {"\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb", "\u201e": "\u201c"}

_ELSEWHERE = {
    **dict.fromkeys(("exit", "bye", "disconnect", "q"), "quit"),
    **dict.fromkeys(("tell", "w", "whisper", "m", "query", "dm", "pm"), "msg"),
    **dict.fromkeys(("j", "channel", "switch"), "join"),
    **dict.fromkeys(("part", "close"), "leave"),
    **dict.fromkeys(("list", "channels"), "rooms"),
    **dict.fromkeys(("users", "online"), "who"),
    **dict.fromkeys(("members", "people"), "names"),
    **dict.fromkeys(("mode", "modes", "key", "slow"), "set"),
    **dict.fromkeys(("h", "commands", "?"), "help"),
    "kickban": "ban",
    "notice": "msg",
    **dict.fromkeys(("action", "emote"), "me"),
    **dict.fromkeys(("rename", "name"), "nick"),
    **dict.fromkeys(("block", "hide"), "ignore"),
    **dict.fromkeys(("unblock", "show"), "unignore"),
    **dict.fromkeys(("afk", "brb"), "away"),
    **dict.fromkeys(("redact", "remove", "undo"), "delete"),
    "info": "whois",
    "passwd": "password",
}
"""Names of commands in other chats, and what we call them."""

_OTHERWISE = {
    "clear": "Ctrl-L clears the screen",
    **dict.fromkeys(("identify", "login"), "leave the chat, and join it again with your password"),
    "edit": "/delete the message, and say it again",
}
"""Commands in other chats for which we have none, and what to do instead."""

_WORD = re.compile(r"\S*+")


def read(line: str, to: Sequence[str] | None = None, room: str | None = LOBBY) -> Meaning | None:
    """Find out what a typed line means; None if it shows nothing.

    A line that begins with ``//`` is a message that begins with ``/``.

    Args:
        line: as it was typed or pasted; a paste may have several lines.
        to: who gets every message; None if each message says that itself.
        room: the current room of the person; None for none.
    """
    line = without_blank_end(line)
    said = line[_blank(line) :]
    if not said:
        return None
    if any(_command_like(later) for later in said.splitlines()[1:]):
        return _wrong("one of the lines is a command, so nothing was sent: type that line alone")
    if not _is_slash(said[0]):
        like = _command_like(said)
        if like:
            return mistake(f"did you mean /{like}? If not, begin the line with another word")
        return _message(line, to, room)
    if _is_slash(said[1:2]):
        return _message(f"/{said[2:]}", to, room)
    word = _WORD.match(said, 1)
    assert word is not None
    command = COMMANDS.get(_plain(word[0]).rstrip(":,"))
    if command is None:
        return _unknown(_plain(word[0]))
    meaning = command.read(said[word.end() :].strip(), room)
    if to is not None and isinstance(meaning, Send | Reply):
        return _wrong(f"everything goes to {', '.join(to)} only: not sent")
    return meaning


def _message(text: str, to: Sequence[str] | None, room: str | None) -> Meaning | None:
    if shows_nothing(text):
        return None
    if to is not None:
        return Send(text=text, to=list(to))
    if room is not None:
        return Send(text=text, room=room)
    # If none of them is here there is no room that it could go to instead.
    recipients = read_mentions(text).recipients
    return Send(text=text, to=recipients) if recipients else mistake(NOWHERE)


def _msg(arguments: str, _room: str | None) -> Meaning:
    to, text = names_in(arguments)
    if not to or shows_nothing(text):
        return mistake(f"write it like this: {COMMANDS['msg'].usage}")
    return Send(text=text.strip(), to=to)


def _help(arguments: str, _room: str | None) -> Meaning:
    if not arguments:
        return Help()
    word = _plain(arguments.split()[0]).lstrip("/")
    if word in TOPICS:
        return Help(word)
    command = COMMANDS.get(word)
    if command is None:
        return _unknown(word)
    told = f"{command.usage}: {command.told}"
    return Show((told, command.more) if command.more else (told,))


def _command_like(line: str) -> str | None:
    """The command that a line is or looks like, perhaps with a typing mistake; None if none."""
    start = _blank(line)
    found = _LIKE.match(_plain(line[start : start + _LONGEST]))
    if not found or found["word"] not in COMMANDS or found["signs"].startswith("//"):
        return None
    if "/" in found["signs"]:
        return found["word"]
    # "!msg sis hi" and "!who" are mistakes. "(msg me)" and "...who is it?" are texts, and "@who" is
    # a name.
    slip = bool(COMMANDS[found["word"]].arguments) or not found["rest"].strip()
    slip = slip and len(found["signs"]) == 1 and found["signs"] not in AT + "("
    # `"leave me alone", she said` is a text, too. Only with /msg we never take that risk.
    slip = slip and (found["word"] == "msg" or not _quotes(line[start:]))
    return found["word"] if slip else None


def _quotes(text: str) -> bool:
    """Whether a text begins with a quotation or an emphasis."""
    sign = text[0]
    return sign in _QUOTES and _CLOSING.get(sign, sign) in text[1:]


def _blank(line: str) -> int:
    """The number of blank or invisible characters at the beginning of a line."""
    gap = (place for place, char in enumerate(line) if not (char.isspace() or is_unseen(char)))
    return next(gap, len(line))


def _is_slash(char: str) -> bool:
    return char != "" and char in SLASHES


def _plain(text: str) -> str:
    """A text in the form in which commands are compared: visible characters, small letters."""
    text = unicodedata.normalize("NFKC", seen(text)).casefold()
    return "".join("/" if char in SLASHES else char for char in text)


def _unknown(word: str) -> Show:
    if word in _OTHERWISE:
        return _wrong(f"there is no /{word}: {_OTHERWISE[word]}")
    near = _ELSEWHERE.get(word) or next(iter(get_close_matches(word[:_LONGEST], COMMANDS, 1)), None)
    hint = f"did you mean /{near}?" if near else "/help lists the commands"
    return _wrong(f"there is no /{word[:_LONGEST]}: {hint}")


def _wrong(text: str) -> Show:
    return mistake(f"{text} (to begin a message with a slash, type //)")


TALKING = (
    Command("msg", "NAME[,NAME] TEXT", "say it to them only, or not at all", _msg),
    Command("who", "", "who is in the chat", lambda _arguments, _room: Who()),
)

ENDING = (
    Command("help", "[COMMAND]", "show this list, or more about one command", _help),
    Command("quit", "", "leave the chat", lambda _arguments, _room: Quit()),
)

TOPICS = {
    "messages": message_commands.MESSAGES,
    "people": people_commands.PEOPLE,
    "operators": room_commands.MODERATION,
}
"""What ``/help`` only names, and ``/help TOPIC`` describes."""

COMMANDS = {
    command.name: command
    for command in (
        *TALKING,
        *message_commands.COMMANDS.values(),
        *people_commands.COMMANDS.values(),
        *room_commands.COMMANDS.values(),
        *ENDING,
    )
}
