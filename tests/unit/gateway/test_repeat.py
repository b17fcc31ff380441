import asyncio

import pytest

from gateway.errors import BackplaneRefused
from gateway.repeat import repeat
from tests.unit.gateway.fakes import AWAY, quiet, until


class Work:
    def __init__(self, *errors):
        self.errors = list(errors)
        self.times = 0

    async def __call__(self):
        self.times += 1
        if self.errors:
            raise self.errors.pop(0)


async def ended(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_is_done_again_and_again_until_cancelled():
    work = Work()
    task = asyncio.create_task(repeat(0.0, work))
    await until(lambda: work.times >= 5)
    await ended(task)
    times = work.times
    await quiet()
    assert work.times == times


async def test_the_first_time_comes_after_a_while():
    work = Work()
    task = asyncio.create_task(repeat(3600.0, work))
    await quiet()
    assert work.times == 0
    await ended(task)


async def test_a_redis_that_is_away_is_tried_again_without_a_word(caplog):
    work = Work(AWAY, AWAY)
    task = asyncio.create_task(repeat(0.0, work))
    await until(lambda: work.times >= 3)
    await ended(task)
    assert caplog.text == ""


async def test_a_redis_that_refuses_is_logged_and_tried_again(caplog):
    work = Work(BackplaneRefused("OOM command not allowed"))
    task = asyncio.create_task(repeat(0.0, work))
    await until(lambda: work.times >= 2)
    await ended(task)
    assert any("OOM" in str(vars(record).get("fields")) for record in caplog.records)


async def test_a_fault_of_ours_is_logged_with_where_it_was_and_costs_one_turn(caplog):
    work = Work(ZeroDivisionError(), KeyError("sis"))
    task = asyncio.create_task(repeat(0.0, work))
    await until(lambda: work.times >= 3)
    await ended(task)
    told = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert told == [ZeroDivisionError, KeyError]
    assert "test_repeat.py" in caplog.text
