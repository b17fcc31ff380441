"""Channels: the one place where they are opened and closed, and where links join and leave them.

Four parts each know one thing about a channel. The subscriptions know who uses it, the positions
how far it has been delivered, the hub which links are in it, and the replay how somebody catches up
with it. This module calls them in the right order.
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
        hub: the links in each channel.
        replay: sends links what they missed.
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
        """Use a channel; returns once it is open.

        A room's channel is delivered from its last message on. A person's channel waits until it is
        known where that person starts: see `follow`.

        Raises:
            BackplaneDown: Redis is away; the channel is not used.
            BackplaneRefused: Redis refused; the channel is not used.
        """
        await self._subscriptions.need(channel)

    def drop(self, channel: Channel) -> None:
        """Stop using a channel; without users it is closed."""
        self._subscriptions.drop(channel)

    def follow(self, channel: Channel, at: bytes) -> None:
        """Deliver a person's channel after an id, including what has waited.

        Does nothing if the person has another session here, for which it is delivered already.
        """
        self._positions.follow(channel.key, at)

    def is_followed(self, channel: Channel) -> bool:
        """Whether a channel is delivered already."""
        return self._positions.is_followed(channel.key)

    def at(self, channel: Channel) -> bytes:
        """The id up to which a channel has been delivered."""
        return self._positions.at(channel.key)

    def known(self, channel: Channel) -> bytes:
        """The same; `gateway.backplane.ids.NOTHING` for a channel that nobody here uses."""
        return self._positions.known(channel.key)

    def deliver(self, channel: Channel, lines: bytes) -> None:
        """Write events to all links in a channel, after everything delivered so far."""
        self._hub.deliver(channel.key, lines)

    def hold(self, channel: Channel) -> None:
        """Stop delivering a channel until `release`; what comes waits in order."""
        self._positions.hold(channel.key)

    def release(self, channel: Channel) -> None:
        """Deliver what has waited."""
        self._positions.release(channel.key)

    def join(self, link: Link, channel: Channel) -> None:
        """Let a link get what is delivered from now on."""
        self._replay.join(channel.key, link)

    async def resume(self, link: Link, channel: Channel, after: bytes, turn: asyncio.Lock) -> None:
        """Send a link what a channel's log has after an id, and let it join where that ends.

        Args:
            link: the link.
            channel: the channel.
            after: the id.
            turn: one lock for all channels that the link catches up with at the same time.

        Raises:
            BackplaneDown: Redis is away; the link has not joined.
            BackplaneRefused: Redis refused; the link has not joined.
        """
        await self._replay.resume(channel, link, after, turn)

    def leave(self, link: Link, channel: Channel) -> None:
        """Let a link get nothing more of a channel."""
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
