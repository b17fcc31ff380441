"""The write end of a peer, and its speech: the language that it speaks."""

from __future__ import annotations

from typing import Protocol

from gateway.addresses import Address
from wire.frames import Bye, Event, Request
from wire.reasons import Reason


class Speech(Protocol):
    """A language for requests and events. One object serves all peers that speak it."""

    def request(self, line: bytes) -> Request:
        """Decode a peer's line.

        Raises:
            WireError: it is not a request.
        """

    def is_ping(self, line: bytes) -> bool:
        """Whether a peer's line is a ping. Never raises."""

    def event(self, event: Event) -> bytes:
        """Encode an event for a peer."""

    def render(self, lines: bytes) -> bytes:
        """Encode what a channel has brought for a peer.

        Args:
            lines: events as they come from Redis, each as `wire.codec.encode` writes it.
        """


class Link(Protocol):
    """The write end of one peer. Nothing here raises or waits, except `drained`."""

    @property
    def speech(self) -> Speech:
        """The peer's language."""

    address: str
    """The peer's address, ``host:port``."""

    ip: Address
    """The same without the port."""

    def write(self, data: bytes) -> None:
        """Send; a peer that already has too much waiting is reported as too slow.

        Does nothing once the link is closed or its connection is lost.
        """

    def close(self, reason: Reason, after: float | None = None) -> None:
        """Say bye, and end the connection once that is sent, or soon if it cannot be sent.

        Args:
            reason: why.
            after: seconds that the peer should wait before it reconnects.
        """

    def read(self, on: bool) -> None:
        """Read from the peer, or stop reading."""

    async def drained(self) -> None:
        """Wait until the peer keeps up, or until nothing more is written to it."""


def bye(reason: Reason, after: float | None = None) -> Bye:
    """The last event of a connection.

    Args:
        reason: why it ends.
        after: seconds that the peer should wait before it reconnects; None if it may choose.
    """
    return Bye(reason.code, reason.text, reason.reconnect, after)
