"""Colours for text. Escape sequences for text are made only here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

NAME_COLORS = (27, 28, 30, 33, 61, 63, 64, 67, 94, 97, 99, 129, 130, 132, 133, 135, 162, 165)
"""Colours of names, of the 256 that terminals have: each can be read on black and on white.
Red is kept for errors."""


@dataclass(frozen=True)
class Theme:
    """How each part of the chat looks, as SGR parameters; empty for no difference.

    Attributes:
        colorful: whether each name has a colour of its own.
        time: the time of a message.
        own: the person's own name, in front of what they say.
        private: the text of a private message.
        mention: the person's own name, and other words that they chose, in somebody's message.
        info: what the chat itself says.
        warning: what a person should notice.
        error: what went wrong.
    """

    colorful: bool
    time: str = "2"
    own: str = "1"
    private: str = "35"
    mention: str = "7"
    info: str = "2"
    warning: str = "33"
    error: str = "31"


THEMES = {
    "dark": Theme(True, private="38;5;177"),
    "light": Theme(True, private="38;5;90", warning="38;5;130", error="38;5;124"),
    "plain": Theme(False, own="4", private="1", warning="1", error="1"),
}
"""The themes by their names. The plain one has no colours, only bold, underlined and so on."""

_PARTS = ("time", "own", "private", "mention", "info", "warning", "error")
_LOOKS = {
    "normal": "",
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "underline": "4",
    "reverse": "7",
    "black": "30",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
    "white": "37",
}


def theme_named(text: str) -> Theme:
    """The theme that a text means: a name, perhaps with changes: ``dark own=bold+cyan info=8``.

    The look of a part is made of words and numbers, with ``+`` between them: ``bold``, ``dim``,
    ``italic``, ``underline``, ``reverse``, the name of a colour, or the number of one of the
    terminal's 256 colours.

    Raises:
        ValueError: it means none; the text says what to write.
    """
    name, *changes = text.split() or [""]
    if name not in THEMES:
        raise ValueError(f"the themes are {', '.join(THEMES)}")
    looks: dict[str, Any] = {}
    for change in changes:
        part, _, look = change.partition("=")
        if part not in _PARTS:
            raise ValueError(f"a theme has the parts {', '.join(_PARTS)}, as in dark own=bold+cyan")
        looks[part] = ";".join(filter(None, map(_sgr, look.split("+"))))
    return replace(THEMES[name], **looks)


def _sgr(word: str) -> str:
    if word in _LOOKS:
        return _LOOKS[word]
    if word.isascii() and word.isdecimal() and int(word) < 256:
        return f"38;5;{int(word)}"
    raise ValueError(f"{word!r} is no look: use {', '.join(_LOOKS)} or a number below 256")


@dataclass(frozen=True)
class Style:
    """A way to mark texts, or none.

    Attributes:
        color: whether to mark texts; if not, every method returns its text unchanged.
        theme: how each part looks.
    """

    color: bool
    theme: Theme = THEMES["dark"]

    def name(self, shown: str, *, of: str) -> str:
        """A name in its own colour, which is the same on every machine and every day.

        Args:
            shown: the text to colour.
            of: the name that decides the colour; its case makes no difference.
        """
        if not self.theme.colorful:
            return shown
        key = of.casefold().encode("utf-8", "replace")
        return self._paint(f"38;5;{NAME_COLORS[crc32(key) % len(NAME_COLORS)]}", shown)

    def own(self, text: str) -> str:
        """The person's own name, in front of what they say."""
        return self._paint(self.theme.own, text)

    def private(self, text: str) -> str:
        """The text of a private message; marks within it stay."""
        if not (self.color and self.theme.private):
            return text
        begin = f"\x1b[{self.theme.private}m"
        return self._paint(self.theme.private, text.replace("\x1b[0m", f"\x1b[0m{begin}"))

    def time(self, text: str) -> str:
        """The time of a message."""
        return self._paint(self.theme.time, text)

    def mention(self, text: str) -> str:
        """The reader's own name in somebody's message."""
        return self._paint(self.theme.mention, text)

    def info(self, text: str) -> str:
        """Something that the chat itself says."""
        return self._paint(self.theme.info, text)

    def warning(self, text: str) -> str:
        """Something that a person should notice."""
        return self._paint(self.theme.warning, text)

    def error(self, text: str) -> str:
        """Something that went wrong."""
        return self._paint(self.theme.error, text)

    def _paint(self, sgr: str, text: str) -> str:
        return f"\x1b[{sgr}m{text}\x1b[0m" if self.color and sgr and text else text
