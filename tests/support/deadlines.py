"""How long the tests wait for what must come: until it is there, or a deadline is over."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
"""What every deadline is multiplied with: more for a slow or a loaded machine."""


def within(seconds: float = 8.0) -> float:
    """A deadline, in this machine's seconds."""
    return seconds * PATIENCE


async def eventually(holds: Callable[[], Any], seconds: float = 8.0) -> Any:
    """Wait until something is true of which nobody tells; returns what it was."""
    async with asyncio.timeout(within(seconds)):
        while not (found := holds()):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
    return found


def wait_until(holds: Callable[[], Any], what: str = "it") -> None:
    """The same where no loop runs: for what threads and other processes do."""
    deadline = time.monotonic() + within()
    while not holds():
        assert time.monotonic() < deadline, f"waiting for {what}"
        time.sleep(0.005)
