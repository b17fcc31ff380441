"""Every limit in the welcome, tested over a socket."""

import asyncio
import contextlib
import json
import time

import pytest

from tests.support.deadlines import eventually, within
from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway


def line_of(size: int, **fields: object) -> bytes:
    """A request of exactly this many bytes, without its newline."""
    empty = len(json.dumps({**fields, "pad": ""}))
    return json.dumps({**fields, "pad": "x" * (size - empty)}).encode() + b"\n"


async def test_the_welcome_has_the_limits(start_gateway: StartGateway, connect: Connect) -> None:
    sizes = {"line": 500, "text": 50, "name": 8, "room": 9, "backlog": 70_000}
    counts = {"to": 2, "rooms": 3, "quiet_room": 4, "burst": 3, "sessions": 6}
    given = {**sizes, **counts, "rate": 4.0, "hello": 5.0}
    gateway = await start_gateway(limits=given)
    welcome = await (await connect(gateway)).hello("dana")
    assert welcome["limits"] == given


async def test_the_line(start_gateway: StartGateway, join: Join) -> None:
    dana = await join(await start_gateway(limits={"line": 300}), "dana")
    await dana.throw(line_of(300, op="send", text="just fits", seq=1))
    await dana.expect(op="ack", seq=1)
    await dana.throw(line_of(301, op="send", text="does not", seq=2))
    error = await dana.expect(op="error", code="line_too_long")
    assert "300" in error["text"]
    await dana.say(op="send", text="goes on", seq=3)
    await dana.expect(op="ack", seq=3)
    assert [msg["text"] for msg in await dana.collect(2, op="msg")] == ["just fits", "goes on"]


async def test_the_text(start_gateway: StartGateway, join: Join) -> None:
    dana = await join(await start_gateway(limits={"text": 10}), "dana")
    await dana.say(op="send", text="💬" * 10, seq=1)
    await dana.expect(op="ack", seq=1)
    await dana.say(op="send", text="x" * 11, seq=2)
    error = await dana.expect(op="error", code="text_too_long", seq=2)
    assert error["text"] == "the text has 11 characters; 10 are allowed"


async def test_the_name(start_gateway: StartGateway, connect: Connect) -> None:
    dana = await connect(await start_gateway(limits={"name": 8}))
    await dana.say(op="hello", v=1, name="x" * 9)
    await dana.expect(op="error", code="bad_name")
    await dana.hello("ü" * 8)


async def test_the_recipients(start_gateway: StartGateway, join: Join) -> None:
    dana = await join(await start_gateway(limits={"to": 2}), "dana")
    await dana.say(op="send", text="hi @dana @mom", seq=1)
    await dana.expect(op="ack", seq=1)
    await dana.say(op="send", text="hi @dana @mom @sis", seq=2)
    await dana.expect(op="error", code="too_many_recipients", seq=2)
    await dana.say(op="send", text="hi", to=["dana"] * 3, seq=3)
    await dana.expect(op="error", code="too_many_recipients", seq=3)


