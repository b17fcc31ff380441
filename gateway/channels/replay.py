"""Replay: somebody who comes back gets what they missed, in order and once, and then goes live."""

from __future__ import annotations

import asyncio
import re

from gateway.addresses import subnet
from gateway.backplane.contract import Backplane, Channel
from gateway.backplane.ids import is_beginning, parse_id
from gateway.channels.hub import Hub
from gateway.channels.links import Link
from gateway.channels.pace import Pace
from gateway.channels.positions import Positions
from gateway.channels.reading import gap, read_on

LATE = 1.0
"""Seconds after which what a log has and its channel has not brought is lost, and not late."""

_ID = re.compile("(0|[1-9][0-9]{0,14})-(0|[1-9][0-9]{0,19})")


def seen_id(text: str | None) -> bytes | None:
    """An id from a client; None if it is not a valid one."""
    if text is None or not _ID.fullmatch(text):
        return None
    id = text.encode()
    return id if parse_id(id)[1] < 2**64 else None


class Replay:
    """Lets links join channels, after sending them what they missed.

    Args:
        backplane: what to read from.
        positions: how far each channel has been delivered.
        hub: the links and their channels.
    """

    def __init__(self, backplane: Backplane, positions: Positions, hub: Hub) -> None:
        self._backplane = backplane
        self._positions = positions
        self._hub = hub
        self._pace = Pace()

    def join(self, channel: bytes, link: Link) -> None:
        """Join; the link gets what is delivered from now on."""
        # What this turn of the loop has brought so far is for earlier members only.
        self._hub.flush()
        self._hub.join(channel, link)

    async def resume(self, channel: Channel, link: Link, after: bytes, turn: asyncio.Lock) -> None:
        """Send what came after an id, and join exactly where that ends.

        Args:
            channel: which.
            link: whose.
            after: the id.
            turn: held while something is sent: a link may catch up with several channels at once,
                but takes one page at a time.

        Raises:
            BackplaneDown: Redis is away.
        """
        key, log, at = channel.key, channel.log, after
        if at == self._positions.at(key):
            self.join(key, link)
            return
        [tail] = await self._backplane.tails([log])
        if parse_id(at) > parse_id(tail):
            # Redis never gave this id, or has lost it.
            self._hub.tell(link, gap(log.room, at))
            at = tail
        more, network = at != tail, subnet(link.ip)
        while True:
            while more:
                page = await read_on(self._backplane, log, at)
                at, more = page.upto, page.more
                await self._delivered(key, at)
                if page.lines:
                    async with turn:
                        self._hub.forward(link, page.lines)
                        self._hub.flush()
                        await link.drained()
                    now = asyncio.get_running_loop().time()
                    size = sum(map(len, page.lines))
                    await asyncio.sleep(self._pace.sent(network, size, now))
            if await self._join_at(key, link, at):
                return
            more = True

    async def _delivered(self, channel: bytes, id: bytes) -> None:
        """Return once a channel itself has brought what is up to an id.

        The log may be ahead of it. But only when the channel brings that somebody was banned is
        that person put out, here too: nobody is told from the log what comes after that.
        """
        delivered = asyncio.Event()
        self._positions.reached(channel, id, delivered.set)
        try:
            # No message will move the channel to the beginning of an epoch.
            async with asyncio.timeout(0.0 if is_beginning(id) else LATE):
                await delivered.wait()
        except TimeoutError:
            self._positions.compare(channel)  # it was lost on the way
            await delivered.wait()

    async def _join_at(self, channel: bytes, link: Link, at: bytes) -> bool:
        """Join when the channel has been delivered up to an id; False if it has gone past it."""
        joined = asyncio.get_running_loop().create_future()

        def passed(upto: bytes) -> bool:
            if joined.done():
                return True
            if parse_id(upto) < parse_id(at):
                return False
            if exact := upto == at:
                self.join(channel, link)
            joined.set_result(exact)
            return True

        if not passed(self._positions.at(channel)):
            self._positions.watch(channel, passed)
            if is_beginning(at):
                # No message will move the channel to this id.
                self._positions.compare(channel)
        return bool(await joined)
