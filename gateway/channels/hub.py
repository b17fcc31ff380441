"""Who is on this gateway, in which channel, and the fan-out to them.

The hot path is a straight line, and nothing on it waits, decodes, or does work per message and
socket:

    Redis -> backplane   (channel, lines): never decoded
          -> hub.deliver append to what the channel got in this turn of the loop
          -> hub.flush   once a turn: join each channel's lines once, render them once for each
                         speech (the lines themselves, where that is JSON)
          -> link.write  one write per socket

The write is what costs, so joining what came within one turn is the lever: idle it costs
nothing, flooded it is worth a factor. The price: order is kept within a channel, and not between
two channels within one turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.channels.links import Link, Speech
from gateway.meters import Meters
from wire.frames import Event
from wire.reasons import Reason


class _Part(NamedTuple):
    """A piece of what is written to a link, and how many frames are in it."""

    data: bytes
    frames: int


_NOTHING = _Part(b"", 0)
_NOBODY: dict[Speech, set[Link]] = {}


class Hub:
    """The registry of this gateway.

    Args:
        call_soon: has a function called before the loop waits again.
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
        """Have what is published on a channel written to a link."""
        self._members.setdefault(channel, {}).setdefault(link.speech, set()).add(link)

    def leave(self, channel: bytes, link: Link) -> None:
        """Have it written there no longer."""
        by_speech = self._members.get(channel, _NOBODY)
        links = by_speech.get(link.speech)
        if links is not None:
            links.discard(link)
            if not links:
                del by_speech[link.speech]
                if not by_speech:
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

    def tell(self, link: Link, event: Event) -> None:
        """Tell one link an event, in the same write as what its channels bring in this turn."""
        self._tell(link, _Part(link.speech.event(event), 1))

    def forward(self, link: Link, lines: list[bytes]) -> None:
        """Tell one link what stands in a log, likewise."""
        self._tell(link, _Part(link.speech.render(b"".join(lines)), len(lines)))

    def close(self, link: Link, reason: Reason, after: float | None = None) -> None:
        """Close a link after what it has been told."""
        told = self._told.pop(link, None)
        if told is not None:
            part = _joined(told)
            link.write(part.data)
            self._meters.sent(len(part.data), part.frames)
        link.close(reason, after)

    def flush(self) -> None:
        """Write what this turn of the loop brought: once per socket, whatever it is for."""
        self._scheduled = False
        published, self._published = self._published, {}
        told, self._told = self._told, {}
        meters = self._meters
        # Nearly always: one room, and nobody to be told anything else.
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
        """Write to each link its parts. Neighbours that get the very same part are counted as one.

        To count each link by itself would cost as much as a tenth of the write.
        """
        before, links = _NOTHING, 0
        for link, parts in told.items():
            part = parts[0] if len(parts) == 1 else _joined(parts)
            link.write(part.data)
            if part is not before:
                self._meters.sent(len(before.data), before.frames, links)
                before, links = part, 0
            links += 1
        self._meters.sent(len(before.data), before.frames, links)

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
