"""Two connections on a Redis that has a bad day."""

import asyncio
from types import SimpleNamespace

import pytest

from gateway.backplane.redis import pair as module
from gateway.backplane.redis.pair import Pair
from gateway.backplane.scripts import all_scripts
from gateway.errors import BackplaneDown, BackplaneRefused, RedisUnreachable
from gateway.meters import Meters
from tests.unit.gateway.backplane import scripted
from tests.unit.gateway.backplane.scripted import RUN, RUN_ID, array, error, evalsha, usual
from tests.unit.gateway.fakes import quiet, until

SHAS = {script.name: script.sha for script in all_scripts()}


class Scene(scripted.Scene):
    """A pair, and what it tells its watcher."""

    def __init__(self, redis, url=None):
        super().__init__(redis)
        self.meters = Meters()
        self.pair = Pair(
            url or redis.url,
            "chat-g-1",
            "t:epoch",
            {"control"},
            lambda *message: self.told.append(("message", *message)),
            self,
            self.meters,
        )


@pytest.fixture
async def scene(redis):
    scene = Scene(redis)
    await scene.pair.start()
    yield scene
    redis.answer = usual
    await scene.pair.close()


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(module, "RECONNECT", (0.001, 0.01))


# Up.


async def test_it_has_two_connections_with_names(scene, redis):
    assert [client.commands[0] for client in redis.clients] == [
        ["CLIENT", "SETNAME", "chat-g-1"],
        ["CLIENT", "SETNAME", "chat-g-1-sub"],
    ]


async def test_the_scripts_are_loaded_before_anything_is_asked(scene, redis):
    loaded = [command[2] for command in redis.commands("SCRIPT")]
    assert loaded == [script.source for script in all_scripts()]


async def test_it_listens_from_the_start(scene, redis):
    assert scene.subscriptions.commands[-1] == ["SSUBSCRIBE", "control"]
    scene.subscriptions.send(array("smessage", "control", "hi"))
    await scene.heard(("message", b"control", b"hi"))


@pytest.mark.parametrize("failing", ["SCRIPT", "EVALSHA", "SSUBSCRIBE", "PING"])
async def test_a_redis_that_is_too_old_is_told_so(redis, failing):
    redis.answer = lambda client, command: (
        error("ERR unknown command") if command[0] == failing else usual(client, command)
    )
    with pytest.raises(RedisUnreachable, match="Redis 7"):
        await Scene(redis).pair.start()


async def test_where_no_redis_is_it_does_not_start():
    scene = Scene(None, url="redis://127.0.0.1:1")
    with pytest.raises(RedisUnreachable, match="nothing listens there"):
        await scene.pair.start()
    assert scene.told == []
    await scene.pair.close()


async def test_so_is_one_that_goes_in_the_moment_of_its_last_answer(redis, monkeypatch):
    class Gone(module.Connection):
        def call(self, *command):
            reply = super().call(*command)
            if command == ("PING",):
                reply.add_done_callback(lambda _: setattr(self, "alive", False))
            return reply

    monkeypatch.setattr(module, "Connection", Gone)
    pair = Scene(redis).pair
    with pytest.raises(RedisUnreachable):
        await pair.start()
    assert not pair.up


@pytest.mark.parametrize("at", ["SCRIPT", "EVALSHA", "SSUBSCRIBE", "PING"])
async def test_a_redis_that_goes_while_it_starts_is_unreachable(redis, at):
    def answer(client, command):
        if command[0] == at:
            client.end()
            return None
        return usual(client, command)

    redis.answer = answer
    with pytest.raises(RedisUnreachable):
        await Scene(redis).pair.start()


async def test_a_connection_that_is_lost_before_the_other_is_up_is_noticed(redis):
    def hold_back(client, command):
        # The second connection is up only when the end of the first has been seen.
        if client.number == 1 and command[0] == "SSUBSCRIBE":
            redis.clients[0].end()
            asyncio.get_running_loop().call_later(0.05, client.send, usual(client, command))
            return None
        return usual(client, command)

    redis.answer = hold_back
    scene = Scene(redis)
    with pytest.raises(RedisUnreachable):
        await scene.pair.start()
    await scene.pair.close()


async def test_subscriptions_that_are_lost_at_the_last_moment_are_noticed(redis):
    def hold_back(client, command):
        if command == ["PING"]:
            redis.clients[1].end()
            asyncio.get_running_loop().call_later(0.05, client.send, usual(client, command))
            return None
        return usual(client, command)

    redis.answer = hold_back
    scene = Scene(redis)
    with pytest.raises(RedisUnreachable):
        await scene.pair.start()
    await scene.pair.close()


# Which start of Redis it is.


def restarted(redis, run_id):
    """It is another one from now on."""

    def answer(client, command):
        if command[:2] == ["EVALSHA", RUN]:
            return array(run_id, "standalone")
        return usual(client, command)

    redis.answer = answer


async def test_it_asks_which_start_of_redis_this_is(scene, redis):
    assert scene.pair.run_id == RUN_ID


