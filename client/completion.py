"""Completion of ``@name`` and of ``/commands`` at the Tab key."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from client.names import KnownNames
from display.commands import COMMANDS
from display.safe_text import clean_name
from wire.mentions import AT

_COMMAND = re.compile(r"/(\w*)$")
_NAME = re.compile(rf"(?<![A-Za-z0-9\\])[{AT}]([^\s{AT}]*)$")
_RECIPIENT = re.compile(rf"^\s*/msg\s+(?:[^\s,]+(?:,\s*|\s+(?=[{AT}])))*[{AT}]?([^\s,]*)$")


def _name_before(document: Document) -> re.Match[str] | None:
    """The beginning of a name before the cursor."""
    typed = document.text_before_cursor
    return _NAME.search(typed) or _RECIPIENT.match(typed)


class ChatCompleter(Completer):
    """Offers commands at the beginning of a line, and names after an at sign or ``/msg``.

    Args:
        names: those who are here.
        look: asks who is here, for the first name that is to be completed.
    """

    def __init__(self, names: KnownNames, look: Callable[[], Awaitable[None]]) -> None:
        self._names = names
        self._look = look

    async def get_completions_async(
        self, document: Document, event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """The same, once it is known who is here."""
        if not self._names.complete and _name_before(document) is not None:
            await self._look()
        for completion in self.get_completions(document, event):
            yield completion

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterable[Completion]:
        """What could stand in place of the word before the cursor."""
        typed = document.text_before_cursor
        if found := _COMMAND.fullmatch(typed):
            words = [word for word in COMMANDS if word.startswith(found[1].lower())]
        elif found := _name_before(document):
            words = self._names.matching(found[1])
        else:
            return
        for word in words:
            yield Completion(f"{word} ", -len(found[1]), display=clean_name(word))
