"""A whole chat to be broken: gateways and a Redis as real processes, with proxies between them.

    bots -- front proxy -- gateway -- back proxy -- Redis

Each gateway has two proxies of its own, so that each of them can be cut off alone. Another gateway
that takes the place of one that ended gets its proxies: its address stays the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from gateway.backplane.directory import UserRecord, list_users
from gateway.backplane.keys import Keys
from tests.chaos.processes import STARTED_WITHIN, GatewayProcess, Process, Server, scratch
from tests.chaos.proxy import Link, Proxy

PREFIX = "chat"

OPTIONS = ("--rate", "off", "--idle", "off", "--drain", "2s")


_ERROR = re.compile(r"^[-0-9]+ [:,0-9]+ (?:ERROR|CRITICAL) .*\n(?:(?!\d{4}-).*\n)*", re.M)
"""A record of the log, up to the next one."""


class Station:
    """A gateway and its two proxies.

    Args:
        number: of the gateway; what its log is called after.
        front: the proxy that clients connect to.
        back: the proxy to Redis.
        options: of ``chatctl gateway``.
        folder: for its log.
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
        """The one that runs."""
        assert self._gateway is not None
        return self._gateway.process

    @property
    def port(self) -> int:
        """Past the front proxy."""
        assert isinstance(self.front.upstream, int)
        return self.front.upstream

    @property
    def commands(self) -> list[Link]:
        """Its links to Redis for commands."""
        return [link for link in self.back.links if link not in self.subscriptions]

    @property
    def subscriptions(self) -> list[Link]:
        """Its links to Redis for what is published."""
        return [link for link in self.back.links if b"-sub\r\n" in link.opening]

    async def start(self) -> None:
        """Start a gateway, again and again until it finds its Redis, as any supervisor does."""
        async with asyncio.timeout(STARTED_WITHIN):
            while True:
                url = f"redis://127.0.0.1:{self.back.port}"
                self._gateway = GatewayProcess(url, self._options, self.log)
                if port := await self._gateway.port():
                    self.front.upstream = port
                    return
                self.kill()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._gateway is not None:
            self._gateway.process.kill()
            self._gateway = None


class Lab:
    """The whole.

    Attributes:
        server: the Redis.
        stations: the gateways.
        forgotten: the last epoch that Redis forgot; 0 if it has its memory.
    """

    def __init__(self, server: Server, stations: list[Station]) -> None:
        self.server = server
        self.stations = stations
        self.forgotten = 0

    def at(self, *numbers: int) -> Callable[[], int]:
        """Says where to connect to: the ports of these stations in turn."""
        turns = itertools.cycle(self.stations[number].front for number in numbers)
        return lambda: next(turns).port

    def forget(self) -> None:
        """Kill Redis, and with it all that it knew."""
        with self.server.client() as client:
            self.forgotten = int(client.get(Keys(PREFIX).epoch).split()[0])
        self.server.kill()
        self.server.forget()

    def connections(self) -> int:
        """How many of clients there are."""
        return sum(len(station.front.links) for station in self.stations)

    async def users(self) -> list[UserRecord]:
        """Everybody, as ``chatctl users`` would say."""
        return await asyncio.to_thread(list_users, self.server.url, PREFIX)

    def errors(self) -> list[str]:
        """What the gateways logged as faults of their own, each with its traceback."""
        return [found for s in self.stations for found in _ERROR.findall(s.log.read_text())]


@contextlib.asynccontextmanager
async def lab(gateways: int, options: tuple[str, ...] = OPTIONS) -> AsyncIterator[Lab]:
    """A lab in which everything runs; in the end nothing of it is left."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(scratch())
        server = Server(folder)
        stack.callback(server.kill)
        await server.start()
        stations = []
        for number in range(1, gateways + 1):
            back = await stack.enter_async_context(Proxy(server.path))
            front = await stack.enter_async_context(Proxy(0))
            station = Station(number, front, back, options, folder)
            stack.callback(station.kill)
            stations.append(station)
        await asyncio.gather(*(station.start() for station in stations))
        yield Lab(server, stations)
