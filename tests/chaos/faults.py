"""What can go wrong: each fault lasts as long as its context."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import NamedTuple

from tests.chaos import memory
from tests.chaos.lab import Lab
from tests.chaos.lapses import PEOPLE, PLAZA
from tests.chaos.memory import DELETE, KEYS, TRIM, Happen, forget, spoil
from tests.chaos.proxy import Proxy, Way
from wire.frames import LOBBY, PRIVATE


class Fault(NamedTuple):
    """One kind of fault.

    Attributes:
        name: its name in the table.
        seconds: how long it lasts, at least and at most.
        happen: makes it happen in a lab, with random choices.
        place: what it affects; simultaneous faults affect different places.
    """

    name: str
    seconds: tuple[float, float]
    happen: Happen
    place: str


def front(lab: Lab, dice: Random) -> list[Proxy]:
    """Some of the proxies that clients connect to."""
    return [s.front for s in dice.sample(lab.stations, dice.randint(1, 2))]


def back(lab: Lab, dice: Random) -> list[Proxy]:
    """Some of the proxies to Redis."""
    return [s.back for s in dice.sample(lab.stations, dice.randint(1, len(lab.stations)))]


Choice = Callable[[Lab, Random], list[Proxy]]


def weather(choose: Choice, worsen: Callable[[Proxy], None]) -> Happen:
    """A network fault: proxies get worse, and recover at its end."""

    @contextlib.asynccontextmanager
    async def happen(lab: Lab, dice: Random) -> AsyncIterator[None]:
        proxies = choose(lab, dice)
        for proxy in proxies:
            worsen(proxy)
        try:
            yield
        finally:
            for proxy in proxies:
                proxy.calm()

    return happen


def swallow(*ways: Way) -> Callable[[Proxy], None]:
    """Nothing gets through in these directions."""
    return lambda proxy: proxy.swallow(*ways)


def delay(seconds: float) -> Callable[[Proxy], None]:
    """Everything is late."""

    def worsen(proxy: Proxy) -> None:
        proxy.delay = seconds

    return worsen


def throttle(rate: float) -> Callable[[Proxy], None]:
    """Little gets through."""

    def worsen(proxy: Proxy) -> None:
        proxy.rate = rate

    return worsen


def refuse(proxy: Proxy) -> None:
    """All links are cut, and new ones are refused."""
    proxy.refusing = True
    proxy.cut()


@contextlib.asynccontextmanager
async def cut_some(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """Some clients' links are cut, one shortly after the other."""
    links = [link for station in lab.stations for link in station.front.links]
    for link in dice.sample(links, len(links) // 2):
        link.cut()
    yield


@contextlib.asynccontextmanager
async def cut_commands(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """A gateway loses its connection for commands."""
    station = dice.choice(lab.stations)
    station.back.cut(station.commands)
    yield


@contextlib.asynccontextmanager
async def cut_subscriptions(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """A gateway loses its connection for subscriptions."""
    station = dice.choice(lab.stations)
    station.back.cut(station.subscriptions)
    yield


@contextlib.asynccontextmanager
async def kill_gateway(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """A gateway is killed, and another takes its place later."""
    station = dice.choice(lab.stations)
    station.kill()
    try:
        yield
    finally:
        await station.start()


@contextlib.asynccontextmanager
async def drain_gateway(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """A gateway is asked to end, as for an upgrade."""
    station = dice.choice(lab.stations)
    await station.process.terminate()
    station.kill()
    try:
        yield
    finally:
        await station.start()


@contextlib.asynccontextmanager
async def add_gateway(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """A gateway is added, some people connect to it, and it is asked to end again."""
    async with lab.another() as station:
        async with cut_some(lab, dice):
            yield
        await station.process.terminate()


@contextlib.asynccontextmanager
async def freeze_gateway(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """A gateway is frozen for longer than its lease, and wakes up."""
    process = dice.choice(lab.stations).process
    process.freeze()
    try:
        yield
    finally:
        process.thaw()


@contextlib.asynccontextmanager
async def freeze_server(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """Redis is frozen, with all its connections open."""
    lab.server.process.freeze()
    try:
        yield
    finally:
        lab.server.process.thaw()


@contextlib.asynccontextmanager
async def restart_server(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """Redis is killed, and comes back with its data."""
    with lab.lapse(LOBBY, PLAZA, PRIVATE, lost=False):
        lab.server.kill()
        try:
            yield
        finally:
            await lab.server.start()


BOTH: tuple[Way, Way] = ("up", "down")

FAULTS = (
    Fault("client links cut", (0.0, 0.5), cut_some, "clients"),
    Fault("client links cut, new ones refused", (1.0, 3.0), weather(front, refuse), "clients"),
    Fault("client links late by 0.3 s", (1.0, 3.0), weather(front, delay(0.3)), "clients"),
    Fault("client links at 2 kB/s", (1.0, 3.0), weather(front, throttle(2e3)), "clients"),
    Fault("client links swallow", (2.0, 6.0), weather(front, swallow(*BOTH)), "clients"),
    Fault("client links swallow, up only", (2.0, 6.0), weather(front, swallow("up")), "clients"),
    Fault(
        "client links swallow, down only", (2.0, 6.0), weather(front, swallow("down")), "clients"
    ),
    Fault("gateway killed", (0.0, 3.0), kill_gateway, "gateway"),
    Fault("gateway drained", (0.0, 1.0), drain_gateway, "gateway"),
    Fault("gateway frozen beyond its lease", (11.0, 14.0), freeze_gateway, "gateway"),
    Fault("gateway added", (1.0, 4.0), add_gateway, "gateway"),
    Fault("Redis commands cut", (0.0, 0.5), cut_commands, "redis"),
    Fault("Redis subscriptions cut", (0.0, 0.5), cut_subscriptions, "redis"),
    Fault("Redis links cut, new ones refused", (1.0, 3.0), weather(back, refuse), "redis"),
    Fault("Redis links late by 0.2 s", (1.0, 3.0), weather(back, delay(0.2)), "redis"),
    Fault("Redis links at 8 kB/s", (1.0, 3.0), weather(back, throttle(8e3)), "redis"),
    Fault("Redis links swallow", (2.0, 7.0), weather(back, swallow(*BOTH)), "redis"),
    Fault("Redis links swallow, up only", (2.0, 7.0), weather(back, swallow("up")), "redis"),
    Fault("Redis links swallow, down only", (2.0, 7.0), weather(back, swallow("down")), "redis"),
    Fault("Redis frozen", (1.0, 7.0), freeze_server, "redis"),
    Fault("Redis killed, back with its memory", (0.0, 2.0), restart_server, "redis"),
    Fault("Redis killed, back empty", (0.0, 1.0), memory.empty_server, "redis"),
    Fault("Redis killed, back with an older memory", (0.0, 1.0), memory.older_server, "redis"),
)

LAPSES = tuple(
    Fault(name, (0.0, 1.0), happen, "redis")
    for name, happen in {
        "room's log deleted": forget(DELETE, memory.ROOM_LOG, LOBBY),
        "another room's log deleted": forget(DELETE, KEYS.room_log(PLAZA), PLAZA),
        "room's log trimmed": forget(TRIM, memory.ROOM_LOG, LOBBY),
        "room's log of the wrong type": spoil(memory.ROOM_LOG, LOBBY),
        "private logs deleted": forget(DELETE, memory.PRIVATE_LOGS, PRIVATE),
        "private logs of the wrong type": spoil(memory.PRIVATE_LOGS, PRIVATE),
        "room's epochs deleted": forget(DELETE, KEYS.room_epoch(LOBBY), LOBBY),
        "room's epochs of the wrong type": spoil(KEYS.room_epoch(LOBBY), LOBBY),
        "private logs' epochs deleted": forget(DELETE, KEYS.users_epoch, PRIVATE),
        "private logs' epochs of the wrong type": spoil(KEYS.users_epoch, PRIVATE),
        "people deleted": forget(DELETE, KEYS.users, PEOPLE),
        "people of the wrong type": spoil(KEYS.users, PEOPLE),
        "what gateways hold deleted": forget(DELETE, KEYS.held("*"), PEOPLE),
        "signs of life deleted": forget(DELETE, KEYS.alive("*"), PEOPLE),
        "who may come back deleted": forget(DELETE, KEYS.resume("*"), PEOPLE),
        "members of rooms deleted": forget(DELETE, KEYS.room_members("*")),
        "FLUSHALL": memory.forget_everything,
    }.items()
)
"""Redis and all connections go on: nobody is disconnected because of these."""

LAPSES += (Fault("Redis full", (1.0, 4.0), memory.full_server, "redis"),)

EVERY = FAULTS + LAPSES
