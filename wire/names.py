"""Names of people: what one may be, and when two are the same."""

from __future__ import annotations

import unicodedata

from wire.reasons import ErrorCode, WireError

PUNCTUATION = frozenset("_-.")

UNSEEN = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0x16FE4),
            *(0x180B, 0x180C, 0x180D, 0x180F),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)
"""Letters and marks to Unicode, of which nothing is shown: fillers, joiners, selectors of variants.
With one of them behind it a registered name would be another that looks the same."""


def check_name(name: str, limit: int) -> str:
    """Return a name in the form in which it is shown.

    Args:
        name: as the peer sent it.
        limit: most characters.

    Raises:
        WireError: ``bad_name``; the text says what is wrong with it.
    """
    if not name:
        raise WireError(ErrorCode.BAD_NAME, "the name is empty")
    # Before anything that takes time in proportion: a name can be as long as a line.
    if len(name) > limit:
        raise WireError(
            ErrorCode.BAD_NAME, f"the name has {len(name)} characters; {limit} are allowed"
        )
    name = unicodedata.normalize("NFC", name)
    # The folded form too: some single "letters" stand for a phrase with spaces in it.
    for form in (name, fold(name)):
        for position, character in enumerate(form):
            if not _allowed(character, first=position == 0):
                raise WireError(
                    ErrorCode.BAD_NAME,
                    "a name is made of letters, digits, '_', '-' and '.'; "
                    f"U+{ord(character):04X} is none of them",
                )
    return name


def fold(name: str) -> str:
    """The form in which names are compared: ``Dana``, ``DANA`` and full-width ``Dana`` are one."""
    # Taken apart first: of some Greek letters the case folds only without their accents.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", name).casefold())


def _allowed(character: str, *, first: bool) -> bool:
    if character in UNSEEN:
        return False
    if character.isalnum() or character in PUNCTUATION:
        return True
    # Vowel signs and the like: whole scripts cannot be written without them.
    return not first and unicodedata.category(character) in ("Mn", "Mc")
