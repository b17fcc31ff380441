"""However a peer ends, and whatever is under way then: nothing of it is left."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.channels.replay import Replay
from gateway.errors import BackplaneRefused
from tests.unit.gateway.conftest import House
from tests.unit.gateway.fakes import AWAY, Clock, backplane_of, quiet, until
from wire.frames import (
    Ack,
    Active,
    Error,
    Hello,
    Join,
    Leave,
    Left,
    ListRooms,
    Msg,
    Ping,
    Send,
    SetTopic,
    Welcome,
    Who,
)
from wire.limits import Limits
from wire.reasons import (
    CONNECTION_LOST,
    HELLO_TIMEOUT,
    HUNG_UP,
    IDLE,
    KICKED,
    NAME_LOST,
    SHUTDOWN,
    SLOW,
)

HELLO = Hello(v=1, name="dana")
ENDS = [HELLO_TIMEOUT, CONNECTION_LOST, KICKED, SLOW, NAME_LOST, SHUTDOWN]


def nothing_is_left(house, gateway):
    backplane = backplane_of(gateway)
    assert house.memory.users == {}
    assert backplane.channels == []
    assert not gateway.online
    assert not gateway.peers
    assert not gateway.hub._members


# In any order.


@pytest.mark.parametrize("reason", ENDS)
async def test_who_says_hello_and_ends_in_the_same_turn_leaves_no_name_behind(
    house, gateway, reason
):
    # What a gateway finds that stood still: a hello in the socket, and a timer that is due.
    dana = house.connect(gateway)
    dana.say(HELLO)
    dana.peer.end(reason)
    assert await dana.gone() == reason
    nothing_is_left(house, gateway)
    await house.guest(gateway, "dana")


SAYS = ["hello", "back", "say", "whisper", "who", "bad"]
IN_ROOMS = ["join", "leave", "say there", "topic", "put out", "rooms"]
STEPS = st.sampled_from([*SAYS, *IN_ROOMS, "hang up", "turn", "turns", "tick", *ENDS])
OF_ROOMS = ["attend", "state", "members", "keep rooms", "change", "all"]
HELD = st.sampled_from(
    ["claim", "subscribe", "read_log", "whisper", "release", "publish", "tails", *OF_ROOMS]
)


FAILING = st.dictionaries(
    st.sampled_from(
        ["claim", "subscribe", "read_log", "whisper", "release", "publish", "users", *OF_ROOMS]
    ),
    st.sampled_from([AWAY, BackplaneRefused("OOM"), ZeroDivisionError()]),
    max_size=2,
)


@settings(max_examples=200)
@given(steps=st.lists(STEPS, max_size=12), held=st.sets(HELD, max_size=3), failing=FAILING)
def test_whatever_comes_in_whatever_order_nothing_is_left(steps, held, failing):
    async def run():
        house = House()
        clock = Clock()
        gateway = await house.open(clock, idle=60.0)
        backplane, at_work = backplane_of(gateway), set(gateway.tasks._running)
        earlier = await house.guest(gateway, "dana")
        house.memory.say("missed")
        await quiet()
        earlier.peer.end(CONNECTION_LOST)
        await earlier.gone()
        token = earlier.told(Welcome)[0].resume
        waiting = [backplane.hold(method) for method in held]
        backplane.failing.update(failing)
        dana = house.connect(gateway)
        says = {
            "hello": HELLO,
            "back": Hello(v=1, name="dana", resume=token, seen={"lobby": "7-0"}, seq=1),
            "say": Send("hi", seq=1),
            "whisper": Send("psst @dana", seq=2),
            "who": Who(),
            "bad": b"what?",
            "join": Join("attic", history=2, seq=3),
            "leave": Leave("attic", seq=4),
            "say there": Send("hi", room="attic", seq=5),
            "topic": SetTopic("attic", "spiders", seq=6),
            "rooms": ListRooms(seq=7),
        }
        for step in [*steps, CONNECTION_LOST]:
            if step in says:
                dana.say(says[step])
            elif step == "hang up":
                dana.peer.hung_up()
            elif step == "put out":
                if (room := gateway.rooms.get("attic")) is not None:
                    for person in list(room.here.values()):
                        room.put_out(person, "kicked", "You were kicked.")
            elif step == "turn":
                await asyncio.sleep(0)
            elif step == "turns":
                await quiet()
            elif step == "tick":
                clock.advance(61)
                dana.peer._tick()
            else:
                dana.peer.end(step)
        for event in waiting:
            event.set()
        await quiet()
        backplane.failing.clear()
        await gateway.presence.verify()  # the clock has gone on
        await dana.gone()
        await until(lambda: gateway.tasks._running <= at_work)
        nothing_is_left(house, gateway)
        assert dana.peer._alarm.at is None
        await gateway.stop(SHUTDOWN, 5.0)

    asyncio.run(run())


async def test_a_private_message_from_somebody_who_has_gone_is_not_retried_forever(house, gateway):
    backplane = backplane_of(gateway)
    dana = await house.guest(gateway, "dana")
    held = backplane.hold("whisper")
    dana.say(Send("psst @dana", seq=1))
    await until(lambda: backplane.count("whisper"))
    dana.peer.end(SLOW)
    await dana.gone()
    held.set()
    await quiet()
    assert backplane.count("whisper") == 1
    nothing_is_left(house, gateway)


# What nobody expected.


class Unexpected(Exception):
    """A fault of ours: nothing is made for it."""


@pytest.fixture
def faults(caplog):
    """What was logged as a fault of ours."""
    return lambda: [r for r in caplog.records if r.exc_info and r.exc_info[0] is Unexpected]


@pytest.mark.parametrize("call", ["subscribe", "tails", "claim"])
async def test_a_fault_in_a_hello_is_told_and_the_name_is_not_kept(house, gateway, faults, call):
    backplane = backplane_of(gateway)
    backplane.fail(Unexpected(), call)
    dana = house.connect(gateway)
    dana.say(HELLO)
    await dana.hears(Error)
    assert [error.code for error in dana.told(Error)] == ["unavailable"]
    assert faults()
    assert house.memory.users == {}
    assert backplane.channels == []
    backplane.failing.clear()
    dana.say(HELLO)
    await dana.hears(Welcome)


async def test_a_fault_behind_the_claim_gives_the_name_back(house, gateway, faults, monkeypatch):
    claim = backplane_of(gateway).claim

    async def claims_and_fails(*args):
        await claim(*args)
        raise Unexpected

    monkeypatch.setattr(backplane_of(gateway), "claim", claims_and_fails)
    dana = house.connect(gateway)
    dana.say(HELLO)
    await dana.hears(Error)
    assert house.memory.users == {}
    assert faults()


@pytest.mark.parametrize("resumes", [True, False])
async def test_a_fault_while_one_is_told_what_was_missed_ends_the_connection(
    house, gateway, faults, monkeypatch, resumes
):
    sis, dana = await house.guest(gateway, "sis"), await house.guest(gateway, "dana")
    dana.peer.end(CONNECTION_LOST)
    await dana.gone()
    house.memory.say("missed")
    await quiet()

    async def fails(*_):
        raise Unexpected

    def fails_at_once(*_):
        raise Unexpected

    monkeypatch.setattr(Replay, "resume", fails)
    monkeypatch.setattr(Replay, "join", fails_at_once)
    again = house.connect(gateway)
    way_back = {"resume": dana.told(Welcome)[0].resume, "seen": {"lobby": "7-0", "@": "7-0"}}
    again.say(Hello(v=1, name="dana", **(way_back if resumes else {})))
    reason = await again.gone()
    assert (reason.code, reason.reconnect) == ("interrupted", True)
    assert "Redis" not in reason.text
    assert faults()
    assert "dana" not in house.memory.users
    monkeypatch.undo()
    sis.say(Send("we talk on", seq=1))
    await sis.hears(Ack)


@pytest.mark.parametrize(
    ("call", "request_"),
    [("users", Who(seq=7)), ("whisper", Send("psst @dana", seq=7))],
    ids=["who", "whisper"],
)
async def test_a_fault_in_a_question_costs_the_answer_and_order_is_kept(
    house, gateway, faults, call, request_
):
    dana = await house.guest(gateway, "dana")
    held = backplane_of(gateway).hold(call)
    backplane_of(gateway).fail(Unexpected(), call)
    dana.say(request_, Send("one", seq=8), *[Ping()] * 3)
    dana.say(*(Send(str(number), seq=number) for number in range(9, 50)))
    await quiet()
    assert dana.link.reading is False
    held.set()
    await dana.hears(Ack, 10)
    assert [(error.code, error.seq) for error in dana.told(Error)[:1]] == [("unavailable", 7)]
    assert [ack.seq for ack in dana.told(Ack)] == sorted(ack.seq for ack in dana.told(Ack))
    assert dana.link.reading is True
    assert faults()


async def test_a_fault_while_redis_is_asked_about_idleness_does_not_keep_people_forever(
    house, faults
):
    gateway = await house.open(idle=0.08)
    dana = await house.guest(gateway, "dana")
    backplane_of(gateway).fail(Unexpected(), "idle_left")
    assert await dana.gone() == IDLE
    assert faults()


async def test_a_fault_in_leaving_still_ends_the_connection(house, gateway, faults, monkeypatch):
    dana = await house.guest(gateway, "dana")

    async def fails(*_):
        raise Unexpected

    with monkeypatch.context() as patch:
        patch.setattr(gateway.presence, "release", fails)
        dana.peer.end(KICKED)
        assert await dana.gone() == KICKED
        await until(faults)
    assert not gateway.peers
    assert "to:dana" not in backplane_of(gateway).channels


async def test_a_fault_of_a_link_at_its_end_leaves_no_peer_behind(
    house, gateway, faults, monkeypatch
):
    dana = await house.guest(gateway, "dana")

    def fails(*_):
        raise Unexpected

    monkeypatch.setattr(dana.link, "close", fails)
    dana.peer.end(KICKED)
    await until(faults)
    nothing_is_left(house, gateway)


# What one waits for.


async def later(house, seconds):
    """Time passes, in which the gateway keeps its lease."""
    house.clock.advance(seconds)
    await house.gateways[0].presence.verify()


async def test_who_hung_up_gets_the_answers_that_redis_takes_its_time_for(house, gateway):
    # printf '...' | nc
    sis = await house.guest(gateway, "sis")
    await gateway.outbox.settle()
    held = backplane_of(gateway).hold("publish")
    dana = house.connect(gateway)
    dana.say(HELLO)
    await dana.hears(Welcome)
    dana.say(Send("one", seq=1), Send("two", seq=2))
    dana.peer.hung_up()
    await quiet()
    assert dana.link.closed is None
    held.set()
    assert await dana.gone() == HUNG_UP
    assert [ack.seq for ack in dana.told(Ack)] == [1, 2]
    await until(lambda: [type(e) for e in sis.link.events if type(e) in (Msg, Left)][-1] is Left)
    assert [msg.text for msg in sis.told(Msg)] == ["one", "two"]


async def test_who_types_while_a_private_message_waits_for_redis_is_not_idle(house):
    house.clock = clock = Clock()
    gateway = await house.open(clock, idle=60.0)
    dana = await house.guest(gateway, "dana")
    held = backplane_of(gateway).hold("whisper")
    dana.say(Send("psst @dana", seq=1))
    for _ in range(5):
        await later(house, 30)
        dana.say(Active())
        assert dana.peer.active_at() == clock()
        dana.peer._tick()
    await quiet()
    held.set()
    await dana.hears(Ack)
    await later(house, 30)
    dana.peer._tick()
    await quiet()
    assert dana.link.closed is None


async def test_who_waits_for_an_answer_is_not_said_to_be_idle_or_gone(house):
    # So much is held that no more is read: the gateway cannot know what is typed.
    house.clock = Clock()
    gateway = await house.open(house.clock, idle=60.0)
    dana = await house.guest(gateway, "dana")
    dana.say(Ping())
    held = backplane_of(gateway).hold("whisper")
    dana.say(Send("psst @dana", seq=1), *[Active()] * 40)
    assert dana.link.reading is False
    await later(house, 500)
    dana.peer._tick()
    await quiet()
    held.set()
    await dana.hears(Ack)
    dana.peer._tick()
    await quiet()
    assert dana.link.closed is None


async def test_who_waits_for_a_name_is_not_sent_away_for_saying_no_hello(house):
    house.clock = Clock()
    gateway = await house.open(house.clock, limits=Limits(hello=10.0))
    held = backplane_of(gateway).hold("claim")
    dana = house.connect(gateway)
    dana.say(HELLO)
    await later(house, 11)
    dana.peer._tick()
    await quiet()
    held.set()
    await dana.hears(Welcome)
    assert dana.link.closed is None


async def test_who_pings_and_freezes_is_gone_and_can_come_back(house):
    house.clock = Clock()
    gateway = await house.open(house.clock, idle=None)
    dana = await house.guest(gateway, "dana")
    assert dana.peer._alarm.at is None, "who never pings is left to the kernel"
    dana.say(Ping())
    assert dana.peer._alarm.at is not None
    await later(house, 80)
    dana.peer._tick()
    assert await dana.gone() == CONNECTION_LOST
    again = await house.guest(gateway, "dana", resume=dana.told(Welcome)[0].resume)
    assert again.told(Welcome)[0].resumed


async def test_when_the_gateway_stops_nobody_is_read_on(house, gateway):
    dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
    held = backplane_of(gateway).hold("whisper")
    dana.say(Send("psst @sis", seq=1))
    settled = backplane_of(gateway).hold("publish")
    sis.say(Send("hi", seq=1))
    await quiet()
    stopping = asyncio.create_task(gateway.stop(SHUTDOWN, 60.0))
    await quiet()
    assert (dana.link.reading, sis.link.reading) == (False, False)
    held.set()
    await dana.hears(Ack)
    assert dana.link.reading is False, "nor when it has got its answer"
    settled.set()
    await stopping


async def test_a_peer_that_cannot_be_let_go_in_time_is_still_told(house):
    gateway = await house.open(drain=5.0)
    dana = await house.guest(gateway, "dana")
    held = backplane_of(gateway).hold("claim")
    sis = house.connect(gateway)
    sis.say(Hello(v=1, name="sis"))
    held_too = backplane_of(gateway).hold("release")
    await quiet()
    await gateway.stop(SHUTDOWN, 0.02)
    assert (dana.link.closed, sis.link.closed) == (SHUTDOWN, SHUTDOWN)
    assert None not in (dana.link.after, sis.link.after), "each when to come back"
    assert not gateway.peers
    held.set()
    held_too.set()
