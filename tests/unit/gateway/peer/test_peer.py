"""What a peer is told, and when: with a link that records and a Redis that obeys."""

import asyncio
import json

import msgspec
import pytest

from gateway.errors import BackplaneRefused
from gateway.peer.peer import MAX_HELD
from gateway.peer.questions import USERS_IN_LINE
from tests.unit.gateway.fakes import AWAY, Clock, backplane_of, quiet, registration, until
from wire.codec import encode
from wire.frames import (
    Ack,
    Active,
    Error,
    Gap,
    Hello,
    Joined,
    Left,
    Msg,
    Notice,
    Ping,
    Pong,
    Quit,
    Send,
    Users,
    Welcome,
    Who,
)
from wire.limits import Limits
from wire.lines import TOO_LONG
from wire.reasons import (
    CONNECTION_LOST,
    FLOOD,
    HELLO_TIMEOUT,
    HUNG_UP,
    IDLE,
    INTERRUPTED,
    NAME_LOST,
    QUIT,
    REPLACED,
    SHUTDOWN,
    SLOW,
)

HELLO = Hello(v=1, name="dana")
OOM = BackplaneRefused("OOM command not allowed")


def codes(guest, kind=Error):
    return [event.code for event in guest.told(kind)]


# Hello.


async def test_a_hello_is_welcomed_and_everybody_hears_of_it(house, gateway):
    sis = await house.guest(gateway, "sis")
    dana = await house.guest(gateway, "dana")
    welcome = dana.told(Welcome)[0]
    assert (welcome.name, welcome.gateway) == ("dana", gateway.id)
    await until(lambda: Joined("lobby", "dana") in sis.link.events)


async def test_the_welcome_is_the_first_that_one_is_told(house, gateway):
    await house.guest(gateway, "sis")
    dana = house.connect(gateway)
    dana.say(HELLO, Send("hi", seq=1), Ping())
    await dana.hears(Ack)
    assert type(dana.link.events[0]) is Welcome


async def test_a_taken_name_is_refused_and_another_may_be_tried(house, gateway):
    await house.guest(gateway, "dana")
    other = house.connect(gateway)
    other.say(Hello(v=1, name="DANA"))
    await other.hears(Error)
    assert codes(other) == ["name_taken"]
    other.say(Hello(v=1, name="dana2"))
    await other.hears(Welcome)


async def test_the_token_takes_the_name_back_from_the_older_connection(house, gateway):
    elsewhere = await house.open()
    sis = await house.guest(gateway, "sis")
    old = await house.guest(elsewhere, "dana")
    await until(lambda: Joined("lobby", "dana") in sis.link.events)
    new = await house.guest(gateway, "dana", resume=old.told(Welcome)[0].resume)
    assert await old.gone() == REPLACED
    new.say(Send("hi", seq=1))
    await new.hears(Ack)
    await gateway.rooms.settle()
    await elsewhere.rooms.settle()
    assert len(sis.told(Joined)) == 1, "nobody saw her come again"
    assert not sis.told(Left)


async def test_a_wrong_token_takes_nothing(house, gateway):
    old = await house.guest(gateway, "dana")
    thief = house.connect(gateway)
    thief.say(Hello(v=1, name="dana", resume="guessed"))
    await thief.hears(Error)
    assert codes(thief) == ["name_taken"]
    assert old.link.closed is None


async def test_the_name_of_a_dead_gateways_user_is_free_and_the_room_is_told(house, gateway):
    sis = await house.guest(gateway, "sis")
    elsewhere = await house.open()
    await house.guest(elsewhere, "Dana")
    house.memory.dead.add(elsewhere.id)
    await house.guest(gateway, "dana")
    await until(lambda: Joined("lobby", "dana") in sis.link.events)
    assert Left("lobby", "Dana", "gateway_lost") in sis.link.events


async def test_what_was_sent_behind_the_hello_waits_for_the_welcome(house, gateway):
    held = backplane_of(gateway).hold("claim")
    dana = house.connect(gateway)
    dana.say(HELLO, Send("one", seq=1))
    dana.say(Send("two", seq=2))
    await quiet()
    assert dana.link.writes == []
    held.set()
    await dana.hears(Ack, 2)
    assert [ack.seq for ack in dana.told(Ack)] == [1, 2]


