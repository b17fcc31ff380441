import asyncio
from contextlib import asynccontextmanager

import pytest

from gateway.backplane.contract import LEASE, Touch
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.fleet import presence as module
from gateway.fleet.presence import BATCH, Presence
from gateway.meters import Meters
from tests.unit.gateway.fakes import AWAY, Clock, FakeBackplane, Memory, quiet, registration, until
from wire.reasons import (
    CONNECTION_LOST,
    GATEWAY_LOST,
    IDLE,
    NAME_LOST,
    QUIT,
    REPLACED,
    SHUTDOWN,
    SLOW,
)

OOM = BackplaneRefused("OOM command not allowed")


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


def stranger(name, **fields):
    """Somebody else who has a name, at another gateway."""
    return registration(name, **{"session": "another", "gateway": "g-2", "origin": "ff", **fields})


class Scene:
    """A presence in a fake world."""

    def __init__(self, idle=None):
        self.memory = Memory()
        self.redis = FakeBackplane(self.memory, "g-1", None)
        self.everybody = []
        self.come = []
        self.gone = []
        self.outlived = []
        self.clock = Clock()
        self.meters = Meters()
        self.presence = Presence(
            self.redis,
            idle,
            lambda: self.everybody,
            self,
            self.clock,
            self.meters,
        )

    def arrived(self, who):
        self.come.append(who.registration)

    def departed(self, registration, reason):
        self.gone.append((registration, reason))

    def replaced(self, registration):
        self.outlived.append(registration)

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
    monkeypatch.setattr(module, "SWEEP_AFTER", 0)


@pytest.fixture
async def busy(hurry):
    scene = Scene(idle=0.01)
    await scene.presence.verify()
    return scene


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


async def test_thousands_who_leave_while_redis_is_away_cost_no_more_than_each_of_them(scene):
    people = [scene.online(f"user{number}") for number in range(250)]
    scene.redis.down = True
    for who in people:
        await scene.presence.release(who.registration, CONNECTION_LOST)
    assert not scene.redis.count("release")
    scene.redis.down = False
    await scene.presence.verify()
    assert [len(some) for some in scene.redis.asked("release")] == [100, 100, 50]
    assert len(scene.gone) == 250


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
    busy.memory.users["dana"] = stranger("dana")
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
    assert any("OOM" in str(vars(record).get("fields")) for record in caplog.records)


async def test_it_sweeps_though_redis_does_not_take_names_back(busy):
    dana = busy.online("dana")
    busy.redis.fail(OOM, "release")
    await busy.presence.release(dana.registration, QUIT)
    async with busy.running():
        await until(lambda: busy.redis.count("sweep"))


async def test_the_users_of_a_dead_gateway_are_announced(busy):
    lost = [registration("sis", gateway="g-2"), registration("mom", gateway="g-2")]
    busy.redis.found_dead = list(lost)
    async with busy.running():
        await until(lambda: busy.gone)
        await until(lambda: busy.redis.count("sweep") >= 2)
    assert busy.gone == [(user, GATEWAY_LOST) for user in lost]
    assert busy.meters.swept == 2


# Being certain.


async def test_a_new_gateway_is_not_certain_of_anybody_until_it_has_its_lease(scene):
    assert not scene.presence.is_verified()
    ready = asyncio.create_task(scene.presence.ready())
    await quiet()
    assert not ready.done()
    await scene.presence.verify()
    await ready
    assert scene.presence.is_verified()


async def test_it_is_certain_for_as_long_as_its_lease_cannot_have_run_out(scene):
    await scene.presence.verify()
    scene.clock.advance(LEASE - 0.001)
    assert scene.presence.is_verified()
    scene.clock.advance(0.001)
    assert not scene.presence.is_verified()
    ready = asyncio.create_task(scene.presence.ready())
    await quiet()
    assert not ready.done()
    await scene.presence.verify()
    await ready


async def test_the_lease_counts_from_when_it_was_asked_for(scene):
    # Redis may have set it at once, and answered late.
    held = scene.redis.hold("renew_lease")
    task = asyncio.create_task(scene.presence.verify())
    await until(lambda: scene.redis.count("renew_lease"))
    scene.clock.advance(LEASE)
    held.set()
    await task
    assert not scene.presence.is_verified()


