"""The probe through real servers: a frame travels, and nothing is left of it."""

import asyncio
import json

import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.errors import ProbeFailed
from tests.contract.household import Gateway, StartBackplane


def known(look: redis.Redis, prefix: str) -> set[str]:
    return set(look.scan_iter(f"{prefix}:*"))


async def test_a_frame_travels_and_leaves_nothing_behind(
    g1: Gateway, look: redis.Redis, prefix: str
) -> None:
    before = known(look, prefix)
    seconds = await g1.backplane.probe()
    assert seconds > 0
    assert known(look, prefix) == before


async def test_nobody_in_the_chat_notices(g1: Gateway, g2: Gateway, look: redis.Redis) -> None:
    await g1.online("sis")
    await g1.backplane.probe()
    await g2.backplane.probe()
    assert list(await g2.everybody()) == ["sis"]
    assert g1.heard.delivered == g2.heard.delivered == []


async def test_what_a_probe_left_that_ended_in_the_middle_does_not_stop_the_next_one(
    g1: Gateway, look: redis.Redis, keys: Keys, prefix: str
) -> None:
    before = known(look, prefix)
    small = keys.probe(g1.id)
    left = {"name": "probe", "folded": "probe", "session": "old", "gateway": g1.id}
    record = left | {"address": "", "since": 0, "origin": "old", "resume": "", "rooms": []}
    look.hset(small.users, "probe", json.dumps(record))
    look.set(small.alive("old"), "0")
    look.sadd(small.held(g1.id), "probe")
    look.set(small.users_epoch, "1 another 1")
    look.xadd(small.room_log("lobby"), {"d": "old"}, id="1-0")
    await g1.backplane.probe()
    assert known(look, prefix) == before


async def test_who_asks_at_once_or_soon_after_shares_one_answer(
    g1: Gateway, look: redis.Redis
) -> None:
    answers = await asyncio.gather(*(g1.backplane.probe() for _ in range(50)))
    assert len(set(answers)) == 1
    assert await g1.backplane.probe() == answers[0]


async def test_an_answer_for_somebody_else_is_left_in_redis_for_a_minute(
    g1: Gateway, look: redis.Redis, keys: Keys
) -> None:
    await g1.backplane.answer_probe("n1")
    found = json.loads(look.get(keys.probed("n1")))
    assert (found["ok"], found["text"]) == (True, "")
    assert 0 < found["seconds"] < 60
    assert 0 < look.pttl(keys.probed("n1")) <= 60_000


async def test_it_fails_if_what_is_published_does_not_come_back(
    g1: Gateway, look: redis.Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.backplane.redis.probe.DEADLINE", 0.2)
    g1.backplane.unsubscribe(keys.probe(g1.id).room_channel("lobby"))
    with pytest.raises(ProbeFailed, match="waiting to hear"):
        await g1.backplane.probe()
    await g1.backplane.answer_probe("n1")
    found = json.loads(look.get(keys.probed("n1")))
    assert found["ok"] is False
    assert "waiting to hear" in found["text"]
    # What it has left behind goes by itself.
    for key in known(look, keys.probe(g1.id).users.removesuffix(":{users}")):
        assert 0 < look.pttl(key) <= 60_000


async def test_it_fails_at_once_while_redis_is_away(start: StartBackplane) -> None:
    gateway = await start()
    await gateway.backplane.close()
    with pytest.raises(ProbeFailed, match="claiming a name"):
        await gateway.backplane.probe()
