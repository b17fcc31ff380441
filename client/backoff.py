"""How long to wait before the next attempt."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

Pick = Callable[[float, float], float]
"""Draws a number between two others."""


class Backoff:
    """Delays before attempts: exponential with full jitter, so that many clients spread out.

    The first attempt is delayed too: when a gateway goes down, all its clients come at once.

    Args:
        base: upper end of the first delay, in seconds.
        cap: upper end of any delay, in seconds.
        pick: draws each delay.
    """

    def __init__(self, base: float, cap: float, pick: Pick = random.uniform) -> None:
        self.cap = cap
        self._base = base
        self._pick = pick
        self._attempt = 0

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        # 2**16 is far above any cap; without this limit the power would overflow a float.
        most = min(self.cap, self._base * 2 ** min(self._attempt, 16))
        self._attempt += 1
        return self._pick(0.0, most)

    def reset(self) -> None:
        """Start again with short delays: the last attempt succeeded."""
        self._attempt = 0


async def pause(seconds: float, over: asyncio.Event) -> None:
    """Wait this long, or until something is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await over.wait()
