import asyncio
from contextlib import asynccontextmanager

import pytest

from gateway import presence as module
from gateway.backplane.connection import RedisError
from gateway.presence import REGISTERED_AT_ONCE, Presence
from tests.unit.gateway.fakes import AWAY, Clock, FakeBackplane, Memory, quiet, registration, until
from wire.reasons import CONNECTION_LOST, GATEWAY_LOST, NAME_LOST, QUIT

OOM = RedisError("OOM command not allowed")


class User:
    """Somebody who is here."""

    def __init__(self, name, active, **fields):
        self.registration = registration(name, **fields)
        self.active = active
        self.ended = None

    def active_at(self):
        return self.active

    def end(self, reason):
        self.ended = reason


class Scene:
    """A presence in a fake world."""

    def __init__(self, idle=None):
        self.memory = Memory()
        self.redis = FakeBackplane(self.memory, "g-1", None)
        self.everybody = []
        self.gone = []
        self.clock = Clock()
        self.presence = Presence(
            self.redis,
            idle,
            lambda: self.everybody,
            lambda *who: self.gone.append(who),
            self.clock,
        )

    def online(self, name, **fields):
        user = User(name, self.clock(), **fields)
        self.everybody.append(user)
        self.memory.users[user.registration.folded] = user.registration
        return user

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.presence.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def scene():
    return Scene()


@pytest.fixture
def hurry(monkeypatch):
    """Everything that is done again and again is done at once."""
    monkeypatch.setattr(module, "LEASE_EVERY", 0.001)


@pytest.fixture
def busy(hurry):
    return Scene(idle=0.01)


# Giving names back.


async def test_who_gives_a_name_back_is_announced_once_redis_has_it(scene):
    dana = scene.online("dana")
    held = scene.redis.hold("release")
    task = asyncio.create_task(scene.presence.release(dana.registration, QUIT))
    await quiet()
    assert scene.gone == []
    held.set()
    await task
    assert scene.gone == [(dana.registration, QUIT)]
    assert scene.memory.users == {}


async def test_who_had_lost_the_name_before_is_not_announced(scene):
    dana = scene.online("dana", session="old")
    scene.memory.users["dana"] = registration("dana", session="new")
    await scene.presence.release(dana.registration, CONNECTION_LOST)
    assert scene.gone == []
    assert scene.memory.users["dana"].session == "new"


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_what_redis_did_not_take_back_it_is_given_again(busy, error):
    dana = busy.online("dana")
    busy.redis.fail(error, "release")
    await busy.presence.release(dana.registration, QUIT)
    assert busy.gone == []
    busy.redis.failing.clear()
    async with busy.running():
        await until(lambda: busy.gone)
    assert busy.gone == [(dana.registration, QUIT)]


async def test_what_waits_to_be_given_back_goes_with_the_next_name(scene):
    dana, sis = scene.online("dana"), scene.online("sis")
    scene.redis.fail(AWAY, "release")
    await scene.presence.release(dana.registration, QUIT)
    scene.redis.failing.clear()
    await scene.presence.release(sis.registration, CONNECTION_LOST)
    assert scene.gone == [(dana.registration, QUIT), (sis.registration, CONNECTION_LOST)]


# Activity.


async def test_who_was_active_is_written_down_and_how_long_ago(busy):
    busy.presence.note(busy.online("dana"))
    busy.clock.advance(7)
    async with busy.running():
        await until(lambda: busy.redis.count("touch"))
    ((touch,),) = busy.redis.asked("touch")
    assert touch == ("dana", "session of dana", 7.0)


async def test_many_who_were_active_are_one_call(busy):
    for name in ("dana", "sis", "mom"):
        busy.presence.note(busy.online(name))
    async with busy.running():
        await until(lambda: busy.redis.count("touch"))
        await quiet()
    (touches,) = busy.redis.asked("touch")
    assert sorted(touch.folded for touch in touches) == ["dana", "mom", "sis"]


