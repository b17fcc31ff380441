"""The backplane under test, and what it tells its gateway."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.redis import RedisBackplane
from gateway.meters import Meters
from tests.contract.heard import Heard
from tests.contract.household import Gateway, StartBackplane
from tests.support.acl import url_for
from tests.support.servers import Server
from tests.support.settings import settings


@pytest.fixture(params=["fakeredis", "valkey", "redis_server"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each server that the product promises to work with."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def look(server: Server) -> Iterator[redis.Redis]:
    """A plain client, to meddle behind the backplanes' backs."""
    with server.client() as client:
        yield client


@pytest.fixture
def url(server: Server) -> str:
    """Where backplanes find the server: with the rights that gateways are said to need."""
    return server.url if server.drop else url_for(server, "chat-gateway")


@pytest.fixture
async def start(url: str, prefix: str) -> AsyncIterator[StartBackplane]:
    """Starts backplanes of one chat, each with a lease."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**given: Any) -> Gateway:
            heard = Heard()
            name = f"g-{secrets.token_hex(3)}"
            config = settings(**{"redis": url, "prefix": prefix, "idle": 60.0, **given})
            backplane = RedisBackplane(config, name, lambda: b"{}", heard, Meters())
            await backplane.start()
            stack.push_async_callback(backplane.close)
            await backplane.renew_lease()
            return Gateway(name, backplane, heard)

        yield start


@pytest.fixture
async def g1(start: StartBackplane) -> Gateway:
    return await start()


@pytest.fixture
async def g2(start: StartBackplane) -> Gateway:
    return await start()


@pytest.fixture
def keys(prefix: str) -> Keys:
    return Keys(prefix)


@pytest.fixture
def kill(look: redis.Redis, keys: Keys) -> Any:
    """A gateway dies: it takes its lease back no more."""
    return lambda gateway: look.delete(keys.lease(gateway.id))
