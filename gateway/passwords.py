"""Passwords of registered names: which will do, their hashes, and whether one is right."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 8
"""Least characters of a new password."""

LONGEST = 256
"""Most characters of a password: as many as a hello takes."""

_hasher = PasswordHasher()


def flaw(password: str) -> str | None:
    """Why a new password will not do; None if it will."""
    if len(password) < SHORTEST:
        return f"the password is too short: at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"the password is too long: at most {LONGEST} characters"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        return "the password has control characters, which nobody can type"
    return None


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its parameters and a salt of its own.

    Takes some 50 ms of CPU and 64 MiB, on purpose.
    """
    return _hasher.hash(_same(password))


def verify(hash: str, password: str) -> bool:
    """Whether a password is the one that was hashed; takes as long as `hash_password`.

    A hash that cannot be read fits no password.
    """
    try:
        return _hasher.verify(hash, _same(password))
    except (VerificationError, InvalidHashError):
        return False


@cache
def decoy() -> str:
    """A hash of what nobody types, for names that have none: these shall take as long."""
    return _hasher.hash(__name__)


def _same(password: str) -> str:
    """The form in which passwords are compared: keyboards differ in how they write an é."""
    return unicodedata.normalize("NFC", password)
