"""What Redis replies, read."""

from __future__ import annotations

import msgspec

from gateway.backplane import Listed
from gateway.backplane.records import Registration

registration = msgspec.json.Decoder(Registration)
"""Reads a user's record."""


def whole(id: bytes, line: bytes) -> bytes:
    """A message of a log as it goes over the wire: with its beginning."""
    return b'{"id":"%s",%s' % (id, line)


def parse_user_list(reply: list[bytes]) -> tuple[str, list[Listed]]:
    """Read what the script ``user_list`` returns."""
    listed = [
        Listed(
            registration.decode(reply[i]),
            int(reply[i + 1]) / 1000,
            None if int(reply[i + 2]) < 0 else int(reply[i + 2]) / 1000,
        )
        for i in range(1, len(reply), 3)
    ]
    return reply[0].decode(), listed
