"""What the tests of faults share."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.lab import lab


def pytest_asyncio_loop_factories():
    # What is tested runs in processes of its own: the loop of the tests makes no difference.
    return {"asyncio": asyncio.SelectorEventLoop}


@pytest.fixture
async def two():
    """A lab with two gateways."""
    async with lab(2) as at:
        yield at
