"""Turns for work that only a few may do at a time: shared fairly, with a bounded wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

MAX_WAITING = 100
"""The most that may wait, however quick the turns are."""


class Full(Exception):
    """Too many are waiting already.

    Attributes:
        after: seconds after which it is worth trying again.
    """

    def __init__(self, after: float) -> None:
        super().__init__(f"too many are waiting; try again in {after:.1f} s")
        self.after = after


class Turns:
    """Hands out turns, round-robin over networks, however many callers wait in each network.

    Only as many callers may wait as can have their turn within the patience. When all these places
    are taken, a new caller from the network with the longest queue is refused; a new caller from
    another network takes the place of the last one in that queue.

    Args:
        at_once: how many may have a turn at the same time.
        patience: the most seconds that a caller may have to wait.
        estimate: seconds that a turn takes, until `took` has recorded real ones.
    """

    def __init__(self, at_once: int, patience: float, estimate: float) -> None:
        self._at_once = at_once
        self._patience = patience
        self._average = estimate
        self._free = at_once
        # One queue per network; the first network is the next to get a turn.
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    def took(self, seconds: float) -> None:
        """Take into account how long a turn has taken."""
        self._average += (seconds - self._average) / 4

    @contextlib.asynccontextmanager
    async def turn(self, network: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the context lasts.

        Raises:
            Full: too many were waiting already, or a caller from another network got the place.
        """
        await self._wait(network)
        try:
            yield
        finally:
            self._free += 1
            self._next()

    async def _wait(self, network: str) -> None:
        if self._free:
            self._free -= 1
            return
        if self._waiting >= self._max_waiting:
            self._make_space(network)
        waiter = asyncio.get_running_loop().create_future()
        self._queues.setdefault(network, deque()).append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._leave(network, waiter)
            elif waiter.exception() is None:
                self._free += 1  # the turn was granted a moment before the cancellation
                self._next()
            raise

    @property
    def _waiting(self) -> int:
        return sum(map(len, self._queues.values()))

    @property
    def _max_waiting(self) -> int:
        return min(MAX_WAITING, round(self._at_once * self._patience / self._average))

    def _make_space(self, network: str) -> None:
        after = self._waiting * self._average / self._at_once
        longest = max(self._queues, key=lambda each: len(self._queues[each]), default=network)
        if len(self._queues.get(longest, ())) <= len(self._queues.get(network, ())) + 1:
            raise Full(after)
        last = self._queues[longest][-1]
        self._leave(longest, last)
        if not last.done():
            last.set_exception(Full(after))

    def _leave(self, network: str, waiter: asyncio.Future[None]) -> None:
        queue = self._queues.get(network, deque())
        if waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._queues[network]

    def _next(self) -> None:
        while self._free and self._queues:
            network = next(iter(self._queues))
            queue = self._queues.pop(network)
            waiter = queue.popleft()
            if queue:
                self._queues[network] = queue  # after all the others
            if not waiter.done():  # it may have given up in this very turn of the loop
                self._free -= 1
                waiter.set_result(None)
