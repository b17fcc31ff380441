import asyncio

import pytest

from gateway.backplane.contract import LEASE, Departure, Log
from tests.unit.gateway.fakes import (
    AWAY,
    Clock,
    FakeLink,
    Memory,
    backplane_of,
    gateway_with,
    quiet,
    registration,
    until,
)
from wire.frames import Ack, Bye, Error, Joined, Left, Msg, Notice, Send, Welcome
from wire.names import fold
from wire.reasons import GATEWAY_LOST, QUIT, REPLACED, SHUTDOWN, SLOW


@pytest.fixture
async def gateway():
    gateway = gateway_with(Memory())
    await gateway.start()
    yield gateway
    await gateway.stop(SHUTDOWN, 5.0)


async def online(gateway, name):
    link = FakeLink()
    peer = gateway.connect(link)
    peer.receive([b'{"op":"hello","v":1,"name":"%s"}' % name.encode()])
    await until(lambda: link.told(Welcome), "the welcome")
    return peer, link


def codes(link):
    return [notice.code for notice in link.told(Notice)]


def departed(gateway):
    """The departures from rooms, as Redis was told: name and code."""
    calls = backplane_of(gateway).asked("attend")
    moves = [move for _, some in calls for move in some]
    return [(move.name, move.code) for move in moves if isinstance(move, Departure)]


async def test_a_gateway_that_starts_has_its_lease_before_it_listens(gateway):
    assert [method for method, _ in backplane_of(gateway).calls] == [
        "start",
        "renew_lease",
        "neighbours",
        "keep",
    ]


async def test_a_gateway_that_stops_tells_everybody_and_waits_until_they_are_gone():
    memory = Memory()
    gateway = gateway_with(memory)
    await gateway.start()
    links = [(await online(gateway, name))[1] for name in ("dana", "sis")]
    newcomer = FakeLink()
    gateway.connect(newcomer)
    await gateway.stop(SHUTDOWN, 5.0)
    assert [link.closed for link in (*links, newcomer)] == [SHUTDOWN] * 3
    assert memory.users == {}
    assert sorted(name for name, code in departed(gateway)) == ["dana", "sis"]
    assert backplane_of(gateway).closed


async def test_a_gateway_that_stops_does_not_wait_for_a_redis_that_is_silent():
    gateway = gateway_with(Memory())
    await gateway.start()
    await online(gateway, "dana")
    backplane_of(gateway).hold("release")
    await gateway.stop(SHUTDOWN, 0.01)
    assert backplane_of(gateway).closed


async def test_a_gateway_without_anybody_stops_at_once():
    gateway = gateway_with(Memory())
    await gateway.start()
    await gateway.stop(SHUTDOWN, 3600.0)
    assert backplane_of(gateway).closed


async def test_the_rooms_are_told_who_comes_and_goes(house):
    gateway = await house.open()
    sis = await house.guest(gateway, "sis")
    dana = await house.guest(gateway, "Dana")
    dana.peer.end(SHUTDOWN)
    await sis.hears(Left)
    assert sis.told(Joined) == [Joined("lobby", "Dana")]
    assert sis.told(Left) == [Left("lobby", "Dana", "shutdown")]


async def test_the_rooms_are_told_about_a_dead_gateways_users(house):
    gateway = await house.open()
    sis = await house.guest(gateway, "sis")
    elsewhere = await house.open()
    mom = await house.guest(elsewhere, "Mom")
    await sis.hears(Joined)
    gateway.departed(mom.peer.membership.registration, GATEWAY_LOST)
    assert await sis.hears(Left) == Left("lobby", "Mom", "gateway_lost")


async def test_a_session_that_came_back_elsewhere_is_ended_here(gateway):
    peer, link = await online(gateway, "dana")
    _, other = await online(gateway, "sis")
    gateway.control("replaced", peer.membership.registration.session)
    gateway.control("replaced", "a session that has ended")
    await until(lambda: link.closed)
    assert (link.closed, other.closed) == (REPLACED, None)


async def test_everybody_is_told_that_redis_is_away_and_that_it_is_back(gateway):
    _, link = await online(gateway, "dana")
    gateway.away()
    gateway.back()
    await until(lambda: codes(link) == ["redis_away", "redis_back"])


async def test_when_redis_is_back_everybody_is_registered_before_they_are_told(gateway):
    _, link = await online(gateway, "dana")
    backplane = backplane_of(gateway)
    gateway.away()
    backplane.memory.restart()
    held = backplane.hold("claim")
    gateway.back()
    await quiet()
    assert codes(link) == ["redis_away"]
    held.set()
    await until(lambda: codes(link) == ["redis_away", "redis_back"])
    assert "dana" in backplane.memory.users


async def test_whose_name_was_taken_while_redis_was_away_has_to_go(gateway):
    _, link = await online(gateway, "dana")
    gateway.away()
    backplane_of(gateway).memory.restart()
    backplane_of(gateway).memory.users["dana"] = registration("dana", session="other")
    gateway.back()
    await until(lambda: link.closed)
    assert link.closed.code == "name_lost"