async def test_a_lease_that_was_late_does_not_let_anybody_speak(scene):
    held = scene.redis.hold("renew_lease")
    ready = asyncio.create_task(scene.presence.ready())
    task = asyncio.create_task(scene.presence.verify())
    await until(lambda: scene.redis.count("renew_lease"))
    scene.clock.advance(LEASE)
    held.set()
    await task
    await quiet()
    assert not ready.done()
    await scene.presence.verify()
    await ready


async def test_when_redis_is_away_nothing_is_certain(scene):
    await scene.presence.verify()
    scene.presence.doubt()
    assert not scene.presence.is_verified()
    await scene.presence.verify()
    assert scene.presence.is_verified()


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_it_is_not_certain_when_redis_does_not_say_so(scene, error):
    scene.redis.fail(error, "renew_lease")
    with pytest.raises(type(error)):
        await scene.presence.verify()
    assert not scene.presence.is_verified()


async def test_it_is_not_certain_before_everybody_has_been_looked_after(scene):
    await scene.presence.verify()
    scene.online("dana")
    scene.presence.doubt()
    scene.redis.lease = False
    held = scene.redis.hold("touch")
    task = asyncio.create_task(scene.presence.verify())
    await until(lambda: scene.redis.count("touch"))
    assert not scene.presence.is_verified()
    held.set()
    await task
    assert scene.presence.is_verified()


async def test_while_nothing_is_certain_nobody_is_kept_alive(busy):
    # The wrong gateway might keep the name alive for its new holder.
    busy.presence.note(busy.online("dana"))
    busy.presence.doubt()
    busy.redis.fail(AWAY, "renew_lease")
    async with busy.running():
        await until(lambda: busy.redis.count("renew_lease") >= 5)
        assert not busy.redis.count("touch")
        busy.redis.failing.clear()
        await until(lambda: busy.redis.count("touch"))


# The lease had run out.


async def test_while_the_lease_holds_nobody_is_looked_after(scene):
    await scene.presence.verify()
    scene.online("dana")
    await scene.presence.verify()
    assert [method for method, _ in scene.redis.calls] == ["renew_lease"] * 2


async def test_a_gateway_whose_lease_had_ended_checks_who_is_still_its_own(busy):
    dana, sis = busy.online("dana"), busy.online("sis")
    busy.memory.users["sis"] = stranger("sis", session="taken meanwhile")
    busy.redis.lease = False
    async with busy.running():
        await until(lambda: sis.ended)
    assert (dana.ended, sis.ended) == (None, NAME_LOST)
    assert busy.memory.users["sis"].session == "taken meanwhile"
    assert busy.presence.is_verified()


async def test_swept_people_come_back_without_a_new_connection(scene, caplog):
    # The room was told that they left.
    await scene.presence.verify()
    dana = scene.online("Dana")
    scene.memory.resumable["dana"] = scene.memory.users.pop("dana")
    scene.redis.lease = False
    await scene.presence.verify()
    assert dana.ended is None
    assert scene.memory.users["dana"].session == dana.registration.session
    assert scene.come == [dana.registration]
    assert "lease lost" in caplog.text


async def test_one_who_has_come_back_elsewhere_meanwhile_is_told_that(scene):
    await scene.presence.verify()
    dana = scene.online("Dana")
    scene.memory.users["dana"] = stranger("Dana", origin=dana.registration.origin)
    scene.redis.lease = False
    await scene.presence.verify()
    assert dana.ended == REPLACED


async def test_of_an_heir_who_is_gone_the_room_is_told(scene):
    await scene.presence.verify()
    dana = scene.online("Dana")
    heir = scene.memory.users["dana"] = stranger("Dana")
    scene.memory.dead.add("g-2")
    scene.redis.lease = False
    await scene.presence.verify()
    assert dana.ended is None
    assert scene.gone == [(heir, GATEWAY_LOST)]
    assert scene.come == [dana.registration]


async def test_who_is_looked_after_keeps_the_idle_time(scene):
    await scene.presence.verify()
    dana = scene.online("dana")
    scene.clock.advance(30)
    scene.redis.lease = False
    await scene.presence.verify()
    assert scene.redis.asked("touch") == [[Touch("dana", dana.registration.session, 30.0)]]


