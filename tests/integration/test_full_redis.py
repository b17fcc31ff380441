"""Redis is full: people stay online, and their messages are refused with a reason."""

from collections.abc import Iterator

import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.fleet import presence
from tests.integration.rooms import enter, leave, members
from tests.support import servers
from tests.support.deadlines import eventually
from tests.support.fixtures import Join, Peer, StartGateway
from tests.support.http import ask
from tests.support.servers import Server


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that no other test uses."""
    with servers.running(servers.valkey(), "--maxmemory-policy", "noeviction") as server:
        yield server


@pytest.fixture
def look(own: Server) -> Iterator[redis.Redis]:
    with own.client() as client:
        yield client


async def refused(peer: Peer, **fields: object) -> str:
    await peer.say(op="send", **fields)
    error = await peer.expect(op="error", seq=fields["seq"])
    assert error["code"] == "unavailable"
    return str(error["text"])


async def test_people_stay_and_are_told_why_their_messages_are_refused(
    own: Server,
    look: redis.Redis,
    start_gateway: StartGateway,
    join: Join,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "LEASE_EVERY", 0.05)
    monkeypatch.setattr(presence, "SWEEP_AFTER", 0.0)
    keys = Keys(prefix)
    one, two = [await start_gateway(redis=own.url, http=("127.0.0.1", 0)) for _ in range(2)]
    mom, dad = await join(one, "Mom"), await join(two, "Dad")
    await mom.expect(op="joined", name="Dad")
    look.config_set("maxmemory", 1)
    # The leases are about to end, but they are renewed, so nobody is swept.
    for each in (one, two):
        look.pexpire(keys.lease(each.gateway.id), 1000)
        await eventually(lambda each=each: look.pttl(keys.lease(each.gateway.id)) > 5000)
    assert "full" in await refused(dad, text="to all", seq=1)
    assert "full" in await refused(dad, text="to you @mom", seq=2)
    await dad.say(op="who", seq=3)
    users = (await dad.expect(op="users", seq=3))["users"]
    assert sorted(user["name"] for user in users) == ["Dad", "Mom"]
    assert one.gateway.http is not None
    answer = await ask(one.gateway.http, "/readyz")
    assert answer.status == 503
    assert "memory is full" in answer.body
    look.config_set("maxmemory", 0)
    # The refused message was not posted, so it can be sent again unchanged.
    await dad.say(op="send", text="to all", seq=4)
    await dad.expect(op="ack", seq=4)
    await dad.say(op="send", text="to you @mom", seq=5)
    assert (await dad.expect(op="ack", seq=5))["to"] == ["Mom"]
    said = [each["text"] for each in await mom.collect(2, op="msg")]
    assert sorted(said) == ["to all", "to you @mom"]
    for peer in (mom, dad):
        await peer.caught_up()
        assert peer.told(op="left") == peer.told(op="bye") == peer.told(op="notice") == []


async def test_people_still_come_and_go(
    own: Server, look: redis.Redis, start_gateway: StartGateway, join: Join
) -> None:
    one, two = await start_gateway(redis=own.url), await start_gateway(redis=own.url)
    mom, dad = await join(one, "Mom"), await join(two, "Dad")
    await enter(dad)
    look.config_set("maxmemory", 1)
    assert (await enter(mom, history=10))["people"] == 2
    await dad.expect(op="joined", room="dev", name="Mom")
    dad.vanish()
    await mom.expect(op="left", room="dev", name="Dad")
    back = await join(one, "Dad", **dad.way_back)
    assert back.told(op="welcome")[0]["rooms"] == ["lobby", "dev"]
    await mom.expect(op="joined", room="dev", name="Dad")
    assert (await enter(back, "new"))["code"] == "unavailable", "a new log takes memory"
    await leave(back)
    await mom.expect(op="left", room="dev", name="Dad", code="left")
    assert await members(mom) == ["Mom"]
