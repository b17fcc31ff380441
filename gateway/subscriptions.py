"""Which channels this gateway listens to: those that somebody here needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable


class Subscriptions:
    """Counts who needs a channel; the first subscribes, the last unsubscribes.

    Args:
        subscribe: has what is published on a channel delivered, from its return on.
        unsubscribe: ends that.
    """

    def __init__(
        self,
        subscribe: Callable[[str], Awaitable[None]],
        unsubscribe: Callable[[str], None],
    ) -> None:
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._needed: dict[str, int] = {}
        self._under_way: dict[str, asyncio.Future[None]] = {}

    async def need(self, channel: str) -> None:
        """Return once the channel is listened to. Raises what subscribing raises."""
        if channel not in self._needed:
            confirmed = asyncio.ensure_future(self._subscribe(channel))
            self._under_way[channel] = confirmed
            confirmed.add_done_callback(lambda _: self._confirmed(channel, confirmed))
        self._needed[channel] = self._needed.get(channel, 0) + 1
        try:
            if (under_way := self._under_way.get(channel)) is not None:
                # Shielded: others wait for the same answer.
                await asyncio.shield(under_way)
        except BaseException:
            self.drop(channel)
            raise

    def drop(self, channel: str) -> None:
        """One who needed the channel needs it no more."""
        self._needed[channel] -= 1
        if not self._needed[channel]:
            del self._needed[channel]
            self._under_way.pop(channel, None)
            self._unsubscribe(channel)

    def drop_all(self, channels: Iterable[str]) -> None:
        """One who needed these channels needs them no more."""
        for channel in channels:
            self.drop(channel)

    def _confirmed(self, channel: str, confirmed: asyncio.Future[None]) -> None:
        if self._under_way.get(channel) is confirmed:
            del self._under_way[channel]
        if not confirmed.cancelled():
            confirmed.exception()  # who needed the channel has been told
