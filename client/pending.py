"""What was typed and is on its way: shown pale above the prompt, until it is in its place."""

from __future__ import annotations

from collections import deque
from itertools import count

from client.display.rows import fitting
from client.display.safe_text import clean_name
from wire.frames import Msg

MOST_ROWS = 3
"""Rows for messages on their way; of more messages only the number is shown."""

REMEMBERED = 64
"""Own messages that were shown and not yet acknowledged: the answers may come in any order."""


class Pending:
    """The messages of one person that others have not got yet."""

    def __init__(self) -> None:
        self._numbers = count()
        self._texts: dict[int, str] = {}
        self._stored: dict[str, int] = {}
        self._shown: deque[str] = deque(maxlen=REMEMBERED)

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text: str) -> int:
        """A message is on its way. Returns a number for it."""
        number = next(self._numbers)
        self._texts[number] = text
        return number

    def stored(self, number: int, id: str) -> None:
        """The gateway has stored a message. It goes on being pale until it is shown."""
        if not id or id in self._shown:
            self.drop(number)
        else:
            self._stored[id] = number

    def shown(self, message: Msg) -> None:
        """A message of the person is shown in its place."""
        for ref in filter(None, (message.id, message.key)):
            self._shown.append(ref)
            if ref in self._stored:
                self.drop(self._stored.pop(ref))

    def drop(self, number: int) -> None:
        """A message is no longer on its way."""
        self._texts.pop(number, None)

    def forget_stored(self) -> None:
        """The connection is another one: stored messages may never be shown."""
        for number in self._stored.values():
            self.drop(number)
        self._stored.clear()

    def rows(self, columns: int) -> list[str]:
        """The messages on their way, each in a row of at most this many columns."""
        texts = list(self._texts.values())
        rows = [fitting(f"… {clean_name(text)}", columns) for text in texts[:MOST_ROWS]]
        if len(texts) > MOST_ROWS:
            rows[-1] = fitting(f"… {len(texts) - MOST_ROWS + 1} more on their way", columns)
        return rows
