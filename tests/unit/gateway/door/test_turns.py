import asyncio
import contextlib

import pytest

from gateway.door.turns import MAX_WAITING, Full, Turns
from tests.unit.gateway.fakes import quiet


class Queue:
    """Turns and their callers: each keeps its turn until it is told to go on."""

    def __init__(self, at_once=2, patience=10.0, estimate=1.0):
        self.turns = Turns(at_once, patience, estimate)
        self.order = []
        self.refused = {}
        self.gone_on = {}
        self.tasks = {}

    async def come(self, *names):
        """A name is a network and a number: ``a1``."""
        for name in names:
            self.gone_on[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._want(name))
            await quiet()

    async def _want(self, name):
        try:
            async with self.turns.turn(name[0]):
                self.order.append(name)
                await self.gone_on[name].wait()
        except Full as full:
            self.refused[name] = full.after

    async def go_on(self, *names):
        for name in names:
            self.gone_on[name].set()
            await quiet()

    async def all_go_on(self):
        while self.order and not all(task.done() for task in self.tasks.values()):
            await self.go_on(*(name for name in self.order if not self.gone_on[name].is_set()))


@pytest.fixture
async def queue():
    queue = Queue()
    yield queue
    for task in queue.tasks.values():
        task.cancel()
    await asyncio.gather(*queue.tasks.values(), return_exceptions=True)


async def test_only_a_few_have_a_turn_at_the_same_time(queue):
    await queue.come("a1", "a2", "a3")
    assert queue.order == ["a1", "a2"]
    await queue.go_on("a1")
    assert queue.order == ["a1", "a2", "a3"]


async def test_turns_go_round_however_many_wait_in_one_network(queue):
    await queue.come("a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1")
    await queue.all_go_on()
    assert queue.order == ["a1", "a2", "a3", "b1", "c1", "a4", "b2", "a5"]


async def test_only_as_many_wait_as_can_have_a_turn_in_time():
    queue = Queue(at_once=2, patience=5.0, estimate=1.0)
    names = [chr(ord("a") + number) + "1" for number in range(20)]
    await queue.come(*names)
    assert sorted(queue.refused) == names[12:]
    assert set(queue.refused.values()) == {5.0}
    await queue.all_go_on()
    assert queue.order == names[:12]


async def test_the_longer_a_turn_takes_the_fewer_may_wait():
    queue = Queue(at_once=2, patience=5.0, estimate=1.0)
    for _ in range(100):
        queue.turns.took(2.5)
    await queue.come("a1", "b1", "c1", "d1", "e1", "f1", "g1")
    assert sorted(queue.refused) == ["g1"]
    await queue.all_go_on()


async def test_the_number_waiting_is_bounded_however_quick_turns_are():
    queue = Queue(at_once=2, patience=5.0, estimate=1e-9)
    names = [f"a{number}" for number in range(MAX_WAITING + 10)]
    for name in names:
        queue.gone_on[name] = asyncio.Event()
        queue.tasks[name] = asyncio.create_task(queue._want(name))
    await quiet()
    assert len(queue.refused) == 10 - 2
    await queue.all_go_on()


async def test_a_caller_from_another_network_takes_the_place_of_the_last_in_the_longest_queue():
    queue = Queue(at_once=1, patience=4.0)
    await queue.come("a1", "a2", "a3", "a4", "a5", "b1")
    assert sorted(queue.refused) == ["a5"]
    await queue.come("a6")
    assert sorted(queue.refused) == ["a5", "a6"], "not for one of their own"
    await queue.all_go_on()
    assert queue.order == ["a1", "a2", "b1", "a3", "a4"]


async def test_when_all_queues_are_equally_long_the_next_caller_is_refused():
    queue = Queue(at_once=1, patience=2.0)
    await queue.come("a1", "b1", "c1", "d1")
    assert sorted(queue.refused) == ["d1"]
    await queue.all_go_on()


async def test_giving_up_makes_space_and_loses_no_turn(queue):
    await queue.come("a1", "a2", "b1", "c1")
    queue.tasks["b1"].cancel()
    await quiet()
    await queue.go_on("a1")
    assert queue.order == ["a1", "a2", "c1"]
    # Given a turn, and cancelled before it could be had.
    await queue.come("d1", "e1")
    queue.gone_on["a2"].set()
    await asyncio.sleep(0)
    queue.tasks["d1"].cancel()
    await quiet()
    assert queue.order[-1] == "e1"
    await queue.all_go_on()
    assert queue.turns._free == 2
    assert not queue.turns._queues


async def test_everyone_may_give_up_at_the_same_time(queue):
    await queue.come("a1", "a2", "a3", "b1")
    for task in queue.tasks.values():
        task.cancel()
    await quiet()
    assert queue.turns._free == 2
    assert not queue.turns._queues


async def test_an_error_in_a_turn_ends_it(queue):
    for _ in range(3):
        with contextlib.suppress(ValueError):
            async with queue.turns.turn("a"):
                raise ValueError
    assert queue.turns._free == 2
