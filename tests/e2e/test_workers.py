"""`chatctl gateway --workers`: several gateways as one command, on one port."""

import asyncio
import json
import os
import signal
import subprocess
import urllib.request
from functools import cache
from pathlib import Path

import pytest

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.support.deadlines import eventually, within
from tests.support.peer import Peer

TWO = ("--workers", "2", "--http", "127.0.0.1:0")


@pytest.fixture
async def two(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway(*TWO)


def workers(gateway: GatewayProcess) -> list[int]:
    """The ids of the processes of the workers."""
    pid = gateway.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = {int(each): Path(f"/proc/{each}/cmdline").read_bytes() for each in children}
    return [each for each, line in lines.items() if b"gateway.workers" in line]


@cache
def pages(process: "subprocess.Popen[bytes]") -> str:
    """Where the pages of a gateway are: the last line of its greeting says so."""
    assert process.stdout is not None
    for line in process.stdout:
        if b"health" in line:
            return line.split()[1].decode().removesuffix("/readyz")
    raise AssertionError("it has no pages")


def get(gateway: GatewayProcess, path: str) -> str:
    with urllib.request.urlopen(pages(gateway.process) + path, timeout=within(10)) as answer:
        return str(answer.read().decode())


def known(chat: Chat) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        chat.run("gateways", "--json", *chat.options).stdout
    )
    return [each for each in found if each["state"] == "up"]


async def until_gone(pids: list[int]) -> None:
    await eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 15)


async def join_all(gateway: GatewayProcess, count: int) -> list[Peer]:
    return [await gateway.join(f"p{number}") for number in range(count)]


async def test_they_are_one_chat_on_one_port(chat: Chat, two: GatewayProcess) -> None:
    people = await join_all(two, 24)
    names = {str(each.told(op="welcome")[0]["gateway"]) for each in people}
    assert len(names) == 2
    await people[0].say(op="send", text="hello")
    for each in people:
        await each.expect(op="msg", text="hello")
    assert {each["id"] for each in known(chat)} == names
    assert await asyncio.to_thread(get, two, "/readyz") == "ready\n"
    metrics = await asyncio.to_thread(get, two, "/metrics")
    for number in range(2):
        assert f'chat_ready{{worker="{number}"}} 1.0' in metrics
    assert metrics.count("# TYPE chat_sessions gauge") == 1
    assert "chat_workers_up 2.0" in metrics


async def test_one_that_dies_is_started_again_and_the_others_go_on(
    chat: Chat, two: GatewayProcess
) -> None:
    people = await join_all(two, 12)
    before = workers(two)
    os.kill(before[0], signal.SIGKILL)
    await until_gone(before[:1])
    cut = [each for each in people if await is_cut(each)]
    left = [each for each in people if each not in cut]
    assert cut
    assert left
    await left[0].say(op="send", text="still here")
    for each in left:
        await each.expect(op="msg", text="still here")
    await eventually(lambda: "chat_workers_up 2.0" in get(two, "/metrics"), 15)
    assert "chat_worker_restarts_total 1.0" in await asyncio.to_thread(get, two, "/metrics")
    assert before[1] in workers(two)
    newcomer = await two.join("newcomer")
    await newcomer.say(op="send", text="hello")
    await left[0].expect(op="msg", text="hello")


async def is_cut(peer: Peer) -> bool:
    """Whether the connection has ended, asked in a way that has an answer if not."""
    try:
        await peer.say(op="ping")
        await peer.expect(op="pong")
    except (AssertionError, ConnectionError):
        return True
    return False


async def test_sigterm_drains_all_of_them(start_gateway: StartGateway, chat: Chat) -> None:
    two = await start_gateway(*TWO, "--drain", "1s")
    other = await start_gateway()
    people = await join_all(two, 8)
    pids = workers(two)
    two.signal(signal.SIGTERM)
    for each in people:
        await each.ended(code="shutdown", reconnect=True)
    assert await two.exit_code() == 0
    await until_gone(pids)
    back = await Peer.connect(other.host, other.port)
    welcome = await back.hello("p0", **people[0].way_back)
    assert welcome["resumed"]
    await back.close()


async def test_they_end_with_a_parent_that_is_killed(two: GatewayProcess) -> None:
    pids = workers(two)
    two.signal(signal.SIGKILL)
    await until_gone(pids)


async def test_an_operator_can_drain_them_one_by_one(chat: Chat, two: GatewayProcess) -> None:
    first, second = (str(each["id"]) for each in known(chat))
    for each in (first, second):
        done = await asyncio.to_thread(chat.run, "drain", each, *chat.options)
        assert done.returncode == 0, done.stderr
    assert await two.exit_code() == 0


async def test_sighup_is_for_all_of_them(
    start_gateway: StartGateway, tmp_path: Path, chat: Chat
) -> None:
    log = tmp_path / "log"
    two = await start_gateway(*TWO, log=log)
    two.signal(signal.SIGHUP)
    await eventually(lambda: log.read_text().count("nothing to reload") == 2, 15)


@pytest.mark.parametrize("other", [(), ("--workers", "2")])
async def test_a_port_in_use_is_one_error(
    start_gateway: StartGateway, chat: Chat, other: tuple[str, ...]
) -> None:
    one = await start_gateway(*other)
    found = chat.run("gateway", "--workers", "2", "--listen", one.address, *chat.options)
    assert found.returncode == 1
    assert found.stderr.count("is in use") == 1
    assert "Traceback" not in found.stderr


async def test_a_redis_that_cannot_be_reached_is_one_error(chat: Chat) -> None:
    found = chat.run(
        *("gateway", "--workers", "2", "--listen", "127.0.0.1:0"), "--redis", "redis://127.0.0.1:1"
    )
    assert found.returncode == 1
    assert [line for line in found.stderr.splitlines() if line.startswith("chatctl: ")] != []
    assert "nothing listens there" in found.stderr
    assert "Traceback" not in found.stderr


async def test_they_share_an_embedded_redis_that_ends_last(
    start_gateway: StartGateway, chat: Chat
) -> None:
    two = await start_gateway(*TWO, embedded=True)
    people = await join_all(two, 8)
    await people[0].say(op="send", text="hello")
    for each in people:
        await each.expect(op="msg", text="hello")
    users = await asyncio.to_thread(chat.run, "users")
    assert users.stdout.count("\n") == 9
    two.signal(signal.SIGTERM)
    assert await two.exit_code() == 0
    assert not list((chat.home / "chatctl").glob("redis-*"))
