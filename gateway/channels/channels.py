"""Channels: the one place where they are opened and closed, and where links join and leave them.

Four parts each know one thing about a channel: the subscriptions, who needs it; the positions, how
far it has been delivered; the hub, which links are in it; the replay, how somebody catches up with
it. Here is the order in which they are asked.
"""

from __future__ import annotations

import asyncio

from gateway.backplane.contract import Backplane, Channel
from gateway.channels.hub import Hub
from gateway.channels.links import Link
from gateway.channels.positions import Positions
from gateway.channels.replay import Replay
from gateway.channels.subscriptions import Subscriptions
from wire.frames import PRIVATE


class Channels:
    """The channels of one gateway.

    Args:
        backplane: what all gateways share.
        positions: how far each channel has been delivered.
        hub: the links in each.
        replay: tells links what they missed.
    """

    def __init__(
        self, backplane: Backplane, positions: Positions, hub: Hub, replay: Replay
    ) -> None:
        self._backplane = backplane
        self._positions = positions
        self._hub = hub
        self._replay = replay
        self._subscriptions = Subscriptions(self._open, self._close)

    async def need(self, channel: Channel) -> None:
        """Return once what is published on a channel is heard here.

        A room's channel is delivered from its last message on. What is published on a person's
        waits until it is known where that person begins: see `follow`.

        Raises:
            BackplaneDown: Redis is away; then the channel is not needed.
            BackplaneRefused: Redis refused, likewise.
        """
        await self._subscriptions.need(channel)

    def drop(self, channel: Channel) -> None:
        """One who needed a channel needs it no longer; without anybody it is closed."""
        self._subscriptions.drop(channel)

    def follow(self, channel: Channel, at: bytes) -> None:
        """Deliver what is published on a person's channel after an id, and what has waited."""
        self._positions.follow(channel.key, at)

    def at(self, channel: Channel) -> bytes:
        """The id up to which a channel has been delivered."""
        return self._positions.at(channel.key)

    def known(self, channel: Channel) -> bytes:
        """The same; `gateway.backplane.ids.NOTHING` for a channel that nobody here needs."""
        return self._positions.known(channel.key)

    def deliver(self, channel: Channel, lines: bytes) -> None:
        """Write events to all links in a channel, behind what it has brought."""
        self._hub.deliver(channel.key, lines)

    def hold(self, channel: Channel) -> None:
        """Deliver nothing of a channel until `release`: what comes waits, in its order."""
        self._positions.hold(channel.key)

    def release(self, channel: Channel) -> None:
        """Deliver what has waited."""
        self._positions.release(channel.key)

    def join(self, link: Link, channel: Channel) -> None:
        """Let a link hear what is delivered from this moment on."""
        self._replay.join(channel.key, link)

    async def resume(self, link: Link, channel: Channel, after: bytes, turn: asyncio.Lock) -> None:
        """Tell a link what a channel's log has after an id, and let it join where that ends.

        Args:
            link: whose.
            channel: which.
            after: the id.
            turn: one for all channels with which the link catches up at the same time.

        Raises:
            BackplaneDown: Redis is away; the link has not joined.
            BackplaneRefused: Redis refused, likewise.
        """
        await self._replay.resume(channel, link, after, turn)

    def leave(self, link: Link, channel: Channel) -> None:
        """Let a link hear nothing more of a channel."""
        self._hub.leave(channel.key, link)

    async def _open(self, channel: Channel) -> None:
        self._positions.expect(channel.key, channel.log)
        await self._backplane.subscribe(channel.name)
        if channel.log.room != PRIVATE:
            [tail] = await self._backplane.tails([channel.log])
            self._positions.follow(channel.key, tail)

    def _close(self, channel: Channel) -> None:
        self._backplane.unsubscribe(channel.name)
        self._positions.forget(channel.key)
