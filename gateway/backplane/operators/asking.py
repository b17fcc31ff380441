"""What several commands need: run a script, tell a gateway something, wait for what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.scripts import Script

POLL_EVERY = 0.05
"""Seconds between two looks at whether a condition holds."""


def run(client: redis.Redis, script: str, keys: list[str], *args: str | bytes | int) -> Any:
    """Run one of the scripts and return its reply. Redis does not have to know it yet."""
    # Loaded each time, since a Redis user for operators may not be allowed to run any other text.
    sha: Any = client.script_load(Script(script).source)
    return client.evalsha(sha, len(keys), *keys, *args)


def tell(client: redis.Redis, keys: Keys, gateway: str, order: str) -> bool:
    """Send an order over a gateway's control channel; returns whether the gateway listens."""
    listening: int = client.spublish(keys.control_channel(gateway), order)
    return listening > 0


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, but no longer than ``seconds``; returns whether it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_EVERY)
    return True
