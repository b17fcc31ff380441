"""Completion at the Tab key: commands, names of people, rooms, emoji, and what can be set."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from client.display.arguments import ROOM_SIGNS
from client.display.commands import COMMANDS, TOPICS
from client.display.emoji import EMOJI
from client.display.options import VALUES
from client.display.room_commands import MODERATION, MODES, UNDOING
from client.display.safe_text import clean_name
from client.rooms import Rooms
from wire.mentions import AT

_COMMAND = re.compile(r"/(\w*)$")
_HELP = re.compile(r"/help\s+/?(\w*)$")
_NAME = re.compile(rf"(?<![A-Za-z0-9\\])[{AT}]([^\s{AT}]*)$")
_RECIPIENT = re.compile(rf"^\s*/msg\s+(?:[^\s,]+(?:,\s*|\s+(?=[{AT}])))*[{AT}]?([^\s,]*)$")
_ABOUT_PEOPLE = "|".join(
    command
    for command in (*(each.name for each in (*MODERATION, *UNDOING)), "ignore", "unignore", "whois")
    if command != "set"
)
_PERSON = re.compile(rf"^\s*/(?:{_ABOUT_PEOPLE})\s+[{AT}]?(\S*)$")
_ROOM = re.compile(rf"^\s*/(join|go|leave|names)\s+[{ROOM_SIGNS}]*(\S*)$")
_WITH = re.compile(rf"^\s*/history\s+(?:\d+\s+)?(?:since\s+\S+\s+)?with\s+[{AT}]?(\S*)$")
_EMOJI = re.compile(r"(?<![\w:]):([a-z0-9_+-]+)$")
_SET = re.compile(r"^\s*/set\s+(?:\S+\s+)*(\S*)$")


def _name_before(document: Document) -> re.Match[str] | None:
    """The beginning of a name before the cursor."""
    typed = document.text_before_cursor
    return (
        _PERSON.match(typed) or _WITH.match(typed) or _NAME.search(typed) or _RECIPIENT.match(typed)
    )


class ChatCompleter(Completer):
    """Offers what could stand where the cursor is.

    Args:
        rooms: those that the person is in, and who is there.
        look_around: asks who is in the current room, before the first name is completed.
        look_for_rooms: asks which rooms there are.
    """

    def __init__(
        self,
        rooms: Rooms,
        look_around: Callable[[], Awaitable[None]],
        look_for_rooms: Callable[[], Awaitable[None]],
    ) -> None:
        self._rooms = rooms
        self._look_around = look_around
        self._look_for_rooms = look_for_rooms

    async def get_completions_async(
        self, document: Document, event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """As `get_completions`, after asking who is here or which rooms there are."""
        if _name_before(document) is not None:
            if not self._rooms.names(self._rooms.current).complete:
                await self._look_around()
        elif _ROOM.match(document.text_before_cursor):
            await self._look_for_rooms()
        for completion in self.get_completions(document, event):
            yield completion

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterable[Completion]:
        """What the word before the cursor could become."""
        begun, words = self._fitting(document)
        for word in words:
            yield Completion(f"{word} ", -len(begun), display=clean_name(word))

    def _fitting(self, document: Document) -> tuple[str, list[str]]:
        """The word before the cursor, and what it may become."""
        typed = document.text_before_cursor
        if found := _COMMAND.fullmatch(typed) or _HELP.fullmatch(typed):
            topics = TOPICS if typed.startswith("/help") else ()
            return found[1], _beginning(found[1], (*COMMANDS, *topics))
        if found := _EMOJI.search(typed):
            return f":{found[1]}", [EMOJI[name] for name in _beginning(found[1], EMOJI)]
        if found := _ROOM.match(typed):
            return found[2], _beginning(found[2], self._places(found[1]))
        if found := _name_before(document):
            return found[1], self._rooms.matching(found[1])
        if found := _SET.match(typed):
            return found[1], _settable(typed, found[1])
        return "", []

    def _places(self, command: str) -> list[str]:
        """The rooms to offer for a command: some take only those that the person is in."""
        own = list(self._rooms)
        return (
            own if command in ("leave", "go") else list(dict.fromkeys([*own, *self._rooms.listed]))
        )


def _settable(typed: str, begun: str) -> list[str]:
    """Modes and their values, which follow each other in turn."""
    before = typed.split()[1 : -1 if begun else None]
    if before and before[0].casefold() in VALUES:  # an option stands alone
        return _beginning(begun, VALUES[before[0].casefold()] if len(before) == 1 else ())
    if len(before) % 2 == 0:
        own = () if before else (*VALUES, "options")
        return _beginning(begun, [*(mode for mode in MODES if mode not in before), *own])
    return _beginning(begun, MODES.get(before[-1].casefold(), ()))


def _beginning(begun: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(begun.casefold())]
