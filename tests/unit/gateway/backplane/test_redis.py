"""The backplane on a Redis that has a bad day. What it does on a good one: `tests/contract`."""

import asyncio

import msgspec
import pytest

from gateway.backplane import Registration, Touch
from gateway.backplane import redis as module
from gateway.backplane.connection import RedisError
from gateway.backplane.redis import RedisBackplane, parse_user_list
from gateway.backplane.scripts import all_scripts
from gateway.errors import BackplaneDown, RedisUnreachable
from tests.unit.gateway.backplane.scripted import (
    ScriptedRedis,
    array,
    bulk,
    error,
    usual,
)
from tests.unit.gateway.fakes import quiet, registration, until

SHAS = {script.name: script.sha for script in all_scripts()}


class Events:
    """Records what a backplane tells."""

    def __init__(self):
        self.told = []

    def deliver(self, channel, lines):
        self.told.append(("deliver", channel, lines))

    def replaced(self, session):
        self.told.append(("replaced", session))

    def away(self):
        self.told.append("away")

    def back(self):
        self.told.append("back")


class Scene:
    def __init__(self, redis, idle=60.0, url=None):
        self.redis = redis
        self.events = Events()
        self.backplane = RedisBackplane(
            url or redis.url, "t", "g-1", b"{}", idle, 1000, self.events
        )

    async def heard(self, what):
        await until(lambda: what in self.events.told, f"{what}")

    @property
    def commands(self):
        """The connection for commands that is in use, as the server sees it."""
        return self.redis.clients[-2]

    @property
    def subscriptions(self):
        return self.redis.clients[-1]


@pytest.fixture
async def redis():
    async with ScriptedRedis().running() as redis:
        yield redis


@pytest.fixture
async def scene(redis):
    scene = Scene(redis)
    await scene.backplane.start()
    yield scene
    redis.answer = usual
    await scene.backplane.close()


def evalsha(redis):
    return redis.commands("EVALSHA")


# Up.


async def test_it_has_two_connections_with_names(scene, redis):
    assert [client.commands[0] for client in redis.clients] == [
        ["CLIENT", "SETNAME", "chat-g-1"],
        ["CLIENT", "SETNAME", "chat-g-1-sub"],
    ]


async def test_the_scripts_are_loaded_before_anything_is_asked(scene, redis):
    loaded = [command[2] for command in redis.commands("SCRIPT")]
    assert loaded == [script.source for script in all_scripts()]


async def test_the_epoch_is_that_of_who_came_first(scene, redis):
    ((_, key, _, nx),) = redis.commands("SET")
    assert (key, nx) == ("t:epoch", "NX")
    redis.answer = lambda client, command: array("1795428000-1")
    await scene.backplane.publish("lobby", [b'"op":"msg"}\n'])
    assert "1795428000" in evalsha(redis)[0]


async def test_its_own_channel_is_listened_to(scene, redis):
    assert redis.commands("SSUBSCRIBE") == [["SSUBSCRIBE", "t:{users}:control:g-1"]]


@pytest.mark.parametrize("failing", ["SCRIPT", "SET", "GET", "SSUBSCRIBE"])
async def test_a_redis_that_is_too_old_is_told_so(redis, failing):
    redis.answer = lambda client, command: (
        error("ERR unknown command") if command[0] == failing else usual(client, command)
    )
    with pytest.raises(RedisUnreachable, match="Redis 7"):
        await Scene(redis).backplane.start()


async def test_where_no_redis_is_it_does_not_start():
    scene = Scene(None, url="redis://127.0.0.1:1")
    with pytest.raises(RedisUnreachable, match="nothing listens there"):
        await scene.backplane.start()
    assert scene.events.told == []
    await scene.backplane.close()


@pytest.mark.parametrize("at", ["SCRIPT", "GET", "SSUBSCRIBE"])
async def test_a_redis_that_goes_while_it_starts_is_unreachable(redis, at):
    def answer(client, command):
        if command[0] == at:
            client.end()
            return None
        return usual(client, command)

    redis.answer = answer
    with pytest.raises(RedisUnreachable):
        await Scene(redis).backplane.start()


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
        await scene.backplane.start()
    await scene.backplane.close()


# Down.


async def test_a_closing_backplane_gives_its_lease_back(redis):
    scene = Scene(redis)
    await scene.backplane.start()
    await scene.backplane.close()
    assert redis.commands("DEL") == [["DEL", "t:{users}:lease:g-1"]]
    assert redis.commands("HDEL") == [["HDEL", "t:{users}:gateways", "g-1"]]
    assert scene.events.told == []


async def test_a_redis_that_is_silent_is_not_waited_for_at_the_end(redis, monkeypatch):
    monkeypatch.setattr(module, "GOODBYE", 0.02)
    scene = Scene(redis)
    await scene.backplane.start()
    redis.answer = lambda client, command: None
    await scene.backplane.close()


async def test_a_backplane_can_be_closed_while_redis_is_away(scene, redis):
    redis.answer = lambda client, command: None
    scene.commands.end()
    await scene.heard("away")
    await scene.backplane.close()


