"""Which links are in which channel on this gateway, and the fan-out to them.

The hot path is a straight line. Nothing on it waits, decodes, or does work per message and socket:

    Redis -> backplane   (channel, lines): never decoded
          -> hub.deliver append to what the channel has got in this turn of the loop
          -> hub.flush   once a turn: join each channel's lines once, render them once for each
                         speech (JSON is forwarded as it is)
          -> link.write  one write per socket

The writes are what costs, so everything that came within one turn is joined. That costs nothing
when the gateway is idle, and saves most of the work when it is busy. The price: order is kept
within a channel, but not between two channels within one turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.channels.links import Link, Speech
from gateway.meters import Meters
from wire.frames import Event
from wire.reasons import Reason


class _Part(NamedTuple):
    """A piece of data for a link, and the number of frames in it."""

    data: bytes
    frames: int


_NOTHING = _Part(b"", 0)
_NOBODY: dict[Speech, set[Link]] = {}


class Hub:
    """The links of this gateway, by channel.

    Args:
        call_soon: schedules a function to be called before the loop waits again.
        meters: where to count.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], meters: Meters) -> None:
        self._call_soon = call_soon
        self._meters = meters
        self._members: dict[bytes, dict[Speech, set[Link]]] = {}
        self._published: dict[bytes, list[bytes]] = {}
        self._told: dict[Link, list[_Part]] = {}
        self._scheduled = False

    def join(self, channel: bytes, link: Link) -> None:
        """Write everything published on a channel to a link from now on."""
        self._members.setdefault(channel, {}).setdefault(link.speech, set()).add(link)

    def leave(self, channel: bytes, link: Link) -> None:
        """Stop writing it there."""
        by_speech = self._members.get(channel, _NOBODY)
        links = by_speech.get(link.speech)
        if links is not None:
            links.discard(link)
            if not links:
                del by_speech[link.speech]
                if not by_speech:
                    del self._members[channel]

    def deliver(self, channel: bytes, lines: bytes) -> None:
        """Deliver lines that were published on a channel."""
        published = self._published.get(channel)
        if published is None:
            self._published[channel] = [lines]
        else:
            published.append(lines)
        if not self._scheduled:
            self._schedule()

    def tell(self, link: Link, event: Event) -> None:
        """Tell one link an event, in the same write as its channels' lines of this turn."""
        self._tell(link, _Part(link.speech.event(event), 1))

    def send(self, link: Link, data: bytes) -> None:
        """Send one link data in its own speech, in the same way."""
        self._tell(link, _Part(data, 1))

    def forward(self, link: Link, lines: list[bytes]) -> None:
        """Tell one link lines from a log, in the same way."""
        self._tell(link, _Part(link.speech.render(b"".join(lines)), len(lines)))

    def close(self, link: Link, reason: Reason, after: float | None = None) -> None:
        """Close a link after writing what it has been told."""
        told = self._told.pop(link, None)
        if told is not None:
            part = _joined(told)
            link.write(part.data)
            self._meters.sent(len(part.data), part.frames)
        link.close(reason, after)

    def flush(self) -> None:
        """Write what this turn of the loop has brought, with one write per socket."""
        self._scheduled = False
        published, self._published = self._published, {}
        told, self._told = self._told, {}
        meters = self._meters
        # The usual case: lines of one room, and nothing else for anybody.
        alone = len(published) == 1 and not told
        for channel, blobs in published.items():
            lines = b"".join(blobs)
            count = lines.count(b"\n")
            for speech, links in self._members.get(channel, _NOBODY).items():
                data = speech.render(lines)
                meters.deliveries += count * len(links)
                if alone:
                    for link in links:
                        link.write(data)
                    meters.sent(len(data), count, len(links))
                else:
                    part = _Part(data, count)
                    for link in links:
                        told.setdefault(link, []).append(part)
        if not alone:
            self._write(told)

    def _write(self, told: dict[Link, list[_Part]]) -> None:
        """Write each link's parts. Links in a row that get the same part are counted together.

        Counting each link separately would cost a tenth of the write.
        """
        previous, links = _NOTHING, 0
        for link, parts in told.items():
            part = parts[0] if len(parts) == 1 else _joined(parts)
            link.write(part.data)
            if part is not previous:
                self._meters.sent(len(previous.data), previous.frames, links)
                previous, links = part, 0
            links += 1
        self._meters.sent(len(previous.data), previous.frames, links)

    def _tell(self, link: Link, part: _Part) -> None:
        told = self._told.get(link)
        if told is None:
            self._told[link] = [part]
        else:
            told.append(part)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self._call_soon(self.flush)


def _joined(parts: list[_Part]) -> _Part:
    return _Part(b"".join(part.data for part in parts), sum(part.frames for part in parts))
