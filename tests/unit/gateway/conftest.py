"""A gateway on a fake backplane, and who is connected to it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.core import Gateway
from tests.unit.gateway.fakes import FakeLink, Memory, gateway_with, until
from wire.codec import encode
from wire.frames import Event, Request, Welcome
from wire.lines import LineTooLong
from wire.reasons import SHUTDOWN


class Guest:
    """A peer and its link, as a test speaks through them."""

    def __init__(self, gateway: Gateway) -> None:
        self.link = FakeLink()
        self.peer = gateway.connect(self.link)
        self.link.end = self.peer.end

    def say(self, *requests: Request | bytes | LineTooLong) -> None:
        """Send all of these in one piece."""
        self.peer.receive(
            [
                request if isinstance(request, bytes | LineTooLong) else encode(request)[:-1]
                for request in requests
            ]
        )

    def told(self, kind: type[Event]) -> list[Any]:
        return self.link.told(kind)

    async def hears(self, kind: type[Event], count: int = 1) -> Any:
        """Wait for this number of events of a kind, and return the last."""
        await until(lambda: len(self.told(kind)) >= count, f"{count} {kind.__name__}")
        return self.told(kind)[-1]

    async def gone(self) -> Any:
        return await until(lambda: self.link.closed, "the end")


class House:
    """Gateways that share a memory, and their guests."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.gateways: list[Gateway] = []

    async def open(self, *clock: Any, **fields: Any) -> Gateway:
        """One more gateway."""
        gateway = gateway_with(self.memory, *clock, **fields)
        await gateway.start()
        self.gateways.append(gateway)
        return gateway

    def connect(self, gateway: Gateway) -> Guest:
        return Guest(gateway)

    async def guest(self, gateway: Gateway, name: str, **fields: Any) -> Guest:
        """Somebody who is online."""
        guest = Guest(gateway)
        hello = {"op": "hello", "v": 1, "name": name} | fields
        guest.say(encode_any(hello))
        await guest.hears(Welcome)
        return guest


def encode_any(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    for gateway in house.gateways:
        backplane: Any = gateway.backplane
        backplane.failing.clear()
        for held in backplane.held.values():
            held.set()
        await gateway.stop(SHUTDOWN, 5.0)
        # Whatever happened in a test, everybody is let go, and nothing is left behind.
        assert not gateway.peers
        assert not gateway.online
        assert not backplane.channels
        assert not gateway.hub._members


@pytest.fixture
async def gateway(house: House) -> Gateway:
    return await house.open()
