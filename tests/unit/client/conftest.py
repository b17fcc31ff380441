import asyncio

import pytest

from client.dial import connect
from tests.unit.client.fake_gateway import FakeGateway


@pytest.fixture
async def gateway():
    async with FakeGateway() as gateway:
        yield gateway


@pytest.fixture
async def join(gateway):
    """Connect to the fake gateway; gives both ends."""
    connections = []

    async def join(name="dana", *, welcome=None, **arguments):
        connecting = asyncio.create_task(
            connect(gateway.host, gateway.port, name=name, **arguments)
        )
        peer = await gateway.peer()
        peer.hello = await peer.welcome(**(welcome or {}))
        connections.append(await connecting)
        return connections[-1], peer

    yield join
    for connection in connections:
        await connection.quit(within=0)
