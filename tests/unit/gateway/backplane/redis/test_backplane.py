"""The backplane on a Redis that has a bad day. What it does on a good one: `tests/contract`."""

import msgspec
import pytest

from gateway.backplane.contract import ABSENT, Claimed, Found, Log, LogPage, Outgoing, Proof, Touch
from gateway.backplane.records import Registration
from gateway.backplane.redis import backplane as module
from gateway.backplane.redis.replies import parse_user_list
from gateway.backplane.scripts import all_scripts
from gateway.errors import BackplaneDown, NameLost, TooMuchWaits
from tests.support.settings import redis_backplane
from tests.unit.gateway.backplane import scripted
from tests.unit.gateway.backplane.scripted import array, bulk, error, evalsha, usual
from tests.unit.gateway.fakes import config, registration

SHAS = {script.name: script.sha for script in all_scripts()}


class Scene(scripted.Scene):
    """A backplane, and what it tells its gateway."""

    def __init__(self, redis, given=(), **settings):
        super().__init__(redis)
        self.knows = {}
        given = (
            {"redis": redis.url, "prefix": "t", "idle": 60.0, "away_idle": 90.0}
            | settings
            | dict(given)
        )
        self.backplane = redis_backplane(config(**given), "g-1", lambda: b"{}", self)

    def known(self, channel):
        return self.knows.get(channel, b"0-0")

    def deliver(self, channel, lines):
        self.told.append(("deliver", channel, lines))

    def control(self, verb, rest):
        self.told.append((verb, rest))


@pytest.fixture
async def scene(redis):
    scene = Scene(redis)
    await scene.backplane.start()
    yield scene
    redis.answer = usual
    await scene.backplane.close()


# Up and down.


async def test_it_has_two_connections_with_names(scene, redis):
    assert [client.commands[0] for client in redis.clients] == [
        ["CLIENT", "SETNAME", "chat-g-1"],
        ["CLIENT", "SETNAME", "chat-g-1-sub"],
    ]


async def test_which_start_of_redis_it_is_is_told_with_what_is_posted(scene, redis):
    assert scene.backplane.run_id == scripted.RUN_ID
    redis.answer = lambda client, command: array("7-1")
    await scene.backplane.publish("lobby", "0", [Outgoing(b'{"op":"msg"}\n')])
    assert scripted.RUN_ID in evalsha(redis)[0]


async def test_so_is_the_last_id_that_is_known_here(scene, redis):
    scene.knows = {b"t:{room:lobby}:live": b"7-3", b"t:{users}:to:dana": b"7-4"}
    redis.answer = lambda client, command: array("7-5")
    await scene.backplane.publish("lobby", "0", [Outgoing(b'{"op":"msg"}\n')])
    await scene.backplane.whisper(registration("sis"), ["dana"], b'{"op":"msg"}\n', seq=None)
    room, people = evalsha(redis)
    assert "7-3" in room
    assert people[-4:] == ["0-0", "3600000", "dana", "7-4"]


@pytest.mark.parametrize(("url", "marked"), [("/0", ""), ("", ""), ("/3", ":@3")])
async def test_what_is_heard_is_of_this_database(redis, url, marked):
    settings = {"redis": redis.url + url}
    scene = Scene(redis, settings)
    assert scene.backplane.room("lobby").name == f"t{marked}:{{room:lobby}}:live"
    assert scene.backplane.user("dana").name == f"t{marked}:{{users}}:to:dana"


async def test_its_own_channels_are_listened_to(scene, redis):
    assert redis.commands("SSUBSCRIBE") == [
        ["SSUBSCRIBE", "t:probe:g-1:{room:lobby}:live"],
        ["SSUBSCRIBE", "t:{users}:control:g-1"],
    ]


async def test_it_says_when_redis_goes_and_when_it_is_back(scene, redis):
    redis.clients[0].end()
    await scene.heard("back")
    assert scene.told == ["away", "back"]
    assert await scene.backplane.renew_lease()