async def test_it_is_known_when_it_is_told_that_redis_is_back(scene, redis):
    runs = []
    scene.back = lambda: runs.append(scene.pair.run_id)
    restarted(redis, "r2")
    scene.commands.end()
    await until(lambda: runs)
    assert runs == ["r2"]


# Away and back.


@pytest.mark.parametrize("which", [0, 1])
async def test_one_connection_lost_is_redis_lost_and_it_comes_back(scene, redis, which):
    redis.clients[which].end()
    await scene.heard("back")
    assert scene.told == ["away", "back"]
    assert len(redis.clients) == 4
    assert await scene.pair.call("PING")


async def test_both_lost_at_once_are_said_once(scene, redis):
    for client in redis.clients:
        client.end()
    await scene.heard("back")
    await quiet()
    assert scene.told == ["away", "back"]


async def test_calls_under_way_are_in_doubt_when_redis_goes(scene, redis):
    redis.answer = lambda client, command: None
    calls = [asyncio.ensure_future(scene.pair.run("room_publish", ["log"])) for _ in range(3)]
    await until(lambda: len(evalsha(redis)) == 3)
    redis.answer = usual
    scene.commands.end()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BackplaneDown] * 3
    await scene.heard("back")
    assert len(evalsha(redis)) == 3, "what is in doubt is not sent again"


async def test_it_is_told_that_redis_is_away_before_a_call_fails_for_it(scene, redis):
    # A caller that tries again at once must find out that it has to wait.
    redis.answer = lambda client, command: None
    told = []
    call = asyncio.ensure_future(scene.pair.call("GET", "key"))
    call.add_done_callback(lambda _: told.extend(scene.told))
    await redis.asked("GET")
    scene.commands.end()
    await asyncio.gather(call, return_exceptions=True)
    assert told == ["away"]


async def test_while_redis_is_away_every_call_says_so(scene, redis):
    redis.answer = lambda client, command: None
    scene.commands.end()
    await scene.heard("away")
    for call in (
        scene.pair.call("GET", "key"),
        scene.pair.run("user_list", ["users"]),
        scene.pair.subscribe("room"),
    ):
        with pytest.raises(BackplaneDown):
            await call
    scene.pair.unsubscribe("room")
    scene.pair.give_up()


async def test_it_tries_again_until_redis_is_there(scene, redis):
    attempts = 0

    def answer(client, command):
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            return error("LOADING Redis is loading the dataset in memory")
        return usual(client, command)

    redis.answer = answer
    scene.commands.end()
    await scene.heard("back")
    assert scene.told == ["away", "back"]


async def test_it_tries_less_often_from_one_attempt_to_the_next(scene, redis, monkeypatch):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 6:
            redis.answer = usual

    monkeypatch.setattr(module, "RECONNECT", (0.05, 1.0))
    monkeypatch.setattr(module.random, "random", lambda: 0.5)
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
    redis.answer = lambda client, command: error("LOADING")
    scene.commands.end()
    await scene.heard("back")
    assert waited == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]


async def test_a_fault_of_ours_while_it_comes_back_is_logged_and_tried_over(
    scene, redis, monkeypatch, caplog
):
    faults = [ZeroDivisionError(), TypeError()]
    start = scene.pair.start

    async def starting():
        if faults:
            raise faults.pop(0)
        await start()

    monkeypatch.setattr(scene.pair, "start", starting)
    scene.commands.end()
    await scene.heard("back")
    assert await scene.pair.call("PING")
    told = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert told == [ZeroDivisionError, TypeError]


