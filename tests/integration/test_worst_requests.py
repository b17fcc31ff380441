"""The worst that a line, or a read, can hold costs Redis and the loop no more than its size.

Redis is asked itself (`SLOWLOG`), and of the loop the longest turn is taken, in CPU time of this
thread. A busy machine makes both longer than they are, now and then: what costs too much does so
each time.
"""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from gateway.listeners import accepting
from tests.support import servers
from tests.support.deadlines import eventually
from tests.support.fixtures import Connect, Join, Running, StartGateway
from tests.support.peer import Peer
from tests.support.servers import Server
from wire.limits import Limits

# Debug mode has its own costs.
pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])

SLOW_CALL = 0.005
"""Seconds of a call from which Redis logs it as slow."""

LONG_TURN = 0.015
"""Seconds of CPU in one turn of the loop, including the client's part."""

ATTEMPTS = 4

LINE = 16 * 1024


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that no other test uses."""
    binary = servers.redis_server() or servers.valkey()
    microseconds = str(round(SLOW_CALL * 1_000_000))
    with servers.running(binary, "--slowlog-log-slower-than", microseconds) as server:
        yield server


@pytest.fixture
def look(server: Server) -> Iterator[redis.Redis]:
    with server.client() as client:
        yield client


@pytest.fixture
async def gateway(start_gateway: StartGateway, server: Server) -> Running:
    return await start_gateway(redis=server.url, limits={"rate": Limits().rate})


class Cost:
    """The cost: Redis' slow calls, and the longest turn of the loop."""

    def __init__(self) -> None:
        self.slow: list[str] = []
        self.turn = 0.0

    def __str__(self) -> str:
        return f"{self.turn * 1000:.1f} ms in one turn; slow calls: {self.slow}"

    @property
    def too_much(self) -> bool:
        return bool(self.slow) or self.turn > LONG_TURN


@contextlib.asynccontextmanager
async def cost(look: redis.Redis) -> AsyncIterator[Cost]:
    cost = Cost()

    async def turns() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            cost.turn, before = max(cost.turn, (now := time.thread_time()) - before), now

    look.slowlog_reset()
    watching = asyncio.create_task(turns())
    try:
        yield cost
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    slow: list[Any] = look.slowlog_get(10)
    cost.slow = [f"{each['duration'] / 1000:.1f} ms {each['command'][:60]!r}" for each in slow]


def send(text: str = "x", **fields: Any) -> bytes:
    return json.dumps({"op": "send", "text": text, **fields}, ensure_ascii=False).encode()


def hello(**fields: Any) -> bytes:
    return json.dumps({"op": "hello", "v": 1, **fields}, ensure_ascii=False).encode()


LAST = 2**53
MARKS = "a" + "\u0300" * 4030 + "\u0327" * 4030
DOTS = "." * 16_000 + "a."

ONLINE = {
    "a name of dots": send(to=[DOTS]),
    "a name of marks": send(to=[MARKS]),
    "a mention of dots": send("hi @" + "." * 3990 + "a."),
    "a mention of marks": send("hi @" + MARKS[:1990] + MARKS[-1990:]),
    "names without end": send(to=["a"] * 3000),
    "as many names as are allowed, of the longest": send(to=[chr(0xFDFA) * 32] * 32),
    "different names of marks": send(
        to=["a" + "\u0327\u0301" * 15 + chr(0x4E00 + n) for n in range(32)]
    ),
    "mentions without end": send("@a " * 1300),
    "mentions in a row": send("hi " + "@a@b" * 990),
    "marks of a mention": send("@" * 4000),
    "marks before the end": send("@" + MARKS[:1990] + MARKS[-1990:] + " hi"),
    "mentions before the end": send("@a hi " * 600 + "."),
    "the longest text": send("\U0001f600" * 3900),
    "the longest text in private": send("\U0001f600" * 3900, to=["dana"]),
    "a text of marks": send("e" + "\u0301" * 3999),
    "a text of lines": send("\n" * 3999 + "x"),
    "a text of blanks": send(" " * 4000),
    "nested": b'{"op":"send","text":' + b"[" * 8000 + b"]" * 8000 + b"}",
    "fields without end": b"{" + b'"a":1,' * 2500 + b'"op":"ping"}',
    "an unknown verb": b'{"op":"' + b"x" * 16_000 + b'"}',
    "a verb of marks": json.dumps({"op": MARKS}, ensure_ascii=False).encode(),
    "a room of marks": send(room=MARKS),
    "a number": b'{"op":"send","text":"x","seq":' + b"9" * 16_000 + b"}",
    "a time": send(at="2026-11-25T10:00:00." + "0" * 15_000 + "Z"),
    "a hello": hello(name=MARKS),
    "a long line": b"x" * (LINE + 1),
}
"""Requests of somebody who is online."""