async def test_a_closing_backplane_gives_its_lease_back(redis):
    scene = Scene(redis)
    await scene.backplane.start()
    await scene.backplane.close()
    assert redis.commands("DEL") == [["DEL", "t:{users}:lease:g-1"]]
    assert redis.commands("HDEL") == [["HDEL", "t:{users}:gateways", "g-1"]]
    assert scene.told == []


async def test_a_closing_backplane_may_leave_its_lease_for_a_while(redis):
    # For as long nobody takes the names of those who were told to come back.
    scene = Scene(redis)
    await scene.backplane.start()
    await scene.backplane.close(lease=12.5)
    assert evalsha(redis)[-1][-3:] == ["g-1", "{}", "12500"]
    assert not redis.commands("DEL", "HDEL")


async def test_one_that_leaves_names_behind_stays_known_until_they_are_swept(redis):
    scene = Scene(redis)
    await scene.backplane.start()
    redis.answer = lambda client, command: (
        b":1\r\n" if command[0] == "SCARD" else usual(client, command)
    )
    await scene.backplane.close()
    assert redis.commands("DEL") == [["DEL", "t:{users}:lease:g-1"]]
    assert not redis.commands("HDEL")


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


async def test_while_redis_is_away_every_call_says_so(scene, redis):
    redis.answer = lambda client, command: None
    scene.commands.end()
    await scene.heard("away")
    dana = registration("dana")
    for call in (
        scene.backplane.subscribe("room"),
        scene.backplane.claim(dana, 0.0, None),
        scene.backplane.release([dana], for_good=True),
        scene.backplane.touch([Touch("dana", "s", 0.0)]),
        scene.backplane.idle_left("s"),
        scene.backplane.publish("lobby", "0", [Outgoing(b"{}\n")]),
        scene.backplane.whisper(dana, ["sis"], b"{}\n", seq=None),
        scene.backplane.tails([LOBBY, DANA]),
        scene.backplane.read_log(LOBBY, b"7-1", 5),
        scene.backplane.trim([LOBBY]),
        scene.backplane.users("0"),
        scene.backplane.renew_lease(),
        scene.backplane.sweep(),
    ):
        with pytest.raises(BackplaneDown):
            await call
    scene.backplane.unsubscribe("room")


# What is said, and what is understood.


async def test_a_claim_is_understood(scene, redis):
    former = registration("dana", gateway="g-dead")
    record = msgspec.json.encode(former)
    known, began = '{"@":"7-3","lobby":"7-1"}', {"@": "7-3", "lobby": "7-1"}
    for reply, claimed in [
        (
            ("granted", "", "7-3", "", "", known, "", "", '["lobby"]', "", "", 1),
            Claimed("granted", last=b"7-3", tail=b"7-3", began=began, rooms=["lobby"], sessions=1),
        ),
        (
            ("granted", "0a", "7-3", "", "", known, "", "", '["lobby"]', "", "", 1),
            Claimed("granted", "0a", b"7-3", b"7-3", began=began, rooms=["lobby"], sessions=1),
        ),
        (
            ("resumed", "0a", "7-3", "", "", known, "", "", '["lobby"]', "", "", 1),
            Claimed("resumed", "0a", b"7-3", b"7-3", began=began, rooms=["lobby"], sessions=1),
        ),
        (
            ("returned", "0a", "7-3", "", "", known, "", "", '["lobby"]', "", "", 1),
            Claimed("returned", "0a", b"7-3", b"7-3", began=began, rooms=["lobby"], sessions=1),
        ),
        (
            ("resumed", "0a", "7-3", "", "", known, "7-9", "1", '["lobby"]', "dana", '"lunch"', 3),
            Claimed(
                "resumed",
                "0a",
                b"7-3",
                b"7-9",
                began=began,
                waiting=True,
                unheard=True,
                rooms=["lobby"],
                account="dana",
                away="lunch",
                sessions=3,
            ),
        ),
        (("taken", *[""] * 10, 0), Claimed("taken", sessions=0)),
        (
            ("inherited", "", "7-3", record, "", known, "", "", '["lobby"]', "", "", 1),
            Claimed("inherited", "", b"7-3", b"7-3", former, began, rooms=["lobby"], sessions=1),
        ),
        (
            ("locked", "", "", "", "$argon2", *[""] * 6, 0),
            Claimed("locked", hash="$argon2", sessions=0),
        ),
    ]:
        redis.answer = lambda client, command, reply=reply: array(*reply)
        assert await scene.backplane.claim(registration("dana"), 0.0, None) == claimed


