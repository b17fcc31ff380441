"""Background tasks. An unexpected error in one is logged and does not end the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.journal import event

log = logging.getLogger(__name__)


class Tasks:
    """The background tasks of a gateway; all of them end with it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine in the background. An exception is a bug, and is logged as an error."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def end(self) -> None:
        """Cancel all tasks, and return when they have ended."""
        # A task that is cancelled may start another, to clean up. One that has just ended is still
        # among them, and from Python 3.12 on, to wait for it would not let the loop forget it.
        while alive := [task for task in self._running if not task.done()]:
            for task in alive:
                task.cancel()
            await asyncio.gather(*alive, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an unexpected error", exc_info=error)


async def repeat(every: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do something again and again, until cancelled.

    A failure costs one turn and no more: the lease of everybody here may depend on the next one.

    Args:
        every: seconds to wait before each turn.
        work: what to do.
    """
    while True:
        await asyncio.sleep(every)
        await attempt(work)


async def attempt(work: Callable[[], Awaitable[None]]) -> None:
    """Do something once, and log what goes wrong."""
    try:
        await work()
    except BackplaneDown:
        pass  # the gateway has logged that once, and the next turn tries again
    except BackplaneRefused as error:
        event(log, logging.ERROR, "Redis refused", why=error)
    except Exception:
        log.exception("an unexpected error")


async def first(*several: Coroutine[Any, Any, object]) -> None:
    """Return when one of these is done; the others are cancelled and have ended by then.

    Raises what the one that is done raises.
    """
    tasks = [asyncio.ensure_future(each) for each in several]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        # They may have something to do at their end. How they ended does not matter.
        await asyncio.gather(*tasks, return_exceptions=True)
