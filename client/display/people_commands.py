"""Commands about people and oneself, and what each means with its arguments."""

from __future__ import annotations

from collections.abc import Callable

from client.display.arguments import names_in
from client.display.meaning import Command, Meaning, NeedPassword, Reader, ShowIgnored, mistake
from wire.frames import REASON, Ignore, SetAway, SetBack, SetName, Unignore, Whois


def _away(arguments: str, _room: str | None) -> Meaning:
    reason = " ".join(arguments.split())
    if len(reason) > REASON:
        return mistake(f"the reason is too long: at most {REASON} characters")
    return SetAway(reason=reason)


def _back(arguments: str, _room: str | None) -> Meaning:
    return mistake("nothing may follow /back") if arguments else SetBack()


def _one(usage: str, make: Callable[[str], Meaning]) -> Reader:
    """A reader for ``NAME``."""

    def read(arguments: str, _room: str | None) -> Meaning:
        names, rest = names_in(arguments)
        if len(names) != 1 or rest.strip():
            return mistake(f"write it like this: {usage}")
        return make(names[0])

    return read


def _ignore(arguments: str, room: str | None) -> Meaning:
    if not arguments:
        return ShowIgnored()
    return _one("/ignore NAME", lambda name: Ignore(name=name))(arguments, room)


def _register(arguments: str, _room: str | None) -> Meaning:
    words = arguments.split()
    if len(words) > 1:
        return mistake("type no password here: you are asked for it. /register [NAME]")
    return NeedPassword(change=False, name=words[0] if words else None)


def _password(arguments: str, _room: str | None) -> Meaning:
    if arguments:
        return mistake("type no password here: you are asked for it. Type /password alone")
    return NeedPassword(change=True)


PEOPLE = (
    Command("away", "[REASON]", "say that you are away", _away, undo="back"),
    Command(
        "nick", "NAME", "take another name", _one("/nick NAME", lambda name: SetName(name=name))
    ),
    Command(
        "whois",
        "NAME",
        "what is known about somebody",
        _one("/whois NAME", lambda n: Whois(name=n)),
    ),
    Command("ignore", "[NAME]", "hide what they say, or list the hidden", _ignore, undo="unignore"),
    Command(
        "register",
        "[NAME]",
        "register your name, or another for your account",
        _register,
        more="you are asked for the password. It is not shown, and kept nowhere",
    ),
    Command("password", "", "change the password of your account", _password),
)
"""For the help."""

UNDOING = (
    Command("back", "", "say that you are back", _back),
    Command(
        "unignore",
        "NAME",
        "show what they say again",
        _one("/unignore NAME", lambda name: Unignore(name=name)),
    ),
)

COMMANDS = {command.name: command for command in (*PEOPLE, *UNDOING)}
