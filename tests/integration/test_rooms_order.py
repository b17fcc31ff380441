"""People come, go, talk and are moderated at random on two gateways; then all of it is checked.

The log of a room in Redis has everything that happened there in one order. By it, nobody may have
said anything that the rules forbade at that place, and what each member was told must be a piece
of it without a hole, which ends where the member was put out.
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import msgspec
import pytest
import redis
from argon2 import PasswordHasher

from gateway.backplane.contract import Log
from gateway.backplane.keys import Keys
from gateway.backplane.records import Account
from tests.support.fixtures import Connect, Join, Peer, Running, Told

PASSWORD = "correct horse"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
MODERATORS = ("mod-1", "mod-2")
GUESTS = tuple(f"guest-{n}" for n in range(6))
ROOMS = ("dev", "ops")
STEPS = 60


class Bot:
    """A person who does things at random, and whose connection breaks now and then.

    Attributes:
        seen: every event that it got, over all its connections.
    """

    def __init__(
        self, peer: Peer, random: Random, again: Callable[[Peer], Awaitable[Peer]]
    ) -> None:
        self.peer = peer
        self.seen = peer.seen
        self._random = random
        self._again = again
        self._count = itertools.count(1)

    async def come_back(self) -> None:
        """Lose the connection, and resume on any gateway."""
        self.peer.vanish()
        self.peer = await self._again(self.peer)
        self.seen += self.peer.seen
        self.peer.seen = self.seen

    async def ask(self, op: str, **fields: Any) -> Told:
        seq = next(self._count)
        await self.peer.say(op=op, seq=seq, **fields)
        return await self.peer.expect(seq=seq)

    async def step(self) -> None:
        room = self._random.choice(ROOMS)
        match self._random.randrange(20):
            case 0 | 1 | 2:
                await self.ask("join", room=room, history=self._random.choice((0, 0, 5)))
            case 3 | 4:
                await self.ask("leave", room=room)
            case 5:
                await self.come_back()
            case 6 | 7:
                await self.peer.say(op="send", room=room, text="fire and forget")
            case _:
                await self.ask("send", room=room, text="hello")


class Moderator(Bot):
    """An operator of both rooms, who moderates at random."""

    async def step(self) -> None:
        room, name = self._random.choice(ROOMS), self._random.choice(GUESTS)
        match self._random.randrange(8):
            case 0 | 1:
                await self.ask("moderate", room=room, action="kick", name=name)
            case 2:
                await self.ask("moderate", room=room, action="ban", name=name)
                await self.ask("moderate", room=room, action="unban", name=name)
            case 3:
                action = self._random.choice(("mute", "unmute", "ban", "unban"))
                await self.ask("moderate", room=room, action=action, name=name)
            case 4:
                await self.ask("set", room=room, read_only=self._random.random() < 0.3)
            case 5:
                await self.ask("set", room=room, invite_only=self._random.random() < 0.2)
            case 6:
                await self.ask("topic", room=room, topic=str(self._random.random()))
            case _:
                await self.ask("send", room=room, text="order, please")


@pytest.fixture(autouse=True)
def accounts(look: redis.Redis, keys: Keys) -> None:
    for name in MODERATORS:
        account = Account(name=name, hash=HASH, since=1)
        look.hset(keys.accounts, name, msgspec.json.encode(account))


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_says_or_reads_what_the_rules_forbid(
    one: Running,
    two: Running,
    join: Join,
    connect: Connect,
    look: redis.Redis,
    keys: Keys,
    seed: int,
) -> None:
    random = Random(seed)

    async def again(peer: Peer) -> Peer:
        back = await connect(random.choice((one, two)))
        assert (await back.hello(peer.name, **peer.way_back)).get("resumed")
        return back

    mods = [Moderator(await join(one, "mod-1", password=PASSWORD), random, again)]
    for room in ROOMS:
        await mods[0].ask("join", room=room)
        await mods[0].ask("moderate", room=room, action="op", name="mod-2")
    mods.append(Moderator(await join(two, "mod-2", password=PASSWORD), random, again))
    for room in ROOMS:
        await mods[1].ask("join", room=room)
    guests = [
        Bot(await join((one, two)[n % 2], name), random, again) for n, name in enumerate(GUESTS)
    ]

    async def work(bot: Bot) -> None:
        for _ in range(STEPS):
            await bot.step()
            await asyncio.sleep(random.random() / 100)

    await asyncio.gather(*map(work, (*mods, *guests)))
    for bot in mods:
        for room in ROOMS:
            assert (await bot.ask("send", room=room, text="the end"))["op"] == "ack"
    for bot in mods:  # there is one on each gateway: so both have delivered everything
        for room in ROOMS:
            await bot.peer.collect(2, op="msg", room=room, text="the end")
    for bot in guests:
        await bot.peer.caught_up()
    logs = {room: log_of(look, keys, room) for room in ROOMS}
    for room, log in logs.items():
        check_said(log)
        for bot in (*mods, *guests):
            check_told(bot, room, log)


def log_of(look: redis.Redis, keys: Keys, room: str) -> list[Told]:
    """Everything in a room's log, with ids."""
    found = look.xrange(keys.log(Log(room)))
    return [{**json.loads(fields["d"]), "id": id} for id, fields in found]


def check_said(log: list[Told]) -> None:
    """Nobody said anything that the rules forbade at that place."""
    banned: set[str] = set()
    muted: set[str] = set()
    read_only = False
    for event in log:
        if event["op"] == "msg":
            sender = event["from"]
            assert sender not in banned, event
            if sender not in MODERATORS:
                assert sender not in muted, event
                assert not read_only, event
            continue
        match event["change"]:
            case "ban":
                banned.add(event["name"])
            case "unban":
                banned.discard(event["name"])
            case "mute":
                muted.add(event["name"])
            case "unmute":
                muted.discard(event["name"])
            case "modes":
                read_only = event["modes"].get("read_only", False)


def check_told(bot: Bot, room: str, log: list[Told]) -> None:
    """From each entry on, a person was told the log without a hole, and nothing after its end."""
    places = {event["id"]: place for place, event in enumerate(log)}
    first = next_place = None
    for event in bot.seen:
        if event["op"] == "welcome" and room not in event["rooms"]:
            next_place = None
        if event.get("room") != room:
            continue
        match event["op"]:
            case "entered" if next_place is None:  # else the room is only shown again
                first = next_place = places.get(event["seen"], -1) + 1
            case "out":
                next_place = None
            case "msg" | "changed":
                place = places[event["id"]]
                if first is not None and place < first:
                    continue  # history that the entry had
                assert next_place is not None, f"{bot.peer.name} is not in {room}: {event}"
                assert place == next_place, (
                    f"{bot.peer.name} expected {log[next_place]}, got {event}"
                )
                assert next_place == first or not puts_out(log[next_place - 1], bot.peer.name), (
                    event
                )
                next_place += 1
    assert next_place in (None, len(log))


def puts_out(event: Told, name: str) -> bool:
    return event.get("change") in ("kick", "ban") and event["name"] == name