async def test_a_redis_that_is_away_again_at_once_is_no_fault(gateway, caplog):
    _, link = await online(gateway, "dana")
    backplane_of(gateway).fail(AWAY, "renew_lease")
    gateway.away()
    gateway.back()
    await quiet()
    assert codes(link) == ["redis_away"]
    assert "unexpected" not in caplog.text
    backplane_of(gateway).failing.clear()
    await gateway.presence.verify()
    await until(lambda: codes(link) == ["redis_away", "redis_back"])


async def test_a_fault_when_redis_is_back_does_not_leave_people_waiting_forever(gateway, caplog):
    _, link = await online(gateway, "dana")
    backplane_of(gateway).fail(ZeroDivisionError(), "renew_lease")
    gateway.away()
    gateway.back()
    await until(lambda: "unexpected" in caplog.text)
    backplane_of(gateway).failing.clear()
    await gateway.presence.verify()
    await until(lambda: codes(link) == ["redis_away", "redis_back"])


async def test_a_fault_in_one_look_when_redis_is_back_does_not_keep_from_the_other(
    gateway, monkeypatch
):
    _, link = await online(gateway, "dana")
    backplane_of(gateway).deaf = True
    backplane_of(gateway).memory.say("lost")

    async def fails():
        raise ZeroDivisionError

    monkeypatch.setattr(gateway.orders, "read_bans", fails)
    gateway.away()
    gateway.back()
    await until(lambda: link.told(Msg))


async def test_gateways_have_ids_of_their_own():
    ids = {gateway_with(Memory()).id for _ in range(50)}
    assert len(ids) == 50


async def test_the_clock_of_the_gateway_is_the_clock_of_presence():
    clock = Clock(5_000_000.0)
    gateway = gateway_with(Memory(), clock)
    await gateway.start()
    await online(gateway, "dana")
    clock.advance(30)
    gateway.backplane.memory.restart()
    gateway.presence.doubt()
    await gateway.presence.verify()
    assert backplane_of(gateway).asked("claim")[-1][1] == 30.0
    await gateway.stop(SHUTDOWN, 5.0)


async def test_a_gateway_hands_on_what_was_published(gateway):
    _, link = await online(gateway, "dana")
    await quiet()
    at = gateway.positions.known(b"room:lobby")
    gateway.deliver(b"room:lobby", at + b' 7-0\n{"op":"pong"}\n')
    await asyncio.sleep(0)
    await quiet()
    assert link.lines[-1] == b'{"op":"pong"}'
    assert not link.told(Bye)


# Away and back.


async def test_away_is_told_once_however_often_redis_goes_before_it_is_back(gateway):
    _, link = await online(gateway, "dana")
    backplane_of(gateway).fail(AWAY, "renew_lease")
    for _ in range(3):
        gateway.away()
        gateway.back()
        await quiet()
    assert codes(link) == ["redis_away"]
    backplane_of(gateway).failing.clear()
    await gateway.presence.verify()
    await until(lambda: len(codes(link)) == 2)
    await quiet()
    assert codes(link) == ["redis_away", "redis_back"]
    gateway.away()
    await quiet()
    assert codes(link) == ["redis_away", "redis_back", "redis_away"]
    gateway.back()
    await until(lambda: len(codes(link)) == 4)


async def test_what_was_lost_while_redis_was_away_is_told_when_it_is_back(gateway):
    _, link = await online(gateway, "dana")
    backplane = backplane_of(gateway)
    gateway.away()
    backplane.deaf = True
    backplane.memory.say("lost")
    backplane.deaf = False
    gateway.back()
    await until(lambda: link.told(Msg))
    assert [type(event) for event in link.events][-2:] == [Notice, Msg]


async def test_what_is_said_while_redis_is_away_is_kept(gateway):
    peer, link = await online(gateway, "dana")
    await gateway.outbox.settle()
    gateway.away()
    peer.receive([b'{"op":"send","text":"hi","seq":1}'])
    await quiet()
    assert not link.told(Ack)
    gateway.back()
    await until(lambda: link.told(Ack))


async def test_when_too_much_waits_further_messages_are_refused(house):
    gateway = await house.open(outbox=800)  # one place fills half of it
    dana = await house.guest(gateway, "dana")
    await gateway.outbox.settle()
    gateway.away()
    dana.say(Send("x" * 200, seq=1), Send("y" * 200, seq=2))
    error = await dana.hears(Error)
    assert (error.code, error.seq) == ("outbox_full", 2)
    gateway.back()
    await dana.hears(Ack)
    dana.say(Send("y" * 200, seq=2))
    await dana.hears(Ack, 2)
    assert [ack.seq for ack in dana.told(Ack)] == [1, 2]


# Quiet channels are compared with their logs, and old messages forgotten, now and then.


