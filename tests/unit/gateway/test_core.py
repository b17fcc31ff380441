import asyncio

import pytest

from gateway.peer import Peer
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
from wire.codec import decode_event
from wire.frames import Bye, Joined, Left, Notice, Welcome
from wire.reasons import GATEWAY_LOST, REPLACED, SHUTDOWN


@pytest.fixture
async def gateway():
    gateway = gateway_with(Memory())
    await gateway.start()
    yield gateway
    await gateway.stop(SHUTDOWN, 5.0)


async def online(gateway, name):
    link = FakeLink()
    peer = Peer(gateway, link)
    peer.receive([b'{"op":"hello","v":1,"name":"%s"}' % name.encode()])
    await until(lambda: link.told(Welcome), "the welcome")
    return peer, link


def published(gateway):
    lines = [line for batch in backplane_of(gateway).asked("publish") for line in batch]
    return [decode_event(line) for line in lines if line.startswith(b"{")]


async def test_a_gateway_that_starts_has_its_lease_before_it_listens(gateway):
    assert [method for method, _ in backplane_of(gateway).calls] == ["start", "renew_lease"]


async def test_a_gateway_that_stops_tells_everybody_and_waits_until_they_are_gone():
    memory = Memory()
    gateway = gateway_with(memory)
    await gateway.start()
    links = [(await online(gateway, name))[1] for name in ("dana", "sis")]
    newcomer = FakeLink()
    Peer(gateway, newcomer)
    await gateway.stop(SHUTDOWN, 5.0)
    assert [link.closed for link in (*links, newcomer)] == [SHUTDOWN] * 3
    assert memory.users == {}
    assert sorted(e.name for e in published(gateway) if type(e) is Left) == ["dana", "sis"]
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


async def test_the_rooms_are_told_who_comes_and_goes(gateway):
    peer, link = await online(gateway, "Dana")
    peer.end(SHUTDOWN)
    await until(lambda: link.closed)
    await gateway.outbox.settle()
    assert published(gateway) == [Joined("lobby", "Dana"), Left("lobby", "Dana", "shutdown")]


async def test_the_rooms_are_told_of_a_dead_gateways_users(gateway):
    gateway.announce_left(registration("Mom"), GATEWAY_LOST)
    await gateway.outbox.settle()
    assert published(gateway) == [Left("lobby", "Mom", "gateway_lost")]


async def test_whoever_came_back_elsewhere_is_ended_here(gateway):
    peer, link = await online(gateway, "dana")
    _, other = await online(gateway, "sis")
    gateway.replaced(peer.registration.session)
    gateway.replaced("a session that is no more")
    await until(lambda: link.closed)
    assert (link.closed, other.closed) == (REPLACED, None)


async def test_everybody_is_told_that_redis_is_away_and_that_it_is_back(gateway):
    _, link = await online(gateway, "dana")
    gateway.away()
    gateway.back()
    codes = await until(lambda: [notice.code for notice in link.told(Notice)][1:])
    assert codes == ["redis_back"]
    assert [notice.code for notice in link.told(Notice)] == ["redis_away", "redis_back"]


async def test_when_redis_is_back_everybody_is_registered_before_they_are_told(gateway):
    _, link = await online(gateway, "dana")
    backplane = backplane_of(gateway)
    backplane.memory.users.clear()
    held = backplane.hold("claim")
    gateway.back()
    await quiet()
    assert not link.told(Notice)
    held.set()
    await until(lambda: link.told(Notice))
    assert "dana" in backplane.memory.users


async def test_whose_name_was_taken_while_redis_was_away_has_to_go(gateway):
    _, link = await online(gateway, "dana")
    backplane_of(gateway).memory.users["dana"] = registration("dana", session="other")
    gateway.back()
    await until(lambda: link.closed)
    assert link.closed.code == "name_lost"


async def test_a_redis_that_is_away_again_at_once_is_no_fault(gateway, caplog):
    _, link = await online(gateway, "dana")
    backplane_of(gateway).fail(AWAY, "claim")
    gateway.back()
    await quiet()
    assert not link.told(Notice)
    assert "unexpected" not in caplog.text


async def test_a_fault_of_ours_is_logged_as_one(gateway, caplog):
    async def fails():
        raise ZeroDivisionError("a fault")

    gateway.spawn(fails())
    await quiet()
    assert "unexpected" in caplog.text
    assert "a fault" in caplog.text


async def test_gateways_have_ids_of_their_own():
    ids = {gateway_with(Memory()).id for _ in range(50)}
    assert len(ids) == 50


async def test_the_clock_of_the_gateway_is_the_clock_of_presence():
    clock = Clock(5_000_000.0)
    gateway = gateway_with(Memory(), clock)
    await gateway.start()
    await online(gateway, "dana")
    clock.advance(30)
    await gateway.presence.register_all()
    assert backplane_of(gateway).asked("claim")[-1][1] == 30.0
    await gateway.stop(SHUTDOWN, 5.0)


async def test_a_gateway_hands_on_what_was_published(gateway):
    _, link = await online(gateway, "dana")
    await quiet()
    gateway.deliver(b"room:lobby", b'{"op":"pong"}\n')
    await asyncio.sleep(0)
    await quiet()
    assert link.lines[-1] == b'{"op":"pong"}'
    assert not link.told(Bye)
