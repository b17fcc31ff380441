"""What the clients of IRC of a gateway share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway.addresses import Address
from gateway.channels.hub import Hub
from gateway.irc.rendering import Rendering
from wire.limits import Limits

LOOK_EVERY = 30.0
"""The most seconds between looks at a client."""


@dataclass(frozen=True)
class IrcShared:
    """What the clients of a gateway share.

    Attributes:
        server: the name of the server, as clients see it.
        network: the name of the network.
        version: the program's.
        hub: writes to links.
        rendering: writes what rooms bring.
        tasks: runs a command that takes time.
        prove: returns the name of an account if a password is right; raises `WireError`.
        people: how many are here, and on how many gateways.
        started: when the gateway started, seconds since 1970.
        idle: seconds of silence after which a client is marked as away; None for never.
        limits: how much a client may ask for.
        monotonic: a clock in seconds that never goes back.
    """

    server: str
    network: str
    version: str
    hub: Hub
    rendering: Rendering
    tasks: Callable[[Any], asyncio.Task[None]]
    prove: Callable[[str, str, Address], Awaitable[str]]
    people: Callable[[], tuple[int, int]]
    started: float
    idle: float | None
    limits: Limits
    monotonic: Callable[[], float]

    def every(self) -> float:
        """Seconds between looks at a client."""
        return LOOK_EVERY if self.idle is None else min(LOOK_EVERY, self.idle / 3)
