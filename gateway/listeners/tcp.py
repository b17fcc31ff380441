"""Lines over TCP: one connection, in any speech."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, cast

from gateway.addresses import Address
from gateway.alarm import STALL
from gateway.channels.links import Speech, bye
from gateway.journal import event
from gateway.listeners.accepting import REFUSED
from gateway.listeners.foreign import Foreign, recognized
from gateway.meters import Meters
from wire.limits import Limits
from wire.lines import LineBuffer, LineTooLong
from wire.reasons import CONNECTION_LOST, SLOW, Reason

log = logging.getLogger(__name__)

LINGER = 3.0
"""Seconds that a closed connection has to take in what was written to it, including the bye."""

BOM = b"\xef\xbb\xbf"
"""The byte order mark in UTF-8, which pipes on Windows put before a text."""

STUCK = 30.0
"""Seconds in which a peer must take in at least some of what waits for it."""


class TakesLines(Protocol):
    """What a connection calls: a peer."""

    def receive(self, lines: Iterable[bytes | LineTooLong]) -> None:
        """The client has sent these lines."""

    def hung_up(self) -> None:
        """The client sends no more, but still wants its answers."""

    def end(self, reason: Reason) -> None:
        """The connection is lost, or must end."""


class CutsLines(Protocol):
    """Turns bytes into lines."""

    def feed(self, data: bytes) -> Iterable[bytes | LineTooLong]:
        """Take in bytes; returns the lines that they complete."""


class TcpLink(asyncio.Protocol):
    """One connection: it reads lines for its peer, and is the peer's link.

    Args:
        make_peer: called with this link once it is connected.
        speech: the speech of the peer.
        limits: the limits of the peer.
        ip: the peer's address.
        address: the same with its port, for people.
        gone: called when the connection has ended.
        meters: where to count.
        lines: cuts what comes into lines; None for lines of up to ``limits.line`` bytes.
        screened: look for other protocols and refuse them. The chat's own JSON is recognized by its
            first character.
    """

    __slots__ = (
        "_closing",
        "_congested",
        "_discarding",
        "_drained",
        "_end_of_input",
        "_gone",
        "_lines",
        "_make_peer",
        "_max_backlog",
        "_meters",
        "_peer",
        "_screening",
        "_stuck",
        "_taken",
        "_transport",
        "_written",
        "address",
        "ip",
        "speech",
    )

    def __init__(
        self,
        make_peer: Callable[[TcpLink], TakesLines],
        speech: Speech,
        limits: Limits,
        ip: Address,
        address: str,
        gone: Callable[[], None],
        meters: Meters,
        *,
        lines: CutsLines | None = None,
        screened: bool = False,
    ) -> None:
        self.speech = speech
        self.ip = ip
        self.address = address
        self._gone = gone
        self._make_peer = make_peer
        self._meters = meters
        self._lines = lines or LineBuffer(limits.line)
        self._max_backlog = limits.backlog
        # Whether the transport's buffer is too full. From that moment two numbers are kept: bytes
        # written, and how many of those bytes are known to have left. To ask the transport at each
        # write would cost more than the write.
        self._congested = False
        self._written = self._taken = 0
        self._stuck: asyncio.TimerHandle | None = None
        self._drained: asyncio.Event | None = None
        # After one discarded write all later ones are discarded too: otherwise a client that
        # resumes would never notice the hole. Such a link counts as congested, so that a write
        # has to check only one flag while all is well.
        self._discarding = False
        self._closing = False
        self._end_of_input = False
        # Nothing has come yet that looks like the chat's own speech.
        self._screening = screened

    # From the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        # A cast, because uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._peer = self._make_peer(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if not self._closing:
            self._meters.received(data)
            lines = self._lines
            self._peer.receive(self._screened(data) if self._screening else lines.feed(data))

    def eof_received(self) -> bool:
        """The client will send no more (``nc`` at the end of its input), but is still answered."""
        self._end_of_input = True
        if self._closing:
            return False  # it has got the bye and closes
        self._peer.hung_up()
        return self._transport.can_write_eof()  # TLS cannot close only one half

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._closing = True
        self._discard_writes()
        self._gone()
        self._peer.end(CONNECTION_LOST)

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        if not self._discarding:
            self._congested = True
            self._written, self._taken = self._transport.get_write_buffer_size(), 0
            self._watch()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if not self._discarding:
            self._congested = False
            self._release()

    def _screened(self, data: bytes) -> Iterator[bytes | LineTooLong]:
        """The lines of a client that may speak another protocol, until that is recognized."""
        if not self._begun() and (spoken := recognized(data)) is not None:
            self._turn_away(spoken)
            return
        for line in self._lines.feed(data):
            if self._screening and isinstance(line, bytes):
                if (spoken := recognized(line)) is not None:
                    self._turn_away(spoken)
                    return
                line = line.removeprefix(BOM)
                self._screening = not line.lstrip().startswith(b"{")
            yield line

    def _begun(self) -> bool:
        """Whether a line has begun that has not ended."""
        return isinstance(self._lines, LineBuffer) and self._lines.begun

    def _turn_away(self, spoken: Foreign) -> None:
        self._screening = False  # the protocol is known now
        self._meters.doorstep[spoken.kind] += 1
        kind, why = spoken.kind, spoken.why
        event(log, spoken.level, REFUSED, reason=kind, address=self.address, why=why)
        self.write(spoken.before_the_bye())
        self._peer.end(spoken.reason)

    # The link.

    def write(self, data: bytes) -> None:
        """Write; after the end this does nothing."""
        if self._congested and not self._fits(len(data)):
            return
        self._transport.write(data)

    def close(self, reason: Reason, after: float | None = None) -> None:
        """Say bye, and end the connection."""
        if self._closing:
            return
        self._closing = True
        self._discard_writes()
        last = self.speech.event(bye(reason, after))
        self._transport.write(last)
        self._meters.sent(len(last), 1)
        if self._end_of_input or self._transport.is_closing():
            self._transport.close()
        else:
            # Closing a socket that has unread data resets the connection, and the bye may be lost.
            # So read and ignore what comes, until the client has got the bye and closes.
            try:
                if self._transport.can_write_eof():
                    self._transport.write_eof()
                self._transport.resume_reading()
            except OSError:  # the client has gone, and the transport does not know it yet
                self._transport.abort()
                return
        asyncio.get_running_loop().call_later(LINGER, self._transport.abort)

    def read(self, on: bool) -> None:
        """Read from the client, or stop reading."""
        if self._closing:
            return
        if on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    async def drained(self) -> None:
        """Wait until the client keeps up, or until nothing more is written to it."""
        if self._congested and not self._discarding:
            if self._drained is None:
                self._drained = asyncio.Event()
            await self._drained.wait()

    def _fits(self, size: int) -> bool:
        if self._discarding:
            return False
        self._written += size
        if self._written - self._taken > self._max_backlog:
            # The count may be out of date: ask the transport before cutting the client off.
            self._taken = self._written - size - self._transport.get_write_buffer_size()
        if self._written - self._taken <= self._max_backlog:
            return True
        self._too_slow()
        return False

    def _too_slow(self) -> None:
        self._discard_writes()
        # Not now: the caller may be iterating over a room's links.
        asyncio.get_running_loop().call_soon(self._peer.end, SLOW)

    def _discard_writes(self) -> None:
        self._discarding = self._congested = True
        self._release()

    def _release(self) -> None:
        """Let everybody go on who waits for the client."""
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    def _watch(self) -> None:
        """Check later whether the client has taken in any of what waits now."""
        taken = self._written - self._transport.get_write_buffer_size()
        loop = asyncio.get_running_loop()
        self._stuck = loop.call_later(STUCK, self._check, taken, loop.time() + STUCK)

    def _check(self, taken: int, due: float) -> None:
        late = asyncio.get_running_loop().time() - due
        # If the gateway stood still, that is not the client's fault.
        if late > STALL or self._written - self._transport.get_write_buffer_size() > taken:
            self._watch()
        else:
            self._too_slow()