async def test_a_quiet_room_is_looked_after(monkeypatch):
    monkeypatch.setattr("gateway.core.CHECK_EVERY", 0.001)
    gateway = gateway_with(Memory())
    await gateway.start()
    _, link = await online(gateway, "dana")
    backplane_of(gateway).deaf = True
    backplane_of(gateway).memory.say("lost")
    await until(lambda: link.told(Msg))
    await gateway.stop(SHUTDOWN, 5.0)


@pytest.mark.parametrize("name", ["Dana", "Größe", "ŠIS"])
async def test_so_is_a_person_however_the_name_is_written(monkeypatch, name):
    monkeypatch.setattr("gateway.core.CHECK_EVERY", 0.001)
    gateway = gateway_with(Memory())
    await gateway.start()
    _, link = await online(gateway, name)
    backplane_of(gateway).deaf = True
    backplane_of(gateway).memory.whisper("lost", fold(name))
    await until(lambda: link.told(Msg))
    backplane_of(gateway).deaf = False
    backplane_of(gateway).memory.whisper("heard", fold(name))
    await until(lambda: len(link.told(Msg)) == 2)
    await gateway.stop(SHUTDOWN, 5.0)


async def test_what_is_too_old_is_forgotten(monkeypatch):
    monkeypatch.setattr("gateway.core.TRIM_EVERY", 0.001)
    gateway = gateway_with(Memory())
    await gateway.start()
    await online(gateway, "Dana")
    logs = [Log("@", "dana"), Log("lobby")]
    await until(lambda: logs in [sorted(some) for some in backplane_of(gateway).asked("trim")])
    await gateway.stop(SHUTDOWN, 5.0)


# Drained.


@pytest.fixture
async def drained():
    gateway = gateway_with(Memory(), drain=5.0)
    await gateway.start()
    return gateway


async def test_a_gateway_that_is_drained_keeps_the_names_and_nobody_hears_of_it(drained):
    links = [(await online(drained, name))[1] for name in ("dana", "sis")]
    await drained.stop(SHUTDOWN, 5.0)
    assert [link.closed for link in links] == [SHUTDOWN] * 2
    assert sorted(backplane_of(drained).memory.users) == ["dana", "sis"]
    assert departed(drained) == []
    assert not backplane_of(drained).count("release")


async def test_its_lease_outlives_the_time_in_which_they_come_back(drained):
    await online(drained, "dana")
    await drained.stop(SHUTDOWN, 5.0)
    assert backplane_of(drained).kept_for == 5.0 + LEASE


async def test_who_was_sent_away_before_the_end_has_a_lease_to_come_back_in(drained):
    await drained.stop(SHUTDOWN, 5.0)
    assert backplane_of(drained).kept_for == LEASE


async def test_a_gateway_that_is_not_drained_is_forgotten_at_once(gateway):
    other = gateway_with(backplane_of(gateway).memory)
    await other.start()
    await other.stop(SHUTDOWN, 5.0)
    assert backplane_of(other).kept_for == 0.0


async def test_its_clients_are_told_to_come_back_spread_over_the_drain(drained):
    links = [(await online(drained, f"n{number}"))[1] for number in range(40)]
    await drained.stop(SHUTDOWN, 5.0)
    waits = [link.after for link in links]
    assert all(0.0 <= wait <= 5.0 for wait in waits)
    assert min(waits) < 2.5 < max(waits)
    assert len(set(waits)) > 5


async def test_who_says_goodbye_while_it_is_drained_is_not_to_come_back(drained):
    peer, link = await online(drained, "dana")
    held = backplane_of(drained).hold("publish")
    peer.receive([b'{"op":"send","text":"hi"}'])
    stop = asyncio.create_task(drained.stop(SHUTDOWN, 5.0))
    await quiet()
    peer.receive([b'{"op":"quit"}'])
    held.set()
    await stop
    assert (link.closed, link.after) == (QUIT, None)
    assert backplane_of(drained).memory.users == {}


async def test_before_it_is_drained_nobody_is_told_to_wait(drained):
    peer, link = await online(drained, "dana")
    peer.end(SLOW)
    await until(lambda: link.closed)
    assert (link.closed, link.after) == (SLOW, None)
    await drained.stop(SHUTDOWN, 5.0)


async def test_who_comes_back_elsewhere_after_a_drain_is_the_same_and_nobody_hears_of_it(drained):
    _, link = await online(drained, "dana")
    token = link.told(Welcome)[0].resume
    memory = backplane_of(drained).memory
    await drained.stop(SHUTDOWN, 5.0)
    elsewhere = gateway_with(memory)
    await elsewhere.start()
    back = FakeLink()
    peer = elsewhere.connect(back)
    peer.receive([b'{"op":"hello","v":1,"name":"dana","resume":"%s"}' % token.encode()])
    await until(lambda: back.told(Welcome))
    assert back.told(Welcome)[0].resumed
    await elsewhere.rooms.settle()
    assert departed(elsewhere) == []
    await elsewhere.stop(SHUTDOWN, 5.0)
