"""The backplane under test, and what it tells its gateway."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from gateway.backplane.redis import RedisBackplane
from tests.contract.heard import Heard
from tests.contract.household import Gateway, StartBackplane
from tests.support.servers import Server


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
async def start(server: Server, prefix: str) -> AsyncIterator[StartBackplane]:
    """Starts backplanes of one chat, each with a lease."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: Any) -> Gateway:
            heard = Heard()
            name = f"g-{secrets.token_hex(3)}"
            given = {"idle": 60.0, "history": 1000, "url": server.url, **settings}
            backplane = RedisBackplane(
                given["url"], prefix, name, b"{}", given["idle"], given["history"], heard
            )
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