async def test_while_many_requests_wait_no_more_is_read(house, gateway):
    held = backplane_of(gateway).hold("claim")
    dana = house.connect(gateway)
    dana.say(HELLO, *(Send("one") for _ in range(MAX_HELD)))
    await quiet()
    assert dana.link.reading is True
    dana.say(Send("one more"))
    await quiet()
    assert dana.link.reading is False
    held.set()
    await dana.hears(Welcome)
    await until(lambda: dana.link.reading)


async def test_a_ping_is_answered_while_a_request_waits(house, gateway):
    held = backplane_of(gateway).hold("whisper")
    dana = await house.guest(gateway, "dana")
    dana.say(Send("psst @dana", seq=1), Ping())
    await dana.hears(Pong)
    dana.say(Ping())
    await dana.hears(Pong, 2)
    assert dana.told(Ack) == []
    held.set()
    await dana.hears(Ack)


async def test_only_one_claim_is_under_way(house, gateway):
    held = backplane_of(gateway).hold("claim")
    dana = house.connect(gateway)
    dana.say(HELLO, Hello(v=1, name="mom"), HELLO)
    await until(lambda: backplane_of(gateway).count("claim"))
    await quiet()
    assert backplane_of(gateway).count("claim") == 1
    held.set()
    await dana.hears(Error, 2)
    assert codes(dana) == ["hello_twice", "hello_twice"]


@pytest.mark.parametrize("error", [AWAY, OOM])
@pytest.mark.parametrize("call", ["subscribe", "claim"])
async def test_without_redis_a_hello_is_refused_for_now(house, gateway, call, error):
    backplane = backplane_of(gateway)
    backplane.fail(error, call)
    dana = house.connect(gateway)
    dana.say(HELLO)
    await dana.hears(Error)
    assert codes(dana) == ["unavailable"]
    assert dana.link.closed is None
    backplane.failing.clear()
    dana.say(HELLO)
    await dana.hears(Welcome)


async def test_who_is_gone_before_the_claim_is_answered_leaves_no_name_behind(house, gateway):
    backplane = backplane_of(gateway)
    held = backplane.hold("claim")
    dana = house.connect(gateway)
    dana.say(HELLO)
    await until(lambda: backplane.count("claim"))
    dana.peer.end(CONNECTION_LOST)
    await quiet()
    assert not backplane.count("release"), "there is nothing yet to give back"
    held.set()
    await dana.gone()
    assert backplane.count("release") == 1
    assert house.memory.users == {}
    assert backplane.channels == []
    assert dana.link.writes == []


async def test_who_says_no_hello_is_disconnected(house):
    gateway = await house.open(limits=Limits(hello=0.02))
    silent = house.connect(gateway)
    assert await silent.gone() == HELLO_TIMEOUT


async def test_what_is_said_to_a_name_from_its_claim_on_is_heard(house, gateway):
    sis = await house.guest(gateway, "sis")
    dana = house.connect(gateway)
    claim = backplane_of(gateway).claim

    async def claim_and_take_long(*args):
        claimed = await claim(*args)
        sis.say(Send("hi @dana", seq=1))
        await sis.hears(Ack)
        await quiet()
        return claimed

    backplane_of(gateway).claim = claim_and_take_long
    dana.say(HELLO)
    await dana.hears(Welcome)
    await quiet()
    assert sis.told(Ack)[0].to == ["dana"]
    assert [msg.text for msg in dana.told(Msg)] == ["hi @dana"]


# Saying something.


async def test_a_message_to_the_room_is_heard_by_all_in_one_order(house, gateway):
    elsewhere = await house.open()
    dana, sis = await house.guest(gateway, "dana"), await house.guest(elsewhere, "sis")
    for number in range(3):
        dana.say(Send(f"d{number}", seq=number))
        sis.say(Send(f"s{number}", seq=number))
    await dana.hears(Msg, 6)
    await sis.hears(Msg, 6)
    assert dana.told(Msg) == sis.told(Msg)
    assert [msg.id for msg in dana.told(Msg)] == [f"7-{n}" for n in range(6)]
    assert {msg.room for msg in dana.told(Msg)} == {"lobby"}


