"""What the chaos tests share."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.lab import lab


def pytest_asyncio_loop_factories():
    # The code under test runs in other processes, so the loop of the tests does not matter.
    return {"asyncio": asyncio.SelectorEventLoop}


@pytest.fixture
async def two():
    """A lab with two gateways."""
    async with lab(2) as at:
        yield at
