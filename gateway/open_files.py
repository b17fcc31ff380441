"""How many files may be open: each connection is one."""

from __future__ import annotations

import contextlib
import logging
import resource

from gateway.journal import event

log = logging.getLogger(__name__)

FEW = 1000
"""Connections below which an operator should know; most systems allow more unasked."""

RESERVE = 16
"""Files kept free for health checks, and for connecting to Redis again."""


def allow_all() -> None:
    """Raise the soft limit of this process to the hard one; if that is few, say so in the log."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems allow fewer than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    allowed = most_connections()
    if allowed is not None and allowed < FEW:
        event(log, logging.WARNING, "few connections are possible: see ulimit -n", most=allowed)


def most_connections() -> int | None:
    """How many may be open for people in this process; None for no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else max(0, soft - RESERVE)