async def test_a_message_with_a_seq_is_acknowledged_with_its_id(house, gateway):
    dana = await house.guest(gateway, "dana")
    dana.say(Send("hi", seq=7), Send("ho"))
    await dana.hears(Msg, 2)
    assert await dana.hears(Ack) == Ack(seq=7, id="7-0", room="lobby")
    assert len(dana.told(Ack)) == 1


async def test_a_message_begins_with_its_id_and_bears_both_times(house):
    gateway = await house.open(Clock())
    dana = await house.guest(gateway, "dana")
    at = b"2026-11-23T10:00:00+02:00"
    dana.say(b'{"op":"send","text":"hi","at":"%s"}' % at)
    await dana.hears(Msg)
    (line,) = [line for line in dana.link.lines if b'"msg"' in line]
    assert line.startswith(b'{"id":"7-0",')
    assert json.loads(line)["at"].encode() == at
    assert json.loads(line)["ts"] == 1795428000123


async def test_a_private_message_is_heard_by_its_recipients_and_its_sender_only(house, gateway):
    elsewhere = await house.open()
    dana = await house.guest(gateway, "dana")
    sis = await house.guest(elsewhere, "Sis")
    dad = await house.guest(gateway, "dad")
    dana.say(Send("hi @sis @mom", seq=1))
    ack = await dana.hears(Ack)
    assert (ack.to, ack.absent, ack.room) == (["Sis"], ["mom"], None)
    msg = await sis.hears(Msg)
    assert (msg.to, msg.room, msg.text, msg.from_) == (["Sis"], None, "hi @sis @mom", "dana")
    [own] = dana.told(Msg)
    assert own.id == ack.id
    assert msgspec.structs.replace(own, id=msg.id) == msg
    dad.say(Ping())
    await dad.hears(Pong)
    assert dad.told(Msg) == []


async def test_a_private_message_to_nobody_here_goes_to_the_room_and_says_so(house, gateway):
    dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
    dana.say(Send("hi @mmo", seq=1))
    assert await dana.hears(Ack) == Ack(seq=1, id="7-0", room="lobby", absent=["mmo"])
    assert (await sis.hears(Msg)).room == "lobby"


async def test_without_a_seq_the_sender_is_told_by_a_notice(house, gateway):
    dana = await house.guest(gateway, "dana")
    dana.say(Send("hi @mmo"))
    notice = await dana.hears(Notice)
    assert (notice.code, notice.absent) == ("absent", ["mmo"])
    await dana.hears(Msg)


async def test_a_gateway_may_refuse_the_fallback(house):
    gateway = await house.open(fallback="refuse")
    dana = await house.guest(gateway, "dana")
    dana.say(Send("hi @mmo", seq=1))
    error = await dana.hears(Error)
    assert (error.code, error.seq) == ("nobody_here", 1)
    assert backplane_of(gateway).asked("publish") == [] or not dana.told(Msg)


async def test_requests_are_answered_in_their_order_though_one_takes_long(house, gateway):
    backplane = backplane_of(gateway)
    dana = await house.guest(gateway, "dana")
    await house.guest(gateway, "sis")
    held = backplane.hold("whisper")
    dana.say(Send("one @sis", seq=1), Send("two", seq=2), Send("three @sis", seq=3), Ping())
    await quiet()
    assert dana.told(Ack) == []
    held.set()
    await dana.hears(Ack, 3)
    assert [msg.text for msg in dana.told(Msg)] == ["one @sis", "two", "three @sis"]


SAID = pytest.mark.parametrize(("call", "text"), [("publish", "hi"), ("whisper", "hi @sis")])


@SAID
async def test_a_message_that_redis_refuses_is_reported_with_its_seq(house, gateway, call, text):
    dana = await house.guest(gateway, "dana")
    await gateway.outbox.settle()
    backplane_of(gateway).fail(OOM, call)
    dana.say(Send(text, seq=5))
    refusal = await dana.hears(Error)
    assert (refusal.code, refusal.seq) == ("unavailable", 5)
    assert not dana.told(Ack)
    assert dana.link.closed is None


@SAID
async def test_a_message_in_doubt_that_has_a_seq_waits_for_redis(house, gateway, call, text):
    backplane = backplane_of(gateway)
    dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
    await gateway.outbox.settle()
    backplane.fail(AWAY, call)
    dana.say(Send(text, seq=5))
    asked = backplane.count(call)
    await until(lambda: backplane.count(call) >= asked + 3)
    assert not dana.told(Error)
    assert not dana.told(Ack)
    backplane.failing.clear()
    assert (await dana.hears(Ack)).seq == 5
    assert [msg.text for msg in (await sis.hears(Msg), *sis.told(Msg)[1:])] == [text]


