"""A real HAProxy, with the configuration of `deploy/`, in front of two gateways."""

import asyncio
import contextlib
import json
import re
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.support import leash
from tests.support.deadlines import within
from tests.support.peer import Peer

CONFIG = Path(__file__).parents[2] / "deploy/haproxy/haproxy.cfg"

HOMES = {"dana": "127.0.0.2", "sis": "127.0.0.3"}
"""The addresses that people connect from: all of loopback is ours."""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def on_this_machine(port: int, gateways: dict[int, int]) -> str:
    """The configuration, changed as its comments say for use outside Docker.

    Args:
        port: where the balancer listens.
        gateways: their chat ports, and with each its port for health.
    """
    chat, found, _ = CONFIG.read_text().partition("# Clients of IRC")
    assert found
    text, found = re.subn(r"bind :\d+", f"bind 127.0.0.1:{port}", chat)
    assert found == 1
    text, found = re.subn(r"^resolvers docker\n(?:[ \t]+.*\n)+", "", text, flags=re.M)
    assert found == 1
    servers = [
        f"    server gateway{number} 127.0.0.1:{chat} check port {http}"
        for number, (chat, http) in enumerate(gateways.items(), 1)
    ]
    text, found = re.subn(r"^ +server-template .*$", "\n".join(servers), text, flags=re.M)
    assert found == 1
    return text


class Balanced:
    """Two gateways behind a balancer."""

    def __init__(self, port: int, gateways: list[GatewayProcess]) -> None:
        self.port = port
        self.gateways = gateways
        self._peers = contextlib.AsyncExitStack()

    async def connect(self, name: str) -> Peer:
        peer = await Peer.connect("127.0.0.1", self.port, local_addr=(HOMES[name], 0))
        self._peers.push_async_callback(peer.close)
        return peer

    async def join(self, name: str, **fields: Any) -> tuple[Peer, str]:
        """Connect and log in; returns the gateway's id too."""
        async with asyncio.timeout(within(30)):
            while True:  # until the balancer has seen that they are ready
                peer = await self.connect(name)
                with contextlib.suppress(AssertionError, ConnectionError):
                    welcome = await peer.hello(name, **fields)
                    return peer, welcome["gateway"]
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        await self._peers.aclose()


@pytest.fixture
async def balanced(
    chat: Chat, start_gateway: StartGateway, tmp_path: Path
) -> AsyncIterator[Balanced]:
    haproxy = shutil.which("haproxy")
    if haproxy is None:
        pytest.skip("haproxy is not installed: gateways were not tried behind a real one")
    started = {}
    for _ in range(2):
        http = free_port()
        options = ("--proxy-from", "127.0.0.1/32", "--http", f"127.0.0.1:{http}")
        started[http] = await start_gateway(*options, "--drain", "300ms")
    port = free_port()
    config = tmp_path / "haproxy.cfg"
    ports = {gateway.port: http for http, gateway in started.items()}
    config.write_text(on_this_machine(port, ports))
    process = leash.start([haproxy, "-db", "-f", str(config)])
    balanced = Balanced(port, list(started.values()))
    try:
        async with asyncio.timeout(within(10)):
            while True:
                with contextlib.suppress(ConnectionError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield balanced
    finally:
        await balanced.close()
        leash.end(process)


async def test_people_are_spread_over_the_gateways_and_keep_their_own_addresses(
    balanced: Balanced, chat: Chat
) -> None:
    dana, of_dana = await balanced.join("dana")
    sis, of_sis = await balanced.join("sis")
    assert of_dana != of_sis, "who has the fewest connections gets the next"
    await dana.say(op="send", text="hi @sis", seq=1)
    await sis.expect(op="msg", text="hi @sis")
    listed = json.loads((await asyncio.to_thread(chat.users, "--json")).stdout)
    hosts = {user["name"]: user["sessions"][0]["address"].rpartition(":")[0] for user in listed}
    assert hosts == HOMES


async def test_a_banned_address_is_sent_away_and_the_others_stay(
    balanced: Balanced, chat: Chat
) -> None:
    dana, _ = await balanced.join("dana")
    sis, _ = await balanced.join("sis")
    banned = await asyncio.to_thread(chat.run, "ban", HOMES["sis"], *chat.options)
    assert banned.returncode == 0, banned.stderr
    await sis.ended(code="banned", reconnect=False)
    again = await balanced.connect("sis")
    await again.ended(code="banned")
    await dana.caught_up()


async def test_a_draining_gateway_moves_its_people_to_the_other_unnoticed(
    balanced: Balanced, chat: Chat
) -> None:
    dana, before = await balanced.join("dana")
    sis, staying = await balanced.join("sis")
    told = json.loads(
        (await asyncio.to_thread(chat.run, "gateways", "--json", *chat.options)).stdout
    )
    (listen,) = (each["listen"] for each in told if each["id"] == before)
    (gateway,) = (each for each in balanced.gateways if each.address == listen)
    gateway.signal(signal.SIGTERM)
    bye = await dana.ended(code="shutdown", reconnect=True)
    assert bye["after"] == 0
    await sis.say(op="send", text="meanwhile", seq=1)
    await sis.expect(op="ack")
    again, after = await balanced.join("dana", **dana.way_back)
    assert after == staying
    await again.expect(op="msg", text="meanwhile")
    assert await gateway.exit_code() == 0
    await sis.caught_up()
    assert sis.told(op="left") == []