async def test_who_claims_has_to_show_what_is_asked(scene, redis):
    redis.answer = lambda client, command: array("taken", *[""] * 10, 0)
    dana = registration("dana")
    await scene.backplane.claim(dana, 0.0, None)
    await scene.backplane.claim(dana, 0.0, None, Proof("required", "$argon2"))
    assert [call[-9:-7] for call in evalsha(redis)] == [["known", ""], ["required", "$argon2"]]


async def test_names_are_kept_for_who_may_come_back_and_not_for_good(redis):
    scene = Scene(redis, resume_within=1.5)
    await scene.backplane.start()
    for for_good in (False, True):
        await scene.backplane.release([registration("dana")], for_good=for_good)
    assert [command[7:] for command in evalsha(redis)] == [
        ["1500", "3600000", "dana", "session of dana", ""],
        ["0", "3600000", "dana", "session of dana", ""],
    ]
    await scene.backplane.close()


async def test_a_name_that_may_be_kept_for_a_moment_only_is_not_given_up_for_good(redis):
    scene = Scene(redis, resume_within=0.0001)
    await scene.backplane.start()
    await scene.backplane.release([registration("dana")], for_good=False)
    assert evalsha(redis)[0][7] == "1"
    await scene.backplane.close()


async def test_times_are_told_in_milliseconds(scene, redis):
    await scene.backplane.touch([Touch("dana", "s", 1.2345)])
    ((*_, idle, away_idle, _, folded, session, ago),) = evalsha(redis)
    assert (idle, away_idle) == ("60000", "90000")
    assert (folded, session, ago) == ("dana", "s", "1234")


async def test_no_end_of_idleness_is_told_as_zero(redis):
    scene = Scene(redis, idle=None)
    await scene.backplane.start()
    await scene.backplane.touch([Touch("dana", "s", 0.0)])
    assert evalsha(redis)[0][5] == "0"
    await scene.backplane.close()


async def test_the_shortest_idleness_is_not_told_as_none(redis):
    scene = Scene(redis, idle=0.0001)
    await scene.backplane.start()
    await scene.backplane.touch([Touch("dana", "s", 0.0)])
    assert evalsha(redis)[0][5] == "1"
    await scene.backplane.close()


@pytest.mark.parametrize(
    ("left", "seconds"), [(b":1500\r\n", 1.5), (b":-2\r\n", 0.0), (b":-1\r\n", 0.0)]
)
async def test_who_has_how_much_time_left(scene, redis, left, seconds):
    redis.answer = lambda client, command: left
    assert await scene.backplane.idle_left("s") == seconds
    assert redis.commands("PTTL") == [["PTTL", "t:{users}:alive:s"]]


async def test_whispers_are_understood(scene, redis):
    dana = registration("dana")
    for reply, whispered in [
        (
            array("7-1", "Sis", "here", "", "", "absent", ""),
            ("7-1", [Found("Sis", "here"), ABSENT]),
        ),
        (
            array("7-1", "Sis", "here", "=lunch", "Mom", "here", "="),
            ("7-1", [Found("Sis", "here", "lunch"), Found("Mom", "here", "")]),
        ),
        (b"*0\r\n", (None, [ABSENT, ABSENT])),
        (array(""), ("", [ABSENT, ABSENT])),
    ]:
        redis.answer = lambda client, command, reply=reply: reply
        assert whispered == await scene.backplane.whisper(dana, ["sis", "mom"], b"", seq=4)


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (bulk("GONE"), NameLost),
        (array("FULL", "Sis", "full", "", "", "absent", ""), TooMuchWaits),
        (bulk("LATE"), BackplaneDown),
    ],
)
async def test_a_whisper_may_be_refused(scene, redis, reply, refusal):
    redis.answer = lambda client, command: reply
    with pytest.raises(refusal) as refused:
        await scene.backplane.whisper(registration("dana"), ["sis", "mom"], b"", seq=4)
    if refusal is TooMuchWaits:
        assert refused.value.names == ["Sis"]