@SAID
async def test_a_message_in_doubt_that_was_stored_is_acknowledged_and_not_said_twice(
    house, gateway, call, text
):
    backplane = backplane_of(gateway)
    dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
    await gateway.outbox.settle()
    method = getattr(backplane, call)

    async def answer_is_lost(*args, **fields):
        setattr(backplane, call, method)
        await method(*args, **fields)
        raise AWAY

    setattr(backplane, call, answer_is_lost)
    dana.say(Send(text, seq=5))
    assert await dana.hears(Ack) in (
        Ack(seq=5, id="7-0", room="lobby"),
        Ack(seq=5, id="7-0", to=["sis"]),
    )
    await quiet()
    assert [msg.text for msg in sis.told(Msg)] == [text]
    assert [msg.text for msg in dana.told(Msg)] == [text]


@SAID
async def test_a_message_in_doubt_that_has_no_seq_is_reported(house, gateway, call, text):
    dana = await house.guest(gateway, "dana")
    await gateway.outbox.settle()
    backplane_of(gateway).fail(AWAY, call)
    dana.say(Send(text))
    refusal = await dana.hears(Error)
    assert (refusal.code, refusal.seq) == ("unavailable", None)
    assert dana.link.closed is None


async def test_redis_secrets_are_no_part_of_a_refusal(house, gateway):
    dana = await house.guest(gateway, "dana")
    backplane_of(gateway).fail(BackplaneRefused("NOPERM user chat has no permission"), "publish")
    dana.say(Send("hi", seq=5))
    assert "NOPERM" not in (await dana.hears(Error)).text


# Bad lines.


async def test_bad_lines_are_answered_one_by_one_and_the_rest_is_done(house, gateway):
    dana = await house.guest(gateway, "dana")
    dana.say(b"hello?", b'{"op":"dance","seq":3}', TOO_LONG, b"\xff", Ping())
    await dana.hears(Pong)
    assert codes(dana) == ["bad_json", "unknown_op", "line_too_long", "bad_json"]
    assert dana.told(Error)[1].seq == 3
    assert str(gateway.rules.limits.line) in dana.told(Error)[2].text


async def test_a_flood_of_bad_lines_is_cut_and_the_room_is_told(house, gateway):
    sis = await house.guest(gateway, "sis")
    dana = await house.guest(gateway, "dana")
    dana.say(*[b"x"] * 200, Send("not heard"))
    assert await dana.gone() == FLOOD
    assert len(dana.told(Error)) == 101
    await until(lambda: Left("lobby", "dana", "flood") in sis.link.events)
    assert not sis.told(Msg)


async def test_after_its_end_nothing_is_read(house, gateway):
    dana = await house.guest(gateway, "dana")
    lines = iter([encode(Quit())[:-1], *[b"x"] * 200])
    dana.peer.receive(lines)
    assert await dana.gone() == QUIT
    assert len(list(lines)) == 200


# Who is here.


async def test_who_is_here_is_told_in_parts(house, gateway):
    dana = await house.guest(gateway, "dana")
    for number in range(USERS_IN_LINE + 149):
        house.memory.users[f"u{number}"] = registration(f"u{number}")
    dana.say(Who(seq=4))
    await until(lambda: dana.told(Users) and not dana.told(Users)[-1].more)
    parts = dana.told(Users)
    names = [user.name for part in parts for user in part.users]
    assert len(names) == len(set(names)) == USERS_IN_LINE + 150
    assert all(len(part.users) <= USERS_IN_LINE for part in parts)
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part.seq for part in parts} == {4}


async def test_who_asks_pays_for_what_is_told(house):
    gateway = await house.open(limits=Limits(burst=20, rate=0.001))
    for number in range(5 * USERS_IN_LINE):
        house.memory.users[f"u{number}"] = registration(f"u{number}")
    dana = await house.guest(gateway, "dana")
    dana.say(Who(), *[Active()] * 15)
    await dana.hears(Error)
    (refused,) = dana.told(Error)
    assert refused.code == "slow_down"


