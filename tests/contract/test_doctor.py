"""What `chatctl doctor` finds in a chat, whatever server it is in."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators import doctor
from gateway.backplane.operators.checks import Finding
from gateway.backplane.operators.doctor import examine
from gateway.backplane.operators.gateways import read_gateways
from gateway.backplane.operators.leftovers import Leftovers
from gateway.backplane.operators.leftovers import look as look_for
from gateway.backplane.records import GatewayInfo, Registration
from gateway.backplane.redis.address import reaching
from tests.contract.household import Gateway, message, sealed
from tests.support.deadlines import within
from tests.support.servers import Server


@pytest.fixture(autouse=True)
def impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers probes none is waited for."""
    if "answering" not in request.fixturenames:
        monkeypatch.setattr(doctor, "PROBE_WITHIN", 0.0)


@pytest.fixture
def at(server: Server, prefix: str) -> tuple[str, str]:
    return server.url, prefix


@pytest.fixture
def told(look: redis.Redis, keys: Keys) -> Any:
    """A gateway tells of itself."""

    def told(id: str, **fields: Any) -> None:
        now = round(time.time() * 1000)
        info = GatewayInfo(listen="h:1", host="h", version="1", since=now, at=now)
        value = msgspec.json.encode(msgspec.structs.replace(info, **fields))
        look.set(keys.lease(id), value, px=10_000)
        look.hset(keys.gateways, id, value)

    return told


@pytest.fixture
def answering(server: Server, keys: Keys) -> Iterator[Any]:
    """A stand-in for the part of a gateway that answers probes."""
    stop = threading.Event()
    threads = []

    def answering(id: str, **answer: Any) -> None:
        ready = threading.Event()

        def answer_all() -> None:
            with server.client() as there, server.client() as listening:
                channel = listening.pubsub()
                channel.ssubscribe(keys.control_channel(id))
                while not stop.is_set():
                    event = channel.get_sharded_message(timeout=0.05)
                    if event and event["type"] == "ssubscribe":
                        ready.set()
                    elif event:
                        verb, _, nonce = event["data"].partition(" ")
                        assert verb == "probe"
                        there.set(keys.probed(nonce), json.dumps(answer), px=60_000)
                channel.close()

        threads.append(threading.Thread(target=answer_all))
        threads[-1].start()
        assert ready.wait(within())

    yield answering
    stop.set()
    for thread in threads:
        thread.join(within())


def of(findings: list[Finding], what: str) -> Finding:
    [found] = [each for each in findings if each.what == what]
    return found


def test_a_healthy_chat(
    at: tuple[str, str], told: Any, answering: Any, look: redis.Redis, keys: Keys
) -> None:
    told("g-1")
    told("g-2", draining=True)
    answering("g-1", ok=True, seconds=0.004, text="")
    findings = examine(*at)
    assert [each for each in findings if each.level == "failure"] == []
    assert of(findings, "gateway g-1").level == "ok"
    assert of(findings, "gateway g-2") == ("ok", "gateway g-2", "drains")
    assert of(findings, "frame through g-1") == ("ok", "frame through g-1", "took 4 ms")
    for what in ("clock here", "clock of g-1", "leftovers"):
        assert of(findings, what).level == "ok"
    assert look.keys(f"{keys.users}:probed:*") == []


def test_a_gateway_whose_frame_does_not_come_back(
    at: tuple[str, str], told: Any, answering: Any
) -> None:
    told("g-1")
    answering("g-1", ok=False, seconds=3.0, text="no message came within 3 s")
    found = of(examine(*at), "frame through g-1")
    assert found.level == "failure"
    assert "no message came within 3 s" in found.text


