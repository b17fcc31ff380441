"""The chat's own speech: newline-delimited JSON, byte for byte what Redis stores."""

from __future__ import annotations

from wire.codec import decode_request, encode, is_ping
from wire.frames import Event, Request


class JsonLines:
    """Implements `gateway.channels.links.Speech`."""

    def request(self, line: bytes) -> Request:
        """Decode a peer's line.

        Raises:
            WireError: it is not a request.
        """
        return decode_request(line)

    def is_ping(self, line: bytes) -> bool:
        """Whether a peer's line is a ping."""
        return is_ping(line)

    def event(self, event: Event) -> bytes:
        """An event as one line."""
        return encode(event)

    def render(self, lines: bytes) -> bytes:
        """The same lines: they are JSON already."""
        return lines


JSON_LINES = JsonLines()
