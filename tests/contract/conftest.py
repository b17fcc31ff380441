"""The backplane under test, and what it tells its gateway."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from inspect import signature
from typing import Any

import pytest
import redis

from gateway.backplane.keys import Keys
from tests.contract.heard import Heard
from tests.contract.household import Gateway, StartBackplane
from tests.support.acl import url_for
from tests.support.servers import Server
from tests.support.settings import redis_backplane, settings
from tests.unit.gateway.fakes import FakeBackplane, Memory

IMITATION = "imitation"
"""Of the whole backplane, as the unit tests of gateways have it: it must be no kinder."""

SERVERS = ("fakeredis", "valkey", "redis_server", "cluster", IMITATION)

IMITATED = ("test_backplane", "test_presence", "test_present", "test_recovery", "test_rooms")
"""Files with what it imitates."""


ON_BOTH_LOOPS = "valkey"
"""The server with which tests run on each loop: what a script does is not the loop's matter."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    left_out = [item for item in items if _asks_too_much(item) or _is_no_news(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _asks_too_much(item: Any) -> bool:
    """The imitation has no server to look into, or to meddle with."""
    return _server_of(item) == IMITATION and bool(
        item.path.stem not in IMITATED
        or {"look", "url"} & set(item.fixturenames)
        or "server" in signature(item.function).parameters
    )


def _is_no_news(item: Any) -> bool:
    """With one server it was seen that the loop makes no difference."""
    return _server_of(item) not in (None, ON_BOTH_LOOPS) and (
        asyncio.SelectorEventLoop in item.callspec.params.values()
    )


def _server_of(item: Any) -> str | None:
    found = getattr(getattr(item, "callspec", None), "params", {}).get("server")
    return found if found in SERVERS else None


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Any:
    """Each server that the product promises to work with, and an imitation of all of it."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def imitation() -> Memory:
    return Memory()


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
async def start(
    server: Server | Memory, prefix: str, request: pytest.FixtureRequest
) -> AsyncIterator[StartBackplane]:
    """Starts backplanes of one chat, each with a lease."""
    url = "" if isinstance(server, Memory) else request.getfixturevalue("url")
    async with contextlib.AsyncExitStack() as stack:

        async def start(**given: Any) -> Gateway:
            heard = Heard()
            name = f"g-{secrets.token_hex(3)}"
            config = settings(**{"redis": url, "prefix": prefix, "idle": 60.0, **given})
            backplane: Any
            if isinstance(server, Memory):
                server.idle, server.age = config.idle, config.history_age
                backplane = FakeBackplane(server, name, heard)
            else:
                backplane = redis_backplane(config, name, lambda: b"{}", heard)
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
def kill(server: Server | Memory, keys: Keys, request: pytest.FixtureRequest) -> Any:
    """A gateway dies: it takes its lease back no more."""
    if isinstance(server, Memory):
        return lambda gateway: server.dead.add(gateway.id)
    look = request.getfixturevalue("look")
    return lambda gateway: look.delete(keys.lease(gateway.id))
