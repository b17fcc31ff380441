"""What one peer has said to the room, until it is known what became of it."""

from __future__ import annotations

import asyncio


class InFlight:
    """Counts it, and lets others wait until nothing is left."""

    __slots__ = ("_count", "_nothing_left")

    def __init__(self) -> None:
        self._count = 0
        # Made for those who wait, since hardly anybody ever does.
        self._nothing_left: asyncio.Event | None = None

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self) -> None:
        """One more was said."""
        self._count += 1

    def done(self) -> None:
        """Of one it is known."""
        self._count -= 1
        if self._nothing_left is not None and not self._count:
            self._nothing_left.set()
            self._nothing_left = None

    async def settled(self) -> None:
        """Return once it is known of all."""
        if self._count:
            if self._nothing_left is None:
                self._nothing_left = asyncio.Event()
            await self._nothing_left.wait()
