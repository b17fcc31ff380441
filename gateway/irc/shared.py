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


@dataclass
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
        counts: how many people are here, connections that have no name yet, and rooms.
        started: when the gateway started, seconds since 1970.
        idle: seconds of silence after which a client is marked as away; None for never.
        limits: how much a client may ask for.
        monotonic: a clock in seconds that never goes back.
        most_people: the most people that were here when somebody was told their number.
    """

    server: str
    network: str
    version: str
    hub: Hub
    rendering: Rendering
    tasks: Callable[[Any], asyncio.Task[None]]
    prove: Callable[[str, str, Address], Awaitable[str]]
    counts: Callable[[], tuple[int, int, int]]
    started: float
    idle: float | None
    limits: Limits
    monotonic: Callable[[], float]

    most_people: int = 0

    def most(self, people: int) -> int:
        """The most people that were here when somebody was told their number."""
        self.most_people = max(self.most_people, people)
        return self.most_people

    def every(self) -> float:
        """Seconds between looks at a client."""
        return LOOK_EVERY if self.idle is None else min(LOOK_EVERY, self.idle / 3)
