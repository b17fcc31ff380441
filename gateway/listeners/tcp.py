"""Lines over TCP: a connection, whatever its peer speaks."""

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
"""Seconds that a closed connection is given to take in what was written to it, bye included."""

BOM = b"\xef\xbb\xbf"
"""A byte order mark in UTF-8, which pipes of Windows put in front of a text."""

STUCK = 30.0
"""Seconds in which a peer for whom something waits has to take in at least some of it."""


class TakesLines(Protocol):
    """What a connection is told about: a peer."""

    def receive(self, lines: Iterable[bytes | LineTooLong]) -> None:
        """The peer has sent these lines."""

    def hung_up(self) -> None:
        """The peer sends no more, and wants the answers to what it has sent."""

    def end(self, reason: Reason) -> None:
        """The connection is lost, or has to end."""


class TcpLink(asyncio.Protocol):
    """One connection: reads lines for its peer, and is its link.

    Args:
        make_peer: called with this link once it is connected.
        speech: what the peer speaks.
        screened: whoever connects may speak another protocol, and is told so: the JSON of the chat
            is known by its first character.
        limits: what the peer may do.
        ip: the peer's address.
        address: the same for people, with its port.
        gone: called once the connection has ended.
        meters: where to count.
    """

    __slots__ = (
        "_behind",
        "_closing",
        "_deaf",
        "_drained",
        "_gone",
        "_heard_all",
        "_lines",
        "_make_peer",
        "_max_backlog",
        "_meters",
        "_peer",
        "_strange",
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
        screened: bool = False,
    ) -> None:
        self.speech = speech
        self.ip = ip
        self.address = address
        self._gone = gone
        self._make_peer = make_peer
        self._meters = meters
        self._lines = LineBuffer(limits.line)
        self._max_backlog = limits.backlog
        # Whether more waits than the transport likes; what then counts is counted from that moment
        # on: bytes written, and those of them that are known to have left. To ask the transport
        # for each write would cost more than the write.
        self._behind = False
        self._written = self._taken = 0
        self._stuck: asyncio.TimerHandle | None = None
        self._drained: asyncio.Event | None = None
        # Nothing is written any more. What comes after something that was dropped is dropped too:
        # else who comes back would never hear of the hole. Whoever is deaf is behind as well, so
        # that a write looks at nothing else while all is well.
        self._deaf = False
        self._closing = False
        self._heard_all = False
        # Nothing has come yet that looks like the chat's own language.
        self._strange = screened

    # From the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        # A cast, since uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._peer = self._make_peer(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if not self._closing:
            self._meters.received(data)
            lines = self._lines
            self._peer.receive(self._screened(data) if self._strange else lines.feed(data))

    def eof_received(self) -> bool:
        """The peer will send no more (``nc`` at the end of its input): it is still answered."""
        self._heard_all = True
        if self._closing:
            return False  # it has heard the bye, and goes
        self._peer.hung_up()
        return self._transport.can_write_eof()  # TLS knows no half of a connection

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._closing = True
        self._write_no_more()
        self._gone()
        self._peer.end(CONNECTION_LOST)

    def pause_writing(self) -> None:
        """The peer reads more slowly than it is written to."""
        if not self._deaf:
            self._behind = True
            self._written, self._taken = self._transport.get_write_buffer_size(), 0
            self._watch()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        if not self._deaf:
            self._behind = False
            self._go_on()

    def _screened(self, data: bytes) -> Iterator[bytes | LineTooLong]:
        """The lines of somebody who may speak another protocol, up to where that is known."""
        if not self._lines.begun and (spoken := recognized(data)) is not None:
            self._turn_away(spoken)
            return
        for line in self._lines.feed(data):
            if self._strange and isinstance(line, bytes):
                if (spoken := recognized(line)) is not None:
                    self._turn_away(spoken)
                    return
                line = line.removeprefix(BOM)
                self._strange = not line.lstrip().startswith(b"{")
            yield line

    def _turn_away(self, spoken: Foreign) -> None:
        self._strange = False  # it is known what it is
        self._meters.doorstep[spoken.kind] += 1
        kind, why = spoken.kind, spoken.why
        event(log, spoken.level, REFUSED, reason=kind, address=self.address, why=why)
        self.write(spoken.before_the_bye())
        self._peer.end(spoken.reason)

    # The link.

    def write(self, data: bytes) -> None:
        """Send; what comes after the end is dropped."""
        if self._behind and not self._fits(len(data)):
            return
        self._transport.write(data)

    def close(self, reason: Reason, after: float | None = None) -> None:
        """Say bye, and end the connection."""
        if self._closing:
            return
        self._closing = True
        self._write_no_more()
        last = self.speech.event(bye(reason, after))
        self._transport.write(last)
        self._meters.sent(len(last), 1)
        if self._heard_all or self._transport.is_closing():
            self._transport.close()
        else:
            # Whoever closes a socket with something unread in it resets the connection, and the
            # bye may be lost with it: so read on, to no end, until the peer has heard it and goes.
            try:
                if self._transport.can_write_eof():
                    self._transport.write_eof()
                self._transport.resume_reading()
            except OSError:  # the peer has gone, and the transport does not know it yet
                self._transport.abort()
                return
        asyncio.get_running_loop().call_later(LINGER, self._transport.abort)

    def read(self, on: bool) -> None:
        """Take more from the peer, or let it wait."""
        if self._closing:
            return
        if on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    async def drained(self) -> None:
        """Return once the peer keeps up with what it is written, or is written no more."""
        if self._behind and not self._deaf:
            if self._drained is None:
                self._drained = asyncio.Event()
            await self._drained.wait()

    def _fits(self, size: int) -> bool:
        if self._deaf:
            return False
        self._written += size
        if self._written - self._taken > self._max_backlog:
            # The count knows nothing of what has left since: look before the verdict.
            self._taken = self._written - size - self._transport.get_write_buffer_size()
        if self._written - self._taken <= self._max_backlog:
            return True
        self._too_slow()
        return False

    def _too_slow(self) -> None:
        self._write_no_more()
        # Not now: whoever writes may be in the middle of a room's members.
        asyncio.get_running_loop().call_soon(self._peer.end, SLOW)

    def _write_no_more(self) -> None:
        self._deaf = self._behind = True
        self._go_on()

    def _go_on(self) -> None:
        """Nobody has to wait for the peer any more."""
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    def _watch(self) -> None:
        """See later whether the peer has taken in anything of what waits for it now."""
        taken = self._written - self._transport.get_write_buffer_size()
        loop = asyncio.get_running_loop()
        self._stuck = loop.call_later(STUCK, self._look, taken, loop.time() + STUCK)

    def _look(self, taken: int, due: float) -> None:
        stood_still = asyncio.get_running_loop().time() - due > STALL  # the gateway, not the peer
        if stood_still or self._written - self._transport.get_write_buffer_size() > taken:
            self._watch()
        else:
            self._too_slow()
