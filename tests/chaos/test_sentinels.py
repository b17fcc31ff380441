"""Redis with Sentinels: a replica takes over."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from tests.chaos.bots import Bot
from tests.chaos.lab import OPTIONS
from tests.chaos.lapses import Lapse
from tests.chaos.processes import GatewayProcess, Process, scratch
from tests.chaos.sentinels import watched
from tests.chaos.verdict import judge
from wire.frames import LOBBY, PRIVATE


@pytest.mark.parametrize("fail", [Process.kill, Process.freeze], ids=["killed", "frozen"])
async def test_a_failover(fail):
    failover = Lapse(LOBBY, False, 0, 0.0, 0.0)
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(scratch())
        all_of_it = await stack.enter_async_context(watched(folder))
        dana = await stack.enter_async_context(on_a_gateway("dana", all_of_it.url, folder))
        sis = await stack.enter_async_context(on_a_gateway("sis", all_of_it.url, folder))
        before = await dana.say("before")
        await sis.hears("before")
        fail(all_of_it.master)
        said = await asyncio.gather(dana.say("one"), dana.say("two"), dana.say("us", to=["sis"]))
        await asyncio.gather(*(bot.hears("one", "two", "us") for bot in (dana, sis)))
        assert all(one.epoch > before.epoch for one in said)
        assert dana.record.lost == sis.record.lost == []
        assert (
            list(judge([dana.record, sis.record], [failover, failover._replace(of=PRIVATE)])) == []
        )


@contextlib.asynccontextmanager
async def on_a_gateway(name, redis, folder):
    """A bot on its own gateway."""
    gateway = GatewayProcess(redis, OPTIONS, folder / f"{name}.log")
    try:
        port = await gateway.port()
        assert port is not None
        async with Bot(name, lambda: port).online() as bot:
            yield bot
    finally:
        gateway.process.kill()


async def test_a_replica_that_lags_takes_over():
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(scratch())
        all_of_it = await stack.enter_async_context(watched(folder))
        dana = await stack.enter_async_context(on_a_gateway("dana", all_of_it.url, folder))
        sis = await stack.enter_async_context(on_a_gateway("sis", all_of_it.url, folder))
        await dana.say("known to both")
        await sis.hears("known to both")
        await all_of_it.leave_replica_behind()
        lost = [await dana.say("lost"), await dana.say("lost too", to=["sis"])]
        await sis.hears("lost", "lost too")
        began = time.monotonic()
        all_of_it.master.kill()
        said = await asyncio.gather(dana.say("one"), dana.say("us", to=["sis"]))
        await asyncio.gather(*(bot.hears("one", "us") for bot in (dana, sis)))
        assert all(one.ack and one.epoch > lost[0].epoch for one in said)
        assert dana.record.lost == sis.record.lost == []
        assert [gap.room for gap in sis.record.gaps].count(LOBBY) == 1
        over = time.monotonic()
        lapses = [Lapse(room, True, lost[0].epoch, began, over) for room in (LOBBY, PRIVATE)]
        assert list(judge([dana.record, sis.record], lapses)) == []
