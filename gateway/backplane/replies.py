"""What Redis replies, read."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from gateway.backplane import Listed
from gateway.backplane.records import Registration
from gateway.journal import event

log = logging.getLogger(__name__)

_registration = msgspec.json.Decoder(Registration)


def readable(record: bytes) -> Registration | None:
    """A user's record; None for b"", and for one that another program or version wrote."""
    try:
        return _registration.decode(record) if record else None
    except msgspec.MsgspecError as error:
        event(log, logging.WARNING, "a record in Redis cannot be read", why=error)
        return None


def registrations(records: Iterable[bytes]) -> list[Registration]:
    """Those of some users' records that can be read."""
    return [user for record in records if (user := readable(record)) is not None]


def whole(id: bytes, line: bytes) -> bytes:
    """A message of a log as it goes over the wire: with its beginning."""
    return b'{"id":"%s",%s' % (id, line)


def parse_user_list(reply: list[bytes]) -> tuple[str, list[Listed]]:
    """Read what the script ``user_list`` returns."""
    listed = [
        Listed(
            user,
            int(reply[i + 1]) / 1000,
            None if int(reply[i + 2]) < 0 else int(reply[i + 2]) / 1000,
        )
        for i in range(1, len(reply), 3)
        if (user := readable(reply[i])) is not None
    ]
    return reply[0].decode(), listed
