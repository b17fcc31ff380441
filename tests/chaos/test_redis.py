"""Redis is killed, frozen and loses data, and each promise holds."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.chaos.bots import Bot
from tests.chaos.expect import KEYS, kept
from tests.chaos.faults import restart_server
from tests.chaos.memory import empty_server
from wire.frames import LOBBY, PRIVATE

NOTICED_WITHIN = 5.0
"""Seconds in which a silent Redis must be noticed: a promise."""


@pytest.mark.parametrize("which", ["commands", "subscriptions", "both"])
async def test_a_connection_to_redis_is_cut(two, which):
    station = two.stations[0]
    async with Bot("dana", two.at(0)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        station.back.cut(None if which == "both" else getattr(station, which))
        said = await asyncio.gather(*(dana.say(f"dana {n}") for n in range(10)))
        await sis.say("sis", to=["dana"])
        assert all(one.ack for one in said)
        await asyncio.gather(dana.hears("dana 9", "sis"), sis.hears("dana 9", "sis"))
        assert dana.record.lost == dana.record.gaps == []
        kept(two, dana, sis)


@pytest.mark.parametrize("way", ["up", "down"])
async def test_a_redis_that_does_not_answer_is_noticed_and_messages_are_sent_later(two, way):
    await silent(two, lambda: two.stations[0].back.swallow(way), two.stations[0].back.calm)


async def test_a_frozen_redis_is_noticed_and_messages_are_sent_later(two):
    await silent(two, two.server.process.freeze, two.server.process.thaw)


async def silent(two, begin, end):
    async with Bot("dana", two.at(0)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        begin()
        async with asyncio.timeout(NOTICED_WITHIN):
            await dana.until(lambda: not dana.here)
        saying = [asyncio.create_task(dana.say(f"dana {n}")) for n in range(10)]
        saying.append(asyncio.create_task(dana.say("privately", to=["sis"])))
        end()
        assert all(said.ack for said in await asyncio.gather(*saying))
        await asyncio.gather(*(bot.hears("dana 9", "privately") for bot in (dana, sis)))
        assert sis.record.texts() == [said.text for said in dana.record.said]
        assert dana.record.lost == dana.record.gaps == []
        kept(two, dana, sis)


async def test_redis_restarts_with_its_data(two):
    async with Bot("dana", two.at(0)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        before = await dana.say("before")
        async with restart_server(two, Random()):
            saying = asyncio.create_task(dana.say("meanwhile"))
        after = await saying
        await asyncio.gather(dana.hears("before", "meanwhile"), sis.hears("before", "meanwhile"))
        assert after.epoch > before.epoch
        assert {user.name for user in await two.users()} == {"dana", "sis"}
        assert dana.record.lost == []
        kept(two, dana, sis)


async def test_redis_comes_back_empty(two):
    async with Bot("dana", two.at(0)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        before = await dana.say("before")
        async with empty_server(two, Random()):
            saying = asyncio.create_task(dana.say("after"))
        after = await saying
        await asyncio.gather(*(bot.hears("after") for bot in (dana, sis)))
        await sis.until(lambda: {gap.room for gap in sis.record.gaps} == {LOBBY, PRIVATE})
        assert after.epoch > before.epoch
        assert {user.name for user in await two.users()} == {"dana", "sis"}
        assert dana.record.lost == []
        kept(two, dana, sis)


async def test_a_trimmed_log_has_lost_nothing_for_people_online(two):
    async with Bot("dana", two.at(0)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        await dana.say("before")
        await asyncio.gather(dana.hears("before"), sis.hears("before"))
        with two.server.client() as client:
            client.xtrim(KEYS.room_log(LOBBY), 0)
        await dana.say("after")
        await sis.say("privately", to=["dana"])
        await asyncio.gather(dana.hears("after", "privately"), sis.hears("after", "privately"))
        assert dana.record.gaps == sis.record.gaps == []
        kept(two, dana, sis)


async def test_messages_stored_but_not_published_are_delivered_in_order(two):
    async with Bot("dana", two.at(0)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        one = await dana.say("one")
        body = '{"op":"msg","from":"ghost","room":"lobby","text":"lost"}\n'
        with two.server.client() as client:
            log = KEYS.room_log(LOBBY)
            client.xadd(log, {"d": body, "t": 4_000_000_000_000}, id=f"{one.epoch}-*")
        await dana.say("two")
        await asyncio.gather(dana.hears("two"), sis.hears("two"))
        assert dana.record.texts() == sis.record.texts() == ["one", "lost", "two"]
        assert dana.record.gaps == sis.record.gaps == two.errors() == []
