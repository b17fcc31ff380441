"""Garbage: the gateway gives a clear answer, and the others go on talking."""

import asyncio
import contextlib
import json
import random
import resource
import socket

import pytest

from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Running:
    return await start_gateway()


@pytest.fixture
async def mom(gateway: Running, join: Join) -> Peer:
    return await join(gateway, "mom")


@pytest.fixture
async def dad(gateway: Running, join: Join) -> Peer:
    return await join(gateway, "dad")


@pytest.fixture(autouse=True)
async def the_others_talk_on(mom: Peer, dad: Peer):
    yield
    await mom.say(op="send", text="where were we?", seq=1)
    await mom.expect(op="ack", seq=1)
    await dad.expect(op="msg", text="where were we?")


BAD_LINES = {
    b"": "bad_json",
    b"hello": "bad_json",
    b"GET / HTTP/1.1": "bad_json",
    b'{"op":"send"': "bad_json",
    b"\x00": "bad_json",
    b'{"op":"send","text":"a\x00b"}': "bad_json",
    b'{"op":"send","text":"a\x1bb"}': "bad_json",
    b'{"op":"send","text":"\xff"}': "bad_utf8",
    b"\x80\x81": "bad_json",
    b"[]": "bad_frame",
    b"1": "bad_frame",
    b"null": "bad_frame",
    b'"op"': "bad_frame",
    b"{}": "bad_frame",
    b'{"op":1}': "bad_frame",
    b'{"op":"shout"}': "unknown_op",
    b'{"op":"welcome"}': "unknown_op",
    b'{"op":"send"}': "bad_field",
    b'{"op":"send","text":1}': "bad_field",
    b'{"op":"send","text":"a","seq":-1}': "bad_field",
    b'{"op":"send","text":"a","seq":1e400}': "bad_json",
    b'{"op":"send","text":"a","seq":99999999999999999999999}': "bad_field",
    b'{"op":"send","text":"a","at":"yesterday"}': "bad_field",
    b'{"op":"send","text":"a","at":"2026-11-23T10:00:00"}': "bad_field",
    b'{"op":"send","text":"a","to":"mom"}': "bad_field",
    b'{"op":"send","text":"a","to":[1]}': "bad_field",
    b'{"op":"send","text":"a","to":[]}': "nobody_here",
    b'{"op":"send","text":"a","to":[""," ","."]}': "nobody_here",
    b'{"op":"send","text":""}': "empty_text",
    b'{"op":"send","text":" \\n\\t "}': "empty_text",
    b'{"op":"send","text":"\\u0000"}': "bad_text",
    b'{"op":"send","text":"\\u001b[2J"}': "bad_text",
    b'{"op":"send","text":"\\u009b2J"}': "bad_text",
    b'{"op":"send","text":"\\ud800"}': None,
    b'{"op":"send","text":"a","room":"\\u0000"}': "bad_room",
    b'{"op":"hello","v":1,"name":"again"}': "hello_twice",
    b"[" * 10_000: "bad_json",
    b'{"op":"ping","a":' + b"[" * 5_000 + b"]" * 5_000 + b"}": None,
    b'{"op":"send","text":"' + b"x" * 20_000 + b'"}': "line_too_long",
}
"""Lines and the code of the error; None if more than one answer is right."""


@pytest.mark.parametrize(
    ("line", "code"), BAD_LINES.items(), ids=lambda value: ascii(value)[:40] if value else "-"
)
async def test_a_bad_line_gets_a_clear_error_and_the_connection_goes_on(
    gateway: Running, join: Join, line: bytes, code: str | None
) -> None:
    peer = await join(gateway, "dana")
    await peer.throw(line + b"\n")
    if code:
        error = await peer.expect(op="error", code=code)
        assert error["text"]
        assert error["text"].isprintable()
        assert len(error["text"]) < 500
    await peer.say(op="send", text="still here", seq=2)
    await peer.expect(op="ack", seq=2)
    assert len(peer.told(op="error")) <= 1