async def test_the_check_is_repeated_when_redis_did_not_answer(scene):
    await scene.presence.verify()
    dana = scene.online("dana")
    scene.memory.users.clear()
    scene.redis.lease = False
    scene.redis.fail(AWAY, "touch")
    with pytest.raises(BackplaneDown):
        await scene.presence.verify()
    scene.presence.doubt()
    scene.redis.failing.clear()
    await scene.presence.verify()
    assert scene.memory.users["dana"].session == dana.registration.session


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_a_renewal_that_failed_may_have_taken_the_lease_again(scene, error):
    await scene.presence.verify()
    dana = scene.online("dana")
    scene.memory.users.clear()
    scene.redis.fail(error, "renew_lease")
    with pytest.raises(type(error)):
        await scene.presence.verify()
    scene.redis.failing.clear()
    await scene.presence.verify()
    assert scene.memory.users["dana"].session == dana.registration.session


# Another Redis, or one that forgot.


@pytest.mark.parametrize("kept", [True, False])
async def test_people_that_redis_forgot_are_written_down_again_unseen(scene, kept):
    # It may remember the lease, and not who came after that.
    await scene.presence.verify()
    dana, sis = scene.online("dana"), scene.online("sis")
    scene.memory.restart()
    scene.memory.users["sis"] = stranger("sis", session="was faster")
    scene.presence.doubt()
    scene.redis.lease = kept
    await scene.presence.verify()
    assert scene.come == []
    assert scene.memory.users["dana"].session == dana.registration.session
    assert (dana.ended, sis.ended) == (None, NAME_LOST)
    claims = scene.redis.count("claim")
    await scene.presence.verify()
    assert scene.redis.count("claim") == claims, "once"


async def test_who_is_written_down_again_keeps_the_idle_time_and_needs_no_token(scene):
    dana = scene.online("dana")
    scene.memory.users.clear()
    scene.clock.advance(30)
    await scene.presence.verify()
    ((user, ago, resume),) = scene.redis.asked("claim")
    assert (user, ago, resume) == (dana.registration, 30.0, None)
    assert dana.ended is None


async def test_the_lease_is_there_before_anybody_is_looked_after(scene):
    # A name of a gateway without a lease is anybody's.
    scene.online("dana")
    scene.memory.users.clear()
    await scene.presence.verify()
    assert [method for method, _ in scene.redis.calls] == ["renew_lease", "touch", "claim"]


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_a_claim_that_failed_is_made_again(scene, error):
    scene.online("dana")
    scene.memory.users.clear()
    scene.redis.fail(error, "claim")
    with pytest.raises(type(error)):
        await scene.presence.verify()
    assert not scene.presence.is_verified()
    scene.redis.failing.clear()
    await scene.presence.verify()
    assert scene.redis.count("claim") == 2


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_one_of_many_claims_that_fail_strays_nowhere(scene, error):
    for name in ("dana", "sis", "mom"):
        scene.online(name)
    scene.memory.users.clear()
    scene.redis.fail(error, "claim")
    with pytest.raises(type(error)):
        await scene.presence.verify()


async def test_a_redis_that_goes_meanwhile_is_not_taken_for_settled(scene):
    scene.online("dana")
    held = scene.redis.hold("renew_lease")
    task = asyncio.create_task(scene.presence.verify())
    await until(lambda: scene.redis.count("renew_lease"))
    scene.presence.doubt()
    held.set()
    await task
    scene.presence.doubt()
    await scene.presence.verify()
    assert scene.redis.count("touch") == 2


async def test_who_goes_while_all_are_looked_after_stays_gone(scene, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 1)
    people = [scene.online(name) for name in ("Dana", "sis")]
    scene.memory.users.clear()
    held = scene.redis.hold("claim")
    task = asyncio.create_task(scene.presence.verify())
    ((user, _, _),) = await until(lambda: scene.redis.asked("claim"))
    (goes,) = (who for who in people if who.registration != user)
    scene.everybody.remove(goes)
    scene.presence.forget(goes)
    held.set()
    await task
    assert list(scene.memory.users) == [user.folded]


