"""Nothing above a listener knows JSON: here is a small language, with a listener of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from gateway.core import Gateway
from gateway.listeners.tcp import TcpLink
from tests.support.deadlines import eventually, within
from tests.support.fixtures import Join, Running
from wire.codec import decode_event
from wire.frames import Bye, Error, Event, Hello, Msg, Quit, Request, Send
from wire.limits import Limits
from wire.reasons import SHUTDOWN, ErrorCode, WireError


class Plain:
    """``hello NAME``, ``bye``, and texts; what is said is told as ``name: text``."""

    def request(self, line: bytes) -> Request:
        word, _, rest = line.decode().partition(" ")
        if not line:
            raise WireError(ErrorCode.BAD_FRAME, "nothing?")
        return (
            Hello(1, rest) if word == "hello" else Quit() if word == "bye" else Send(line.decode())
        )

    def is_ping(self, line: bytes) -> bool:
        return False

    def event(self, event: Event | None) -> bytes:
        match event:
            case Msg():
                return f"{event.from_}{' whispers' if event.to else ''}: {event.text}\n".encode()
            case Error() | Bye():
                return f"* {event.text}\n".encode()
        return b""

    def render(self, lines: bytes) -> bytes:
        return b"".join(self.event(decode_event(line)) for line in lines.splitlines())


@asynccontextmanager
async def plain_port(gateway: Gateway) -> AsyncIterator[int]:
    speech, here = Plain(), ip_address("127.0.0.1")
    server = await asyncio.get_running_loop().create_server(
        lambda: TcpLink(
            *(gateway.connect, speech, Limits(), here, "127.0.0.1:1", lambda: None, gateway.meters)
        ),
        "127.0.0.1",
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


class PlainPeer:
    """Somebody at the other end of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\n" for line in lines).encode())

    async def hears(self, line: str) -> None:
        async with asyncio.timeout(within(8.0)):
            heard = (await self._reader.readline()).decode().rstrip("\n")
        assert heard == line

    async def is_let_go(self) -> None:
        assert await self._reader.read() == b""
        self._writer.close()
        await self._writer.wait_closed()


@pytest.fixture
async def dad(one: Running) -> AsyncIterator[PlainPeer]:
    async with plain_port(one.gateway) as port:
        dad = PlainPeer(*await asyncio.open_connection("127.0.0.1", port))
        await dad.say("hello Dad")
        await eventually(lambda: one.gateway.online)
        yield dad
        await dad.say("bye")
        await dad.hears("* Bye!")
        await dad.is_let_go()


async def test_people_of_both_languages_talk_in_one_room(
    one: Running, two: Running, join: Join, dad: PlainPeer
) -> None:
    sis, mom = await join(one, "Sis"), await join(two, "Mom")
    await mom.say(op="send", text="hi all", seq=1)
    await sis.expect(op="msg", text="hi all")
    await dad.hears("Mom: hi all")
    await dad.say("hi yourself")
    await dad.hears("Dad: hi yourself")
    for peer in (sis, mom):
        await peer.expect(op="msg", **{"from": "Dad"}, text="hi yourself")


async def test_and_in_private(one: Running, join: Join, dad: PlainPeer) -> None:
    sis = await join(one, "Sis")
    await sis.say(op="send", text="psst @Dad", seq=1)
    await sis.expect(op="ack", to=["Dad"])
    await dad.hears("Sis whispers: psst @Dad")
    await dad.say("and you @Sis")
    await sis.expect(op="msg", text="and you @Sis")
    await dad.hears("Dad whispers: and you @Sis")


async def test_each_is_refused_in_its_own_language(dad: PlainPeer) -> None:
    await dad.say("", '{"op":"send","text":"hi"}')
    await dad.hears("* nothing?")
    await dad.hears('Dad: {"op":"send","text":"hi"}')


async def test_what_was_lost_is_told_to_both(
    one: Running, two: Running, join: Join, dad: PlainPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sis, mom = await join(one, "Sis"), await join(two, "Mom")
    with monkeypatch.context() as lossy:
        lossy.setattr(one.gateway.positions, "deliver", lambda *_: None)
        await mom.say(op="send", text="lost on the way", seq=1)
        await mom.expect(op="ack", seq=1)
        await mom.expect(op="msg")
    await mom.say(op="send", text="and found", seq=2)
    for text in ("lost on the way", "and found"):
        await sis.expect(op="msg", text=text)
        await dad.hears(f"Mom: {text}")


async def test_a_gateway_that_stops_says_bye_to_both(one: Running, join: Join) -> None:
    sis = await join(one, "Sis")
    async with plain_port(one.gateway) as port:
        dad = PlainPeer(*await asyncio.open_connection("127.0.0.1", port))
        await dad.say("hello Dad")
        await eventually(lambda: len(one.gateway.online) == 2)
        await one.stop()
        await dad.hears(f"* {SHUTDOWN.text}")
        await dad.is_let_go()
    await sis.expect(op="bye", code="shutdown")
