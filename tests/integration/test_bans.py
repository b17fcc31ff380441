"""A ban takes effect on all gateways at once, for people inside and for newcomers."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.records import Ban
from tests.support.fixtures import Connect, Join, StartGateway

Give = Callable[..., None]


@pytest.fixture
def tell(look: redis.Redis, prefix: str) -> Callable[[str], None]:
    """Send an order to all gateways, as a command does."""

    def tell(what: str) -> None:
        keys = Keys(prefix)
        for gateway in look.hkeys(keys.gateways):
            assert look.execute_command("SPUBLISH", keys.control_channel(gateway), what) == 1

    return tell


@pytest.fixture
def give(look: redis.Redis, prefix: str, tell: Callable[[str], None]) -> Give:
    """Ban somebody."""

    def give(subject: str, kind: Any = "network", lasts: float | None = None, **more: Any) -> None:
        seconds, micros = look.time()
        now = seconds * 1000 + micros // 1000
        until = None if lasts is None else now + round(lasts * 1000)
        ban = Ban(subject=subject, kind=kind, since=now, until=until, **more)
        look.hset(Keys(prefix).bans, ban.key, msgspec.json.encode(ban))
        tell("bans")

    return give


async def test_a_banned_name_is_sent_away_everywhere_and_stays_out(
    start_gateway: StartGateway, join: Join, connect: Connect, give: Give
) -> None:
    one, two = await start_gateway(), await start_gateway()
    sis, mallory = await join(two, "sis"), await join(one, "Mallory")
    await sis.expect(op="joined", name="Mallory")
    give("MALLORY", "name", reason="spam")
    bye = await mallory.ended(code="banned", reconnect=False)
    assert bye["text"] == "You are banned: spam"
    await sis.expect(op="left", name="Mallory", code="banned")
    for gateway in (one, two):
        for fields in ({}, mallory.way_back):
            again = await connect(gateway)
            await again.say(op="hello", v=1, name="mallory", **fields)
            await again.ended(code="banned")
        await join(gateway, f"other{gateway.port}")
    await sis.caught_up()
    assert len(sis.told(op="left")) == 1, "of who did not come in nobody hears"
    assert len(sis.told(op="joined", name="mallory")) == 0


@pytest.mark.parametrize("network", ["127.0.0.1/32", "127.0.0.0/8"])
async def test_a_banned_address_is_sent_away_everywhere_and_stays_out(
    start_gateway: StartGateway, join: Join, connect: Connect, give: Give, network: str
) -> None:
    one, two = await start_gateway(), await start_gateway()
    people = [await join(one, "dana"), await join(two, "sis"), await connect(two)]
    await people[-1].caught_up()
    give(network)
    for peer in people:
        await peer.ended(code="banned", reconnect=False)
    for gateway in (one, two):
        await (await connect(gateway)).ended(code="banned", text="You are banned.")
        assert gateway.gateway.meters.doorstep["banned"] == 1
        assert not gateway.gateway.peers


async def test_another_address_is_not_affected(
    start_gateway: StartGateway, join: Join, give: Give
) -> None:
    gateway = await start_gateway()
    dana = await join(gateway, "dana")
    give("127.0.0.2/32")
    give("::1/128")
    give("dan", "name")
    await dana.caught_up()
    await join(gateway, "sis")


async def test_a_ban_ends_at_its_time(
    start_gateway: StartGateway, join: Join, connect: Connect, give: Give
) -> None:
    gateway = await start_gateway()
    mallory = await join(gateway, "mallory")
    give("mallory", "name", lasts=1.0)
    began = time.monotonic()
    bye = await mallory.ended(code="banned")
    assert bye["text"].startswith("You are banned until 20")
    while True:
        again = await connect(gateway)
        await again.say(op="hello", v=1, name="mallory")
        if (await again.expect(op={"welcome", "bye"}))["op"] == "welcome":
            break
    assert time.monotonic() - began > 0.9


async def test_after_unban_the_person_may_join_at_once(
    start_gateway: StartGateway,
    join: Join,
    give: Give,
    look: redis.Redis,
    prefix: str,
    tell: Callable[[str], None],
) -> None:
    gateway = await start_gateway()
    dana = await join(gateway, "dana")
    give("dana", "name")
    await dana.ended(code="banned")
    look.delete(Keys(prefix).bans)
    tell("bans")
    # It follows the ban on the same channel: once it is known, so is the ban.
    sis = await join(gateway, "sis")
    tell(f"kick {next(iter(gateway.gateway.online))} enough")
    await sis.ended(code="kicked", text="enough", reconnect=False)
    await join(gateway, "dana")


async def test_a_gateway_that_starts_later_knows_the_bans(
    start_gateway: StartGateway, connect: Connect, give: Give
) -> None:
    give("127.0.0.1/32")
    await (await connect(await start_gateway())).ended(code="banned")
