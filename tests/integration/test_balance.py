"""After scaling up, gateways with far more people than the mean send some on."""

import asyncio
import contextlib
from collections.abc import Iterable

import pytest

from client.lasting import LastingChat, join
from tests.support.deadlines import eventually, within
from tests.support.fixtures import Join, Running, StartGateway
from tests.support.servers import free_ports
from wire.frames import Left, Msg

EACH = 60
"""People on each of three gateways, before a fourth comes."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fleet.balance.EVERY", 0.2)
    monkeypatch.setattr("gateway.fleet.balance.STAYED", 1.0)
    # Ten people are over a fifth of the mean here, and a gateway may have ten more than the mean.
    monkeypatch.setattr("gateway.fleet.balance.LEAST", 3)
    # So that a gateway's report is new at each look.
    monkeypatch.setattr("gateway.fleet.presence.LEASE_EVERY", 0.1)


class Crowd:
    """People with a list of servers, and what they have heard."""

    def __init__(self, ports: list[int]) -> None:
        self.heard: dict[str, list[str]] = {}
        self.lefts: list[Left] = []
        self._ports = ports
        self._stack = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def come(self, name: str, first: int) -> None:
        ports = self._ports[first:] + self._ports[:first]
        servers = [("127.0.0.1", port) for port in ports]
        chat = await self._stack.enter_async_context(join(servers, name=name))
        self.heard[name] = []
        self._tasks.append(asyncio.create_task(self._hear(name, chat)))

    async def go(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._stack.aclose()

    async def _hear(self, name: str, chat: LastingChat) -> None:
        async for event in chat.events():
            if isinstance(event, Msg):
                self.heard[name].append(event.text)
            elif isinstance(event, Left):
                self.lefts.append(event)


def spread(gateways: Iterable[Running]) -> float:
    """How much of the mean the fullest gateway has."""
    counts = [len(each.gateway.online) for each in gateways]
    return max(counts) * len(counts) / sum(counts)


async def test_a_fourth_gateway_gets_its_share_and_nobody_misses_anything(
    start_gateway: StartGateway, join: Join
) -> None:
    old = [await start_gateway(rebalance=100.0) for _ in range(3)]
    [port] = free_ports(1)
    crowd = Crowd([*(each.port for each in old), port])
    # The connections of a peer that names no client are never moved.
    witness = await join(old[0], "witness")
    try:
        for number in range(3 * EACH):
            await crowd.come(f"p{number}", number % 3)
        everyone = [*old, await start_gateway(rebalance=100.0, port=port)]
        assert spread(everyone) > 1.3
        said = []

        async def talk() -> None:
            while spread(everyone) > 1.2:
                said.append(f"m{len(said)}")
                await witness.say(op="send", text=said[-1])
                await asyncio.sleep(0.02)

        async with asyncio.timeout(within(30)):
            await talk()
        said.append("end")
        await witness.say(op="send", text="end")
        await eventually(lambda: all(each[-1:] == ["end"] for each in crowd.heard.values()), 30)
        assert all(each == said for each in crowd.heard.values())
        assert crowd.lefts == []
        assert not witness.told(op="left")
        assert len(everyone[-1].gateway.online) > 0
    finally:
        await crowd.go()


async def test_who_does_not_come_back_is_seen_to_leave(
    start_gateway: StartGateway, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.fleet.balance.BACK_WITHIN", 0.5)
    full = await start_gateway(rebalance=1000.0)
    witness = await join(await start_gateway(), "witness")
    for number in range(30):
        await join(full, f"p{number}", client="of a test/1")
    left = await witness.expect(op="left")
    assert left["name"].startswith("p")