async def test_who_goes_while_redis_is_asked_is_not_claimed_again(scene):
    await scene.presence.verify()
    dana = scene.online("Dana")
    scene.memory.users.clear()
    held = scene.redis.hold("touch")
    task = asyncio.create_task(scene.presence.settle())
    await until(lambda: scene.redis.count("touch"))
    scene.everybody.remove(dana)
    scene.presence.forget(dana)
    held.set()
    await task
    assert not scene.redis.count("claim")


async def test_until_everybody_may_be_written_down_again_nobody_counts_as_absent(
    scene, monkeypatch
):
    slept = []

    async def note(seconds):
        slept.append(seconds)

    await scene.presence.verify()
    scene.online("Dana")
    scene.memory.resumable["dana"] = scene.memory.users.pop("dana")
    await scene.presence.settle()
    monkeypatch.setattr(module.asyncio, "sleep", note)
    await scene.presence.all_known()
    assert slept == [], "swept by others: Redis remembers"
    scene.memory.users.clear()
    monkeypatch.undo()
    await scene.presence.settle()
    scene.clock.advance(2.0)
    monkeypatch.setattr(module.asyncio, "sleep", note)
    await scene.presence.all_known()
    scene.clock.advance(3.0)
    await scene.presence.all_known()
    assert slept == [3.0]


# Who is written down for this gateway, and who is here.


async def test_who_is_written_down_and_not_here_is_taken_out(scene):
    await scene.presence.verify()
    dana = scene.online("Dana")
    scene.memory.users["eve"] = registration("Eve", resume="token")
    scene.memory.users["mom"] = stranger("Mom")
    await scene.presence.settle()
    assert sorted(scene.memory.users) == ["dana", "mom"]
    assert "eve" in scene.memory.resumable, "she may have been about to come back"
    assert (dana.ended, scene.gone) == (None, []), "the room was told long ago, or never knew"


async def test_who_is_here_and_not_written_down_is_written_down(scene):
    await scene.presence.verify()
    dana = scene.online("Dana")
    scene.memory.users.clear()
    await scene.presence.settle()
    assert scene.memory.users["dana"].session == dana.registration.session


async def test_an_older_session_of_our_own_that_redis_remembers_gives_way(scene):
    await scene.presence.verify()
    dana = scene.online("Dana")
    scene.memory.users["dana"] = registration("Dana", session="older", origin="ff")
    scene.presence.doubt()
    await scene.presence.verify()
    assert dana.ended is None
    assert scene.memory.users["dana"].session == dana.registration.session


@pytest.mark.parametrize("expected", [True, False])
async def test_a_session_that_is_about_to_begin_is_left_alone(scene, expected):
    await scene.presence.verify()
    newcomer = registration("Dana")
    scene.presence.expect(newcomer.session)
    if not expected:
        scene.presence.expect_no_more(newcomer.session)
    scene.memory.users["dana"] = newcomer
    await scene.presence.settle()
    assert ("dana" in scene.memory.users) is expected


async def test_one_whose_name_is_on_its_way_back_is_left_to_that(scene):
    await scene.presence.verify()
    dana = scene.online("Dana")
    scene.everybody.remove(dana)
    scene.redis.fail(AWAY, "release")
    await scene.presence.release(dana.registration, QUIT)
    scene.redis.failing.clear()
    await scene.presence.settle()
    assert "dana" in scene.memory.users
    await scene.presence.verify()
    assert scene.gone == [(dana.registration, QUIT)]


async def test_while_nothing_is_certain_nobody_is_taken_out(scene):
    scene.memory.users["eve"] = registration("Eve")
    await scene.presence.settle()
    assert "eve" in scene.memory.users


async def test_it_is_done_again_and_again(busy, monkeypatch):
    monkeypatch.setattr(module, "SETTLE_EVERY", 0.001)
    async with busy.running():
        await until(lambda: busy.redis.count("own_users") >= 2)


# When to sweep.


