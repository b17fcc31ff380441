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


async def test_all_pages_are_one_answer_and_nobody_is_in_it_twice(redis, everybody):
    for number in range(300):
        redis.memory.users[f"u{number}"] = registration(f"U{number}")
    users = redis.users

    async def again_and_again(cursor):  # as SCAN may tell one while Redis grows
        after, listed = await users(cursor)
        return after, [*listed, *listed[:1]]

    redis.users = again_and_again
    found = names(await everybody.users())
    assert sorted(found) == sorted(["Dana", *(f"U{number}" for number in range(300))])


async def test_many_who_ask_are_one_question(redis, everybody):
    held = redis.hold("users")
    asking = [asyncio.create_task(everybody.users()) for _ in range(100)]
    await until(lambda: redis.count("users"))
    held.set()
    assert {tuple(names(await each)) for each in asking} == {("Dana",)}
    assert names(await everybody.users()) == ["Dana"]
    assert redis.count("users") == 1


async def test_an_answer_is_good_for_a_second_from_when_it_was_asked_for(
    redis, everybody, monkeypatch
):
    await everybody.users()
    redis.memory.users["sis"] = registration("Sis")
    monkeypatch.setattr(module, "FRESH", 0.0)
    assert names(await everybody.users()) == ["Dana", "Sis"]
    assert redis.count("users") == 2


async def test_who_is_gone_while_waiting_leaves_it_to_the_next(redis, everybody):
    held = redis.hold("users")
    first = asyncio.create_task(everybody.users())
    await until(lambda: redis.count("users"))
    second = asyncio.create_task(everybody.users())
    await asyncio.sleep(0)
    first.cancel()
    held.set()
    assert names(await second) == ["Dana"]


async def test_an_answer_that_failed_is_nobodys(redis, everybody):
    redis.fail(AWAY, "users")
    for _ in range(2):
        with pytest.raises(type(AWAY)):
            await everybody.users()
    redis.failing.clear()
    assert names(await everybody.users()) == ["Dana"]