async def test_it_comes_back_although_the_listener_fails_when_redis_goes_away(
    scene, redis, monkeypatch
):
    strayed, loop = [], asyncio.get_running_loop()
    watching = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: strayed.append(type(context["exception"])))
    monkeypatch.setattr(scene, "away", lambda: 1 // 0)
    scene.commands.end()
    await scene.heard("back")
    loop.set_exception_handler(watching)
    assert await scene.pair.call("PING")
    assert strayed == [ZeroDivisionError]


async def test_what_was_listened_to_is_listened_to_again(scene, redis):
    await scene.pair.subscribe("room")
    await scene.pair.subscribe("user")
    scene.pair.unsubscribe("user")
    scene.subscriptions.end()
    await scene.heard("back")
    again = [c[1] for c in scene.subscriptions.commands if c[0] == "SSUBSCRIBE"]
    assert again == ["control", "room"]
    scene.subscriptions.send(array("smessage", "room", "hi\n"))
    await scene.heard(("message", b"room", b"hi\n"))


async def test_what_is_unsubscribed_while_redis_is_away_stays_so(scene, redis):
    await scene.pair.subscribe("room")
    redis.answer = lambda client, command: None
    scene.subscriptions.end()
    await scene.heard("away")
    scene.pair.unsubscribe("room")
    redis.answer = usual
    for client in redis.clients:
        client.end()
    await scene.heard("back")
    assert ["SSUBSCRIBE", "room"] not in scene.subscriptions.commands


async def test_redis_that_goes_again_is_said_again(scene, redis):
    for count in (1, 2, 3):
        scene.commands.end()
        await until(lambda count=count: scene.told.count("back") == count)
    assert scene.told == ["away", "back"] * 3


async def test_it_can_be_closed_while_redis_is_away(scene, redis):
    redis.answer = lambda client, command: None
    scene.commands.end()
    await scene.heard("away")
    await scene.pair.close()
    redis.answer = usual
    await quiet()
    assert scene.told == ["away"]


async def test_who_closes_it_is_not_told_that_redis_is_away(redis):
    scene = Scene(redis)
    await scene.pair.start()
    await scene.pair.close()
    await quiet()
    assert scene.told == []
    with pytest.raises(BackplaneDown):
        await scene.pair.call("PING")


# A Redis that is no longer the master, or not yet.


@pytest.mark.parametrize("refusal", ["READONLY You can't write", "LOADING", "MASTERDOWN Link"])
async def test_a_redis_that_no_longer_takes_commands_is_given_up_and_another_is_found(
    scene, redis, refusal
):
    def demoted(client, command):
        return error(refusal) if command[0] == "SET" else usual(client, command)

    redis.answer = demoted
    with pytest.raises(BackplaneDown):
        await scene.pair.call("SET", "key", "value")
    redis.answer = usual
    await scene.heard("back")
    assert scene.told == ["away", "back"]
    assert await scene.pair.call("SET", "key", "value")


async def test_a_script_that_a_replica_refuses_gives_it_up_too(scene, redis):
    redis.answer = lambda client, command: (
        error("READONLY You can't write against a read only replica.")
        if command[0] == "EVALSHA" and command[1] != RUN
        else usual(client, command)
    )
    with pytest.raises(BackplaneDown):
        await scene.pair.run("room_publish", ["log"])
    await scene.heard("back")


async def test_it_does_not_come_back_to_a_replica(scene, redis):
    tries = 0

    def replica(client, command):
        nonlocal tries
        if command[:2] == ["EVALSHA", RUN]:
            tries += 1
            if tries < 3:
                return error("READONLY You can't write against a read only replica.")
        return usual(client, command)

    redis.answer = replica
    scene.commands.end()
    await scene.heard("back")
    assert tries == 3
    assert scene.told == ["away", "back"]


async def test_an_attempt_that_fails_leaves_no_connection_behind(scene, redis):
    tries = 0

    def answer(client, command):
        nonlocal tries
        if command[0] == "SSUBSCRIBE":
            tries += 1
            if tries < 4:
                return error("ERR not yet")
        return usual(client, command)

    redis.answer = answer
    scene.commands.end()
    await scene.heard("back")
    await until(lambda: sum(not client.writer.is_closing() for client in redis.clients) == 2)


# Scripts.


async def test_a_redis_that_forgot_the_scripts_is_given_them_again(scene, redis):
    forgot = True

    def answer(client, command):
        nonlocal forgot
        if command[0] == "SCRIPT":
            forgot = False
        if command[0] == "EVALSHA":
            return error("NOSCRIPT No matching script.") if forgot else array("s")
        return usual(client, command)

    redis.answer = answer
    loaded = len(redis.commands("SCRIPT"))
    assert await scene.pair.run("user_touch", ["users"], 7, "dana") == [b"s"]
    assert len(redis.commands("SCRIPT")) == 2 * loaded
    first, second = evalsha(redis)
    assert first == second == ["EVALSHA", SHAS["user_touch"], "1", "users", "7", "dana"]


async def test_a_redis_that_forgets_at_once_is_asked_twice_and_no_more(scene, redis):
    redis.answer = lambda client, command: (
        error("NOSCRIPT No matching script.") if command[0] == "EVALSHA" else usual(client, command)
    )
    with pytest.raises(BackplaneRefused):
        await scene.pair.run("user_list", ["users"])
    assert len(evalsha(redis)) == 2


async def test_a_refusal_is_told_and_not_tried_again(scene, redis):
    redis.answer = lambda client, command: error("OOM command not allowed")
    with pytest.raises(BackplaneRefused, match="OOM"):
        await scene.pair.run("room_publish", ["log"])
    assert len(evalsha(redis)) == 1
    assert "away" not in scene.told


async def test_replies_go_to_their_calls_though_all_are_under_way(scene, redis):
    redis.answer = lambda client, command: array(f"7-{command[-1]}")
    replies = await asyncio.gather(*(scene.pair.run("room_publish", ["log"], n) for n in range(50)))
    assert replies == [[b"7-%d" % n] for n in range(50)]


async def test_it_tells_how_long_each_answered_call_took(scene, redis):
    await scene.pair.call("PING")
    assert sum(scene.meters.roundtrip.counts) == 1
    redis.answer = lambda client, command: error("ERR no")
    with pytest.raises(BackplaneRefused):
        await scene.pair.call("PING")
    assert sum(scene.meters.roundtrip.counts) == 1
    redis.answer = usual


async def test_it_counts_what_a_full_redis_refuses(scene, redis):
    for text, count in (("ERR no", 0), ("OOM command not allowed when used memory > ...", 1)):
        redis.answer = lambda client, command, text=text: error(text)
        with pytest.raises(BackplaneRefused):
            await scene.pair.run("log_tails", [])
        assert scene.meters.redis_full == count
    redis.answer = usual