async def test_they_are_told_at_the_readers_pace(house, gateway):
    dana = await house.guest(gateway, "dana")
    for number in range(3 * USERS_IN_LINE):
        house.memory.users[f"u{number}"] = registration(f"u{number}")
    dana.link.slow = asyncio.Event()
    dana.say(Who())
    await dana.hears(Users)
    await quiet()
    assert len(dana.told(Users)) == 1
    dana.link.slow.set()
    await until(lambda: not dana.told(Users)[-1].more)


async def test_a_line_of_users_is_no_longer_than_a_request_may_be(house, gateway):
    dana = await house.guest(gateway, "dana")
    for number in range(USERS_IN_LINE):
        name = f"{number}".rjust(32, "\U00020000")
        house.memory.users[name] = registration(name, gateway="g-01234567")
    dana.say(Who())
    await dana.hears(Users)
    assert max(map(len, dana.link.lines)) <= 16 * 1024


async def test_each_user_is_told_with_gateway_and_idle_time(house, gateway):
    dana = await house.guest(gateway, "dana")
    dana.say(Who())
    (user,) = (await dana.hears(Users)).users
    assert (user.name, user.gateway, user.idle) == ("dana", gateway.id, 1.3)


async def test_without_redis_nobody_knows_who_is_here(house, gateway):
    dana = await house.guest(gateway, "dana")
    backplane_of(gateway).fail(AWAY, "users")
    dana.say(Who(seq=4))
    error = await dana.hears(Error)
    assert (error.code, error.seq) == ("unavailable", 4)


# Idleness.


async def test_who_is_silent_is_warned_and_then_told_bye(house):
    gateway = await house.open(idle=0.08)
    dana = await house.guest(gateway, "dana")
    assert await dana.gone() == IDLE
    assert codes(dana, Notice) == ["idle_soon"]
    assert house.memory.users == {}


async def test_redis_is_asked_before_anybody_is_told_bye(house):
    gateway = await house.open(idle=0.08)
    house.memory.left["dana"] = 0.05
    dana = await house.guest(gateway, "dana")
    await until(lambda: backplane_of(gateway).count("idle_left") >= 2)
    assert dana.link.closed is None
    house.memory.left.clear()
    assert await dana.gone() == IDLE


async def test_without_redis_the_gateway_decides_by_its_own_clock(house):
    gateway = await house.open(idle=0.08)
    dana = await house.guest(gateway, "dana")
    backplane_of(gateway).fail(AWAY, "idle_left")
    assert await dana.gone() == IDLE


async def test_activity_is_noted_and_a_ping_is_not_activity(house):
    clock = Clock()
    gateway = await house.open(clock)
    dana = await house.guest(gateway, "dana")
    start = dana.peer.active_at()
    clock.advance(5)
    dana.say(Ping())
    assert dana.peer.active_at() == start
    dana.say(Active())
    assert dana.peer.active_at() == start + 5


async def test_redis_hears_of_activity(house):
    gateway = await house.open(idle=0.2)
    dana = await house.guest(gateway, "dana")
    dana.say(Active())
    await until(lambda: backplane_of(gateway).count("touch"))
    assert backplane_of(gateway).asked("touch")[0][0].folded == "dana"


# The end.


async def test_who_quits_is_told_bye_when_the_name_is_free_and_the_room_is_told(house, gateway):
    sis, dana = await house.guest(gateway, "sis"), await house.guest(gateway, "dana")
    held = backplane_of(gateway).hold("release")
    dana.say(Quit())
    await quiet()
    assert dana.link.closed is None
    held.set()
    assert await dana.gone() == QUIT
    assert "dana" not in house.memory.users
    await until(lambda: Left("lobby", "dana", "quit") in sis.link.events)


async def test_everything_before_a_quit_is_answered_before_the_bye(house, gateway):
    dana = await house.guest(gateway, "dana")
    await gateway.outbox.settle()
    held = backplane_of(gateway).hold("publish")
    dana.say(Send("one", seq=1), Quit())
    await quiet()
    assert dana.link.closed is None
    held.set()
    assert await dana.gone() == QUIT
    assert [ack.seq for ack in dana.told(Ack)] == [1]


