"""Redis comes back with older data, or loses some: gateways know best about their people."""

import asyncio
import json
from typing import Any

import pytest
import redis

from gateway.backplane.ids import parse_id
from gateway.backplane.keys import Keys
from gateway.backplane.operators.kick import kick_user
from gateway.fleet import presence
from tests.integration.test_trouble import cut, forget_everything
from tests.support.deadlines import eventually
from tests.support.fixtures import Join, Peer, Running
from tests.support.servers import Server


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does at once what is done every ten seconds."""
    monkeypatch.setattr(presence, "SETTLE_EVERY", 0.05)


@pytest.fixture
def back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes all gateways write their people down again within two seconds instead of five."""
    monkeypatch.setattr(presence, "LEASE_EVERY", 0.1)
    monkeypatch.setattr(presence, "ALL_BACK", 2.0)


@pytest.fixture
def remember(look: redis.Redis, keys: Keys) -> Any:
    """Write a record into Redis of somebody whose session has ended."""

    def remember(gateway: Running, name: str) -> None:
        like: Any = look.hvals(keys.users)[0]
        record = json.loads(like) | {
            "name": name,
            "folded": name.casefold(),
            "session": "older",
            "gateway": gateway.gateway.id,
        }
        look.hset(keys.users, name.casefold(), json.dumps(record))
        look.sadd(keys.held(gateway.gateway.id), name.casefold())
        look.set(keys.alive(name.casefold()), "older 1")

    return remember


async def talk(one: Peer, other: Peer, name: str) -> None:
    """One sends the other a message that arrives: both are online and known to be."""
    await one.say(op="send", text=f"hello @{name}", seq=99)
    assert (await one.expect(op="ack", seq=99))["to"] == [name]
    await other.expect(op="msg", text=f"hello @{name}")


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("again", [True, False])
async def test_people_online_stay_and_others_are_removed(
    one: Running,
    two: Running,
    join: Join,
    valkey: Server,
    remember: Any,
    look: redis.Redis,
    keys: Keys,
    again: bool,
) -> None:
    mom, dad = await join(one, "Mom"), await join(two, "Dad")
    remember(one, "Mom")  # an older session of hers
    remember(one, "Eve")
    if again:
        cut(valkey, one)
        await mom.expect(op="notice", code="redis_back")
    await eventually(lambda: set(look.hkeys(keys.users)) == {"mom", "dad"})
    await eventually(lambda: "older" not in look.hget(keys.users, "mom"))
    await talk(dad, mom, "Mom")
    await mom.caught_up()
    assert dad.told(op="left") == []
    assert mom.told(op="bye") == []


@pytest.mark.usefixtures("back_soon")
async def test_a_private_message_does_not_become_public_before_its_recipient_is_registered_again(
    one: Running, two: Running, join: Join, valkey: Server, prefix: str
) -> None:
    mom, dad, eve = await join(one, "Mom"), await join(two, "Dad"), await join(two, "Eve")
    await eve.caught_up()
    forget_everything(valkey, prefix)
    # His gateway learns it now, hers at the next renewal of its lease.
    await dad.say(op="send", text="my pin is 1234 @mom", seq=1)
    await mom.expect(op="msg", text="my pin is 1234 @mom")
    assert (await dad.expect(op="ack", seq=1))["to"] == ["Mom"]
    await eve.caught_up()
    assert eve.told(op="msg") == []
    assert eve.told(op="left") == dad.told(op="left") == []


@pytest.mark.usefixtures("soon", "back_soon")
async def test_people_that_redis_forgets_while_it_runs_stay_too(
    one: Running, two: Running, join: Join, valkey: Server, prefix: str, look: Any, keys: Keys
) -> None:
    mom, dad = await join(one, "Mom"), await join(two, "Dad")
    await dad.caught_up()
    forget_everything(valkey, prefix)
    leases = [keys.lease(each.gateway.id) for each in (one, two)]
    await eventually(lambda: look.exists(*leases) == 2)
    await eventually(lambda: set(look.hkeys(keys.users)) == {"mom", "dad"})
    await talk(dad, mom, "Mom")
    assert dad.told(op="left") == mom.told(op="bye") == []


async def test_a_person_that_redis_forgot_gets_later_messages_on_return(
    one: Running, two: Running, join: Join, valkey: Server, prefix: str
) -> None:
    mom, dad = await join(one, "Mom"), await join(two, "Dad")
    await dad.say(op="send", text="before @mom", seq=1)
    await dad.say(op="send", text="before", seq=2)
    await mom.collect(2, op="msg")
    mom.vanish()
    await dad.expect(op="left", name="Mom")
    forget_everything(valkey, prefix)
    cut(valkey, one, two)
    await dad.expect(op="notice", code="redis_back")
    await dad.say(op="send", text="since", seq=3)
    await dad.say(op="send", text="since then", seq=4)
    await dad.expect(op="msg", text="since then")
    again = await join(one, "Mom", **mom.way_back)
    assert not again.told(op="welcome")[0].get("resumed")
    await again.collect(2, op="msg")
    await dad.say(op="send", text="live", seq=5)
    await again.expect(op="msg", text="live")
    heard = [each["text"] for each in again.told(op="msg")]
    assert heard == ["since", "since then", "live"]
    assert sorted(each["room"] for each in again.told(op="gap")) == ["@", "lobby"]
    # The client starts there: a gap must not hide what it already has.
    start = again.told(op="welcome")[0]["seen"]["lobby"].encode()
    assert all(parse_id(each["id"].encode()) > parse_id(start) for each in again.told(op="msg"))


async def test_a_newcomer_does_not_get_them(one: Running, two: Running, join: Join) -> None:
    dad = await join(two, "Dad")
    await dad.say(op="send", text="before", seq=1)
    await dad.expect(op="msg")
    eve = await join(one, "Eve")
    await dad.say(op="send", text="live", seq=2)
    await eve.expect(op="msg", text="live")
    assert len(eve.told(op="msg")) == 1


async def test_a_user_with_a_record_but_no_connection_can_be_kicked(
    one: Running,
    join: Join,
    remember: Any,
    valkey: Server,
    prefix: str,
) -> None:
    await join(one, "Mom")
    remember(one, "Eve")
    [asked] = await asyncio.to_thread(kick_user, valkey.url, prefix, "eve", "Go.")
    assert (asked.heard, asked.ended) == (True, True)
