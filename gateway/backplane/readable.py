"""Reading records. Some may be damaged, or written by another version."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from gateway.backplane.records import (
    Account,
    Audited,
    Ban,
    GatewayInfo,
    Member,
    Registration,
)

log = logging.getLogger(__name__)

Record = TypeVar("Record")

REGISTRATION = msgspec.json.Decoder(Registration)
MEMBER = msgspec.json.Decoder(Member)
ACCOUNT = msgspec.json.Decoder(Account)
BAN = msgspec.json.Decoder(Ban)
AUDITED = msgspec.json.Decoder(Audited)
GATEWAY_INFO = msgspec.json.Decoder(GatewayInfo)

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)
"""What decoding raises for bytes that are not a valid record."""


def readable(
    decoder: msgspec.json.Decoder[Record], found: Iterable[bytes], what: str
) -> list[Record]:
    """The records that can be read: an unreadable one must not hide the others.

    Args:
        decoder: the decoder of these records.
        found: the records as they are in Redis.
        what: what the log calls one of them: ``an account``.
    """
    records = []
    for each in found:
        try:
            records.append(decoder.decode(each))
        except UNREADABLE as error:
            log.error("%s cannot be read and is ignored: %s", what, error)
    return records
