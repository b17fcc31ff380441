"""Readiness, as a balancer asks for it: over HTTP, with a real Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from gateway.backplane.keys import Keys
from gateway.core import Gateway
from gateway.errors import StartError
from gateway.http.health import Health
from gateway.server import serving
from tests.support import servers
from tests.support.deadlines import eventually, within
from tests.support.fixtures import Join, Running, StartGateway
from tests.support.http import Answer, ask
from tests.support.servers import Server
from tests.support.settings import settings

ANYWHERE = ("127.0.0.1", 0)


async def becomes(gateway: Gateway, status: int, text: str = "") -> Answer:
    """Ask until this is the answer."""
    assert gateway.http is not None
    got = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within(15)):
            while got is None or (got.status, text in got.body) != (status, True):
                got = await ask(gateway.http, "/readyz")
                await asyncio.sleep(0.02)
    assert got is not None
    assert (got.status, text in got.body) == (status, True), got
    return got


@pytest.fixture
async def one(start_gateway: StartGateway) -> Running:
    return await start_gateway(http=ANYWHERE)


@pytest.fixture
def own() -> Iterator[Server]:
    """A Redis that can be frozen."""
    with servers.running(servers.valkey()) as server:
        yield server
        server.thaw()


@pytest.fixture
async def frozen(own: Server, prefix: str) -> AsyncIterator[tuple[Gateway, Server]]:
    """A gateway on a Redis that has just been frozen."""
    async with serving(settings(own.url, prefix, http=ANYWHERE)) as (gateway, *_):
        await becomes(gateway, 200)
        own.freeze()
        try:
            yield gateway, own
        finally:
            own.thaw()
            await becomes(gateway, 200)


async def test_a_gateway_that_serves_is_ready(one: Running) -> None:
    got = await becomes(one.gateway, 200)
    assert got.body == "ready\n"
    assert one.gateway.http is not None
    alive = await ask(one.gateway.http, "/healthz")
    assert (alive.status, alive.body) == (200, "ok\n")


async def test_without_an_address_there_is_no_http_port(start_gateway: StartGateway) -> None:
    assert (await start_gateway()).gateway.http is None


async def test_checks_leave_nothing_in_redis(one: Running, valkey: Server, prefix: str) -> None:
    with valkey.client() as client:
        before = set(client.scan_iter(f"{prefix}:*"))
        for _ in range(5):
            await becomes(one.gateway, 200)
        assert set(client.scan_iter(f"{prefix}:*")) == before


async def test_a_flood_of_checks_costs_redis_one_probe(one: Running, valkey: Server) -> None:
    def scripts() -> int:
        with valkey.client() as client:
            stats: Any = client.info("commandstats")
        return int(stats["cmdstat_evalsha"]["calls"])

    await becomes(one.gateway, 200)
    before = scripts()
    for _ in range(20):
        await asyncio.gather(*(ask(one.gateway.http or ANYWHERE, "/readyz") for _ in range(10)))
    # Three scripts per probe and one probe per second; gateways of other tests may use this server.
    assert scripts() - before < 100


async def test_the_probe_notices_that_redis_is_frozen_and_that_it_is_back(
    frozen: tuple[Gateway, Server],
) -> None:
    gateway, redis = frozen
    # Its connections still look healthy, and its lease is fresh.
    got = await becomes(gateway, 503, "probe failed")
    assert got.body.count("\n") == 1
    assert gateway.http is not None
    assert (await ask(gateway.http, "/healthz")).status == 200
    await becomes(gateway, 503, "Redis is away")
    redis.thaw()
    await becomes(gateway, 200)


async def test_a_gateway_that_is_not_sure_of_its_users_is_not_ready(one: Running) -> None:
    await becomes(one.gateway, 200)
    one.gateway.presence.doubt()
    await becomes(one.gateway, 503, "lease")
    await one.gateway.presence.verify()
    await becomes(one.gateway, 200)


async def test_a_draining_gateway_is_not_ready_and_says_why(
    start_gateway: StartGateway, join: Join
) -> None:
    one = await start_gateway(http=ANYWHERE, drain=5.0)
    await becomes(one.gateway, 200)
    sis = await join(one, "sis")
    one.gateway.shutdown.draining = True
    got = await becomes(one.gateway, 503)
    assert got.body == "draining\n"
    stopping = asyncio.create_task(one.stop())
    assert one.gateway.http is not None
    await sis.ended(code="shutdown")
    await stopping
    with pytest.raises(ConnectionError):
        await ask(one.gateway.http, "/readyz")


async def test_an_operators_order_makes_it_probe(one: Running, valkey: Server, prefix: str) -> None:
    keys = Keys(prefix)
    with valkey.client() as client:
        channel = keys.control_channel(one.gateway.id)
        assert client.execute_command("SPUBLISH", channel, "probe n17") == 1
        found = await eventually(lambda: client.get(keys.probed("n17")))
    assert msgspec.json.decode(found)["ok"] is True


async def test_the_error_for_a_port_in_use_names_the_option(
    one: Running, valkey: Server, prefix: str
) -> None:
    assert one.gateway.http is not None
    with pytest.raises(StartError, match=r"in use.*--http"):
        async with serving(settings(valkey.url, prefix, http=one.gateway.http)):
            pass


async def test_a_gateway_that_does_not_serve_yet_is_not_ready(valkey: Server, prefix: str) -> None:
    gateway = Gateway(settings(valkey.url, prefix))
    got = await Health(gateway).ready()
    assert (got.status, got.body) == (503, b"Redis is away\n")
