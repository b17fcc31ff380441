"""Makes other people's text harmless for a terminal.

Strangers type names, rooms and messages. A terminal would obey some characters in them, and others
would deceive a reader. So:

- Control characters (C0, DEL, C1), line and paragraph separators and lone surrogates are shown as
  U+FFFD, so that an attack can be seen.
- Bidi controls, which could reverse a line, and other invisible characters (format and tag
  characters, fillers) are left out of texts, where most were copied by accident. In names they are
  shown as U+FFFD, since two names that differ only in them would look the same.
- The exceptions are joiners and variation selectors: Persian, Indic scripts and emoji need them.

Any number of marks can stand on one character. Piled up they would paint over the rows around them,
so only `MOST_MARKS` of a pile are shown.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from wire.unseen import is_unseen

REPLACEMENT = "\ufffd"
TAB = " " * 4

MOST_MARKS = 8
"""The most marks, joiners and selectors in a row that are shown; no script needs more."""

_JOINERS = "\u200c\u200d"
_SELECTORS = frozenset(
    map(chr, (0x180B, 0x180C, 0x180D, 0x180F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
_OBEYED = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean_text(text: str) -> str:
    r"""A message's text in a form that is safe to show.

    Every ``\n`` stays, except at the end, where pastes often have some. Tabs become spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\t", TAB)
    return _low("".join([char if char == "\n" else _shown(char, "") for char in text])).rstrip()


def clean_name(name: str) -> str:
    """A name or another short text in a form that is safe to show, always on one line."""
    if name.isascii() and name.isprintable():
        return name
    return _low("".join([_shown(char, REPLACEMENT) for char in name]))


def _low(text: str) -> str:
    """A text whose piles of marks are cut."""
    kept, height = [], 0
    for char in text:
        height = height + 1 if _stands_on_others(char) else 0
        if height <= MOST_MARKS:
            kept.append(char)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _stands_on_others(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) in ("Mn", "Me", "Mc")


@lru_cache(maxsize=4096)
def _shown(char: str, instead_of_invisible: str) -> str:
    category = unicodedata.category(char)
    if category in _OBEYED:
        return REPLACEMENT
    if is_unseen(char) and char not in _JOINERS and char not in _SELECTORS:
        return instead_of_invisible
    return char
