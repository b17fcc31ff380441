"""Fixtures for tests that need a Redis, a backplane, gateways, or peers."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.core import Gateway
from gateway.server import serving
from tests.support import clusters, servers
from tests.support.certificates import Authority, authority
from tests.support.clusters import ClusterOfServers
from tests.support.peer import Peer, Told
from tests.support.servers import Server
from tests.support.settings import settings


@pytest.fixture(scope="session")
def valkey() -> Iterator[Server]:
    with servers.running(servers.valkey()) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    if (binary := servers.redis_server()) is None:
        pytest.skip("this machine has no redis-server >= 7")
    with servers.running(binary) as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[ClusterOfServers]:
    with clusters.cluster(servers.valkey()) as six:
        yield six


@pytest.fixture(scope="session")
def fakeredis() -> Iterator[Server]:
    with servers.fake() as server:
        yield server


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs certificates for a test's servers."""
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def prefix() -> str:
    """Gives each test its own chat: no other keys have this prefix."""
    return f"test-{secrets.token_hex(6)}"


@dataclass
class Running:
    """A gateway that runs in this process.

    Attributes:
        gateway: the gateway.
        host: the host that it listens on.
        port: the port that it listens on.
        stop: stops it like SIGTERM.
    """

    gateway: Gateway
    host: str
    port: int
    stop: Callable[[], Awaitable[None]]


StartGateway = Callable[..., Awaitable[Running]]
Connect = Callable[[Running], Awaitable[Peer]]
Join = Callable[..., Awaitable[Peer]]


@pytest.fixture
async def start_gateway(valkey: Server, prefix: str) -> AsyncIterator[StartGateway]:
    """Starts gateways of one chat; takes settings and limits by name."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**given: Any) -> Running:
            config = settings(**{"redis": valkey.url, "prefix": prefix, **given})
            own = await stack.enter_async_context(contextlib.AsyncExitStack())
            gateway, listener = await own.enter_async_context(serving(config))
            return Running(gateway, *listener.address, own.aclose)

        yield start


@pytest.fixture
async def connect(start_gateway: StartGateway) -> AsyncIterator[Connect]:
    """Connects peers, and closes them before their gateways stop."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect(running: Running) -> Peer:
            peer = await Peer.connect(running.host, running.port)
            stack.push_async_callback(peer.close)
            return peer

        yield connect


@pytest.fixture
def join(connect: Connect) -> Join:
    """Connects a peer and logs it in under a name."""

    async def join(running: Running, name: str, **fields: Any) -> Peer:
        peer = await connect(running)
        await peer.hello(name, **fields)
        return peer

    return join


__all__ = ["Connect", "Join", "Peer", "Running", "StartGateway", "Told"]
