import asyncio

import pytest

from gateway.first import first
from tests.unit.gateway.fakes import quiet


class Wait:
    """Something that goes on until it is told to stop, and knows how it ended."""

    def __init__(self):
        self.event = asyncio.Event()
        self.cancelled = False

    async def __call__(self):
        try:
            await self.event.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def test_it_returns_when_one_is_done_and_the_others_are_cancelled():
    one, other = Wait(), Wait()
    waiting = asyncio.create_task(first(one(), other()))
    await quiet()
    assert not waiting.done()
    one.event.set()
    await waiting
    assert (one.cancelled, other.cancelled) == (False, True)


async def test_who_is_cancelled_while_waiting_cancels_them_all():
    one, other = Wait(), Wait()
    waiting = asyncio.create_task(first(one(), other()))
    await quiet()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert one.cancelled
    assert other.cancelled


async def test_an_error_of_the_first_is_not_lost():
    async def fails():
        raise ValueError("what went wrong")

    with pytest.raises(ValueError, match="what went wrong"):
        await first(fails(), asyncio.sleep(3600))
