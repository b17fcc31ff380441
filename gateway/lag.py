"""How late the event loop is: who waits for it waits at least as long."""

from __future__ import annotations

import asyncio
import time

from gateway.meters import Meters

EVERY = 0.25
"""Seconds between two looks."""


async def watch_lag(meters: Meters) -> None:
    """Ask a timer again and again how late it was, until cancelled."""
    while True:
        due = time.monotonic() + EVERY
        await asyncio.sleep(EVERY)
        # Some loops' timers count in whole milliseconds, and may come a moment too soon.
        meters.late(max(0.0, time.monotonic() - due))
