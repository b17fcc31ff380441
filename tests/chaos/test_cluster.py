"""A Redis Cluster whose slots move and whose servers are replaced while people talk."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from random import Random

import pytest

from gateway.backplane.keys import Keys
from tests.chaos.bots import Bot
from tests.chaos.lab import PREFIX
from tests.chaos.lapses import PLAZA, Lapse
from tests.chaos.processes import scratch
from tests.chaos.test_sentinels import on_a_gateway
from tests.chaos.verdict import judge
from tests.support import clusters, servers
from tests.support.clusters import ClusterOfServers
from wire.frames import LOBBY, PRIVATE, Join

SECONDS = 6.0
"""How long people talk after the first trouble has begun."""

LOGS = (LOBBY, PLAZA, PRIVATE)


class Trouble:
    """Moves slots, and has replicas take over, in an order that a seed decides."""

    def __init__(self, six: ClusterOfServers, dice: Random) -> None:
        self._six = six
        self._dice = dice
        self._keys = Keys(PREFIX)
        self.lapses: list[Lapse] = []

    async def go_on(self, kinds: list[Callable[[], None]]) -> None:
        over = time.monotonic() + SECONDS
        while time.monotonic() < over:
            await asyncio.to_thread(self._dice.choice(kinds))
            await asyncio.sleep(self._dice.uniform(0.0, 0.3))

    def move(self) -> None:
        self._six.move(self._key(), lambda: time.sleep(self._dice.uniform(0.0, 0.01)))

    def fail_over(self) -> None:
        began = time.monotonic()
        self._six.fail_over(self._six.server_of(self._key()))
        # It is not known which messages the replica has: a gap may be told.
        self.lapses += [Lapse(of, False, 0, began, time.monotonic()) for of in LOGS]

    def _key(self) -> str:
        keys = self._keys
        return self._dice.choice([keys.users, keys.rooms, *map(keys.room_log, (LOBBY, PLAZA))])


async def talk(bot: Bot, others: list[str], dice: Random, over: asyncio.Event) -> None:
    """Say something every now and then, to everybody or to one."""
    number = 0
    while not over.is_set():
        number += 1
        to = [dice.choice(others)] if dice.random() < 0.3 else None
        await bot.say(f"{bot.name} {number}", to, LOBBY if to else dice.choice([LOBBY, PLAZA]))
        await asyncio.sleep(dice.uniform(0.0, 0.05))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("what", ["moves", "moves and failovers"])
async def test_nothing_is_lost(what: str, seed: int) -> None:
    dice = Random(f"{what} {seed}")
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(scratch())
        six = stack.enter_context(clusters.cluster(servers.valkey()))
        names = ["dana", "sis", "mom", "dad"]
        bots = [
            await stack.enter_async_context(on_a_gateway(name, six.url, folder)) for name in names
        ]
        for bot in bots:
            await bot.ask(Join(room=PLAZA))
        trouble, over = Trouble(six, dice), asyncio.Event()
        kinds = [trouble.move] + [trouble.fail_over] * (what != "moves")
        async with asyncio.TaskGroup() as group:
            for bot in bots:
                others = [name for name in names if name != bot.name]
                group.create_task(talk(bot, others, Random(f"{bot.name} {seed}"), over))
            await trouble.go_on(kinds)
            over.set()
        for bot in bots:
            await bot.say(f"the last of {bot.name}")
            await bot.say(f"and here, {bot.name}", room=PLAZA)
        for bot in bots:
            await bot.hears(*(f"the last of {name}" for name in names))
            await bot.hears(*(f"and here, {name}" for name in names))
        records = [bot.record for bot in bots]
        assert sum(len(record.said) for record in records) > 100
        assert [said for record in records for said in record.said if said.ack is None] == []
        assert list(judge(records, trouble.lapses)) == []
        assert [record.lost for record in records] == [[], [], [], []]
