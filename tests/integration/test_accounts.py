"""Registered names and their passwords, with real hashes and a real server."""

import contextlib
import time
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.records import Account
from gateway.backplane.redis.admission import Attempts
from gateway.door.passwords import hash_password, verify
from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway, Told

PASSWORD = "correct horse"
HASH = hash_password(PASSWORD)


@pytest.fixture(autouse=True)
def dana(look: redis.Redis, prefix: str) -> None:
    """Dana's name is registered."""
    account = Account(name="Dana", hash=HASH, since=1)
    look.hset(Keys(prefix).accounts, "dana", msgspec.json.encode(account))


async def tries(peer: Peer, name: str, **fields: Any) -> Told:
    """Say hello; returns the answer."""
    await peer.say(op="hello", v=1, name=name, **fields)
    return await peer.expect(op={"welcome", "error"})


def left(look: redis.Redis, prefix: str) -> Any:
    return look.hkeys(Keys(prefix).users)


class TestARegisteredName:
    async def test_needs_its_password(
        self, start_gateway: StartGateway, connect: Connect, look: redis.Redis, prefix: str
    ) -> None:
        peer = await connect(await start_gateway())
        none = await tries(peer, "dana")
        assert (none["code"], none["text"]) == (
            "password_required",
            "the name dana needs its password",
        )
        wrong = await tries(peer, "DANA", password="battery staple")
        assert wrong["code"] == "bad_password"
        assert left(look, prefix) == []
        welcome = await tries(peer, "Dana", password=PASSWORD)
        assert (welcome["op"], welcome["name"]) == ("welcome", "Dana")
        await peer.say(op="send", text="hello", seq=1)
        await peer.expect(op="ack", seq=1)

    async def test_a_password_for_a_free_name_is_ignored(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        gateway = await start_gateway()
        assert (await tries(await connect(gateway), "sis", password="x"))["op"] == "welcome"
        assert (await tries(await connect(gateway), "mom"))["op"] == "welcome"

    async def test_a_resume_needs_no_password(
        self, start_gateway: StartGateway, join: Join, connect: Connect
    ) -> None:
        one, two = await start_gateway(), await start_gateway()
        peer = await join(one, "dana", password=PASSWORD)
        back = await tries(await connect(two), "dana", **peer.way_back)
        assert back["resumed"]
        await peer.ended(code="replaced")

    async def test_the_password_gets_in_beside_a_connection_that_hangs(
        self, start_gateway: StartGateway, join: Join, connect: Connect
    ) -> None:
        one, two = await start_gateway(), await start_gateway()
        sis, old = await join(one, "Sis"), await join(one, "Dana", password=PASSWORD)
        await sis.expect(op="joined", name="Dana")
        await sis.say(op="send", text="for the old one @dana", seq=1)
        await old.expect(op="msg", text="for the old one @dana")
        new = await connect(two)
        welcome = await tries(new, "dana", password=PASSWORD)
        assert welcome["op"] == "welcome"
        assert not welcome.get("resumed")
        assert welcome["sessions"] == 2
        await sis.say(op="send", text="for both @dana", seq=2)
        for each in (old, new):
            await each.expect(op="msg", text="for both @dana")
        assert len(new.told(op="msg")) == 1
        await old.say(op="quit")
        await old.ended(code="quit")
        await sis.caught_up()
        assert len(sis.told(op="joined")) == 1
        assert sis.told(op="left") == []
        await new.say(op="quit")
        await sis.expect(op="left", name="dana", code="quit")

    async def test_coming_back_with_only_the_password_brings_what_waited(
        self, start_gateway: StartGateway, join: Join, connect: Connect
    ) -> None:
        one, two = await start_gateway(), await start_gateway()
        sis, dana = await join(one, "Sis"), await join(one, "Dana", password=PASSWORD)
        await sis.expect(op="joined", name="Dana")
        dana.vanish()
        await sis.expect(op="left", name="Dana")
        await sis.say(op="send", text="see you @dana", seq=1)
        assert (await sis.expect(op="ack", seq=1))["later"] == ["Dana"]
        again = await connect(two)
        assert (await tries(again, "dana", password=PASSWORD))["op"] == "welcome"
        await again.expect(op="msg", text="see you @dana")
        await sis.say(op="send", text="live @dana", seq=2)
        await again.expect(op="msg", text="live @dana")
        assert [each["text"] for each in again.told(op="msg")] == ["see you @dana", "live @dana"]
        assert again.told(op="gap") == []

    async def test_a_password_that_is_too_long_is_refused_unread(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        peer = await connect(await start_gateway())
        error = await tries(peer, "dana", password="x" * 257)
        assert error["code"] == "bad_field"
        assert "xxx" not in error["text"]

    async def test_the_password_reaches_neither_the_journal_nor_redis(
        self,
        start_gateway: StartGateway,
        join: Join,
        caplog: pytest.LogCaptureFixture,
        look: redis.Redis,
        prefix: str,
    ) -> None:
        caplog.set_level("DEBUG")
        await join(await start_gateway(), "dana", password=PASSWORD)
        assert PASSWORD not in caplog.text
        [record] = look.hvals(Keys(prefix).users)
        assert PASSWORD not in record


class TestWhereItIsRequired:
    @pytest.fixture
    async def gateway(self, start_gateway: StartGateway) -> Running:
        return await start_gateway(auth="required")

    async def test_registered_names_are_let_in(self, gateway: Running, join: Join) -> None:
        await join(gateway, "dana", password=PASSWORD)

    async def test_an_unregistered_name_is_answered_like_a_wrong_password(
        self, gateway: Running, connect: Connect, look: redis.Redis, prefix: str
    ) -> None:
        peer = await connect(gateway)
        for fields in ({}, {"password": "x"}):
            known = await tries(peer, "dana", **fields)
            unknown = await tries(peer, "sis", **fields)
            assert known["text"].replace("dana", "sis") == unknown["text"]
            assert {**known, "text": ""} == {**unknown, "text": ""}
        assert left(look, prefix) == []
        counted = look.keys(Keys(prefix).attempts("name:*"))
        assert len(counted) == 2, "tries of names that are none are counted too"

    async def test_the_answer_does_not_show_that_a_name_is_in_use(
        self, gateway: Running, join: Join, connect: Connect
    ) -> None:
        await join(gateway, "dana", password=PASSWORD)
        peer = await connect(gateway)
        assert (await tries(peer, "dana"))["code"] == "password_required"
        assert (await tries(peer, "dana", password="x"))["code"] == "bad_password"
        assert (await tries(peer, "dana", password=PASSWORD))["op"] == "welcome"


class TestTooManyAttempts:
    async def test_are_counted_on_all_gateways_together(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        one, two = await start_gateway(), await start_gateway()
        first, second = await connect(one), await connect(two)
        for number in range(Attempts.FOR_NAME_FROM_ADDRESS):
            peer = (first, second)[number % 2]
            assert (await tries(peer, "dana", password=f"{number}"))["code"] == "bad_password"
        for peer in (first, second, await connect(one)):
            # The answer no longer shows whether the password is right.
            error = await tries(peer, "dana", password=PASSWORD)
            assert error["code"] == "too_many_attempts"
            assert 0 < error["retry_after"] <= Attempts.WINDOW + 0.1
        assert (await tries(first, "sis"))["op"] == "welcome"

    async def test_are_forgotten_after_a_while(
        self,
        start_gateway: StartGateway,
        connect: Connect,
        look: redis.Redis,
        prefix: str,
    ) -> None:
        peer = await connect(await start_gateway())
        for number in range(Attempts.FOR_NAME_FROM_ADDRESS + 1):
            await tries(peer, "dana", password=f"{number}")
        for key in look.keys(Keys(prefix).attempts("*")):
            look.pexpire(key, 1)
        while (answer := await tries(peer, "dana", password=PASSWORD))["op"] != "welcome":
            assert answer["code"] == "too_many_attempts"

    async def test_do_not_count_right_passwords(
        self, start_gateway: StartGateway, connect: Connect, look: redis.Redis, prefix: str
    ) -> None:
        gateway = await start_gateway()
        for _ in range(Attempts.FOR_NAME_FROM_ADDRESS + 2):
            peer = await connect(gateway)
            assert (await tries(peer, "dana", password=PASSWORD))["op"] == "welcome"
            await peer.say(op="quit")
            await peer.ended(code="quit")
        assert {look.get(key) for key in look.keys(Keys(prefix).attempts("*"))} <= {"0"}


def as_slowly_as_a_machine_may(hash: str, password: str) -> bool:
    time.sleep(0.15)
    return verify(hash, password)


class TestManyAtOnce:
    async def test_a_right_password_gets_in_past_many_wrong_ones(
        self,
        start_gateway: StartGateway,
        look: redis.Redis,
        prefix: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # From five addresses; checking all their passwords takes longer than a hello may.
        monkeypatch.setattr("gateway.door.accounts.verify", as_slowly_as_a_machine_may)
        for name in ("mom", "dad"):
            account = Account(name=name, hash=HASH, since=1)
            look.hset(Keys(prefix).accounts, name, msgspec.json.encode(account))
        gateway = await start_gateway(limits={"hello": 2.0})
        async with contextlib.AsyncExitStack() as stack:

            async def connect(address: str) -> Peer:
                peer = await Peer.connect(gateway.host, gateway.port, local_addr=(address, 0))
                stack.push_async_callback(peer.close)
                return peer

            others = [await connect(f"127.0.0.{2 + number % 5}") for number in range(60)]
            for number, peer in enumerate(others):
                name = ("dana", "mom", "dad")[number % 3]
                await peer.say(op="hello", v=1, name=name, password="wrong")
            sis = await connect("127.0.0.99")
            assert (await tries(sis, "dana", password=PASSWORD))["op"] == "welcome"
            answers = [await peer.expect(op={"error", "bye"}) for peer in others]
            assert {answer.get("code") for answer in answers} == {
                "bad_password",
                "too_many_attempts",
            }