async def test_after_the_end_nothing_can_be_asked(redis):
    scene = Scene(redis)
    await scene.backplane.start()
    await scene.backplane.close()
    with pytest.raises(BackplaneDown):
        await scene.backplane.renew_lease()
    await scene.backplane.close()


# Away and back.


@pytest.mark.parametrize("which", [0, 1])
async def test_one_connection_lost_is_redis_lost_and_it_comes_back(scene, redis, which):
    redis.clients[which].end()
    await scene.heard("back")
    assert scene.events.told == ["away", "back"]
    assert len(redis.clients) == 4
    assert await scene.backplane.renew_lease()


async def test_both_lost_at_once_are_said_once(scene, redis):
    for client in redis.clients:
        client.end()
    await scene.heard("back")
    await quiet()
    assert scene.events.told == ["away", "back"]


async def test_calls_under_way_are_in_doubt_when_redis_goes(scene, redis):
    redis.answer = lambda client, command: None
    calls = [asyncio.ensure_future(scene.backplane.publish("lobby", [b"{}\n"])) for _ in range(3)]
    await redis.asked("EVALSHA", times=3)
    redis.answer = usual
    scene.commands.end()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BackplaneDown] * 3
    await scene.heard("back")
    assert len(evalsha(redis)) == 3, "what is in doubt is not sent again"


async def test_while_redis_is_away_every_call_says_so(scene, redis):
    redis.answer = lambda client, command: None
    scene.commands.end()
    await scene.heard("away")
    dana = registration("dana")
    for call in (
        scene.backplane.subscribe("room"),
        scene.backplane.claim(dana, 0.0, None),
        scene.backplane.release([dana]),
        scene.backplane.touch([Touch("dana", "s", 0.0)]),
        scene.backplane.idle_left("dana", "s"),
        scene.backplane.publish("lobby", [b"{}\n"]),
        scene.backplane.whisper("dana", ["sis"], b"{}\n"),
        scene.backplane.users("0"),
        scene.backplane.renew_lease(),
        scene.backplane.sweep(),
    ):
        with pytest.raises(BackplaneDown):
            await call
    scene.backplane.unsubscribe("room")


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
    assert scene.events.told == ["away", "back"]


async def test_what_was_listened_to_is_listened_to_again(scene, redis):
    await scene.backplane.subscribe("room")
    await scene.backplane.subscribe("user")
    scene.backplane.unsubscribe("user")
    scene.subscriptions.end()
    await scene.heard("back")
    again = [c[1] for c in scene.subscriptions.commands if c[0] == "SSUBSCRIBE"]
    assert again == ["room", "t:{users}:control:g-1"]
    scene.subscriptions.send(array("smessage", "room", "hi\n"))
    await scene.heard(("deliver", b"room", b"hi\n"))


async def test_what_is_unsubscribed_while_redis_is_away_stays_so(scene, redis):
    await scene.backplane.subscribe("room")
    redis.answer = lambda client, command: None
    scene.subscriptions.end()
    await scene.heard("away")
    scene.backplane.unsubscribe("room")
    redis.answer = usual
    for client in redis.clients:
        client.end()
    await scene.heard("back")
    assert ["SSUBSCRIBE", "room"] not in scene.subscriptions.commands


async def test_redis_that_goes_again_is_said_again(scene, redis):
    for count in (1, 2, 3):
        scene.commands.end()
        await until(lambda count=count: scene.events.told.count("back") == count)
    assert scene.events.told == ["away", "back"] * 3


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
    assert await scene.backplane.touch([Touch("dana", "s", 1.0)]) == ["s"]
    assert len(redis.commands("SCRIPT")) == 2 * loaded
    first, second = evalsha(redis)
    assert first == second


async def test_a_redis_that_forgets_at_once_is_asked_twice_and_no_more(scene, redis):
    redis.answer = lambda client, command: (
        error("NOSCRIPT No matching script.") if command[0] == "EVALSHA" else usual(client, command)
    )
    with pytest.raises(RedisError):
        await scene.backplane.users("0")
    assert len(evalsha(redis)) == 2


async def test_a_refusal_is_told_and_not_tried_again(scene, redis):
    redis.answer = lambda client, command: error("OOM command not allowed")
    with pytest.raises(RedisError, match="OOM"):
        await scene.backplane.publish("lobby", [b"{}\n"])
    assert len(evalsha(redis)) == 1
    assert "away" not in scene.events.told


async def test_replies_go_to_their_calls_though_all_are_under_way(scene, redis):
    def answer(client, command):
        if command[1] == SHAS["room_publish"]:
            return array(f"7-{command[-1].strip()}")
        return usual(client, command)

    redis.answer = answer
    ids = await asyncio.gather(
        *(scene.backplane.publish("lobby", [b"%d\n" % n]) for n in range(50))
    )
    assert ids == [[f"7-{n}"] for n in range(50)]


# What is said, and what is understood.


