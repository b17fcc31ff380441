"""Finding out whether a silent connection is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple


class Pulse(NamedTuple):
    """How often to check a connection.

    Attributes:
        every: seconds from one ping to the next.
        within: seconds within which something, anything, must arrive after a ping; less than
            ``every``.
    """

    every: float = 15.0
    within: float = 10.0


class Heartbeat:
    """Asks the other side for a sign of life, again and again, and reports if nothing comes.

    Args:
        pulse: how often.
        ask: sends a ping.
        lost: called once, when nothing has arrived after a ping.
    """

    def __init__(self, pulse: Pulse, ask: Callable[[], None], lost: Callable[[], None]) -> None:
        self._pulse = pulse
        self._ask = ask
        self._lost = lost
        self._heard = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; the first ping comes after a pause."""
        self._after(self._pulse.every, self._ping)

    def heard(self) -> None:
        """Something has arrived: the other side is there."""
        self._heard = True

    def stop(self) -> None:
        """No more pings."""
        if self._timer:
            self._timer.cancel()

    def _ping(self) -> None:
        self._heard = False
        self._ask()
        self._after(self._pulse.within, self._judge)

    def _judge(self) -> None:
        if self._heard:
            self._after(self._pulse.every - self._pulse.within, self._ping)
        else:
            self._lost()

    def _after(self, delay: float, act: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, act)
