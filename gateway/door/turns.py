"""A few at a time have their turn, and the others wait: fairly, and not for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

MOST_WAITING = 100
"""How many may wait at most, however quick the turns are."""


class Full(Exception):
    """Too many wait already.

    Attributes:
        after: seconds after which it is worth another try.
    """

    def __init__(self, after: float) -> None:
        super().__init__(f"too many wait, {after:.1f} s")
        self.after = after


class Turns:
    """Whose turn it is. Turns go round from place to place, however many wait at each.

    No more may wait than can have their turn within the patience. Beyond that, whoever comes from
    the place with the longest line is sent away; whoever comes from elsewhere gets the place of the
    last in that line.

    Args:
        at_once: how many may have their turn at the same time.
        patience: seconds that one may have to wait.
        takes: seconds that a turn takes, until `took` knows better.
    """

    def __init__(self, at_once: int, patience: float, takes: float) -> None:
        self._at_once = at_once
        self._patience = patience
        self._takes = takes
        self._free = at_once
        # By place, and the places in the order in which they are next.
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    def took(self, seconds: float) -> None:
        """A turn that counts has taken so long."""
        self._takes += (seconds - self._takes) / 4

    @contextlib.asynccontextmanager
    async def turn(self, place: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it while the context lasts.

        Raises:
            Full: too many wait already, or had to make room for somebody from elsewhere.
        """
        await self._wait(place)
        try:
            yield
        finally:
            self._free += 1
            self._next()

    async def _wait(self, place: str) -> None:
        if self._free:
            self._free -= 1
            return
        if self._waiting >= self._most:
            self._make_room(place)
        mine = asyncio.get_running_loop().create_future()
        self._lines.setdefault(place, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                self._leave(place, mine)
            elif mine.exception() is None:
                self._free += 1  # it was given just now
                self._next()
            raise

    @property
    def _waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    @property
    def _most(self) -> int:
        return min(MOST_WAITING, round(self._at_once * self._patience / self._takes))

    def _make_room(self, place: str) -> None:
        after = self._waiting * self._takes / self._at_once
        longest = max(self._lines, key=lambda each: len(self._lines[each]), default=place)
        if len(self._lines.get(longest, ())) <= len(self._lines.get(place, ())) + 1:
            raise Full(after)
        last = self._lines[longest][-1]
        self._leave(longest, last)
        if not last.done():
            last.set_exception(Full(after))

    def _leave(self, place: str, one: asyncio.Future[None]) -> None:
        line = self._lines.get(place, deque())
        if one in line:
            line.remove(one)
            if not line:
                del self._lines[place]

    def _next(self) -> None:
        while self._free and self._lines:
            place = next(iter(self._lines))
            line = self._lines.pop(place)
            one = line.popleft()
            if line:
                self._lines[place] = line  # behind all the others
            if not one.done():  # it may have given up in this very turn of the loop
                self._free -= 1
                one.set_result(None)
