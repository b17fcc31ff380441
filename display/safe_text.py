"""Other people's text, made harmless for a terminal.

What a name, a room or a message holds was typed by a stranger. Three kinds of characters never get
through, because a terminal would obey them or a reader be deceived by them:

- controls (C0, DEL, C1), line and paragraph separators, lone surrogates: shown as U+FFFD, so that
  an attempt is seen;
- bidi controls, which could turn the order of a line around, and other characters without a shape
  (format and tag characters, fillers): left out of texts, where many come from innocent copying,
  and shown as U+FFFD in names, where one would make two names look the same;
- what is left of them is only what writing needs: joiners and variation selectors, for Persian,
  Indic scripts and emoji.

Marks stand on or below the character before them, as many as there are: piled up they would paint
over the rows around. Of a pile, `MOST_MARKS` are shown.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from wire.unseen import is_unseen

REPLACEMENT = "\ufffd"
TAB = " " * 4

MOST_MARKS = 8
"""Marks, joiners and selectors in a row that are shown; no script needs as many."""

_JOINERS = "\u200c\u200d"
_SELECTORS = frozenset(
    map(chr, (0x180B, 0x180C, 0x180D, 0x180F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
_OBEYED = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean_text(text: str) -> str:
    r"""A message's text as it may be shown.

    Its ``\n`` stay, but for those at its end, as pastes have them; tabs become spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\t", TAB)
    return _low("".join([char if char == "\n" else _shown(char, "") for char in text])).rstrip()


def clean_name(name: str) -> str:
    """A name, a room or any other word as it may be shown: always one line."""
    if name.isascii() and name.isprintable():
        return name
    return _low("".join([_shown(char, REPLACEMENT) for char in name]))


def _low(text: str) -> str:
    """A text without the upper part of its piles of marks."""
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
