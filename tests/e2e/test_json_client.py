"""`chatctl client --json`: other programs chat through it."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.processes import CHATCTL, Chat, GatewayProcess, StartGateway
from tests.support.deadlines import within


class Program:
    """Another program's end of the client."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.read: list[dict[str, Any]] = []

    def ask(self, line: str | dict[str, Any]) -> None:
        assert self.process.stdin is not None
        text = line if isinstance(line, str) else json.dumps(line)
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    async def expect(self, **fields: Any) -> dict[str, Any]:
        """Read on until there is an event with these fields."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within(10)):
            while True:
                line = await asyncio.to_thread(self.process.stdout.readline)
                assert line, self.read
                self.read.append(event := json.loads(line))
                if fields.items() <= event.items():
                    return event

    async def ended(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await asyncio.to_thread(self.process.wait, within(10))


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway()


Start = Callable[..., Program]


@pytest.fixture
def start(chat: Chat) -> Iterator[Start]:
    """Starts clients; each ends with its input at the latest."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*gateways: GatewayProcess) -> Program:
        servers = ",".join(each.address for each in gateways)
        process = subprocess.Popen(
            [*CHATCTL, "client", "robot", "--json", "--server", servers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=chat.environment,
        )
        started.append(process)
        return Program(process)

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def program(start: Start, gateway: GatewayProcess) -> Program:
    return start(gateway)


async def test_it_tells_events_and_takes_requests(
    program: Program, gateway: GatewayProcess
) -> None:
    welcome = await program.expect(op="welcome", name="robot")
    assert welcome["rooms"] == ["lobby"]
    dana = await gateway.join("dana")
    await program.expect(op="joined", name="dana")
    program.ask({"op": "send", "text": "hello", "seq": 7})
    assert (await program.expect(op="ack", seq=7))["room"] == "lobby"
    await dana.expect(op="msg", **{"from": "robot"}, text="hello")
    await dana.say(op="send", text="hi, robot")
    message = await program.expect(op="msg", text="hi, robot")
    program.ask({"op": "react", "id": message["id"], "emoji": "👍", "room": "lobby"})
    await dana.expect(op="reacted", emoji="👍")
    program.ask({"op": "join", "room": "dev", "seq": 8})
    await program.expect(op="ack", seq=8)
    program.ask({"op": "members", "room": "dev", "seq": 9})
    found = await program.expect(op="member_list", seq=9)
    assert [each["name"] for each in found["members"]] == ["robot"]
    program.ask({"op": "history", "room": "lobby", "seq": 10})
    past = await program.expect(op="earlier", seq=10)
    assert [each["text"] for each in past["events"]] == ["hello", "hi, robot"]
    assert await program.ended() == 0


async def test_a_bad_line_is_answered_and_the_program_goes_on(
    program: Program, gateway: GatewayProcess
) -> None:
    dana = await gateway.join("dana")
    for line, code in (
        ("what?", "bad_json"),
        ('{"op":"nonsense"}', "unknown_op"),
        ('{"op":"send","text":5}', "bad_field"),
        ('{"op":"hello","v":1,"name":"x"}', "bad_frame"),
        ('{"op":"send","text":"psst","to":["ghost"],"seq":3}', "nobody_here"),
        ('{"op":"send","text":"in a room","room":"other","seq":4}', "not_in_room"),
    ):
        program.ask(line)
        await program.expect(op="error", code=code)
    program.ask({"op": "send", "text": "still here"})
    await dana.expect(op="msg", text="still here")
    assert await program.ended() == 1


async def test_it_comes_back_by_itself_and_tells_each_message_once(
    start: Start, start_gateway: StartGateway
) -> None:
    one, two = await start_gateway(), await start_gateway()
    program = start(one, two)
    dana = await two.join("dana")
    await program.expect(op="welcome")
    await dana.say(op="send", text="1")
    await program.expect(op="msg", text="1")
    one.process.kill()
    await dana.say(op="send", text="2")
    await dana.say(op="send", text="3")
    await program.expect(op="msg", text="3")
    texts = [each["text"] for each in program.read if each["op"] == "msg"]
    assert texts == ["1", "2", "3"]
    assert "resumed" in [each["code"] for each in program.read if each["op"] == "notice"]
    assert await program.ended() == 0


async def test_a_closed_output_ends_it_quietly(program: Program, gateway: GatewayProcess) -> None:
    await program.expect(op="welcome")
    process = program.process
    assert process.stdout is not None
    process.stdout.close()
    dana = await gateway.join("dana")
    await dana.say(op="send", text="hello?")
    assert await asyncio.to_thread(process.wait, within(10)) == 1
    assert process.stderr is not None
    assert process.stderr.read() == b""
