"""What several commands need: run a script, tell a gateway something, wait for what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis

from gateway.backplane.keys import Keys
from gateway.backplane.redis.address import server_of
from gateway.backplane.redis.store import RUN_ID, Argument
from gateway.backplane.scripts import Script

POLL_EVERY = 0.05
"""Seconds between two looks at whether a condition holds."""


def run(client: redis.Redis, script: str, keys: list[str], *args: Argument) -> Any:
    """Run one of the scripts and return its reply. Redis does not have to know it yet."""
    # Loaded each time, since a Redis user for operators may not be allowed to run any other text.
    sha: Any = client.script_load(Script(script).source)
    known: list[Any] = [_run_id(client, keys[0]) if each is RUN_ID else each for each in args]
    return client.evalsha(sha, len(keys), *keys, *known)


def _run_id(client: redis.Redis, key: str) -> str:
    """Which run of Redis has a key; as the script ``run_find`` says it to gateways."""
    sha: Any = client.script_load(Script("run_find").source)
    server = server_of(client, key)
    found: Any = server.evalsha(sha, 0)
    return str(found[0].decode())


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
