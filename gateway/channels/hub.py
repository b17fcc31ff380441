"""Who is on this gateway, in which channel, and the fan-out to them.

The hot path is a straight line, and nothing on it waits, decodes, or does work per message and
socket:

    Redis -> backplane   (channel, lines): never decoded
          -> hub.deliver append to what the channel got in this turn of the loop
          -> hub.flush   once a turn: join each channel's lines once
          -> link.write  one write per socket

The write is what costs, so joining what came within one turn is the lever: idle it costs
nothing, flooded it is worth a factor. The price: order is kept within a channel, and not between
two channels within one turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.addresses import Address
from gateway.meters import Meters
from wire.reasons import Reason


class Link(Protocol):
    """The write end of one peer. Nothing here raises or waits."""

    address: str
    """Where the peer is, ``host:port``."""

    ip: Address
    """The same without the port."""

    def write(self, lines: bytes) -> None:
        """Send; a peer for whom too much is waiting already is reported to have been too slow.

        Nothing happens once the link is closed or its connection is lost.
        """

    def close(self, reason: Reason, after: float | None = None) -> None:
        """Say bye, and end the connection once that is sent, or soon if it cannot be.

        Args:
            reason: why.
            after: seconds that the peer shall wait before it comes back.
        """

    def read(self, on: bool) -> None:
        """Take more from the peer, or let it wait."""

    async def drained(self) -> None:
        """Return once the peer keeps up with what it is written, or is written no more."""


class Hub:
    """The registry of this gateway.

    Args:
        call_soon: has a function called before the loop waits again.
        meters: where to count.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], meters: Meters) -> None:
        self._call_soon = call_soon
        self._meters = meters
        self._members: dict[bytes, set[Link]] = {}
        self._published: dict[bytes, list[bytes]] = {}
        self._told: dict[Link, list[bytes]] = {}
        self._scheduled = False

    def join(self, channel: bytes, link: Link) -> None:
        """Have what is published on a channel written to a link."""
        self._members.setdefault(channel, set()).add(link)

    def leave(self, channel: bytes, link: Link) -> None:
        """Have it written there no more."""
        members = self._members.get(channel)
        if members is not None:
            members.discard(link)
            if not members:
                del self._members[channel]

    def deliver(self, channel: bytes, lines: bytes) -> None:
        """Lines were published on a channel."""
        published = self._published.get(channel)
        if published is None:
            self._published[channel] = [lines]
        else:
            published.append(lines)
        if not self._scheduled:
            self._schedule()

    def tell(self, link: Link, line: bytes) -> None:
        """Write to one link, in the same write as what its channels bring in this turn."""
        told = self._told.get(link)
        if told is None:
            self._told[link] = [line]
        else:
            told.append(line)
        if not self._scheduled:
            self._schedule()

    def close(self, link: Link, reason: Reason, after: float | None = None) -> None:
        """Close a link after what it has been told."""
        told = self._told.pop(link, None)
        if told is not None:
            lines = b"".join(told)
            link.write(lines)
            self._meters.sent(len(lines), lines.count(b"\n"))
        link.close(reason, after)

    def flush(self) -> None:
        """Write what this turn of the loop brought: once per socket, whatever it is for."""
        self._scheduled = False
        published, self._published = self._published, {}
        told, self._told = self._told, {}
        meters = self._meters
        if len(published) == 1 and not told:
            # Nearly always: one room, and nobody to be told anything besides.
            for channel, blobs in published.items():
                lines, members = b"".join(blobs), self._members.get(channel, ())
                for link in members:
                    link.write(lines)
                count = lines.count(b"\n")
                meters.sent(len(lines), count, len(members))
                meters.deliveries += count * len(members)
            return
        counts: dict[bytes, int] = {}
        for channel, blobs in published.items():
            lines, members = b"".join(blobs), self._members.get(channel, ())
            for link in members:
                told.setdefault(link, []).append(lines)
            counts[lines] = lines.count(b"\n")
            meters.deliveries += counts[lines] * len(members)
        self._write(told, counts)

    def _write(self, told: dict[Link, list[bytes]], counts: dict[bytes, int]) -> None:
        """Write what several are told besides.

        Args:
            told: what each link is to get.
            counts: how many lines are in those parts that many get: not to be counted for each.
        """
        before, count, links = b"", 0, 0
        for link, parts in told.items():
            lines = b"".join(parts)
            link.write(lines)
            # Those who are told nothing else get the very same object: they are counted as one.
            if lines is not before:
                self._meters.sent(len(before), count, links)
                before, links = lines, 0
                count = sum(counts.get(part) or part.count(b"\n") for part in parts)
            links += 1
        self._meters.sent(len(before), count, links)

    def _schedule(self) -> None:
        self._scheduled = True
        self._call_soon(self.flush)