@pytest.mark.parametrize(("seq", "told"), [(None, ""), (0, "0")])
async def test_what_names_a_whisper_is_told(scene, redis, seq, told):
    await scene.backplane.whisper(registration("dana"), ["sis"], b"", seq=seq)
    (command,) = evalsha(redis)
    assert command[-6:] == ["600000", "0", "0-0", "3600000", "sis", "0-0"]
    assert command[-8:-6] == ["64616e61", told]


# Logs.

LOBBY, CELLAR = Log("lobby"), Log("cellar")
DANA, SIS = Log("@", "dana"), Log("@", "sis")


async def test_the_last_ids_of_logs_are_told_in_their_order(scene, redis):
    def answer(client, command):
        keys = command[3 : 3 + int(command[2])]
        match keys:
            case ["t:{users}:epoch", "t:{users}:log:dana", "t:{users}:log:sis"]:
                return array("7-3", "0-0")
            case ["t:{room:lobby}:epoch", "t:{room:lobby}:log"]:
                return array("7-7")
            case _:
                return array("0-0")

    redis.answer = answer
    scene.knows = {b"t:{users}:to:sis": b"7-2"}
    logs = [DANA, LOBBY, SIS, CELLAR]
    assert await scene.backplane.tails(logs) == [b"7-3", b"7-7", b"0-0", b"0-0"]
    assert evalsha(redis)[0][-3:] == [scripted.RUN_ID, "0-0", "7-2"]
    assert await scene.backplane.tails([]) == []


async def test_what_was_said_is_read_as_it_went_over_the_wire(scene, redis):
    redis.answer = lambda client, command: array(
        "7-2", "6-9", 1, 1, "7-1", "4", '{"op":1}\n', "7-2", "5", '{"op":2}\n', "7-3", "", ""
    )
    assert await scene.backplane.read_log(LOBBY, b"7-0", 5) == LogPage(
        b"7-2", b"6-9", True,
        [
            (b"7-1", b'{"id":"7-1","ts":4,"op":1}\n'),
            (b"7-2", b'{"id":"7-2","ts":5,"op":2}\n'),
            (b"7-3", b""),
        ],
        True,
    )  # fmt: skip
    (asked,) = evalsha(redis)
    assert asked[2:] == [
        "3", "t:{room:lobby}:log", "t:{room:lobby}:epoch", "t:{room:lobby}:front",
        "7-0", "5", "65536", scripted.RUN_ID,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ts", "body"),
    [
        *((b"1", b) for b in (b"junk", b"", b"{1}\n", b'"a":1}\n', b'{"a":1}', b'{"a":junk}\n')),
        *((b"1", b) for b in (b'{"a":"\xff"}\n', b'{"a":1}\n{"op":"bye"}\n')),
        *((ts, b'{"a":1}\n') for ts in (b"", b"soon")),
    ],
)
async def test_what_no_reader_could_make_anything_of_is_no_line(scene, redis, ts, body):
    redis.answer = lambda client, command: array("7-1", "6-9", 0, 0, "7-1", ts, body)
    assert (await scene.backplane.read_log(LOBBY, b"7-0", 5)).messages == [(b"7-1", b"")]