async def test_an_error_names_the_field_and_the_request(gateway: Running, join: Join) -> None:
    peer = await join(gateway, "dana")
    await peer.throw(b'{"op":"send","seq":7,"text":"a","at":5}\n')
    error = await peer.expect(op="error", seq=7)
    assert "$.at" in error["text"]


async def test_unknown_fields_are_ignored(gateway: Running, join: Join) -> None:
    peer = await join(gateway, "dana")
    await peer.say(op="send", text="hi", seq=1, mood="fine", x={"y": [1, None]})
    await peer.expect(op="ack", seq=1)


async def test_a_windows_line_end_is_accepted(gateway: Running, join: Join) -> None:
    peer = await join(gateway, "dana")
    await peer.throw(b'{"op":"ping"}\r\n')
    await peer.expect(op="pong")


class TestBeforeTheHello:
    @pytest.mark.parametrize(
        "request_",
        [{"op": "send", "text": "hi", "seq": 3}, {"op": "who", "seq": 3}, {"op": "active"}],
        ids=lambda request: request["op"],
    )
    async def test_say_hello_first(
        self, gateway: Running, connect: Connect, request_: dict[str, object]
    ) -> None:
        peer = await connect(gateway)
        await peer.say(**request_)
        error = await peer.expect(op="error", code="hello_first")
        assert error.get("seq") == request_.get("seq")
        await peer.hello("dana")
        assert peer.told(op="msg") == []

    @pytest.mark.parametrize("name", ["x" * 10_000, "x" * 1_000_000, "   ", "\u2067dana", "\u200b"])
    async def test_an_invalid_name_is_refused(
        self, gateway: Running, connect: Connect, name: str
    ) -> None:
        peer = await connect(gateway)
        await peer.say(op="hello", v=1, name=name)
        error = await peer.expect(op="error")
        assert error["code"] in ("bad_name", "line_too_long")
        assert len(error["text"]) < 200
        await peer.hello("dana")

    async def test_a_client_may_leave(self, gateway: Running, connect: Connect) -> None:
        peer = await connect(gateway)
        await peer.say(op="quit")
        await peer.ended(code="quit")


class TestPackets:
    async def test_everything_in_one_packet(
        self, gateway: Running, connect: Connect, mom: Peer
    ) -> None:
        peer = await connect(gateway)
        requests = [
            {"op": "hello", "v": 1, "name": "dana"},
            {"op": "send", "text": "one", "seq": 1},
            {"op": "send", "text": "two @mom", "seq": 2},
            {"op": "who", "seq": 3},
            {"op": "send", "text": "three", "seq": 4},
            {"op": "quit"},
        ]
        await peer.throw("".join(json.dumps(each) + "\n" for each in requests).encode())
        await peer.ended(code="quit")
        assert [ack["seq"] for ack in peer.told(op="ack")] == [1, 2, 4]
        assert peer.told(op="users", seq=3)
        public = [await mom.expect(op="msg", room="lobby") for _ in range(2)]
        assert [msg["text"] for msg in public] == ["one", "three"]
        await mom.expect(op="msg", text="two @mom", to=["mom"])

    async def test_byte_by_byte(self, gateway: Running, connect: Connect) -> None:
        peer = await connect(gateway)
        line = json.dumps({"op": "hello", "v": 1, "name": "größe"}, ensure_ascii=False)
        for byte in line.encode() + b"\n":
            await peer.throw(bytes([byte]))
            await asyncio.sleep(0)
        assert (await peer.expect(op="welcome"))["name"] == "größe"

    async def test_half_a_line_is_not_a_request(
        self, gateway: Running, join: Join, mom: Peer
    ) -> None:
        peer = await join(gateway, "dana")
        await mom.expect(op="joined", name="dana")
        await peer.throw(b'{"op":"send","text":"unfin')
        peer.vanish()
        await mom.expect(op="left", name="dana")
        assert mom.told(op="msg") == []

    async def test_a_client_that_closes_its_side_still_gets_the_answers(
        self, gateway: Running, connect: Connect, mom: Peer
    ) -> None:
        peer = await connect(gateway)
        await peer.throw(
            b'{"op":"hello","v":1,"name":"dana"}\n'
            b'{"op":"send","text":"from nc","seq":1}\n'
            b'{"op":"send","text":"psst","to":["mom"],"seq":2}\n'
        )
        peer.send_no_more()
        # The client may have been killed, so this does not count as leaving.
        await peer.ended(code="hung_up", reconnect=True)
        assert [ack["seq"] for ack in peer.told(op="ack")] == [1, 2]
        await mom.expect(op="msg", text="from nc")

    async def test_a_client_may_go_before_the_answer(
        self, gateway: Running, connect: Connect, mom: Peer
    ) -> None:
        for number in range(20):
            peer = await connect(gateway)
            await peer.say(op="hello", v=1, name=f"ghost{number}")
            await asyncio.sleep(0.001 * (number % 4))
            peer.vanish()
        for number in range(20):
            # The session has ended and the name is free, at once or in a moment.
            peer, answer = await connect(gateway), "error"
            while answer == "error":
                await peer.say(op="hello", v=1, name=f"ghost{number}")
                answer = (await peer.expect(op={"welcome", "error"}))["op"]
            await peer.say(op="quit")
            await peer.ended(code="quit")


