import asyncio

import pytest

from gateway.fleet import everybody as module
from gateway.fleet.everybody import Everybody
from tests.unit.gateway.fakes import AWAY, FakeBackplane, Memory, registration, until


@pytest.fixture
def redis():
    backplane = FakeBackplane(Memory(), "g-1", None)
    backplane.memory.users["dana"] = registration("Dana")
    return backplane


@pytest.fixture
def everybody(redis):
    return Everybody(redis)


def names(users):
    return [user.name for user in users]


async def test_all_pages_make_one_answer_with_everybody_in_it_once(redis, everybody):
    for number in range(300):
        redis.memory.users[f"u{number}"] = registration(f"U{number}")
    users = redis.users

    async def with_repeats(cursor):  # SCAN may return an entry twice while Redis grows
        after, listed = await users(cursor)
        return after, [*listed, *listed[:1]]

    redis.users = with_repeats
    found = names(await everybody.users())
    assert sorted(found) == sorted(["Dana", *(f"U{number}" for number in range(300))])


async def test_many_who_ask_at_the_same_time_cost_one_call(redis, everybody):
    held = redis.hold("users")
    asking = [asyncio.create_task(everybody.users()) for _ in range(100)]
    await until(lambda: redis.count("users"))
    held.set()
    assert {tuple(names(await each)) for each in asking} == {("Dana",)}
    assert names(await everybody.users()) == ["Dana"]
    assert redis.count("users") == 1


async def test_an_old_answer_is_not_reused(redis, everybody, monkeypatch):
    await everybody.users()
    redis.memory.users["sis"] = registration("Sis")
    monkeypatch.setattr(module, "FRESH", 0.0)
    assert names(await everybody.users()) == ["Dana", "Sis"]
    assert redis.count("users") == 2


async def test_if_the_first_who_asked_gives_up_the_next_one_asks(redis, everybody):
    held = redis.hold("users")
    first = asyncio.create_task(everybody.users())
    await until(lambda: redis.count("users"))
    second = asyncio.create_task(everybody.users())
    await asyncio.sleep(0)
    first.cancel()
    held.set()
    assert names(await second) == ["Dana"]


async def test_a_failed_answer_is_not_reused(redis, everybody):
    redis.fail(AWAY, "users")
    for _ in range(2):
        with pytest.raises(type(AWAY)):
            await everybody.users()
    redis.failing.clear()
    assert names(await everybody.users()) == ["Dana"]
