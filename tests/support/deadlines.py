"""Waiting in tests: until something happens, or until a deadline."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
"""Every deadline is multiplied by this; raise it for a slow or busy machine."""


def within(seconds: float = 8.0) -> float:
    """A deadline in seconds, adjusted to this machine."""
    return seconds * PATIENCE


async def eventually(holds: Callable[[], Any], seconds: float = 8.0) -> Any:
    """Wait until a condition holds that has no event; returns the condition's value."""
    async with asyncio.timeout(within(seconds)):
        while not (found := holds()):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
    return found


def wait_until(holds: Callable[[], Any], what: str = "it") -> None:
    """The same without an event loop: for threads and other processes."""
    deadline = time.monotonic() + within()
    while not holds():
        assert time.monotonic() < deadline, f"waiting for {what}"
        time.sleep(0.005)
