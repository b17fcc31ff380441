"""Hashes of passwords: argon2id, with the parameters that argon2-cffi recommends."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The hash to be kept, as argon2 writes it: with its parameters and a salt of its own."""
    return _hasher.hash(password)


def verify(hash: str, password: str) -> bool:
    """Whether a password is the one that was hashed. Takes as long if it is not."""
    try:
        return _hasher.verify(hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def decoy() -> str:
    """A hash of what nobody types, for names that have none: these shall take as long."""
    return _hasher.hash(__name__)
