"""The journal of a real gateway: what is in it, and what must never be."""

import asyncio
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import CHATCTL, Chat
from tests.support import leash
from tests.support.deadlines import within
from tests.support.http import ask
from tests.support.peer import Peer

SECRET = "s3cr3t"


class Logged:
    """A running gateway and its log file."""

    def __init__(self, chat: Chat, *options: str) -> None:
        self._path = Path(chat.home) / "log"
        with self._path.open("wb") as log:
            self.process = leash.start(
                [*CHATCTL, "gateway", "--listen", "127.0.0.1:0", *chat.options, *options],
                stdout=subprocess.PIPE,
                stderr=log,
                env=chat.environment,
            )

    async def __aenter__(self) -> "Logged":
        try:
            greeting = await self._greeting()
        except BaseException:
            leash.end(self.process)
            raise
        self.port = int(greeting[0].rpartition(":")[2])
        url = greeting[-1].split()[-1]
        self.http = ("127.0.0.1", int(url.split(":")[2].partition("/")[0]))
        return self

    async def _greeting(self) -> list[str]:
        assert self.process.stdout is not None
        lines: list[str] = []
        async with asyncio.timeout(within(15)):
            while not lines or not lines[-1].startswith("  health"):
                line = await asyncio.to_thread(self.process.stdout.readline)
                assert line, self._path.read_text()
                lines.append(line.decode().rstrip())
        return lines

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(leash.end, self.process)

    async def peer(self) -> Peer:
        return await Peer.connect("127.0.0.1", self.port)

    async def end(self) -> str:
        """Stop it like an operator; returns its log."""
        self.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(self.process.wait, within(10)) == 0
        return self._path.read_text()


def hostile() -> list[bytes]:
    """Lines with secrets in every place that can hold one."""
    said: list[dict[str, Any]] = [
        {"op": "send", "text": SECRET, "seq": 1},
        {"op": "send", "text": SECRET, "to": [SECRET], "seq": 2},
        {"op": "send", "text": f"{SECRET} @{SECRET}", "seq": 3},
        {"op": "send", "text": SECRET, "room": SECRET},
        {"op": "send", "text": SECRET * 1000},
        {"op": SECRET},
        {"op": "hello", "v": 1, "name": f"\x1b{SECRET}", "password": SECRET},
        {"op": "hello", "v": 1, "name": "rival", "resume": SECRET, "password": SECRET},
        {"op": "send", "text": 5, SECRET: SECRET, "seq": SECRET},
        {"op": "who", "seq": SECRET},
    ]
    lines = [json.dumps(each).encode() + b"\n" for each in said]
    return [*lines, SECRET.encode() + b"\n", b"\xff" + SECRET.encode() + b"\n"]


@pytest.mark.parametrize("style", ["text", "json"])
async def test_no_secret_gets_into_the_log_wherever_it_is_sent(chat: Chat, style: str) -> None:
    options = ("--http", "127.0.0.1:0", "--log-format", style, "--log-level", "debug")
    async with Logged(chat, *options, "--rate", "off", "--drain", "100ms") as gateway:
        tokens = []
        for number in range(5):
            peer = await gateway.peer()
            welcome = await peer.hello(
                f"guest{number}", client=SECRET, resume=SECRET, password=SECRET
            )
            tokens.append(welcome["resume"])
            again = await gateway.peer()
            await again.hello(f"guest{number}", **peer.way_back)
            await peer.close()
            for line in hostile():
                await again.throw(line)
            await again.caught_up()
            await again.close()
            stranger = await gateway.peer()
            for line in hostile():
                await stranger.throw(line)
            await stranger.say(op="quit")
            await stranger.close()
        await ask(gateway.http, f"/{SECRET}")
        log = await gateway.end()
    assert "session began" in log
    assert "session ended" in log
    for secret in (SECRET, *tokens):
        assert secret not in log.replace("name=rival", "")


async def test_each_event_is_one_line_with_the_ids_of_connection_and_session(chat: Chat) -> None:
    options = ("--http", "127.0.0.1:0", "--log-format", "json", "--drain", "100ms")
    async with Logged(chat, *options) as gateway:
        peer = await gateway.peer()
        await peer.hello("sis")
        await peer.throw(b"nonsense\n")
        await peer.expect(op="error")
        await peer.say(op="quit")
        await peer.ended(code="quit")
        await peer.close()
        log = await gateway.end()
    told = [json.loads(line) for line in log.splitlines()]
    assert all({"at", "level", "logger", "event"} <= set(each) for each in told)
    events = {each["event"]: each for each in told}
    assert [each["event"] for each in told] == [
        *("serving", "session began", "session ended", "drain begun", "drain done", "stopped")
    ]
    began, ended = events["session began"], events["session ended"]
    assert began["connection"] == ended["connection"] == "c1"
    assert began["session"] == ended["session"]
    assert (began["name"], began["how"]) == ("sis", "granted")
    assert (ended["reason"], ended["requests"], ended["refusals"]) == ("quit", 3, 1)
    assert 0 <= ended["seconds"] < within(60)


async def test_a_flood_of_connections_is_not_a_flood_of_lines(chat: Chat) -> None:
    options = ("--http", "127.0.0.1:0", "--exempt", "10.0.0.0/8", "--address-connects", "1")
    async with Logged(chat, *options, "--drain", "off") as gateway:
        first = await gateway.peer()  # the one that is allowed
        for _ in range(300):
            peer = await gateway.peer()
            await peer.disconnected()
            await peer.close()
        await first.close()
        log = await gateway.end()
    lines = [line for line in log.splitlines() if "refused at the door" in line]
    assert lines
    assert all("reason=crowded" in line for line in lines)
    assert len(lines) < 300


async def test_the_greeting_names_the_http_port_which_answers(chat: Chat) -> None:
    async with Logged(chat, "--http", "127.0.0.1:0") as gateway:
        assert (await ask(gateway.http, "/healthz")).status == 200
        assert (await ask(gateway.http, "/metrics")).status == 200


async def test_an_http_port_in_use_ends_the_gateway_with_one_line(chat: Chat) -> None:
    async with Logged(chat, "--http", "127.0.0.1:0") as gateway:
        at = f"127.0.0.1:{gateway.http[1]}"
        done = await asyncio.to_thread(
            chat.run, "gateway", "--listen", "127.0.0.1:0", *chat.options, "--http", at
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"chatctl: cannot listen on {at} for --http: it is in use")


async def test_without_an_http_port_its_modules_are_not_imported(chat: Chat) -> None:
    code = (
        "import sys, gateway.server, chatctl.gateway; "
        "print([name for name in ('prometheus_client', 'h11') if name in sys.modules])"
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [CHATCTL[0], "-c", code],
        capture_output=True,
        text=True,
        env=chat.environment,
        timeout=within(20),
    )
    assert done.stdout == "[]\n"
