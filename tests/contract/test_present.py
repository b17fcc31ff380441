"""Who of the people that a text names is here: what a message to everyone has to ask."""

from typing import Any

import redis

from gateway.backplane.keys import Keys
from tests.contract.household import Gateway


async def test_who_is_here_is_found_under_the_shown_name_wherever_they_are(
    g1: Gateway, g2: Gateway
) -> None:
    await g1.online("Sis")
    await g2.online("Mütterchen")
    found = await g1.backplane.present(["mütterchen", "dad", "sis", "sis"])
    assert found == ["Mütterchen", "", "Sis", "Sis"]


async def test_who_said_goodbye_is_not_here(g1: Gateway) -> None:
    await g1.release(await g1.online("sis"), for_good=True)
    assert await g1.backplane.present(["sis"]) == [""]


async def test_whose_gateway_died_may_come_back(g1: Gateway, g2: Gateway, kill: Any) -> None:
    await g1.online("Sis")
    kill(g1)
    assert await g2.backplane.present(["sis"]) == ["Sis"]


async def test_a_record_that_cannot_be_read_is_nobodys_and_hides_no_other(
    g1: Gateway, look: redis.Redis, keys: Keys
) -> None:
    await g1.online("Sis")
    for number, record in enumerate(["", "{", "7", "[]", "null", '{"name":[]}']):
        look.hset(keys.users, f"bad{number}", record)
    names = [*(f"bad{number}" for number in range(6)), "sis"]
    assert await g1.backplane.present(names) == [""] * 6 + ["Sis"]


async def test_whose_connection_broke_may_come_back(
    g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys
) -> None:
    await g1.release(await g1.online("Sis"), for_good=False)
    assert await g2.backplane.present(["sis"]) == ["Sis"]
    look.delete(keys.resume("sis"))
    look.hset(keys.resume("sis"), "of another", "type")
    await g1.online("Mom")
    assert await g2.backplane.present(["sis", "mom"]) == ["", "Mom"]
