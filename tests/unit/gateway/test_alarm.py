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


async def test_it_rings_when_its_time_has_come(alarm, clock, rung):
    alarm.set(clock() + 0.01)
    assert not rung.is_set()
    async with asyncio.timeout(within()):
        await rung.wait()


async def test_it_rings_at_the_last_time_that_it_was_set_to(alarm, clock, rung):
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
    assert timer.cancelled(), "whoever set it would stay in memory until then"
    assert alarm.at is None


async def test_after_a_standstill_it_rings_once_all_could_be_heard_that_came(
    alarm, clock, rung, monkeypatch
):
    # Sockets and timers come in no certain order, and a read takes only some of what is there.
    monkeypatch.setattr(module, "HEAR", 3600)
    alarm.set(clock() + 0.001)
    clock.advance(STALL + 0.1)
    loop = asyncio.get_running_loop()
    await until(lambda: alarm._timer.when() > loop.time() + 3000, "the second look")
    assert not rung.is_set()
    monkeypatch.setattr(module, "HEAR", 0)
    alarm.set(clock() + 0.001)
    clock.advance(STALL + 0.1)
    async with asyncio.timeout(within()):
        await rung.wait()


async def test_what_is_done_in_time_has_no_deadline_any_more():
    async with deadline(3600):
        await asyncio.sleep(0)


async def test_what_is_not_done_in_time_is_broken_off():
    with pytest.raises(TimeoutError):
        async with deadline(0.01):
            await asyncio.Event().wait()


async def test_who_is_cancelled_meanwhile_is_not_late():
    async def waits():
        async with deadline(3600):
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await quiet()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