def test_gateways_that_do_not_answer_or_do_not_listen(
    at: tuple[str, str], told: Any, server: Server, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PROBE_WITHIN", 0.0)
    told("g-deaf")
    told("g-mute")
    with server.client() as listening:
        channel = listening.pubsub()
        channel.ssubscribe(keys.control_channel("g-mute"))
        while not channel.get_sharded_message(timeout=within()):
            pass
        findings = examine(*at)
        channel.close()
    assert "does not listen" in of(findings, "frame through g-deaf").text
    assert "no answer" in of(findings, "frame through g-mute").text


def test_no_gateway(at: tuple[str, str]) -> None:
    assert of(examine(*at), "gateways").level == "failure"


def test_something_that_cannot_be_read(at: tuple[str, str], look: redis.Redis, keys: Keys) -> None:
    look.hset(keys.users, "sis", "{}")
    look.hset(keys.accounts, "dana", "no JSON")
    look.hset(keys.bans, "name:mom", "[]")
    found = of(examine(*at), "records")
    assert found.level == "warning"
    for name in ("'sis'", "'dana'", "'name:mom'"):
        assert name in found.text


@pytest.mark.parametrize("key", ["users", "gateways", "accounts", "bans", "users_epoch"])
def test_a_key_of_another_type(
    at: tuple[str, str], look: redis.Redis, keys: Keys, key: str
) -> None:
    look.rpush(getattr(keys, key), "x")
    found = [each for each in examine(*at) if each.level == "failure"]
    assert any(f"{getattr(keys, key)} is a list" in each.text for each in found)


@pytest.mark.parametrize(
    "key",
    [
        "{users}:alive:sis",
        "{users}:held:g-1",
        "{users}:log:sis",
        "{room:lobby}:log",
        "{users}:resume:a",
    ],
)
def test_keys_of_names_gateways_and_rooms_are_checked_too(
    at: tuple[str, str], look: redis.Redis, prefix: str, key: str
) -> None:
    look.rpush(f"{prefix}:{key}", "x")
    failures = [each.text for each in examine(*at) if each.level == "failure"]
    assert any(f"{prefix}:{key} is a list" in text for text in failures)


async def test_the_keys_that_a_chat_makes_have_the_right_types(
    at: tuple[str, str], g1: Gateway, g2: Gateway
) -> None:
    sis, mom = await g1.online("Sis"), await g2.online("Mom")
    await g1.publish("lobby", [sealed(sis.origin, 1, message("hi"))])
    await g1.whisper(sis, ["mom"], seq=2)
    await g2.release(mom, for_good=False)
    await g1.whisper(sis, ["mom"], seq=3)
    await g1.backplane.admission.try_password("dana", "192.0.2.7")
    await g1.backplane.admission.forgive("dana", "192.0.2.7")
    await g1.backplane.admission.try_password("dad", "192.0.2.7")
    await g1.backplane.answer_probe("nonce")
    found = await asyncio.to_thread(examine, *at)
    assert [each for each in found if each.what == "contents"] == []
    assert of(found, "records").level == "ok"


def test_records_and_names_that_are_not_text(
    at: tuple[str, str], told: Any, look: redis.Redis, keys: Keys
) -> None:
    told("g-1")
    look.hset(keys.gateways, b"\xff", b"\xff")
    look.hset(keys.users, b"\xff", b'{"name":"\xff"}')
    look.set(f"{keys.users}:alive:".encode() + b"\xff", "x 1", px=10_000)
    found = of(examine(*at), "records")
    assert found.text.startswith("1 cannot be read")


async def test_a_person_that_the_gateway_does_not_count_among_its_own(
    at: tuple[str, str], g1: Gateway, look: redis.Redis, keys: Keys
) -> None:
    await g1.online("Mom")
    await g1.online("Sis")
    look.srem(keys.held(g1.id), "sis")
    found = of(await asyncio.to_thread(examine, *at), "records")
    assert found.level == "warning"
    assert ": sis. `chatctl kick" in found.text


async def test_other_chats_in_the_same_database(
    at: tuple[str, str], g1: Gateway, prefix: str
) -> None:
    url, _ = at
    found = of(await asyncio.to_thread(examine, url, f"{prefix}x"), "other chats")
    assert found.level == "ok"
    found = of(await asyncio.to_thread(examine, url, f"{prefix}-other"), "gateways")
    assert found.level == "failure"


def test_no_redis() -> None:
    [found] = examine("redis://:secret@127.0.0.1:1", "chat")
    assert (found.level, found.what) == ("failure", "Redis")
    assert "nothing listens there" in found.text
    assert "secret" not in found.text


@pytest.mark.parametrize("value", [b"{}", b"no JSON"])
def test_a_gateway_of_another_version(
    at: tuple[str, str],
    told: Any,
    look: redis.Redis,
    keys: Keys,
    value: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "PROBE_WITHIN", 0.0)
    told("g-1")
    look.set(keys.lease("g-1"), value, px=10_000)
    assert of(examine(*at), "gateway g-1").level == "warning"


def test_a_gateway_whose_clock_is_wrong(
    at: tuple[str, str], told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PROBE_WITHIN", 0.0)
    told("g-1", at=round(time.time() * 1000) - 120_000)
    found = of(examine(*at), "clock of g-1")
    assert found.level == "warning"
    assert "behind" in found.text


class TestLeftovers:
    @pytest.fixture
    def look_around(self, server: Server) -> Any:
        def look_around(keys: Keys) -> Leftovers:
            with reaching(server.url) as there:
                return look_for(there, keys, read_gateways(there, keys)[1])

        # It has no loop of its own, but may need one.
        return partial(asyncio.to_thread, look_around)

    async def test_keys_in_use_are_not_reported(
        self, look_around: Any, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys, kill: Any
    ) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        await g2.online("dad")
        await g1.whisper(sis, ["mom"])
        await g1.release(mom, for_good=False)
        kill(g2)  # g1 will sweep that
        found = await look_around(keys)
        assert found == ([], [], [], [], keys.users, True)

    async def test_orphaned_keys_are_found(
        self, look_around: Any, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        lost = g1.person("lost", gateway="g-forgotten")
        look.hset(keys.users, "lost", msgspec.json.encode(lost))
        look.set(keys.alive("ghost"), "s 1")
        look.set(keys.user_log("ghost"), "7-1")
        look.set(keys.user_log("leaving"), "7-1", px=60_000)
        look.sadd(keys.held("g-forgotten"), "lost")
        found = await look_around(keys)
        assert found.alive == [keys.alive("ghost")]
        assert found.logs == [keys.user_log("ghost")]
        assert found.unswept == ["lost"]
        assert found.held == [keys.held("g-forgotten")]

    async def test_keys_of_another_chat_are_not_ours(
        self, look_around: Any, g1: Gateway, look: redis.Redis, prefix: str
    ) -> None:
        look.set(Keys(f"{prefix}x").alive("ghost"), "s 1", px=60_000)
        assert (await look_around(Keys(prefix))).alive == []

    async def test_a_prefix_that_looks_like_a_pattern_is_taken_as_it_is(
        self, look_around: Any, look: redis.Redis, prefix: str
    ) -> None:
        keys = Keys(f"[{prefix}]*")
        look.set(keys.alive("ghost"), "s 1", px=60_000)
        assert (await look_around(keys)).alive == [keys.alive("ghost")]

    async def test_there_may_be_many(
        self,
        look_around: Any,
        g1: Gateway,
        look: redis.Redis,
        keys: Keys,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with look.pipeline() as pipeline:
            for number in range(2000):
                person: Registration = g1.person(f"p{number}")
                pipeline.hset(keys.users, person.folded, msgspec.json.encode(person))
                pipeline.set(keys.alive(person.session), "1", px=60_000)
            pipeline.set(keys.alive("ghost"), "1", px=60_000)
            pipeline.execute()
        found = await look_around(keys)
        assert (found.alive, found.whole) == ([keys.alive("ghost")], True)
        monkeypatch.setattr("gateway.backplane.operators.leftovers.MOST", 1)
        assert not (await look_around(keys)).whole
