"""Hashes of passwords: argon2id, with the parameters that argon2-cffi recommends."""

from __future__ import annotations

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The hash to be kept, as argon2 writes it: with its parameters and a salt of its own."""
    return _hasher.hash(password)


def verify(hash: str, password: str) -> bool:
    """Whether a password is the one that was hashed.

    Takes as long if it is not, or if there is no hash ("").
    """
    try:
        _hasher.verify(hash or _decoy(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(hash)


@cache
def _decoy() -> str:
    return _hasher.hash(secrets.token_hex())
