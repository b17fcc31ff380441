"""A whole chat to break: gateways and a Redis as real processes, with proxies between them.

    bots -- front proxy -- gateway -- back proxy -- Redis

Each gateway has its own two proxies, so that it can be cut off alone. When a gateway is replaced,
the new one gets the old one's proxies, so the address stays the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from gateway.backplane.ids import parse_id
from gateway.backplane.keys import Keys
from gateway.backplane.operators.users import list_users
from gateway.backplane.records import Registration
from tests.chaos.lapses import Lapse
from tests.chaos.processes import STARTED_WITHIN, GatewayProcess, Process, Server, scratch
from tests.chaos.proxy import Link, Proxy

PREFIX = "chat"

OPTIONS = ("--rate", "off", "--idle", "off", "--drain", "2s")


_OF_REDIS = re.compile('why="(OOM|WRONGTYPE) ')
"""Errors of a Redis that refuses, which a gateway can only report."""

_ERROR = re.compile(r"^[-0-9]+ [:,0-9]+ (?:ERROR|CRITICAL) .*\n(?:(?!\d{4}-).*\n)*", re.M)
"""An error in the log, with its traceback."""


class Station:
    """A gateway and its two proxies.

    Args:
        number: the gateway's number, for the name of its log.
        front: the proxy that clients connect to.
        back: the proxy to Redis.
        options: options of ``chatctl gateway``.
        folder: where its log goes.
    """

    def __init__(
        self, number: int, front: Proxy, back: Proxy, options: tuple[str, ...], folder: Path
    ) -> None:
        self.front = front
        self.back = back
        self.log = folder / f"gateway-{number}.log"
        self._options = options
        self._gateway: GatewayProcess | None = None

    @property
    def process(self) -> Process:
        """The process that runs."""
        assert self._gateway is not None
        return self._gateway.process

    @property
    def port(self) -> int:
        """The gateway's own port, which bypasses the front proxy."""
        assert isinstance(self.front.upstream, int)
        return self.front.upstream

    @property
    def commands(self) -> list[Link]:
        """Its links to Redis for commands."""
        return [link for link in self.back.links if link not in self.subscriptions]

    @property
    def subscriptions(self) -> list[Link]:
        """Its links to Redis for subscriptions."""
        return [link for link in self.back.links if b"-sub\r\n" in link.opening]

    async def start(self) -> None:
        """Start a gateway, again and again until it reaches Redis, like a supervisor."""
        async with asyncio.timeout(STARTED_WITHIN):
            while True:
                url = f"redis://127.0.0.1:{self.back.port}"
                self._gateway = GatewayProcess(url, self._options, self.log)
                if port := await self._gateway.port():
                    self.front.upstream = port
                    return
                self.kill()

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self._gateway is not None:
            self._gateway.process.kill()
            self._gateway = None


class Lab:
    """The whole chat.

    Attributes:
        server: the Redis.
        stations: the gateways.
        lapses: when Redis lost data, in order.
    """

    def __init__(self, server: Server, options: tuple[str, ...], folder: Path) -> None:
        self.server = server
        self.stations: list[Station] = []
        self.lapses: list[Lapse] = []
        self._options = options
        self._folder = folder
        self._logs: list[Path] = []

    def at(self, *numbers: int) -> Callable[[], int]:
        """Returns a function that returns the ports of these stations in turn."""
        turns = itertools.cycle(self.stations[number].front for number in numbers)
        return lambda: next(turns).port

    @contextlib.contextmanager
    def lapse(self, *of: str, lost: bool = True) -> Iterator[None]:
        """Note that Redis may lose data of these rooms during the context."""
        began = time.monotonic()
        epochs = [self._epoch(each) for each in of]
        yield
        over = time.monotonic()
        self.lapses += [
            Lapse(*each, began, over) for each in zip(of, [lost] * len(of), epochs, strict=True)
        ]

    @contextlib.asynccontextmanager
    async def another(self) -> AsyncIterator[Station]:
        """Run one more gateway while the context is open."""
        number = len(self._logs) + 1
        async with Proxy(self.server.path) as back, Proxy(0) as front:
            station = Station(number, front, back, self._options, self._folder)
            self._logs.append(station.log)
            try:
                await station.start()
                self.stations.append(station)
                yield station
            finally:
                self.stations = [each for each in self.stations if each is not station]
                station.kill()

    def connections(self) -> int:
        """The number of connections of clients."""
        return sum(len(station.front.links) for station in self.stations)

    async def users(self) -> list[Registration]:
        """Everybody, as in ``chatctl users``."""
        listed = await asyncio.to_thread(list_users, self.server.url, PREFIX)
        return [each.registration for person in listed for each in person]

    def errors(self) -> list[str]:
        """The errors that the gateways logged, each with its traceback."""
        found = [error for log in self._logs for error in _ERROR.findall(log.read_text())]
        return [error for error in found if not _OF_REDIS.search(error)]

    def _epoch(self, room: str) -> int:
        with self.server.client() as client:
            entries = client.xrevrange(Keys(PREFIX).room_log(room), count=1)
        return parse_id(entries[0][0])[0] if entries else 0


@contextlib.asynccontextmanager
async def lab(gateways: int, options: tuple[str, ...] = OPTIONS) -> AsyncIterator[Lab]:
    """A lab in which everything runs; at the end everything is removed."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(scratch())
        server = Server(folder)
        stack.callback(server.kill)
        await server.start()
        at = Lab(server, options, folder)
        for _ in range(gateways):
            await stack.enter_async_context(at.another())
        server.remember()
        yield at