async def test_who_has_just_lost_the_lease_does_not_sweep_yet(hurry, monkeypatch):
    # All leases may have ended together; the others renew theirs just now.
    monkeypatch.setattr(module, "SWEEP_AFTER", 6.0)
    scene = Scene()
    await scene.presence.verify()
    scene.clock.advance(6.0)
    scene.redis.lease = False
    async with scene.running():
        for _ in range(2):
            renewed = scene.redis.count("renew_lease")
            await until(lambda renewed=renewed: scene.redis.count("renew_lease") >= renewed + 2)
            assert not scene.redis.count("sweep")
            scene.clock.advance(3.0)
        await until(lambda: scene.redis.count("sweep"))


async def test_not_everybody_is_looked_after_at_once(scene):
    await scene.presence.verify()
    for number in range(BATCH + 50):
        scene.online(f"user{number}")
    scene.redis.lease = False
    await scene.presence.verify()
    assert [len(touches) for touches in scene.redis.asked("touch")] == [BATCH, 50]


async def test_two_who_make_certain_do_not_do_it_at_once(scene):
    # The one who comes second must not find the lease kept that the first has just renewed, and
    # let people speak who have not been looked after.
    await scene.presence.verify()
    dana = scene.online("dana")
    scene.memory.users.clear()
    scene.presence.doubt()
    scene.redis.lease = False
    held = scene.redis.hold("touch")
    first = asyncio.create_task(scene.presence.verify())
    await until(lambda: scene.redis.count("touch"))
    second = asyncio.create_task(scene.presence.verify())
    await quiet()
    assert not scene.presence.is_verified()
    held.set()
    await asyncio.gather(first, second)
    assert scene.memory.users["dana"].session == dana.registration.session


async def test_the_second_does_not_say_certain_while_the_first_looks(scene):
    await scene.presence.verify()
    scene.online("dana")
    scene.presence.doubt()
    scene.redis.lease = False
    held = scene.redis.hold("touch")
    first = asyncio.create_task(scene.presence.verify())
    await until(lambda: scene.redis.count("touch"))
    del scene.redis.held["touch"]  # only the first's call is held
    second = asyncio.create_task(scene.presence.verify())
    await quiet()
    assert not scene.presence.is_verified()
    held.set()
    await asyncio.gather(first, second)


# Names that are kept for those who come back.


@pytest.mark.parametrize(
    ("reason", "for_good"),
    [(QUIT, True), (IDLE, True), (CONNECTION_LOST, False), (SLOW, False), (SHUTDOWN, False)],
)
async def test_who_is_not_to_come_back_cannot(scene, reason, for_good):
    dana = scene.online("dana", resume="hash of a token")
    await scene.presence.release(dana.registration, reason)
    assert scene.redis.asked("release for good") == [for_good]
    assert ("dana" in scene.memory.resumable) is not for_good


async def test_those_who_may_and_those_who_may_not_come_back_are_told_apart(scene):
    gone = {reason: scene.online(reason.code) for reason in (QUIT, CONNECTION_LOST, IDLE, SLOW)}
    scene.redis.fail(AWAY, "release")
    for reason, user in gone.items():
        await scene.presence.release(user.registration, reason)
    scene.redis.failing.clear()
    await scene.presence.release(registration("nobody"), QUIT)
    assert sorted(scene.memory.resumable) == ["connection_lost", "slow"]
    assert sorted(reason.code for _, reason in scene.gone) == [
        "connection_lost", "idle", "quit", "slow",
    ]  # fmt: skip
    assert scene.memory.users == {}


async def test_what_redis_took_before_it_refused_is_not_given_back_twice(scene):
    dana, sis = scene.online("dana"), scene.online("sis")
    scene.redis.fail(AWAY, "release")
    await scene.presence.release(dana.registration, QUIT)
    await scene.presence.release(sis.registration, SLOW)
    release, scene.redis.failing = scene.redis.release, {}

    async def first_only(users, *, for_good):
        if not for_good:
            raise AWAY
        return await release(users, for_good=for_good)

    scene.redis.release = first_only
    await scene.presence.release(registration("nobody"), QUIT)
    assert scene.gone == [(dana.registration, QUIT)]
    scene.redis.release = release
    await scene.presence.release(registration("nobody"), QUIT)
    assert scene.gone == [(dana.registration, QUIT), (sis.registration, SLOW)]
    assert dana.registration not in scene.redis.asked("release")[-1]
