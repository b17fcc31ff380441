"""Two gateways of one chat, in this process; a test that wants others has its own."""

import pytest

from tests.support.fixtures import Running, StartGateway


@pytest.fixture
async def one(start_gateway: StartGateway) -> Running:
    return await start_gateway()


@pytest.fixture
async def two(start_gateway: StartGateway) -> Running:
    return await start_gateway()
