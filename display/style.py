"""Colours for text. Escape sequences for text are made only here."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

_NAME_COLORS = (32, 33, 34, 35, 36, 92, 94, 95, 96)
"""SGR codes that are readable on dark and light terminals; red is kept for errors."""


@dataclass(frozen=True)
class Style:
    """Colours, or no colours.

    Attributes:
        color: whether to use colours; if not, every method returns its text unchanged.
    """

    color: bool

    def name(self, shown: str, *, of: str) -> str:
        """A name in its own colour, which is the same on every machine and every day.

        Args:
            shown: the text to colour.
            of: the name that decides the colour; its case makes no difference.
        """
        key = of.casefold().encode("utf-8", "replace")
        return self._paint(_NAME_COLORS[crc32(key) % len(_NAME_COLORS)], shown)

    def time(self, text: str) -> str:
        """The time of a message."""
        return self._paint(2, text)

    def mention(self, text: str) -> str:
        """The reader's own name in somebody's message."""
        return self._paint(7, text)

    def info(self, text: str) -> str:
        """Something that the chat itself says."""
        return self._paint(2, text)

    def warning(self, text: str) -> str:
        """Something that a person should notice."""
        return self._paint(33, text)

    def error(self, text: str) -> str:
        """Something that went wrong."""
        return self._paint(31, text)

    def _paint(self, sgr: int, text: str) -> str:
        return f"\x1b[{sgr}m{text}\x1b[0m" if self.color and text else text
