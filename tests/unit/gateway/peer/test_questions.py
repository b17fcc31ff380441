"""What a peer asks of all gateways: answered in its order, and nothing done twice."""

from unittest.mock import patch

import pytest

from gateway.backplane.contract import LEASE
from gateway.errors import BackplaneRefused
from gateway.peer.questions import FEW, USERS_IN_LINE
from tests.unit.gateway.fakes import AWAY, Clock, backplane_of, quiet, registration, until
from wire.frames import Ack, Active, Error, Msg, Notice, Send, Users, Who
from wire.limits import Limits
from wire.reasons import HUNG_UP, NAME_LOST

OOM = BackplaneRefused("OOM command not allowed")


@pytest.fixture
async def dana(house, gateway):
    dana = await house.guest(gateway, "dana")
    await gateway.outbox.settle()
    return dana


@pytest.fixture
async def sis(house, gateway):
    sis = await house.guest(gateway, "sis")
    await gateway.outbox.settle()
    return sis


@pytest.fixture
def redis(gateway):
    return backplane_of(gateway)


async def test_a_whisper_does_not_overtake_what_its_sender_said_to_the_room(redis, sis, dana):
    held = redis.hold("publish")
    dana.say(Send("to all", seq=1), Send("to you @sis", seq=2))
    await quiet()
    assert not redis.count("whisper")
    held.set()
    await dana.hears(Ack, 2)
    assert [ack.seq for ack in dana.told(Ack)] == [1, 2]
    assert [msg.text for msg in sis.told(Msg)] == ["to all", "to you @sis"]


async def test_a_whisper_does_not_wait_for_what_others_said(house, gateway, redis, sis, dana):
    dad = await house.guest(gateway, "dad")
    await gateway.outbox.settle()
    held = redis.hold("publish")
    dad.say(Send("to all", seq=1))
    await quiet()
    dana.say(Send("psst @sis", seq=1))
    await dana.hears(Ack)
    held.set()


async def test_what_is_said_behind_a_whisper_waits_for_it(redis, sis, dana):
    held = redis.hold("whisper")
    dana.say(Send("psst @sis", seq=1))
    dana.say(Send("to all", seq=2))
    await quiet()
    assert not dana.told(Ack)
    held.set()
    await dana.hears(Ack, 2)
    assert [msg.text for msg in dana.told(Msg)] == ["psst @sis", "to all"]


async def test_nothing_is_whispered_until_the_gateway_knows_who_is_still_its_own(
    gateway, redis, sis, dana
):
    gateway.presence.doubt()
    dana.say(Send("psst @sis", seq=1))
    await quiet()
    assert not redis.count("whisper")
    await gateway.presence.verify()
    await dana.hears(Ack)


async def test_a_gateway_that_slept_first_checks_who_is_still_its_own(house):
    clock = Clock()
    gateway = await house.open(clock)
    dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
    await gateway.outbox.settle()
    redis = backplane_of(gateway)
    clock.advance(LEASE)
    house.memory.users["dana"] = registration("dana", session="somebody else's")
    redis.lease = False
    dana.say(Send("to all", seq=1), Send("psst @sis", seq=2))
    await quiet()
    assert not redis.asked("publish")[1:]
    await gateway.presence.verify()
    assert await dana.gone() == NAME_LOST
    await gateway.outbox.settle()
    await quiet()
    assert sis.told(Msg) == []
    assert not redis.count("whisper")


async def test_a_whisper_that_redis_refuses_is_reported_once(redis, dana):
    redis.fail(OOM, "whisper")
    dana.say(Send("psst @sis", seq=3))
    error = await dana.hears(Error)
    await quiet()
    assert (error.code, error.seq) == ("unavailable", 3)
    assert redis.count("whisper") == 1


async def test_what_went_to_the_room_since_nobody_was_here_goes_there_again(redis, sis, dana):
    # She comes between the two attempts: what was said in public stays public.
    dana.say(Send("hi @mom", seq=1))
    first = await dana.hears(Ack)
    redis.memory.users["mom"] = registration("mom")
    dana.say(Send("hi @mom", seq=1))
    second = await dana.hears(Ack, 2)
    assert first == second == Ack(seq=1, id="7-0", room="lobby", absent=["mom"])
    assert [msg.text for msg in sis.told(Msg)] == ["hi @mom"]