NEW = {
    "a name of marks": hello(name=MARKS),
    "a name of dots": hello(name=DOTS),
    "a name that grows": hello(name="\ufdfa" * 32),
    "marks on marks": hello(name="a" + "\u0327\u0301" * 15 + "b"),
    "what was seen": hello(
        name="vic",
        resume="x" * 64,
        seen={chr(0x4E00 + n) * 140: "9" * 15 + "-" + "9" * 20 for n in range(32)},
    ),
    "rooms without end": hello(name="vic", resume="x", seen={str(n): "1-0" for n in range(1100)}),
    "ids without end": hello(name="vic", resume="x", seen={"lobby": "9" * 16_000}),
    "a client of marks": hello(name="vic", client=MARKS),
    "a long password": hello(name="vic", password="x" * 16_000),
}
"""Requests of somebody who is not."""


async def costs(gateway: Running, look: redis.Redis, data: bytes, *, online: bool) -> Cost:
    """The cost of these lines from one client."""
    peer = await Peer.connect(gateway.host, gateway.port)
    try:
        if online:
            await peer.hello("dana")
        async with cost(look) as found:
            await peer.throw(data + b"\n")
            if not online:
                await peer.say(op="hello", v=1, name="dana")
            await peer.say(op="send", text="the last one", to=["dana"], seq=LAST)
            with contextlib.suppress(AssertionError):  # or it was disconnected
                await peer.expect(op={"ack", "error"}, seq=LAST)
    finally:
        await peer.say(op="quit")
        await peer.disconnected()
        await peer.close()
    return found


READS = {
    "blank lines": b"\n" * 200_000,
    "bad lines": b"x\n" * 100_000,
    "pings": b'{"op":"ping"}\n' * 15_000,
    "names of dots": (send(to=[DOTS]) + b"\n") * 15,
    "names of marks": (send(to=[MARKS]) + b"\n") * 15,
    "mentions of marks": (send("hi @" + MARKS[:1990] + MARKS[-1990:]) + b"\n") * 15,
    "private messages": (send("\U0001f600" * 3900, to=["dana"]) + b"\n") * 15,
    "public messages": (send("\U0001f600" * 3900) + b"\n") * 15,
    "who": b'{"op":"who"}\n' * 5_000,
}
"""As many lines in a row as one read of a socket takes."""


async def all_cheap(
    gateway: Running, look: redis.Redis, those: dict[str, bytes], *, online: bool
) -> None:
    dear = {}
    for what, lines in those.items():
        tried: list[Cost] = []
        while not tried or (tried[-1].too_much and len(tried) < ATTEMPTS):
            tried.append(await costs(gateway, look, lines, online=online))
        if tried[-1].too_much:
            dear[what] = "; ".join(map(str, tried))
    assert dear == {}


async def test_one_line_is_cheap(gateway: Running, look: redis.Redis) -> None:
    assert max(map(len, ONLINE.values())) <= LINE + 1
    await all_cheap(gateway, look, ONLINE, online=True)


async def test_a_hello_is_cheap(gateway: Running, look: redis.Redis) -> None:
    assert max(map(len, NEW.values())) <= LINE + 1
    await all_cheap(gateway, look, NEW, online=False)


async def test_one_read_is_cheap(gateway: Running, look: redis.Redis) -> None:
    await all_cheap(gateway, look, READS, online=True)


# Messages that are there already.

LONG = "\U0001f600" * 3900
SAID, WHISPERED = 300, 50