async def test_what_comes_behind_a_quit_is_not_done(house, gateway):
    sis, dana = await house.guest(gateway, "sis"), await house.guest(gateway, "dana")
    dana.say(Quit(), Send("not heard"), b"x")
    await dana.gone()
    sis.say(Send("heard", seq=1))
    await sis.hears(Msg)
    assert [msg.text for msg in sis.told(Msg)] == ["heard"]
    assert dana.told(Error) == []


async def test_who_hangs_up_is_answered_first(house, gateway):
    # printf '...' | nc
    dana = house.connect(gateway)
    dana.say(HELLO, Send("one @dana", seq=1), Send("two", seq=2))
    dana.peer.hung_up()
    assert await dana.gone() == HUNG_UP
    assert [ack.seq for ack in dana.told(Ack)] == [1, 2]


async def test_who_is_lost_leaves_the_room(house, gateway):
    sis, dana = await house.guest(gateway, "sis"), await house.guest(gateway, "dana")
    dana.peer.end(CONNECTION_LOST)
    dana.peer.end(CONNECTION_LOST)
    await until(lambda: Left("lobby", "dana", "connection_lost") in sis.link.events)
    assert len(sis.told(Left)) == 1


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_without_redis_people_may_still_go_and_the_name_is_freed_later(
    house, monkeypatch, error
):
    monkeypatch.setattr("gateway.fleet.presence.LEASE_EVERY", 0.005)
    gateway = await house.open()
    dana = await house.guest(gateway, "dana")
    backplane_of(gateway).fail(error, "release")
    dana.say(Quit())
    assert await dana.gone() == QUIT
    backplane_of(gateway).failing.clear()
    await until(lambda: not house.memory.users)


async def test_a_session_that_lost_its_name_does_not_give_the_successors_away(house, gateway):
    dana = await house.guest(gateway, "dana")
    house.memory.users["dana"] = successor = registration("dana", session="another")
    dana.peer.end(SHUTDOWN)
    await dana.gone()
    assert house.memory.users == {"dana": successor}
    await gateway.outbox.settle()
    assert not any(b'"left"' in line for batch in published(gateway) for line in batch)


def published(gateway):
    return backplane_of(gateway).asked("publish")


async def test_who_has_left_hears_nothing_more(house, gateway):
    dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
    dana.say(Quit())
    await dana.gone()
    sis.say(Send("hi", seq=1))
    await sis.hears(Ack)
    assert not dana.told(Msg)


async def test_the_channel_of_a_user_who_left_is_listened_to_no_more(house, gateway):
    dana = await house.guest(gateway, "dana")
    await house.guest(gateway, "sis")
    dana.say(Quit())
    await dana.gone()
    assert sorted(backplane_of(gateway).channels) == ["room:lobby", "to:sis"]


async def test_who_is_cut_while_redis_is_asked_is_no_fault(house, gateway, caplog):
    dana = await house.guest(gateway, "dana")
    held = backplane_of(gateway).hold("whisper")
    dana.say(Send("hi @sis", seq=1))
    await until(lambda: backplane_of(gateway).count("whisper"))
    dana.peer.end(SHUTDOWN)
    await dana.gone()
    held.set()
    await quiet()
    assert not dana.told(Ack)
    assert "unexpected" not in caplog.text


@pytest.mark.parametrize("error", [None, AWAY])
async def test_who_is_cut_while_a_message_is_under_way_is_no_fault(house, gateway, caplog, error):
    dana = await house.guest(gateway, "dana")
    await gateway.outbox.settle()
    held = backplane_of(gateway).hold("publish")
    if error is not None:
        backplane_of(gateway).fail(error, "publish")
    dana.say(Send("hi", seq=1))
    await until(lambda: backplane_of(gateway).count("publish"))
    dana.peer.end(SHUTDOWN)
    await dana.gone()
    held.set()
    await quiet()
    assert not dana.told(Ack)
    assert "unexpected" not in caplog.text


# Coming back.


def texts(guest):
    """What was said, in order; a gap shows as an ellipsis."""
    events = [e for e in guest.link.events if isinstance(e, Msg | Gap)]
    return ["..." if isinstance(event, Gap) else event.text for event in events]


async def said(house, *texts):
    for text in texts:
        house.memory.say(text)
    await quiet()


async def comes_back(house, gateway, guest, **fields):
    """The same person, over a new connection."""
    token = guest.told(Welcome)[0].resume
    return await house.guest(gateway, guest.told(Welcome)[0].name, resume=token, **fields)


