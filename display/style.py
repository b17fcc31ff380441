"""How shown text is coloured. The only place where escape sequences for text are made."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

_NAME_COLORS = (32, 33, 34, 35, 36, 92, 94, 95, 96)
"""SGR codes that can be read on dark and on light terminals alike; red is for errors."""


@dataclass(frozen=True)
class Style:
    """Colours, or none.

    Attributes:
        color: whether there are any; without, every method returns its text as it is.
    """

    color: bool

    def name(self, shown: str, *, of: str) -> str:
        """A name in its own colour: the same one on every machine, today and tomorrow.

        Args:
            shown: what is written.
            of: the name that gives the colour, without regard to case.
        """
        key = of.casefold().encode("utf-8", "replace")
        return self._paint(_NAME_COLORS[crc32(key) % len(_NAME_COLORS)], shown)

    def time(self, text: str) -> str:
        """A message's time."""
        return self._paint(2, text)

    def mention(self, text: str) -> str:
        """One's own name in somebody's message."""
        return self._paint(7, text)

    def info(self, text: str) -> str:
        """What the chat says, and not a person."""
        return self._paint(2, text)

    def warning(self, text: str) -> str:
        """What should be seen soon."""
        return self._paint(33, text)

    def error(self, text: str) -> str:
        """What went wrong."""
        return self._paint(31, text)

    def _paint(self, sgr: int, text: str) -> str:
        return f"\x1b[{sgr}m{text}\x1b[0m" if self.color and text else text