@pytest.fixture
async def full_logs(
    gateway: Running, start_gateway: StartGateway, join: Join, server: Server
) -> Peer:
    """Dana, with many of the longest messages, private and in the room, that she has not read."""
    elsewhere = await start_gateway(redis=server.url)
    dana, mom = await join(gateway, "dana"), await join(elsewhere, "mom")
    dana.vanish()
    await mom.expect(op="left", name="dana")
    for seq in range(0, SAID, 20):
        for each in range(seq, seq + 20):
            await mom.say(op="send", text=LONG, seq=each)
        await mom.collect(20, op="ack")
    for each in range(SAID, SAID + WHISPERED):
        await mom.say(op="send", text=LONG, seq=each, to=["dana", "mom"])
    await mom.collect(WHISPERED, op="ack")
    return dana


async def test_a_repeated_seq_is_cheap(
    gateway: Running, look: redis.Redis, connect: Connect, full_logs: Peer
) -> None:
    for to in ({}, {"to": ["dana"]}):
        dear = []
        for _ in range(ATTEMPTS):
            peer = await connect(gateway)
            await peer.hello("sis")
            await peer.say(op="send", text="new", seq=LAST - 1, **to)
            await peer.expect(op="ack", seq=LAST - 1)
            async with cost(look) as found:
                await peer.throw(b"".join(send("old", seq=n, **to) + b"\n" for n in range(18)))
                await peer.say(op="send", text="the last one", seq=LAST, **to)
                await peer.expect(op="ack", seq=LAST)
            assert len(peer.told(op="error", code="stale_seq")) == 18
            await peer.say(op="quit")
            await peer.disconnected()
            if not found.too_much:
                break
            dear.append(str(found))
        else:
            pytest.fail("; ".join(dear))


async def test_coming_back_is_cheap(
    gateway: Running, look: redis.Redis, connect: Connect, full_logs: Peer
) -> None:
    dana, dear = full_logs, []
    for _ in range(ATTEMPTS):
        again = await connect(gateway)
        async with cost(look) as found:
            await again.hello("dana", **dana.way_back)
            await again.collect(SAID + WHISPERED, op="msg")
        assert not again.told(op="gap")
        dana._token = again._token  # she comes back again from the same place
        again.vanish()
        if not found.too_much:
            return
        dear.append(str(found))
    pytest.fail("; ".join(dear))


async def test_little_is_kept_for_a_client_that_comes_back_and_reads_nothing(
    gateway: Running, full_logs: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    monkeypatch.setattr(accepting, "prepare", small)
    dana = socket.socket()
    with dana:
        dana.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        dana.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(dana, (gateway.host, gateway.port))
        await loop.sock_sendall(dana, hello(name="dana", **full_logs.way_back) + b"\n")
        await eventually(lambda: gateway.gateway.online)
        [peer] = gateway.gateway.online.values()
        link: Any = peer.link
        await eventually(lambda: link._drained is not None)
        assert link._transport.get_write_buffer_size() < 1_500_000


async def test_private_messages_to_many_are_published_no_faster_than_they_are_taken_in(
    start_gateway: StartGateway,
) -> None:
    binary = servers.redis_server() or servers.valkey()
    # If more waits for a subscriber, Redis ends its connection.
    with servers.running(binary, "--client-output-buffer-limit", "pubsub 6mb 6mb 1") as server:
        gateway = await start_gateway(redis=server.url)
        peers = [await Peer.connect(gateway.host, gateway.port) for _ in range(20)]
        try:
            names = [f"p{number}" for number in range(len(peers))]
            for peer, name in zip(peers, names, strict=True):
                await peer.hello(name)
            for peer in peers:
                lines = [send("\U0001f600" * 4000, to=names, seq=seq) for seq in (1, 2)]
                await peer.throw(b"\n".join(lines) + b"\n")
            for peer in peers:
                await peer.expect(_within=30.0, op="ack", seq=2)
                assert not peer.told(op="notice", code="redis_away")
        finally:
            for peer in peers:
                await peer.close()
            await gateway.stop()  # before its Redis ends, for which it would wait
