import asyncio

import pytest

from gateway.errors import BackplaneRefused
from gateway.tasks import Tasks, first, repeat
from tests.unit.gateway.fakes import AWAY, quiet, until


class Wait:
    """Something that goes on until it is told to stop, and knows how it ended."""

    def __init__(self):
        self.event = asyncio.Event()
        self.cancelled = False

    async def __call__(self):
        try:
            await self.event.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def nothing():
    pass


class TestTasks:
    async def test_one_that_has_just_ended_does_not_hold_up_the_end(self):
        tasks = Tasks()
        tasks.spawn(nothing())
        # In the same turn of the loop, so that nobody has been told yet that the first has ended.
        await asyncio.create_task(tasks.end())

    async def test_a_fault_is_logged_and_costs_the_others_nothing(self, caplog):
        async def fails():
            raise ZeroDivisionError("a fault")

        tasks, other = Tasks(), Wait()
        tasks.spawn(fails())
        running = tasks.spawn(other())
        await quiet()
        assert "unexpected" in caplog.text
        assert "a fault" in caplog.text
        assert not running.done()
        await tasks.end()

    async def test_all_have_ended_when_they_are_ended(self):
        tasks, one, other = Tasks(), Wait(), Wait()
        tasks.spawn(one())
        tasks.spawn(other())
        await quiet()
        await tasks.end()
        assert one.cancelled
        assert other.cancelled

    async def test_so_has_what_one_of_them_starts_at_its_end(self):
        tasks, late = Tasks(), Wait()

        async def cleans_up():
            try:
                await asyncio.sleep(3600)
            finally:
                tasks.spawn(late())
                await asyncio.sleep(0)

        tasks.spawn(cleans_up())
        await quiet()
        await tasks.end()
        assert late.cancelled


async def test_it_returns_when_one_is_done_and_the_others_are_cancelled():
    one, other = Wait(), Wait()
    waiting = asyncio.create_task(first(one(), other()))
    await quiet()
    assert not waiting.done()
    one.event.set()
    await waiting
    assert (one.cancelled, other.cancelled) == (False, True)


async def test_who_is_cancelled_while_waiting_cancels_them_all():
    one, other = Wait(), Wait()
    waiting = asyncio.create_task(first(one(), other()))
    await quiet()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert one.cancelled
    assert other.cancelled


async def test_an_error_of_the_first_is_not_lost():
    async def fails():
        raise ValueError("what went wrong")

    with pytest.raises(ValueError, match="what went wrong"):
        await first(fails(), asyncio.sleep(3600))


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
    assert "test_tasks.py" in caplog.text
