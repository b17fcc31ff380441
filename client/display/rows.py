"""Breaks lines into rows that fit a window, so that no row can pass for somebody else's line.

A terminal breaks a long line at its edge, and continues in the first column, where times and names
stand. Anyone who knows how wide a window is could fill a row with blanks and so forge a line. So we
break rows ourselves, between words if possible, and indent all but the first.

Only a web address that is wider than a row is left to the terminal, which joins it again when it is
copied. It has no spaces, and nothing follows it in its last row, so it cannot look like a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from wcwidth import iter_graphemes, wcwidth

INDENT = " " * len("10:00:05 ")
"""Put before every row of a message but the first, so that it cannot pass for another message."""

MOST_ROWS = 40
"""Rows that are shown of one message."""

_LEAST_ROOM = 2
"""Columns beside the indent in the narrowest window: enough for one wide character."""

_WIDENS = "\ufe0f"
_STYLE = r"\x1b\[[\d;]*m"
_UNSTYLE = "\x1b[0m"
_URL = re.compile(rf"(https?://(?:[\w.~:/?#\[\]@!$&'()*+,;=%-]|{_STYLE})+)", re.ASCII)
_STYLES = re.compile(f"({_STYLE})")
_WORDS = re.compile(r"( *)([^ ]+)")


def rows(lines: Sequence[str], width: int | None) -> list[str]:
    """The rows that are shown of one message; a last row tells how many more there are.

    Args:
        lines: without line ends; the only escape sequences come from `display.style`.
        width: the columns of the window; None if there is no window: then lines stay whole.
    """
    if width is None:
        return list(lines)
    shown: list[str] = []
    taken = 0
    for row in (row for line in lines for row in _broken(line, width)):
        taken += row.height
        if taken <= MOST_ROWS:
            shown.append(row.text)
    more = max(0, taken - MOST_ROWS)
    if more:
        end = f"{INDENT}… {more:,} more line{'s' * (more > 1)}"
        shown += [row.text for row in _broken(end, width)]
    return shown


@dataclass
class _Row:
    """One row, or several if it holds a web address that is wider than a row.

    Attributes:
        text: what is written.
        used: columns that it takes.
        height: rows that it takes.
        full: whether nothing may follow.
    """

    text: str
    used: int
    height: int = 1
    full: bool = False


@dataclass
class _Page:
    """The rows of one line, while they are filled."""

    width: int
    indent: int
    row: _Row
    rows: list[_Row] = field(default_factory=list)
    style: str = ""
    written: bool = False

    def put(self, spaces: int, text: str, columns: int) -> None:
        """Write a word, or a part of one, on this row or on the next."""
        if self.row.full or self.row.used + spaces + columns > self.width:
            self.turn()
            spaces = 0
        self.row.text += " " * spaces + text
        self.row.used += spaces + columns
        self.written = True
        for style in _STYLES.findall(text):
            self.style = "" if style == _UNSTYLE else style

    def put_beyond(self, text: str, columns: int) -> None:
        """Write a word that is wider than a row, and let the terminal break it."""
        self.turn()
        self.row.used += columns
        self.row.height = -(-self.row.used // self.width)
        self.row.text += text
        self.row.full = self.written = True

    def turn(self) -> None:
        """Begin the next row. A colour ends with the row, and begins again after the indent."""
        if self.written:
            self.row.text += _UNSTYLE if self.style else ""
            self.rows.append(self.row)
        elif self.row.used <= self.indent:
            return
        self.row = _Row(" " * self.indent + self.style, self.indent)
        self.written = False


def _broken(line: str, width: int) -> list[_Row]:
    indent = min(len(INDENT), max(1, width - _LEAST_ROOM))
    text = line.lstrip(" ")
    start = len(line) - len(text)
    if start > width - _LEAST_ROOM:
        start = indent
    page = _Page(width, indent, _Row(" " * start, start))
    for spaces, word in _WORDS.findall(text):
        gap = len(spaces)
        for piece, columns, whole in _pieces(word, width - indent):
            if whole and columns > width - indent:
                page.put_beyond(piece, columns)
            else:
                page.put(gap, piece, columns)
            gap = 0
    return [*page.rows, page.row]


def _pieces(word: str, room: int) -> Iterator[tuple[str, int, bool]]:
    """The parts of a word that stay on one row, their columns, and whether they are addresses."""
    for number, part in enumerate(_URL.split(word)):
        is_url = number % 2 == 1
        columns = width_of(part)
        if is_url and columns <= room * MOST_ROWS:
            yield part, columns, True
        elif part:
            for piece in _breakable(part, room):
                yield piece, width_of(piece), False


def _breakable(text: str, room: int) -> Iterator[str]:
    """Parts that fit into a row: wide characters one by one, other characters together."""
    run, used, wide = "", 0, False
    for part in _characters(text, room):
        columns = width_of(part)
        if used and (wide or columns > 1 or used + columns > room):
            yield run
            run, used = "", 0
        run += part
        used += columns
        wide = columns > 1
    if run:
        yield run


def _characters(text: str, room: int) -> Iterator[str]:
    """The characters as a reader sees them; one that is wider than a row comes in parts."""
    for part in _STYLES.split(text):
        if part.startswith("\x1b"):
            yield part
            continue
        for cluster in iter_graphemes(part):
            yield from [cluster] if width_of(cluster) <= room else _bases(cluster)


def _bases(cluster: str) -> Iterable[str]:
    base = ""
    for char in cluster:
        if base and _most_columns(char) and char != _WIDENS:
            yield base
            base = ""
        base += char
    yield base


def fitting(text: str, columns: int) -> str:
    """The beginning of a text that fits into this many columns."""
    text = text[:columns]
    while width_of(text) > columns:
        text = text[:-1]
    return text


def width_of(text: str) -> int:
    """The columns that a text takes; escape sequences for colours take none."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(map(_most_columns, _STYLES.sub("", text)))


@lru_cache(maxsize=4096)
def _most_columns(char: str) -> int:
    """The columns that a character takes in the terminal that shows it widest.

    Terminals differ about flags, vowel signs, and emoji that consist of several characters. If we
    count too few columns the terminal breaks the row; if we count too many, we break it a little
    early.
    """
    if char == _WIDENS:
        return 1
    columns, category = wcwidth(char), unicodedata.category(char)
    if category in ("Mn", "Me", "Cf"):
        return columns
    return 2 if category in ("Cn", "Co") else max(1, columns)  # not in Unicode yet, or private