class TestTheBudget:
    async def test_requests_beyond_the_burst_must_wait_as_long_as_told(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        dana = await join(await start_gateway(limits={"burst": 5, "rate": 2.0}), "dana")
        for seq in range(7):
            await dana.say(op="send", text=f"{seq}", seq=seq)
        assert [ack["seq"] for ack in await dana.collect(5, op="ack")] == [0, 1, 2, 3, 4]
        errors = await dana.collect(2, op="error", code="slow_down")
        assert [error["seq"] for error in errors] == [5, 6]
        assert all(0 < error["retry_after"] <= 0.6 for error in errors)
        await asyncio.sleep(errors[-1]["retry_after"])
        await dana.say(op="send", text="5", seq=7)
        await dana.expect(op="ack", seq=7)

    async def test_leaving_is_always_possible(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        dana = await join(await start_gateway(limits={"burst": 1, "rate": 0.01}), "dana")
        await dana.say(op="send", text="last words")
        await dana.say(op="ping")
        await dana.expect(op="error", code="slow_down")
        await dana.say(op="quit")
        await dana.ended(code="quit")

    async def test_ignoring_the_budget_is_a_flood(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        gateway = await start_gateway(limits={"burst": 1, "rate": 0.01})
        dana, mom = await join(gateway, "dana"), await join(gateway, "mom")
        with contextlib.suppress(ConnectionError):
            for _ in range(500):
                await dana.say(op="send", text="me me me")
        await dana.ended(code="flood", reconnect=False)
        await mom.expect(op="left", name="dana", code="flood")
        assert len(mom.told(op="msg")) == 1


class TestTheHello:
    async def test_the_hello_must_come_in_time(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        gateway = await start_gateway(limits={"hello": 0.3})
        started = time.monotonic()
        silent = await connect(gateway)
        await silent.ended(code="hello_timeout", reconnect=False)
        assert 0.29 <= time.monotonic() - started < 0.3 + within(1)

    async def test_a_ping_is_not_a_hello(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        chatty = await connect(await start_gateway(limits={"hello": 0.3}))
        await chatty.caught_up()
        await chatty.ended(code="hello_timeout")

    async def test_a_refused_hello_does_not_count(
        self, start_gateway: StartGateway, connect: Connect, join: Join
    ) -> None:
        gateway = await start_gateway(limits={"hello": 0.3})
        dana = await join(gateway, "dana")
        late = await connect(gateway)
        await late.say(op="hello", v=1, name="dana")
        await late.expect(op="error", code="name_taken")
        await late.ended(code="hello_timeout")
        await dana.caught_up()

    async def test_a_trickle_of_bytes_is_not_a_hello(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        slow = await connect(await start_gateway(limits={"hello": 0.3}))
        with contextlib.suppress(ConnectionError):
            for byte in b'{"op":"hello","v':
                await slow.throw(bytes([byte]))
                await asyncio.sleep(0.02)
        await slow.ended(code="hello_timeout")


class TestTheBacklog:
    """A reader that does not read is disconnected; nobody waits for it."""

    @pytest.fixture
    async def gateway(self, start_gateway: StartGateway) -> Running:
        return await start_gateway(limits={"backlog": 256 * 1024})

    @pytest.fixture
    async def reluctant(self, gateway: Running, join: Join) -> Peer:
        return await join(gateway, "slow")

    async def talk_until_it_left(self, talker: Peer, name: str) -> int:
        """Fill the room with 12 kB messages; returns how many it took."""
        for count in range(3000):
            await talker.say(op="send", text="💬" * 3000, seq=count)
            await talker.expect(op="ack", seq=count)
            if talker.told(op="left", name=name, code="slow"):
                return count
        raise AssertionError(f"{name} is here still")

    async def test_a_slow_reader_is_told_to_reconnect(
        self, gateway: Running, join: Join, reluctant: Peer
    ) -> None:
        talker, reader = await join(gateway, "talker"), await join(gateway, "reader")
        reading = asyncio.create_task(reader.expect(op="left", name="slow"))
        await self.talk_until_it_left(talker, "slow")
        await reluctant.ended(code="slow", reconnect=True)
        await reading
        # The others have missed nothing, nor had the slow reader until it was cut off.
        own, others = talker.told(op="msg"), reader.told(op="msg")
        assert [msg["id"] for msg in own][: len(others)] == [msg["id"] for msg in others]
        heard = [msg["id"] for msg in reluctant.told(op="msg")]
        assert heard == [msg["id"] for msg in own][: len(heard)]
        await join(gateway, "slow")

    async def test_a_client_that_never_reads_is_disconnected(
        self, gateway: Running, join: Join, reluctant: Peer
    ) -> None:
        talker = await join(gateway, "talker")
        await self.talk_until_it_left(talker, "slow")
        # Its bye waits for a while, and no longer, which only the gateway can see.
        await eventually(lambda: len(gateway.gateway.peers) <= 1)

    async def test_a_client_that_asks_and_never_reads_is_disconnected(
        self, gateway: Running, join: Join, reluctant: Peer
    ) -> None:
        watcher = await join(gateway, "watcher")
        asking = asyncio.create_task(self.ask_forever(reluctant))
        await watcher.expect(op="left", name="slow", code="slow", _within=20)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        reluctant.vanish()

    async def ask_forever(self, peer: Peer) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.throw(b'{"op":"ping"}\n' * 500)
                await asyncio.sleep(0)