async def test_a_whisper_that_is_sent_again_is_acknowledged_alike_and_not_said_twice(sis, dana):
    for _ in range(2):
        dana.say(Send("hi @sis @mom", seq=1))
    await dana.hears(Ack, 2)
    assert dana.told(Ack) == [Ack(seq=1, id="7-0", to=["sis"], absent=["mom"])] * 2
    assert len(sis.told(Msg)) == 1


@pytest.mark.parametrize("text", ["hi", "hi @sis"])
async def test_a_seq_that_falls_is_stale(sis, dana, text):
    dana.say(Send(text, seq=5))
    await dana.hears(Ack)
    dana.say(Send(text, seq=4))
    error = await dana.hears(Error)
    assert (error.code, error.seq) == ("stale_seq", 4)
    assert len(sis.told(Msg)) == 1


async def test_a_message_to_everyone_that_names_somebody_who_is_here_says_so(redis, sis, dana):
    dana.say(Send("@Sis and @mom: news", seq=1))
    assert await dana.hears(Ack) == Ack(seq=1, id="7-0", room="lobby", mentioned=["sis"])
    assert redis.asked("present") == [["sis", "mom"]]
    assert [msg.text for msg in sis.told(Msg)] == ["@Sis and @mom: news"]


async def test_who_sent_it_without_a_seq_is_told_before_anybody_reads_it(redis, sis, dana):
    held = redis.hold("publish")
    dana.say(Send("@sis: news"))
    notice = await dana.hears(Notice)
    assert (notice.code, notice.mentioned) == ("mentioned", ["sis"])
    assert not sis.told(Msg)
    held.set()
    await sis.hears(Msg)


async def test_a_private_message_that_becomes_public_says_who_else_it_names(redis, sis, dana):
    dana.say(Send("@sis has a secret @mmo", seq=1), Send("behind", seq=2))
    await dana.hears(Ack, 2)
    first, second = dana.told(Ack)
    assert first == Ack(seq=1, id="7-0", room="lobby", absent=["mmo"], mentioned=["sis"])
    assert second == Ack(seq=2, id="7-1", room="lobby")


async def test_a_text_that_names_nobody_asks_nobody(redis, sis, dana):
    dana.say(Send("hello", seq=1), Send(r"look at \@sis and me", seq=2))
    await dana.hears(Ack, 2)
    assert not redis.count("present")


async def test_messages_stay_in_order_while_the_names_in_one_are_looked_up(redis, sis, dana):
    held = redis.hold("present")
    texts = ["one", "@sis: two", "three", "@sis four", "five @sis", "@sis six"]
    dana.say(*(Send(text, seq=seq) for seq, text in enumerate(texts)))
    await quiet()
    held.set()
    await dana.hears(Ack, len(texts))
    assert [msg.text for msg in sis.told(Msg)] == texts


async def test_while_redis_is_away_a_message_that_names_people_waits(gateway, redis, sis, dana):
    redis.fail(AWAY, "present")
    dana.say(Send("@sis: news"))  # without a seq, since nothing can have been stored
    gateway.presence.doubt()
    await quiet()
    redis.failing.clear()
    await gateway.presence.verify()
    await sis.hears(Msg)
    assert not dana.told(Error)


async def test_a_look_up_that_redis_refuses_is_reported_with_its_seq(redis, sis, dana):
    redis.fail(OOM, "present")
    dana.say(Send("@sis: news", seq=3))
    error = await dana.hears(Error)
    assert (error.code, error.seq) == ("unavailable", 3)
    assert not sis.told(Msg)


async def test_a_sender_who_is_gone_before_the_names_are_looked_up_has_not_said_it(
    redis, sis, dana
):
    held = redis.hold("present")
    dana.say(Send("@sis: news", seq=1))
    await quiet()
    dana.peer.end(HUNG_UP)
    held.set()
    await until(lambda: dana.link.closed)
    await quiet()
    assert not sis.told(Msg)


