"""Records as they are found, of which one may be of another version, or damaged."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TypeVar

import msgspec

log = logging.getLogger(__name__)

Record = TypeVar("Record")

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)
"""What decoding raises of bytes that are no such record."""


def readable(
    decoder: msgspec.json.Decoder[Record], found: Iterable[bytes], what: str
) -> list[Record]:
    """Those that can be read; one that cannot must not keep the others from being known.

    Args:
        decoder: of such records.
        found: as they are in Redis.
        what: one of them is called, in the log: ``an account``.
    """
    records = []
    for each in found:
        try:
            records.append(decoder.decode(each))
        except UNREADABLE as error:
            log.error("%s cannot be read, and is left out: %s", what, error)
    return records
