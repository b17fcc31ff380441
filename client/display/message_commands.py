"""Commands about messages, and what each means with its arguments."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from client.display.arguments import names_in
from client.display.emoji import named
from client.display.meaning import (
    Command,
    LookBack,
    Meaning,
    Remove,
    Reply,
    Respond,
    Show,
    Which,
    mistake,
)
from client.display.room_commands import NOWHERE
from client.display.times import HOW_TO_WRITE, moment
from wire.frames import EMOJI, HISTORY, ReadHistory, Send
from wire.mentions import AT, read_mentions
from wire.unseen import shows_nothing

LINES = 20
"""Messages that ``/history`` shows if it does not say how many."""

_ANY_TIME = datetime.fromtimestamp(0, UTC)
"""Whether a text is a time does not depend on what time it is."""

_BACK = re.compile(r"-([1-9][0-9]{0,2})(?:\s+|$)")
_WHOSE = re.compile(rf"[{AT}](\S+?)[,:]?(?:\s+|$)")


def _me(arguments: str, room: str | None) -> Meaning:
    if shows_nothing(arguments):
        return mistake(f"write it like this: {ME.usage}")
    if room is not None:
        return Send(text=arguments, room=room, kind="me")
    recipients = read_mentions(arguments).recipients
    return Send(text=arguments, to=recipients, kind="me") if recipients else mistake(NOWHERE)


def _which(arguments: str) -> tuple[Which, str]:
    """Which message is meant, and the rest: ``-2 @sis text``, in any order."""
    back, by = 1, ""
    rest = arguments
    for _ in range(2):
        if found := _BACK.match(rest):
            back, rest = int(found[1]), rest[found.end() :]
        elif not by and (found := _WHOSE.match(rest)):
            by, rest = found[1], rest[found.end() :]
    return Which(by, back), rest.strip()


def _reply(arguments: str, _room: str | None) -> Meaning:
    which, text = _which(arguments)
    if shows_nothing(text):
        return mistake(f"write it like this: {REPLY.usage}")
    return Reply(which, text)


def _delete(arguments: str, _room: str | None) -> Meaning:
    which, rest = _which(arguments)
    if rest:
        return mistake(f"write it like this: {DELETE.usage}")
    return Remove(which)


def _react(arguments: str, _room: str | None) -> Meaning:
    return _respond(arguments, on=True)


def _unreact(arguments: str, _room: str | None) -> Meaning:
    return _respond(arguments, on=False)


def _respond(arguments: str, *, on: bool) -> Meaning:
    which, rest = _which(arguments)
    emoji = named(rest)
    command = REACT if on else UNREACT
    if shows_nothing(emoji) or len(emoji.split()) != 1:
        return mistake(f"write it like this: {command.usage}, for example /react :+1:")
    if len(emoji) > EMOJI:
        return mistake(f"a reaction has at most {EMOJI} characters")
    return Respond(which, emoji, on)


def _history(arguments: str, room: str | None) -> Meaning:
    words = arguments.split()
    limit, since = LINES, None
    if words and words[0].isdecimal():
        limit = int(words.pop(0))
    elif words[:1] == ["since"]:
        limit = HISTORY
    if words[:1] == ["since"]:
        since, words = " ".join(words[1:2]), words[2:]
        try:
            moment(since, _ANY_TIME)
        except ValueError as error:
            return mistake(str(error))
    if not 1 <= limit <= HISTORY:
        return mistake(f"between 1 and {HISTORY} messages at a time")
    if words[:1] == ["with"]:
        names, rest = names_in(" ".join(words[1:]))
        if len(names) != 1 or rest:
            return mistake("with one person: /history with NAME")
        request = ReadHistory(with_=names[0], limit=limit)
        return request if since is None else LookBack(since, request)
    if words:
        return mistake(f"write it like this: {PAST.usage}")
    if room is None:
        return mistake(NOWHERE)
    request = ReadHistory(room=room, limit=limit)
    return request if since is None else LookBack(since, request)


_MORE = (
    "-2 is the last message but one, -3 the one before; @NAME looks at the messages of one person "
    "only. Private messages are found by their sender"
)

ME = Command("me", "TEXT", "say what you do: * sis waves", _me)
REPLY = Command(
    "reply", "[-N] [@NAME] TEXT", "answer the last message of the room", _reply, more=_MORE
)
REACT = Command(
    "react", "[-N] [@NAME] EMOJI", "react to it, like :+1:", _react, undo="unreact", more=_MORE
)
UNREACT = Command("unreact", "[-N] [@NAME] EMOJI", "take a reaction back", _unreact, more=_MORE)
DELETE = Command(
    "delete",
    "[-N] [@NAME]",
    "delete your last message, within an hour",
    _delete,
    more=f"operators of the room can delete any message. {_MORE}",
)
PAST = Command(
    "history",
    "[since TIME] [with NAME]",
    "earlier messages, also with one person",
    _history,
    more=f"a number after the command says how many messages, at most {HISTORY}. For a time "
    f"{HOW_TO_WRITE}",
)

MESSAGES = (ME, REPLY, REACT, DELETE, PAST)
"""Everything one does with messages, for the help."""

COMMANDS = {command.name: command for command in (*MESSAGES, UNREACT)}


def no_such(which: Which, *, own: bool) -> Show:
    """No message that was shown is the one that is meant."""
    whose = f" of {which.by}" if which.by else " of yours" if own else ""
    where = "" if which.back == 1 else f", {which.back} back,"
    return mistake(f"there is no message{whose}{where} that was shown here")