async def test_the_welcome_says_where_each_room_begins(house, gateway):
    await house.guest(gateway, "sis")
    await said(house, "a", "b")
    dana = await house.guest(gateway, "dana")
    assert dana.told(Welcome)[0].seen == {"lobby": "7-1", "@": f"6-{2**64 - 1}"}
    assert not dana.told(Welcome)[0].resumed
    await said(house, "c")
    assert texts(dana) == ["c"]


@pytest.mark.parametrize(("reason", "name"), [(CONNECTION_LOST, "dana"), (SLOW, "Größe")])
async def test_who_was_cut_is_told_what_was_missed_once_and_in_order(house, gateway, reason, name):
    sis, dana = await house.guest(gateway, "sis"), await house.guest(gateway, name)
    await said(house, "a")
    dana.peer.end(reason)
    await dana.gone()
    await said(house, "b", "c")
    sis.say(Send(f"psst @{name}", seq=1))
    again = await comes_back(house, gateway, dana, seen={"lobby": "7-0", "@": f"6-{2**64 - 1}"})
    await until(lambda: len(texts(again)) == 3)
    await said(house, "d")
    assert again.told(Welcome)[0].resumed
    assert not again.told(Welcome)[0].seen
    assert [text for text in texts(again) if text in "abcd"] == ["b", "c", "d"]


async def test_private_messages_to_somebody_about_to_come_back_are_read_then(house, gateway):
    elsewhere = await house.open()
    sis, dana = await house.guest(gateway, "sis"), await house.guest(elsewhere, "dana")
    sis.say(Send("1 @dana", seq=1))
    seen = (await dana.hears(Msg)).id
    backplane_of(elsewhere).deaf = True
    sis.say(Send("2 @dana", seq=2))
    await sis.hears(Ack, 2)
    again = await comes_back(house, gateway, dana, seen={"@": seen, "lobby": "7-0"})
    await until(lambda: "2 @dana" in texts(again))
    sis.say(Send("3 @dana", seq=3))
    await until(lambda: "3 @dana" in texts(again))
    assert [text for text in texts(again) if text != "..."] == ["2 @dana", "3 @dana"]
    assert await dana.gone() == REPLACED


@pytest.mark.parametrize("name", ["Dana", "Ärger"])
async def test_a_private_message_that_was_lost_is_found_however_the_name_is_written(
    house, gateway, name
):
    dana, sis = await house.guest(gateway, name), await house.guest(gateway, "sis")
    backplane_of(gateway).deaf = True
    sis.say(Send(f"lost @{name}", seq=1))
    await sis.hears(Ack)
    backplane_of(gateway).deaf = False
    await gateway.positions.check()
    await until(lambda: texts(dana) == [f"lost @{name}"])


async def test_nobody_hears_of_who_comes_back_while_still_here(house, gateway):
    sis, dana = await house.guest(gateway, "sis"), await house.guest(gateway, "dana")
    await gateway.outbox.settle()
    before_ = len(sis.told(Joined))
    await comes_back(house, gateway, dana, seen={})
    assert await dana.gone() == REPLACED
    await gateway.outbox.settle()
    assert (len(sis.told(Joined)), sis.told(Left)) == (before_, [])


async def test_who_had_left_and_comes_back_is_announced(house, gateway):
    sis, dana = await house.guest(gateway, "sis"), await house.guest(gateway, "dana")
    dana.peer.end(CONNECTION_LOST)
    await dana.gone()
    await comes_back(house, gateway, dana, seen={})
    await gateway.outbox.settle()
    await quiet()
    assert [type(e) for e in sis.link.events if getattr(e, "name", "") == "dana"] == [
        Joined, Left, Joined,
    ]  # fmt: skip


async def test_who_hung_up_can_come_back(house, gateway):
    dana = await house.guest(gateway, "dana")
    dana.peer.hung_up()
    assert await dana.gone() == HUNG_UP
    await said(house, "missed")
    again = await comes_back(house, gateway, dana, seen={"lobby": f"6-{2**64 - 1}"})
    assert again.told(Welcome)[0].resumed
    await until(lambda: texts(again) == ["missed"])


