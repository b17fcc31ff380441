"""A client that stops reading in the middle of a replay."""

from __future__ import annotations

import asyncio
import contextlib

from gateway.backplane.operators.kick import kick_user
from tests.chaos.bots import Bot
from tests.chaos.lab import OPTIONS, PREFIX, lab
from tests.chaos.wire import opened

SIZE, COUNT = 30_000, 300
"""More than the kernel buffers for a client that does not read."""

LARGE = (*OPTIONS, "--max-line", "64KiB", "--max-text", str(SIZE))

READER = "reader"


@contextlib.asynccontextmanager
async def in_the_middle_of_a_replay(at):
    """A client that has come back, got the beginning of a long replay, and stops reading."""
    port = at.stations[0].port  # a proxy would buffer much more
    async with opened(port, READER) as first:
        welcome = await first.expect("welcome")
    async with Bot("sis", at.at(1)).online() as sis:
        for start in range(0, COUNT, 50):
            texts = (f"{number} ".ljust(SIZE, "x") for number in range(start, start + 50))
            await asyncio.gather(*(sis.say(text) for text in texts))
        back = {"resume": welcome["resume"], "seen": welcome["seen"], "seq": 2}
        async with opened(port, READER, taking=4096, **back) as reader:
            await reader.expect("msg")
            reader.pause()
            yield reader, sis


def said(reader):
    """The numbers of the messages that it got, in order."""
    return [int(event["text"].split()[0]) for event in reader.heard if event["op"] == "msg"]


async def test_a_client_that_stops_reading_can_be_kicked():
    async with lab(2, LARGE) as two, in_the_middle_of_a_replay(two) as (reader, sis):
        await asyncio.to_thread(kick_user, two.server.url, PREFIX, READER, "out")
        await sis.until(lambda: (READER, "kicked") in sis.record.left)
        assert {user.name for user in await two.users()} == {"sis"}
        reader.resume()
        await reader.expect("bye", code="kicked")
        numbers = said(reader)
        assert numbers == list(range(len(numbers)))
        assert len(numbers) < COUNT
        assert two.errors() == []


async def test_a_client_that_stops_reading_does_not_keep_a_gateway_from_ending():
    async with lab(2, LARGE) as two, in_the_middle_of_a_replay(two) as (reader, sis):
        assert await two.stations[0].process.terminate() == 0
        numbers = said(reader)
        assert numbers == list(range(len(numbers)))
        assert len(numbers) < COUNT
        await sis.say("still here")
        await sis.hears("still here")
        assert two.errors() == []
