"""Doing something again and again, whatever becomes of it meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.journal import event

log = logging.getLogger(__name__)


async def repeat(every: float, what: Callable[[], Awaitable[None]]) -> None:
    """Do it each so many seconds, until cancelled.

    A failure costs one turn: the lease of everybody here may hang on the next one.
    """
    while True:
        await asyncio.sleep(every)
        await attempt(what)


async def attempt(what: Callable[[], Awaitable[None]]) -> None:
    """Do it once; whatever goes wrong ends nothing else."""
    try:
        await what()
    except BackplaneDown:
        pass  # said once, by the gateway; the next turn tries again
    except BackplaneRefused as error:
        event(log, logging.ERROR, "Redis refused", why=error)
    except Exception:
        log.exception("an unexpected error")
