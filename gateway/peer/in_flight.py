"""One peer's messages to rooms that have not been answered yet."""

from __future__ import annotations

import asyncio


class InFlight:
    """Counts them, and lets others wait until all are answered."""

    __slots__ = ("_count", "_nothing_left")

    def __init__(self) -> None:
        self._count = 0
        # Made only when somebody waits, which is rare.
        self._nothing_left: asyncio.Event | None = None

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self) -> None:
        """Count a message that was sent."""
        self._count += 1

    def done(self) -> None:
        """Count a message that was answered."""
        self._count -= 1
        if self._nothing_left is not None and not self._count:
            self._nothing_left.set()
            self._nothing_left = None

    async def settled(self) -> None:
        """Wait until all are answered."""
        if self._count:
            if self._nothing_left is None:
                self._nothing_left = asyncio.Event()
            await self._nothing_left.wait()
