"""Passwords of registered names: which are acceptable, their hashes, and checking them."""

from __future__ import annotations

import secrets
import unicodedata
from base64 import b64encode
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

SHORTEST = 8
"""The fewest characters of a new password."""

LONGEST = 256
"""The most characters of a password: as many as fit in a hello."""

_JOINERS = (0x200C, 0x200D)
"""Invisible too, but Persian and Indian keyboards have keys for them."""

_hasher = PasswordHasher()


def flaw(password: str) -> str | None:
    """What is wrong with a new password; None if nothing is."""
    if len(password) < SHORTEST:
        return f"the password is too short: at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"the password is too long: at most {LONGEST} characters"
    typed = password.translate(dict.fromkeys(_JOINERS))
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        return "the password has control characters, which nobody can type"
    if any(unicodedata.category(character) in ("Cf", "Zl", "Zp") for character in typed):
        return "the password has invisible characters, which nobody can type"
    return None


def hash_password(password: str) -> str:
    """The argon2id hash of a password, with its parameters and its own salt.

    Deliberately takes about 200 ms of CPU, in four threads, and 64 MiB.
    """
    return _hasher.hash(_normalized(password))


def verify(hash: str, password: str) -> bool:
    """Whether a password matches a hash.

    Takes just as long if it does not, or if there is no hash (""). An unreadable hash matches no
    password.
    """
    try:
        _hasher.verify(hash or _decoy(), _normalized(password))
    except (VerificationError, InvalidHashError):
        return False
    return hash != ""


@cache
def _decoy() -> str:
    # Made up, not computed: the first caller would have to wait for a real one, and the delay would
    # give away that the name is not registered.
    salt, hash = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (_hasher.salt_len, _hasher.hash_len)
    )
    return (
        f"$argon2id$v={ARGON2_VERSION}$m={_hasher.memory_cost},t={_hasher.time_cost},"
        f"p={_hasher.parallelism}${salt}${hash}"
    )


def _normalized(password: str) -> str:
    """The form in which passwords are compared: keyboards differ in how they encode an é."""
    return unicodedata.normalize("NFC", password)
