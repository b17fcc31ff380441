import asyncio

import pytest

from gateway import alarm as module
from gateway.alarm import STALL, Alarm, deadline
from tests.support.deadlines import within
from tests.unit.gateway.fakes import Clock, quiet, until


@pytest.fixture
async def clock():
    return Clock()


@pytest.fixture
async def rung():
    return asyncio.Event()


@pytest.fixture
async def alarm(clock, rung):
    alarm = Alarm(clock, rung.set)
    yield alarm
    alarm.set(None)


async def test_it_rings_at_its_time(alarm, clock, rung):
    alarm.set(clock() + 0.01)
    assert not rung.is_set()
    async with asyncio.timeout(within()):
        await rung.wait()


async def test_it_rings_only_at_the_time_set_last(alarm, clock, rung):
    alarm.set(clock() + 3600)
    first = alarm._timer
    alarm.set(clock())
    assert alarm.at == clock()
    assert first.cancelled()
    async with asyncio.timeout(within()):
        await rung.wait()


async def test_it_can_be_switched_off(alarm, clock):
    alarm.set(clock() + 3600)
    timer = alarm._timer
    alarm.set(None)
    assert timer.cancelled(), "its owner would stay in memory until then"
    assert alarm.at is None


async def test_after_a_standstill_it_first_leaves_time_to_read_what_arrived(
    alarm, clock, rung, monkeypatch
):
    # Sockets and timers fire in no fixed order, and one read takes only part of what has arrived.
    monkeypatch.setattr(module, "CATCH_UP", 3600)
    alarm.set(clock() + 0.001)
    clock.advance(STALL + 0.1)
    loop = asyncio.get_running_loop()
    await until(lambda: alarm._timer.when() > loop.time() + 3000, "the second timer")
    assert not rung.is_set()
    monkeypatch.setattr(module, "CATCH_UP", 0)
    alarm.set(clock() + 0.001)
    clock.advance(STALL + 0.1)
    async with asyncio.timeout(within()):
        await rung.wait()


async def test_work_done_in_time_is_left_alone():
    async with deadline(3600):
        await asyncio.sleep(0)


async def test_work_that_takes_too_long_is_cancelled():
    with pytest.raises(TimeoutError):
        async with deadline(0.01):
            await asyncio.Event().wait()


async def test_cancellation_is_not_mistaken_for_lateness():
    async def waits():
        async with deadline(3600):
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await quiet()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
