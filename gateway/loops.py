"""Which event loop a gateway runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


def run_on(loop: str, serving: Coroutine[None, None, int]) -> int:
    """Run to its end.

    Args:
        loop: the event loop to use: ``uvloop``, which must be installed, or ``asyncio``.
        serving: what to run.
    """
    new_loop = None
    if loop == "uvloop":
        import uvloop

        new_loop = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(serving)