class TestFloods:
    async def test_a_flood_of_bad_lines_ends_the_connection(
        self, gateway: Running, join: Join, mom: Peer
    ) -> None:
        peer = await join(gateway, "dana")
        with contextlib.suppress(ConnectionError):
            await peer.throw(b"nonsense\n" * 5_000)
        await peer.ended(code="flood", reconnect=False)
        await mom.expect(op="left", name="dana", code="flood")

    async def test_a_few_bad_lines_do_not(self, gateway: Running, join: Join) -> None:
        peer = await join(gateway, "dana")
        await peer.throw(b"nonsense\n" * 50)
        await peer.collect(50, op="error", code="bad_json")
        await peer.caught_up()

    async def test_an_endless_line_ends_the_connection(
        self, gateway: Running, connect: Connect
    ) -> None:
        peer = await connect(gateway)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with contextlib.suppress(ConnectionError):
            for _ in range(64 * 16):
                await peer.throw(b"x" * 64 * 1024)
        await peer.ended(code="flood")
        # 64 MB were sent, or could not be sent, and were not kept.
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024

    async def test_many_silent_connections_harm_nobody(self, gateway: Running, mom: Peer) -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(socket.create_connection((gateway.host, gateway.port)))
            await mom.caught_up()


@pytest.mark.parametrize("seed", range(5))
async def test_random_bytes_harm_nobody(gateway: Running, connect: Connect, seed: int) -> None:
    chance = random.Random(seed)
    good = b'{"op":"send","text":"hi","seq":1,"to":["mom"]}\n'
    for _ in range(10):
        peer = await connect(gateway)
        if chance.random() < 0.5:
            await peer.hello(f"noise{chance.randrange(10**9)}")
        with contextlib.suppress(ConnectionError):
            for _ in range(chance.randrange(1, 20)):
                match chance.randrange(4):
                    case 0:
                        noise = chance.randbytes(chance.randrange(1, 3000))
                    case 1:
                        start = chance.randrange(len(good))
                        noise = good[:start] + chance.randbytes(2) + good[start:]
                    case 2:
                        noise = b"\n" * chance.randrange(1, 30)
                    case _:
                        noise = good[: chance.randrange(len(good))]
                await peer.throw(noise)
        if chance.random() < 0.5:
            peer.vanish()
        else:
            with contextlib.suppress(OSError):
                peer.send_no_more()
            await peer.disconnected()
            assert peer.seen[-1]["op"] == "bye"
