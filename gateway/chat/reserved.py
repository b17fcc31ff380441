"""Names that nobody may have.

People would take them for everyone, for themselves, for the chat itself, or for its operators.
"""

from __future__ import annotations

import re
import unicodedata
from importlib.resources import files

import msgspec

from wire.mentions import EVERYONE
from wire.names import PUNCTUATION, check_name, fold
from wire.reasons import ErrorCode, WireError

RESERVED = EVERYONE | frozenset(
    (
        *("anybody", "anyone", "somebody", "someone", "nobody", "noone", "none"),
        *("you", "me", "myself", "yourself", "self", "us", "we"),
        *("lobby", "chat", "chatctl", "gateway", "server", "service", "system"),
        *("operator", "operators", "op", "admin", "admins", "administrator", "root", "superuser"),
        *("moderator", "moderators", "mod", "owner", "host", "staff", "support", "help"),
        *("announcement", "announcements", "notice", "security"),
    )
)

_IDS = re.compile(r"g-[0-9a-f]+|\d+-\d+")
"""The form of the ids of gateways and of messages."""


def _read_table() -> dict[str, str]:
    """Characters and the Latin letters that they look like, by Unicode's table of confusables."""
    table = files("confusable_homoglyphs").joinpath("confusables.json").read_bytes()
    found: dict[str, str] = {}
    for one, others in msgspec.json.decode(table, type=dict[str, list[dict[str, str]]]).items():
        for other in (each["c"] for each in others):
            # The table has each pair both ways, and one entry for ASCII letters that look alike.
            known = other.isascii() and other.isalpha() and len(one) == 1
            if known and (not one.isascii() or len(others) == 1):
                found.setdefault(one, other)
    return found


def _skeleton(name: str) -> str:
    """What a name looks like: the same for two names that look alike."""
    return "".join(_LOOK_ALIKES.get(char, char) for char in name)


# Read when the gateway starts, since it takes too long for a turn of the loop.
_LOOK_ALIKES = _read_table()
_FOLDED = RESERVED | {fold(_skeleton(word.upper())) for word in RESERVED}
_SKELETONS = frozenset(
    _skeleton(form) for word in RESERVED for form in (word, word.upper(), word.title())
)


def check_new_name(name: str, limit: int) -> str:
    """Check a name that somebody wants to have; return it in the form in which it is shown.

    Args:
        name: as somebody sent it.
        limit: most characters.

    Raises:
        WireError: ``bad_name``; the text says what is wrong with it.
    """
    name = check_name(name, limit)
    if _is_reserved(name):
        text = f"{name!r} is reserved, or looks like a name that is: it would mislead people"
        raise WireError(ErrorCode.BAD_NAME, text)
    return name


def _is_reserved(name: str) -> bool:
    bare, folded = _bare(name), fold(_bare(name))
    if _IDS.fullmatch(fold(name)):
        return True
    alike = [folded, *(fold(_in_latin(form)) for form in (folded, bare.upper()))]
    # "aIl" looks like "all" only with its capitals as they are; "Ali" and "ALI" do not.
    return any(each in _FOLDED for each in alike) or _skeleton(bare) in _SKELETONS


def _bare(name: str) -> str:
    """A name without marks, and without signs between its letters."""
    taken_apart = unicodedata.normalize("NFKD", name)
    return "".join(
        char
        for char in taken_apart
        if char not in PUNCTUATION and unicodedata.category(char)[0] != "M"
    )


def _in_latin(name: str) -> str:
    """A name with the Latin letters that its other letters, and its digits, look like."""
    return "".join(
        char if char.isascii() and char.isalpha() else _LOOK_ALIKES.get(char, char) for char in name
    )
