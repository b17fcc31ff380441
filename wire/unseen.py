"""Characters that are not seen, and texts in which nothing is seen."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_SEEN_FORMAT = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Visible signs of Arabic, Syriac and Kaithi that Unicode counts as format characters."""

_FILLERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufffc"
    "\U00013441\U00013442\U00016fe4\U0001d159"
)
"""Unicode calls these letters, marks or symbols, but they are blank: they only fill a place."""

_BLANK = frozenset({"Cc", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"})


@lru_cache(maxsize=4096)
def is_unseen(char: str) -> bool:
    """Whether a character has no shape of its own.

    Format characters, fillers, joiners, variation selectors and tags have none. Blanks and control
    characters are not meant here.
    """
    code = ord(char)
    if 0xFE00 <= code <= 0xFE0F or 0x180B <= code <= 0x180F:
        return True
    # Unicode keeps these ranges for characters without a shape. Some are not assigned yet, so this
    # Python's table cannot know them.
    if 0xFFF0 <= code <= 0xFFF8 or 0xE0000 <= code <= 0xE0FFF:
        return True
    return char in _FILLERS or (unicodedata.category(char) == "Cf" and char not in _SEEN_FORMAT)


def shows_nothing(text: str) -> bool:
    """Whether a text has only blanks, unseen characters, and marks that stand on no letter."""
    first = text[:1]
    if first.isascii() and first.isalnum():
        return False  # most texts, and this is asked for each of them
    return all(is_unseen(char) or unicodedata.category(char) in _BLANK for char in text)


def without_blank_end(text: str) -> str:
    """A text without the lines at its end that show nothing."""
    lines = text.split("\n")
    while len(lines) > 1 and shows_nothing(lines[-1]):
        lines.pop()
    return "\n".join(lines)


def printable(text: str) -> str:
    """A text with every character escaped that ends a line, moves the cursor or is invisible."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
