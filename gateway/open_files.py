"""How many files may be open: each connection is one."""

from __future__ import annotations

import contextlib
import logging
import resource

from gateway.journal import event

log = logging.getLogger(__name__)

FEW = 1024
"""What most systems allow where nobody has set anything."""

RESERVE = 16
"""What is kept for others than people: who asks how we are, and the way back to Redis."""


def allow_all() -> None:
    """Raise the soft limit of this process to the hard one; if that is few, say so in the log."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # a system that allows fewer than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if most() < FEW:
        event(log, logging.WARNING, "few connections are possible: see ulimit -n", files=most())


def most() -> float:
    """How many may be open in this process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return float("inf") if soft == resource.RLIM_INFINITY else soft