async def test_a_person_who_quit_cannot_come_back_and_is_told_about_the_gap(house, gateway):
    dana = await house.guest(gateway, "dana")
    await said(house, "a")
    dana.say(Quit())
    await dana.gone()
    again = await comes_back(house, gateway, dana, seen={"lobby": "7-0", "@": "7-0"})
    await quiet()
    assert not again.told(Welcome)[0].resumed
    assert [(gap.room, gap.after) for gap in again.told(Gap)] == [("@", "7-0"), ("lobby", "7-0")]


async def test_what_is_no_id_is_as_if_nothing_was_told(house, gateway):
    dana = await house.guest(gateway, "dana")
    await said(house, "a")
    dana.peer.end(CONNECTION_LOST)
    await dana.gone()
    again = await comes_back(house, gateway, dana, seen={"lobby": "yesterday", "cellar": "7-0"})
    assert set(again.told(Welcome)[0].seen) == {"lobby", "@"}
    await said(house, "b")
    assert texts(again) == ["b"]


async def test_a_send_in_doubt_is_sent_again_after_coming_back_and_not_said_twice(house, gateway):
    sis, dana = await house.guest(gateway, "sis"), await house.guest(gateway, "dana")
    await gateway.outbox.settle()
    held = backplane_of(gateway).hold("publish")
    dana.say(Send("hi", seq=1))
    await quiet()
    dana.peer.end(CONNECTION_LOST)
    await dana.gone()
    held.set()
    await gateway.outbox.settle()
    again = await comes_back(house, gateway, dana, seen={})
    again.say(Send("hi", seq=1), Send("ho", seq=2))
    await again.hears(Ack, 2)
    assert [(ack.seq, ack.id) for ack in again.told(Ack)] == [(1, "7-0"), (2, "7-1")]
    assert [msg.text for msg in sis.told(Msg)] == ["hi", "ho"]


@pytest.mark.parametrize("error", [AWAY, OOM])
async def test_a_replay_that_redis_breaks_off_ends_and_can_be_had_again(house, gateway, error):
    dana = await house.guest(gateway, "dana")
    dana.peer.end(CONNECTION_LOST)
    await dana.gone()
    await said(house, "a")
    backplane_of(gateway).fail(error, "read_log")
    seen = {"lobby": f"6-{2**64 - 1}"}
    broken = await comes_back(house, gateway, dana, seen=seen)
    assert await broken.gone() == INTERRUPTED
    backplane_of(gateway).failing.clear()
    again = await comes_back(house, gateway, broken, seen=seen)
    await until(lambda: texts(again) == ["a"])


async def test_what_is_said_behind_the_hello_waits_until_all_is_told(house, gateway):
    dana = await house.guest(gateway, "dana")
    dana.peer.end(CONNECTION_LOST)
    await dana.gone()
    await said(house, "a")
    held = backplane_of(gateway).hold("read_log")
    again = await comes_back(house, gateway, dana, seen={"lobby": f"6-{2**64 - 1}"})
    again.say(Send("hi", seq=1))
    await quiet()
    assert not again.told(Ack)
    held.set()
    await again.hears(Ack)
    await until(lambda: texts(again) == ["a", "hi"])


@pytest.mark.parametrize("reason", [SLOW, SHUTDOWN, REPLACED])
async def test_a_peer_that_does_not_read_what_it_missed_is_still_let_go(house, gateway, reason):
    dana = await house.guest(gateway, "dana")
    dana.peer.end(CONNECTION_LOST)
    await dana.gone()
    await said(house, "a")
    slow = house.connect(gateway)
    slow.link.slow = asyncio.Event()
    slow.say(
        Hello(
            v=1,
            name="dana",
            resume=dana.told(Welcome)[0].resume,
            seen={"lobby": f"6-{2**64 - 1}"},
        )
    )
    await until(lambda: texts(slow) == ["a"])
    slow.peer.end(reason)
    assert await slow.gone() == reason
    assert "dana" not in house.memory.users
    assert "to:dana" not in backplane_of(gateway).channels


async def test_in_a_name_that_was_given_away_nothing_more_is_said(house, gateway):
    dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
    await gateway.outbox.settle()
    gateway.presence.doubt()
    dana.say(Send("hi", seq=1))
    dana.peer.end(NAME_LOST)
    await gateway.presence.verify()
    await gateway.outbox.settle()
    await quiet()
    assert not sis.told(Msg)
    assert not dana.told(Ack)
