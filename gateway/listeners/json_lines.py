"""The chat's own language: newline-delimited JSON. What Redis has is the same, byte for byte."""

from __future__ import annotations

from wire.codec import decode_request, encode, is_ping
from wire.frames import Event, Request


class JsonLines:
    """Keeps `gateway.channels.links.Speech`."""

    def request(self, line: bytes) -> Request:
        """Read a line of a peer.

        Raises:
            WireError: it is not a request.
        """
        return decode_request(line)

    def is_ping(self, line: bytes) -> bool:
        """Whether a line of a peer is a ping."""
        return is_ping(line)

    def event(self, event: Event) -> bytes:
        """An event as one line."""
        return encode(event)

    def render(self, lines: bytes) -> bytes:
        """The very same lines."""
        return lines


JSON_LINES = JsonLines()
