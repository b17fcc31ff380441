"""Names of people and of rooms: which are allowed, and when two are the same."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import groupby

from wire.reasons import ErrorCode, WireError
from wire.unseen import is_unseen

PUNCTUATION = frozenset("_-.")

NEVER_LAST = PUNCTUATION | frozenset(map(chr, (*range(0x2B9, 0x2D2), 0x2EC, 0x2EE)))
"""What no name ends in, since in a text it ends a sentence, closes an emphasis or is an apostrophe:
``_psst @sis_`` and ``come home @sis.`` are for sis."""

MOST_MARKS = 4
"""Marks in a row. Vietnamese needs two, pointed Hebrew three; more are a tower over other rows."""

_JOINING = frozenset(
    map(
        chr,
        (
            *(0x1039, 0x17D2, 0x1A60, 0x1BAB, 0x2D7F, 0xAAF6, 0x10A3F, 0x1107F, 0x11133),
            *(0x113D0, 0x1193E, 0x11A47, 0x11A99, 0x11D45, 0x11D97, 0x11F42),
        ),
    )
)
"""Marks that join or stack what stands around them, and are not seen alone: with one of them at its
end a registered name would be another that looks the same."""


def check_name(name: str, limit: int) -> str:
    """Return a person's name in the form in which it is shown.

    Args:
        name: as the peer sent it.
        limit: most characters.

    Raises:
        WireError: ``bad_name``; the text says what is wrong with it.
    """
    try:
        return _checked(name, limit, "name")
    except _Unfit as problem:
        raise WireError(ErrorCode.BAD_NAME, str(problem)) from None


def check_room(name: str, limit: int) -> str:
    """Return the one name that a room has: the folded form of what somebody wrote.

    Args:
        name: as the peer sent it.
        limit: most characters.

    Raises:
        WireError: ``bad_room``; the text says what is wrong with it.
    """
    if name.startswith("#"):
        raise WireError(ErrorCode.BAD_ROOM, "write a room's name without '#'")
    try:
        folded = fold(_checked(name, limit, "room's name"))
    except _Unfit as problem:
        raise WireError(ErrorCode.BAD_ROOM, str(problem)) from None
    if len(folded) > limit:  # folding makes some characters longer
        text = f"the room's name has {len(folded)} characters; {limit} are allowed"
        raise WireError(ErrorCode.BAD_ROOM, text)
    return folded


class _Unfit(Exception):
    """A name is not allowed; the text says why."""


def _checked(name: str, limit: int, what: str) -> str:
    if not name:
        raise _Unfit(f"the {what} is empty")
    # Checked before anything that takes time in proportion: a name can be as long as a line.
    if len(name) <= limit:
        name = unicodedata.normalize("NFC", name)
    # And again: composing makes some characters longer.
    if len(name) > limit:
        raise _Unfit(f"the {what} has {len(name)} characters; {limit} are allowed")
    # The folded form too: some single "letters" stand for a phrase with spaces, or end in a dot.
    for form in (name, fold(name)):
        _check_characters(form, what)
        if not any(char.isalnum() for char in form):
            raise _Unfit(f"a {what} must have a letter or a digit in it")
        if form[-1] in NEVER_LAST:
            raise _Unfit(f"a {what} cannot end in {form[-1]!r}")
        if form[0] == "-":
            raise _Unfit(f"a {what} cannot begin with '-'")
    return name


def fold(name: str) -> str:
    """The form in which names are compared: ``Dana``, ``DANA`` and full-width ``Dana`` are one."""
    # Taken apart first: of some Greek letters the case folds only without their accents.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", name).casefold())


def may_be_held(name: str, limit: int) -> bool:
    """Whether somebody could have a name, as far as its characters and its length tell.

    To be asked before a name that a peer wrote is folded: that takes more than its length in time.
    """
    return (
        0 < len(name) <= limit
        and len(unicodedata.normalize("NFC", name)) <= limit
        and all(map(in_names, name))
    )


@lru_cache(maxsize=4096)
def in_names(char: str) -> bool:
    """Whether a character can be part of a name."""
    if is_unseen(char):
        return False
    # Vowel signs and the like: whole scripts cannot be written without them.
    return char.isalnum() or char in PUNCTUATION or unicodedata.category(char) in ("Mn", "Mc")


def _check_characters(name: str, what: str) -> None:
    for position, char in enumerate(name):
        if not in_names(char) or (position == 0 and _is_mark(char)):
            found = "a space" if char == " " else f"U+{ord(char):04X}"
            raise _Unfit(
                f"a {what} is made of letters, digits, '_', '-' and '.'; {found} is not one of them"
            )
        if char in _JOINING and not _joins(char, name[position + 1 : position + 2]):
            raise _Unfit(f"U+{ord(char):04X} joins letters of its script, but joins none here")
    for marks, run in groupby(unicodedata.normalize("NFD", name), _is_mark):
        if marks and len(list(run)) > MOST_MARKS:
            raise _Unfit(f"at most {MOST_MARKS} marks may follow one letter")


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"


def _joins(mark: str, following: str) -> bool:
    """Whether what follows is a letter of the mark's script, which its Unicode name begins with."""
    if not following.isalnum():
        return False
    script = unicodedata.name(mark, "?").split()[0]
    return unicodedata.name(following, "").startswith(f"{script} ")
