"""What the tests of the backplane's parts share."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.backplane.scripted import ScriptedRedis


@pytest.fixture
async def redis() -> AsyncIterator[ScriptedRedis]:
    async with ScriptedRedis().running() as redis:
        yield redis
