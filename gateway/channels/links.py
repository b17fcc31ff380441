"""The write end of a peer, and the language that the peer speaks."""

from __future__ import annotations

from typing import Protocol

from gateway.addresses import Address
from wire.frames import Bye, Event, Request
from wire.reasons import Reason


class Speech(Protocol):
    """A language: how requests and events are written in it. One object serves all its speakers."""

    def request(self, line: bytes) -> Request:
        """Read a line of a peer.

        Raises:
            WireError: it is not a request.
        """

    def is_ping(self, line: bytes) -> bool:
        """Whether a line of a peer is a ping. Never raises."""

    def event(self, event: Event) -> bytes:
        """An event as it is written to a peer."""

    def render(self, lines: bytes) -> bytes:
        """What a channel brought as it is written to a peer.

        Args:
            lines: events, each as `wire.codec.encode` writes it: so they come from Redis.
        """


class Link(Protocol):
    """The write end of one peer. Nothing here raises or waits, but for `drained`."""

    speech: Speech
    """What the peer speaks."""

    address: str
    """Where the peer is, ``host:port``."""

    ip: Address
    """The same without the port."""

    def write(self, data: bytes) -> None:
        """Send; a peer for whom too much is waiting already is reported to have been too slow.

        Nothing happens once the link is closed or its connection is lost.
        """

    def close(self, reason: Reason, after: float | None = None) -> None:
        """Say bye, and end the connection once that is sent, or soon if it cannot be.

        Args:
            reason: why.
            after: seconds that the peer should wait before it reconnects.
        """

    def read(self, on: bool) -> None:
        """Take more from the peer, or let it wait."""

    async def drained(self) -> None:
        """Return once the peer keeps up with what it is written, or is written nothing more."""


def bye(reason: Reason, after: float | None = None) -> Bye:
    """The last event of a connection.

    Args:
        reason: why it ends.
        after: seconds that the peer should wait before it reconnects; None: as it likes.
    """
    return Bye(reason.code, reason.text, reason.reconnect, after)
