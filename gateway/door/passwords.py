"""Passwords of registered names: which will do, their hashes, and whether one is right."""

from __future__ import annotations

import secrets
import unicodedata
from base64 import b64encode
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

SHORTEST = 8
"""Least characters of a new password."""

LONGEST = 256
"""Most characters of a password: as many as a hello takes."""

_JOINERS = (0x200C, 0x200D)
"""Are not seen either, but are on the keyboards of Persia and of India."""

_hasher = PasswordHasher()


def flaw(password: str) -> str | None:
    """Why a new password will not do; None if it will."""
    if len(password) < SHORTEST:
        return f"the password is too short: at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"the password is too long: at most {LONGEST} characters"
    typed = password.translate(dict.fromkeys(_JOINERS))
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        return "the password has control characters, which nobody can type"
    if any(unicodedata.category(character) in ("Cf", "Zl", "Zp") for character in typed):
        return "the password has characters that are not seen, and that nobody can type"
    return None


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its parameters and a salt of its own.

    Takes some 200 ms of CPU, in four threads, and 64 MiB, on purpose.
    """
    return _hasher.hash(_same(password))


def verify(hash: str, password: str) -> bool:
    """Whether a password is the one that was hashed.

    Takes as long if it is not, or if there is no hash (""). One that cannot be read fits nothing.
    """
    try:
        _hasher.verify(hash or _decoy(), _same(password))
    except (VerificationError, InvalidHashError):
        return False
    return hash != ""


@cache
def _decoy() -> str:
    # Not hashed: the first to ask for it would wait for that, and could tell by it.
    salt, hash = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (_hasher.salt_len, _hasher.hash_len)
    )
    return (
        f"$argon2id$v={ARGON2_VERSION}$m={_hasher.memory_cost},t={_hasher.time_cost},"
        f"p={_hasher.parallelism}${salt}${hash}"
    )


def _same(password: str) -> str:
    """The form in which passwords are compared: keyboards differ in how they write an é."""
    return unicodedata.normalize("NFC", password)
