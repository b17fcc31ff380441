"""How late the event loop is: everything that waits for it is at least that late."""

from __future__ import annotations

import asyncio
import time

from gateway.meters import Meters

EVERY = 0.25
"""Seconds between measurements."""


async def watch_lag(meters: Meters) -> None:
    """Measure how late a timer fires, again and again, until cancelled."""
    while True:
        due = time.monotonic() + EVERY
        await asyncio.sleep(EVERY)
        # Timers of some loops count in whole milliseconds, and may fire a moment early.
        meters.late(max(0.0, time.monotonic() - due))
