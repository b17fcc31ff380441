"""Waiting for one of several things."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def first(*several: Coroutine[Any, Any, object]) -> None:
    """Return when one of them is done, and the others, which are cancelled, have ended too.

    Raises what the first raises.
    """
    tasks = [asyncio.ensure_future(each) for each in several]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        # What they do at their end is done too; how they ended is nobody's concern any more.
        await asyncio.gather(*tasks, return_exceptions=True)