async def test_a_claim_is_understood(scene, redis):
    former = registration("dana", gateway="g-dead")
    for reply, outcome, record in [
        (array("granted"), "granted", None),
        (array("resumed"), "resumed", None),
        (array("taken"), "taken", None),
        (array("inherited", msgspec.json.encode(former)), "inherited", former),
    ]:
        redis.answer = lambda client, command, reply=reply: reply
        assert await scene.backplane.claim(registration("dana"), 0.0, None) == (outcome, record)


async def test_times_are_told_in_milliseconds(scene, redis):
    await scene.backplane.touch([Touch("dana", "s", 1.2345)])
    ((*_, idle, _, folded, session, ago),) = evalsha(redis)
    assert (idle, folded, session, ago) == ("60000", "dana", "s", "1234")


async def test_no_end_of_idleness_is_told_as_zero(redis):
    scene = Scene(redis, idle=None)
    await scene.backplane.start()
    await scene.backplane.touch([Touch("dana", "s", 0.0)])
    assert evalsha(redis)[0][4] == "0"
    await scene.backplane.close()


async def test_the_shortest_idleness_is_not_told_as_none(redis):
    scene = Scene(redis, idle=0.0001)
    await scene.backplane.start()
    await scene.backplane.touch([Touch("dana", "s", 0.0)])
    assert evalsha(redis)[0][4] == "1"
    await scene.backplane.close()


@pytest.mark.parametrize(
    ("value", "left", "seconds"),
    [
        (bulk("s 1795428000000"), b":1500\r\n", 1.5),
        (bulk("another 1795428000000"), b":1500\r\n", 0.0),
        (b"$-1\r\n", b":-2\r\n", 0.0),
        (bulk("s 1795428000000"), b":-2\r\n", 0.0),
    ],
)
async def test_who_has_how_much_time_left(scene, redis, value, left, seconds):
    replies = {"GET": value, "PTTL": left}
    redis.answer = lambda client, command: replies[command[0]]
    assert await scene.backplane.idle_left("dana", "s") == seconds


async def test_whispers_are_understood(scene, redis):
    redis.answer = lambda client, command: array("7-1", "Sis", "")
    assert await scene.backplane.whisper("dana", ["sis", "mom"], b"") == ("7-1", ["Sis", ""])
    redis.answer = lambda client, command: b"*0\r\n"
    assert await scene.backplane.whisper("dana", ["sis", "mom"], b"") == (None, ["", ""])


async def test_a_lease_that_is_there_is_renewed(scene, redis):
    assert await scene.backplane.renew_lease()
    assert redis.commands("SET")[1:] == [["SET", "t:{users}:lease:g-1", "{}", "PX", "10000", "XX"]]


async def test_a_lease_that_had_run_out_is_taken_again_and_said(scene, redis):
    redis.answer = lambda client, command: (
        b"$-1\r\n" if command[-1] == "XX" else usual(client, command)
    )
    assert not await scene.backplane.renew_lease()
    assert redis.commands("SET")[-1] == ["SET", "t:{users}:lease:g-1", "{}", "PX", "10000"]
    assert redis.commands("HSET") == [["HSET", "t:{users}:gateways", "g-1", "{}"]]


async def test_the_dead_are_swept_to_the_last_and_oneself_never(scene, redis):
    records = [msgspec.json.encode(registration(f"u{n}", gateway="g-2")) for n in range(3)]
    replies = [array(2, records[0]), array(1, records[1]), array(0, records[2])]

    def answer(client, command):
        return array("g-1", "g-2") if command[0] == "HKEYS" else replies.pop(0)

    redis.answer = answer
    assert [user.name for user in await scene.backplane.sweep()] == ["u0", "u1", "u2"]
    assert all("g-1" not in command for command in evalsha(redis))


async def test_a_message_for_this_gateway_ends_a_session(scene):
    scene.subscriptions.send(array("smessage", "t:{users}:control:g-1", "replaced s7"))
    await scene.heard(("replaced", "s7"))


@pytest.mark.parametrize("payload", ["", "dance", "replaces s7", b"\xff"])
async def test_a_message_of_a_newer_gateway_is_passed_over(scene, payload):
    scene.subscriptions.send(array("smessage", "t:{users}:control:g-1", payload))
    scene.subscriptions.send(array("smessage", "room", "hi\n"))
    await scene.heard(("deliver", b"room", b"hi\n"))
    assert len(scene.events.told) == 1


def test_a_list_of_users_is_understood():
    dana, sis = registration("dana"), registration("sis")
    reply = [b"17", msgspec.json.encode(dana), b"1500", b"58500"]
    reply += [msgspec.json.encode(sis), b"0", b"-1"]
    assert parse_user_list(reply) == ("17", [(dana, 1.5, 58.5), (sis, 0.0, None)])
    assert parse_user_list([b"0"]) == ("0", [])


def test_a_record_of_a_newer_gateway_can_be_read():
    record = msgspec.to_builtins(registration("dana")) | {"mood": "fine"}
    assert msgspec.json.decode(msgspec.json.encode(record), type=Registration).name == "dana"
