"""What Redis replies, read."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gateway.backplane.contract import Listed
from gateway.backplane.readable import readable
from gateway.backplane.records import Registration

_registration = msgspec.json.Decoder(Registration)


def registrations(records: Iterable[bytes]) -> list[Registration]:
    """Those of some users' records that can be read; "" is none."""
    return readable(_registration, filter(None, records), "the record of a user")


def registration(record: bytes) -> Registration | None:
    """A user's record; None for b"", and for one that cannot be read."""
    return next(iter(registrations([record])), None)


def whole(id: bytes, ts: bytes, body: bytes) -> bytes:
    """A message of a log as it goes over the wire: its body with id and time in front."""
    return b'{"id":"%s","ts":%s,%s' % (id, ts, body[1:])


def parse_user_list(reply: list[bytes]) -> tuple[str, list[Listed]]:
    """Read what the script ``user_list`` returns."""
    listed = [
        Listed(
            user,
            int(reply[i + 1]) / 1000,
            None if int(reply[i + 2]) < 0 else int(reply[i + 2]) / 1000,
        )
        for i in range(1, len(reply), 3)
        if (user := registration(reply[i])) is not None
    ]
    return reply[0].decode(), listed
