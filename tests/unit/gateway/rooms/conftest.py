"""Gateways that are nothing but rooms, on a backplane in memory, and people in them."""

from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import pytest

from gateway.backplane.contract import Channel
from gateway.backplane.ids import NOTHING
from gateway.rooms.changes import Changes
from gateway.rooms.directory import Directory
from gateway.rooms.rooms import Rooms
from gateway.tasks import Tasks
from tests.unit.gateway.fakes import FakeBackplane, Memory, registration
from wire.codec import decode_event
from wire.frames import Moderate, SetModes

MOST_MADE = 3
"""Rooms that an account may make in a day."""


class Somebody:
    """A person of a gateway.

    Attributes:
        out: the rooms that the person was put out of: name, code and text.
    """

    def __init__(self, name: str, gateway: str, ip: str = "192.0.2.7", **fields: Any) -> None:
        self.registration = registration(name, gateway=gateway, **{"rooms": []} | fields)
        self.ip = ip_address(ip)
        self.out: list[tuple[str, str, str]] = []

    def put_out(self, room: str, code: str, text: str) -> None:
        self.out.append((room, code, text))


class Gate:
    """A gateway.

    Attributes:
        told: the events that clients in each room were told.
        lost: kinds of what is published that are not heard, as if they had been lost on the way.
    """

    def __init__(self, memory: Memory, id: str, quiet_above: int, *, closed: bool) -> None:
        self.id = id
        self.tasks = Tasks()
        self.backplane = FakeBackplane(memory, id, _Ears(self))
        self.told: dict[str, list[Any]] = {}
        self.lost: set[bytes] = set()
        self.clock = 1000.0
        self.rooms = Rooms(
            id,
            self.backplane,
            self,
            self.ready,
            self.tasks.spawn,
            anybody_makes=not closed,
            most_made=MOST_MADE,
            quiet_above=quiet_above,
            monotonic=lambda: self.clock,
        )
        self.directory = Directory(self.backplane, self.rooms)
        self.changes = Changes(self.backplane, self.rooms, 32)
        self._at: dict[bytes, bytes] = {}
        self._held: dict[bytes, list[bytes]] = {}

    def somebody(self, name: str, **fields: Any) -> Somebody:
        """A person who has a name, and is in no room."""
        person = Somebody(name, self.id, **fields)
        self.backplane.memory.came(person.registration, 0.0)
        return person

    async def moderate(self, by: Somebody, action: Any, name: str, room: str = "dev") -> str:
        return await self.changes.change(Moderate(room=room, action=action, name=name), by)

    async def set(self, by: Somebody, **modes: Any) -> str:
        return await self.changes.change(SetModes(room="dev", **modes), by)

    async def names(self, room: str = "dev") -> list[str]:
        return sorted(member.name for member in (await self.rooms.members(room)).values())

    def heard(self, room: str = "dev") -> list[str]:
        """What clients in a room were told, shortly."""
        return [f"{e.name} {type(e).__name__.lower()}" for e in self.told.get(room, [])]

    async def ready(self) -> None:
        return None

    # What rooms ask of channels.

    async def need(self, channel: Channel) -> None:
        try:
            await self.backplane.subscribe(channel.name)
            [self._at[channel.key]] = await self.backplane.tails([channel.log])
        except BaseException:
            self.backplane.unsubscribe(channel.name)
            raise

    def drop(self, channel: Channel) -> None:
        self.backplane.unsubscribe(channel.name)
        del self._at[channel.key]
        self._held.pop(channel.key, None)

    def at(self, channel: Channel) -> bytes:
        return self._at[channel.key]

    def deliver(self, channel: Channel | bytes, lines: bytes) -> None:
        key = channel if isinstance(channel, bytes) else channel.key
        room = self.told.setdefault(key.decode().removeprefix("room:"), [])
        room += [decode_event(line) for line in lines.splitlines()]

    def hold(self, channel: Channel) -> None:
        self._held[channel.key] = []

    def release(self, channel: Channel) -> None:
        held = self._held.pop(channel.key)
        for number, payload in enumerate(held):
            if channel.key in self._held:
                self._held[channel.key] += held[number:]
                return
            self._take(channel.key, payload)

    # What the backplane tells.

    def known(self, channel: bytes) -> bytes:
        return self._at.get(channel, NOTHING)

    def hear(self, channel: bytes, payload: bytes) -> None:
        if payload[:1] in self.lost:
            return
        if channel in self._held:
            self._held[channel].append(payload)
        else:
            self._take(channel, payload)

    def _take(self, channel: bytes, payload: bytes) -> None:
        head, _, lines = payload.partition(b"\n")
        first, _, last = head.partition(b" ")
        if (kind := first[:1]) in (b"+", b"~", b"="):
            self.rooms.heard(channel, kind, int(first[1:]), lines)
        else:
            self._at[channel] = last
            self.deliver(channel, lines)


class _Ears:
    """What a backplane tells its gateway."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def deliver(self, channel: bytes, payload: bytes) -> None:
        self._gate.hear(channel, payload)

    def known(self, channel: bytes) -> bytes:
        return self._gate.known(channel)

    def control(self, verb: str, rest: str) -> None: ...

    def away(self) -> None: ...

    def back(self) -> None: ...


class Street:
    """Gateways that share a memory."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.gates: list[Gate] = []

    def open(self, *, quiet_above: int = 200, closed: bool = False) -> Gate:
        """One more gateway."""
        gate = Gate(self.memory, f"g-{len(self.gates)}", quiet_above, closed=closed)
        self.gates.append(gate)
        for each in self.gates:
            each.backplane.others = {other.id: None for other in self.gates if other is not each}
        return gate


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    street = Street()
    yield street
    for gate in street.gates:
        await gate.tasks.end()
