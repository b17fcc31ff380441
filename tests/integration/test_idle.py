"""A person who is silent for too long is told ``Bye!``. The tests wait for events, not for time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from gateway.backplane.contract import Touch
from tests.support.deadlines import within
from tests.support.fixtures import Join, Peer, Running, StartGateway

IDLE = within(0.6)
LATE = 1.0
"""Seconds that a busy machine may add."""


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Running:
    return await start_gateway(idle=IDLE)


@pytest.fixture
async def patient(start_gateway: StartGateway) -> Running:
    """A gateway of the same chat that evicts nobody, from which to watch."""
    return await start_gateway()


@contextlib.asynccontextmanager
async def doing(peer: Peer, **request: object) -> AsyncIterator[None]:
    """Send a request ten times per idle time, until the context or the connection ends."""

    async def go_on() -> None:
        while True:
            await peer.say(**request)
            await asyncio.sleep(IDLE / 10)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await task


async def test_silence_brings_a_warning_and_then_the_end(
    gateway: Running, patient: Running, join: Join
) -> None:
    mom = await join(patient, "mom")
    started = time.monotonic()
    sis = await join(gateway, "sis")
    notice = await sis.expect(op="notice", code="idle_soon")
    assert 0 <= notice["left"] <= IDLE / 2
    assert time.monotonic() - started < IDLE + within(LATE)
    await sis.ended(code="idle", text="Bye!", reconnect=False)
    took = time.monotonic() - started
    assert IDLE * 0.95 <= took < IDLE + within(LATE)
    await mom.expect(op="left", name="sis", code="idle")
    await join(gateway, "sis")


async def test_the_welcome_tells_the_idle_time(gateway: Running, join: Join) -> None:
    sis = await join(gateway, "sis")
    assert sis.told(op="welcome")[0]["idle"] == IDLE


async def test_who_is_away_stays_if_the_gateway_says_so(
    start_gateway: StartGateway, join: Join
) -> None:
    gateway = await start_gateway(idle=IDLE, away_idle=None)
    sis, mom = await join(gateway, "sis"), await join(gateway, "mom")
    assert sis.told(op="welcome")[0]["away_idle"] is None
    await sis.say(op="away", seq=1)
    await sis.expect(op="ack", seq=1)
    # Meanwhile somebody is silent for all the time that one has, and for as long again.
    await mom.ended(code="idle")
    await (await join(gateway, "mom")).ended(code="idle")
    await sis.say(op="back", seq=2)
    await sis.expect(op="ack", seq=2)
    await sis.ended(code="idle")


async def test_activity_keeps_a_session_and_silence_ends_it(gateway: Running, join: Join) -> None:
    requests: list[dict[str, str]] = [
        {"op": "active"},
        {"op": "send", "text": "still here"},
        {"op": "send", "text": "psst @sis4"},
        {"op": "who"},
        {"op": "nonsense"},
    ]
    people = [await join(gateway, f"sis{n}") for n in range(len(requests))]
    async with contextlib.AsyncExitStack() as stack:
        for sis, request in zip(people, requests, strict=True):
            await stack.enter_async_context(doing(sis, **request))
        # Not to wait for something: this is how long the activity lasts.
        await asyncio.sleep(1.5 * IDLE)
    last = time.monotonic()
    for sis, request in zip(people, requests, strict=True):
        await sis.ended(code="idle")
        took = time.monotonic() - last
        assert IDLE * 0.8 <= took < IDLE + within(LATE), request


async def test_a_ping_does_not_count_as_activity(gateway: Running, join: Join) -> None:
    sis = await join(gateway, "sis")
    async with doing(sis, op="ping"):
        await sis.ended(code="idle")


async def test_receiving_messages_does_not_count_as_activity(
    gateway: Running, patient: Running, join: Join
) -> None:
    mom, sis = await join(patient, "mom"), await join(gateway, "sis")
    async with doing(mom, op="send", text="hello?"):
        await sis.ended(code="idle")
    assert sis.told(op="msg")
    await mom.expect(op="left", name="sis", code="idle")


async def test_activity_that_only_redis_knows_about_counts(gateway: Running, join: Join) -> None:
    sis = await join(gateway, "sis")
    (session,) = gateway.gateway.online
    started = time.monotonic()
    while time.monotonic() - started < 2 * IDLE:
        # Written to Redis without the gateway's knowledge.
        await gateway.gateway.backplane.touch([Touch("sis", session, 0.0)])
        await asyncio.sleep(IDLE / 10)
    await sis.caught_up()
    assert sis.told(op="bye") == []
    await sis.ended(code="idle")


async def test_each_silence_brings_its_own_warning(gateway: Running, join: Join) -> None:
    sis = await join(gateway, "sis")
    for _ in range(2):
        await sis.expect(op="notice", code="idle_soon")
        await sis.say(op="active")
    await sis.ended(code="idle")
    assert len(sis.told(op="notice", code="idle_soon")) == 3


async def test_without_an_idle_time_nobody_is_evicted(
    gateway: Running, patient: Running, join: Join
) -> None:
    mom, sis = await join(patient, "mom"), await join(gateway, "sis")
    await sis.ended(code="idle")
    await mom.caught_up()
    assert mom.told(op="notice") == []


async def test_the_list_of_users_shows_how_long_each_was_idle(gateway: Running, join: Join) -> None:
    sis = await join(gateway, "sis")
    await sis.expect(op="notice", code="idle_soon")
    mom = await join(gateway, "mom")
    await mom.say(op="who")
    users = {user["name"]: user for user in (await mom.expect(op="users"))["users"]}
    assert users["sis"]["idle"] >= 0.5 * IDLE > users["mom"]["idle"]
