"""The lines that a person typed, kept over starts of the client in a file of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import History

MOST_LINES = 1_000
"""Lines that are kept."""

LONGEST = 4_096
"""The longest line that is kept, in characters."""

_SECRET = re.compile(r"\s*/(?:join\s+\S+\s+\S|j\s+\S+\s+\S|set\b.*\bkey\b)", re.IGNORECASE)
"""Commands with the key of a room in them, which is a secret."""

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "r": "\r"}


class TypedHistory(History):
    """What was typed, in a file that only its owner can read. Two clients may share the file.

    If the file cannot be read or written, lines are remembered until the client ends.

    Args:
        path: the file; it is made, with its folder, when there is something to keep.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """The kept lines, the latest first."""
        try:
            with self._path.open(encoding="utf-8", errors="replace", newline="\n") as file:
                kept = file.read().splitlines()
        except OSError:
            return []
        if len(kept) > 2 * MOST_LINES:
            kept = kept[-MOST_LINES:]
            self._replace(kept)
        return [_ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), x) for x in kept[::-1]]

    def store_string(self, string: str) -> None:
        """Keep a line, unless it is a secret, or too long."""
        if len(string) <= LONGEST and not _SECRET.match(string):
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                _write(self._path, os.O_APPEND, [_escaped(string)])

    def _replace(self, kept: list[str]) -> None:
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            _write(new, os.O_TRUNC, kept)
            new.replace(self._path)


def _escaped(line: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in line)


def _write(path: Path, how: int, lines: Iterable[str]) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | how, 0o600)
    with open(fd, "w", encoding="utf-8", errors="replace", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