async def test_who_is_gone_is_not_written_down(busy):
    dana, sis = busy.online("dana"), busy.online("sis")
    busy.presence.note(dana)
    busy.presence.note(sis)
    busy.presence.forget(dana)
    async with busy.running():
        await until(lambda: busy.redis.count("touch"))
    ((touch,),) = busy.redis.asked("touch")
    assert touch.folded == "sis"


async def test_whose_name_was_given_away_has_to_go(busy):
    dana, sis = busy.online("dana"), busy.online("sis")
    busy.memory.users["dana"] = registration("dana", session="somebody else's")
    busy.presence.note(dana)
    busy.presence.note(sis)
    async with busy.running():
        await until(lambda: dana.ended)
    assert (dana.ended, sis.ended) == (NAME_LOST, None)


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_activity_that_redis_did_not_take_is_written_down_later(busy, error):
    busy.redis.fail(error, "touch")
    busy.presence.note(busy.online("dana"))
    async with busy.running():
        await until(lambda: busy.redis.count("touch") >= 2)
    assert busy.redis.asked("touch")[1][0].folded == "dana"


async def test_activity_while_it_is_written_down_is_written_down_next(busy):
    dana = busy.online("dana")
    held = busy.redis.hold("touch")
    busy.presence.note(dana)
    async with busy.running():
        await until(lambda: busy.redis.count("touch"))
        busy.presence.note(dana)
        held.set()
        await until(lambda: busy.redis.count("touch") == 2)


# The lease, and the dead.


async def test_the_lease_is_renewed_again_and_again(busy):
    async with busy.running():
        await until(lambda: busy.redis.count("renew_lease") >= 3)


async def test_it_goes_on_when_redis_is_away_or_refuses(busy, caplog):
    async with busy.running():
        for error in (AWAY, OOM):
            busy.redis.fail(error, "renew_lease")
            before = busy.redis.count("renew_lease")
            await until(lambda before=before: busy.redis.count("renew_lease") >= before + 2)
        busy.redis.failing.clear()
        await until(lambda: busy.redis.count("sweep"))
    assert "OOM" in caplog.text


async def test_the_users_of_a_dead_gateway_are_announced(busy):
    lost = [registration("sis", gateway="g-2"), registration("mom", gateway="g-2")]
    busy.redis.found_dead = list(lost)
    async with busy.running():
        await until(lambda: busy.gone)
        await until(lambda: busy.redis.count("sweep") >= 2)
    assert busy.gone == [(user, GATEWAY_LOST) for user in lost]


async def test_a_gateway_whose_lease_had_run_out_registers_everybody_again(busy):
    dana, sis = busy.online("dana"), busy.online("sis")
    busy.memory.users = {"sis": registration("sis", session="taken meanwhile")}
    busy.redis.lease = False
    async with busy.running():
        await until(lambda: busy.redis.count("claim") == 2)
        await until(lambda: sis.ended)
    assert busy.memory.users["dana"] == dana.registration
    assert (dana.ended, sis.ended) == (None, NAME_LOST)


async def test_who_is_registered_again_keeps_the_idle_time_and_needs_no_token(scene):
    dana = scene.online("dana")
    scene.clock.advance(30)
    await scene.presence.register_all()
    ((user, ago, resume),) = scene.redis.asked("claim")
    assert (user, ago, resume) == (dana.registration, 30.0, None)
    assert dana.ended is None


async def test_the_lease_is_there_before_anybody_is_registered(scene):
    # A name of a gateway without a lease is anybody's.
    scene.online("dana")
    await scene.presence.register_all()
    assert [method for method, _ in scene.redis.calls] == ["renew_lease", "claim"]


async def test_not_everybody_is_registered_at_once(scene):
    for number in range(REGISTERED_AT_ONCE + 50):
        scene.online(f"user{number}")
    held = scene.redis.hold("claim")
    task = asyncio.create_task(scene.presence.register_all())
    await quiet()
    assert scene.redis.count("claim") == REGISTERED_AT_ONCE
    held.set()
    await task
    assert scene.redis.count("claim") == REGISTERED_AT_ONCE + 50
