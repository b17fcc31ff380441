"""The channels that this gateway listens to: those that somebody here needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.backplane.contract import Channel


class Subscriptions:
    """Counts the users of each channel: the first one opens it, the last one closes it.

    Args:
        open_channel: starts the delivery of a channel; what is published after its return arrives.
        close_channel: ends it.
    """

    def __init__(
        self,
        open_channel: Callable[[Channel], Awaitable[None]],
        close_channel: Callable[[Channel], None],
    ) -> None:
        self._open = open_channel
        self._close = close_channel
        self._needed: dict[Channel, int] = {}
        self._under_way: dict[Channel, asyncio.Future[None]] = {}

    async def need(self, channel: Channel) -> None:
        """Use a channel; returns once it is open. Raises what opening it raises."""
        if channel not in self._needed:
            opened = asyncio.ensure_future(self._open(channel))
            self._under_way[channel] = opened
            opened.add_done_callback(lambda _: self._opened(channel, opened))
        self._needed[channel] = self._needed.get(channel, 0) + 1
        try:
            if (under_way := self._under_way.get(channel)) is not None:
                # Shielded: others may be waiting for the same call.
                await asyncio.shield(under_way)
        except BaseException:
            self.drop(channel)
            raise

    def drop(self, channel: Channel) -> None:
        """Stop using a channel."""
        self._needed[channel] -= 1
        if not self._needed[channel]:
            del self._needed[channel]
            self._under_way.pop(channel, None)
            self._close(channel)

    def _opened(self, channel: Channel, opened: asyncio.Future[None]) -> None:
        if self._under_way.get(channel) is opened:
            del self._under_way[channel]
        if not opened.cancelled():
            opened.exception()  # its users have got the exception already
