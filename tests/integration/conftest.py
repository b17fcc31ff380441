"""Two gateways of one chat, in this process; tests that need others make their own."""

from collections.abc import Iterator

import pytest
import redis

from gateway.backplane.keys import Keys
from tests.support.fixtures import Running, StartGateway
from tests.support.servers import Server


@pytest.fixture
async def one(start_gateway: StartGateway) -> Running:
    return await start_gateway()


@pytest.fixture
async def two(start_gateway: StartGateway) -> Running:
    return await start_gateway()


@pytest.fixture
def look(valkey: Server) -> Iterator[redis.Redis]:
    """A client for the gateways' server."""
    with valkey.client() as client:
        yield client


@pytest.fixture
def keys(prefix: str) -> Keys:
    return Keys(prefix)
