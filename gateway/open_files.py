"""The limit of open files; each connection is one."""

from __future__ import annotations

import contextlib
import logging
import resource

from gateway.journal import event

log = logging.getLogger(__name__)

FEW = 1000
"""If fewer connections than this are possible, operators are warned; most systems allow more."""

RESERVE = 16
"""Files kept free for health checks and for reconnecting to Redis."""


def raise_limit() -> None:
    """Raise the soft limit of this process to the hard one, and log a warning if that is low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems allow fewer than they report
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    allowed = most_connections()
    if allowed is not None and allowed < FEW:
        event(log, logging.WARNING, "few connections are possible: see ulimit -n", most=allowed)


def most_connections() -> int | None:
    """How many connections of people this process can have; None for no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else max(0, soft - RESERVE)