async def test_what_is_too_old_is_forgotten_some_at_a_time(redis):
    scene = Scene(redis, history_age=1.5)
    await scene.backplane.start()
    forgotten = iter([1000, 1000, 7, 0])
    redis.answer = lambda client, command: b":%d\r\n" % next(forgotten)
    await scene.backplane.trim([LOBBY, DANA])
    lobby = ["1", "t:{room:lobby}:log", "1500", "1000"]
    assert [command[2:] for command in evalsha(redis)] == [
        *[lobby] * 3, ["1", "t:{users}:log:dana", "1500", "1000"],
    ]  # fmt: skip
    redis.answer = usual
    await scene.backplane.close()


# Gateways.


async def test_a_lease_that_is_there_is_renewed(scene, redis):
    assert await scene.backplane.renew_lease()
    assert evalsha(redis)[-1][-3:] == ["g-1", "{}", "10000"]


async def test_a_lease_that_had_run_out_is_taken_again_and_said(scene, redis):
    redis.answer = lambda client, command: array("1795428010000", 0)
    assert not await scene.backplane.renew_lease()


async def test_the_dead_are_swept_to_the_last_and_oneself_never(scene, redis):
    records = [msgspec.json.encode(registration(f"u{n}", gateway="g-2")) for n in range(3)]
    replies = [array(2, records[0]), array(1, records[1]), array(0, records[2])]

    def answer(client, command):
        return array("g-1", "g-2") if command[0] == "HKEYS" else replies.pop(0)

    redis.answer = answer
    assert [user.name for user in await scene.backplane.sweep()] == ["u0", "u1", "u2"]
    assert all("g-1" not in command for command in evalsha(redis))


@pytest.mark.parametrize("broken", [error("OOM command not allowed"), None])
async def test_what_was_swept_before_redis_failed_is_told(scene, redis, broken):
    # It is in Redis no more, so nobody would ever hear of it.
    replies = [array(2, msgspec.json.encode(registration("u0", gateway="g-2"))), broken]

    def answer(client, command):
        if command[0] == "HKEYS":
            return array("g-2")
        if (reply := replies.pop(0)) is None:
            client.end()
        return reply

    redis.answer = answer
    assert [user.name for user in await scene.backplane.sweep()] == ["u0"]


async def test_a_record_that_cannot_be_read_costs_itself(scene, redis, caplog):
    records = [b"{}", msgspec.json.encode(registration("u1", gateway="g-2")), b"no JSON"]
    redis.answer = lambda client, command: (
        array("g-2") if command[0] == "HKEYS" else array(0, *records)
    )
    assert [user.name for user in await scene.backplane.sweep()] == ["u1"]
    assert len(caplog.records) == 2
    redis.answer = lambda client, command: array(
        "granted", "", "7-3", b"{}", "", "{}", "", "", "[]", "", "", 1
    )
    assert (await scene.backplane.claim(registration("dana"), 0.0, None)).former is None
    _, listed = parse_user_list([b"0", records[0], b"1", b"1", records[1], b"2", b"-1"])
    assert [each.registration.name for each in listed] == ["u1"]


@pytest.mark.parametrize(
    ("payload", "order"),
    [
        ("replaced s7", ("replaced", "s7")),
        ("kick s7 too loud", ("kick", "s7 too loud")),
        ("bans", ("bans", "")),
        (b"\xff", ("\ufffd", "")),
    ],
)
async def test_what_is_for_this_gateway_is_passed_on_as_an_order(scene, payload, order):
    scene.subscriptions.send(array("smessage", "t:{users}:control:g-1", payload))
    await scene.heard(order)
    assert scene.told == [order]


def test_a_list_of_users_is_understood():
    dana, sis = registration("dana"), registration("sis")
    reply = [b"17", msgspec.json.encode(dana), b"1500", b"58500"]
    reply += [msgspec.json.encode(sis), b"0", b"-1"]
    assert parse_user_list(reply) == ("17", [(dana, 1.5, 58.5), (sis, 0.0, None)])
    assert parse_user_list([b"0"]) == ("0", [])


def test_a_record_of_a_newer_gateway_can_be_read():
    record = msgspec.to_builtins(registration("dana")) | {"mood": "fine"}
    assert msgspec.json.decode(msgspec.json.encode(record), type=Registration).name == "dana"