@pytest.mark.parametrize(
    "name", ["x" * 33, "a" + "\u0300\u0327" * 3000, "." * 9000 + "a", ":", "\ufb2c" * 32]
)
async def test_a_name_that_nobody_can_have_is_neither_folded_nor_looked_up(redis, sis, dana, name):
    with patch("gateway.peer.questions.fold", side_effect=AssertionError):
        dana.say(Send("hi", seq=1, to=[name]))
        error = await dana.hears(Error)
    assert error.code == "nobody_here"
    dana.say(Send("hi", seq=2, to=[name, "sis"]))
    assert await dana.hears(Ack) == Ack(seq=2, id="7-0", to=["sis"], absent=[name])
    assert redis.asked("whisper")[-1] == ["sis"]


async def test_a_list_of_users_that_redis_breaks_off_is_reported_with_its_seq(house, redis, dana):
    for number in range(USERS_IN_LINE + 149):
        house.memory.users[f"u{number}"] = registration(f"u{number}")
    users = redis.users

    async def first_page_only(cursor):
        if cursor != "0":
            raise AWAY
        return await users(cursor)

    redis.users = first_page_only
    dana.say(Who(seq=4))
    error = await dana.hears(Error)
    assert (error.code, error.seq) == ("unavailable", 4)
    assert all(part.more for part in dana.told(Users))


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_without_redis_nobody_knows_of_idle_time_that_is_left(gateway, redis, dana, error):
    redis.memory.left["dana"] = 7.0
    assert await gateway._shared.questions.idle_left(dana.peer.membership) == 7.0
    redis.fail(error, "idle_left")
    assert await gateway._shared.questions.idle_left(dana.peer.membership) == 0.0


async def test_who_is_gone_before_a_whisper_could_be_said_has_not_said_it(gateway, redis, dana):
    gateway.presence.doubt()
    dana.say(Send("psst @sis", seq=1))
    await quiet()
    dana.peer.end(NAME_LOST)
    await gateway.presence.verify()
    await until(lambda: dana.link.closed)
    await quiet()
    assert not redis.count("whisper")


# To many: Redis sends a copy for each.


async def test_who_writes_to_many_pays_for_the_copies(house):
    gateway = await house.open(limits=Limits(burst=20, rate=0.001))
    names = [f"u{number}" for number in range(4 * FEW)]
    for name in names:
        await house.guest(gateway, name)
    dana = await house.guest(gateway, "dana")
    dana.say(Send("hi", seq=1, to=names), *[Active()] * 16)
    await dana.hears(Ack)
    await quiet()
    assert not dana.told(Error)
    dana.say(Active())
    await dana.hears(Error)
    assert dana.told(Error)[-1].code == "slow_down"


@pytest.mark.parametrize("fallback", ["public", "refuse"])
async def test_what_finds_nobody_is_not_for_free(house, fallback):
    gateway = await house.open(limits=Limits(burst=2, rate=0.001), fallback=fallback)
    dana = await house.guest(gateway, "dana")
    dana.say(*[Send("hi @nobody.here", seq=seq) for seq in (1, 2, 3)])
    await until(lambda: "slow_down" in [error.code for error in dana.told(Error)])


async def test_some_to_many_are_under_way_until_they_are_heard_and_some_to_few_too(
    house, gateway, redis
):
    names = [f"u{number}" for number in range(9)]
    people = [await house.guest(gateway, name) for name in names]
    redis.deaf = True
    with patch("gateway.peer.questions.HEARD", 3600.0):
        for peer in people:
            peer.say(Send("hi", seq=1, to=names))
        await until(lambda: redis.count("whisper") == 8)
        await quiet()
        assert redis.count("whisper") == 8
        dana = await house.guest(gateway, "dana")
        dana.say(Send("hi", seq=1, to=names[:FEW]))
        await dana.hears(Ack)
        redis.deaf = False
        await gateway.positions.check()  # what was lost on the way is heard
        await until(lambda: all(peer.told(Ack) for peer in people))


async def test_what_is_never_heard_does_not_keep_the_next(house, gateway, redis):
    names = [f"u{number}" for number in range(9)]
    people = [await house.guest(gateway, name) for name in names]
    redis.deaf = True
    with patch("gateway.peer.questions.HEARD", 0.01):
        for peer in people:
            peer.say(Send("hi", seq=1, to=names))
        await until(lambda: all(peer.told(Ack) for peer in people))
