"""Gateways are killed, frozen and drained, and each promise holds."""

from __future__ import annotations

import asyncio

from tests.chaos.bots import Bot
from tests.chaos.expect import kept
from tests.chaos.wire import opened


async def test_people_of_a_killed_gateway_are_on_another_at_once(two):
    async with Bot("dana", two.at(0, 1)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        saying = [asyncio.create_task(dana.say(f"dana {n}")) for n in range(20)]
        two.stations[0].kill()
        await sis.say("missed")
        await sis.say("missed too", to=["dana"])
        await asyncio.gather(*saying)
        await dana.hears("missed", "missed too", "dana 19")
        await sis.hears("dana 19")
        assert [user.gateway for user in await two.users()] == [sis.gateway] * 2
        # The lease of the killed gateway had not run out: nobody had to wait for that.
        assert sis.record.left == []
        assert dana.record.strange == []
        kept(two, dana, sis)


async def test_a_gateway_that_slept_too_long_sends_nothing_in_a_lost_name(two):
    asleep, awake = two.stations
    async with opened(asleep.front.port, "dana") as dana, Bot("sis", two.at(1)).online() as sis:
        await dana.expect("welcome")
        asleep.process.freeze()
        dana.say("send", text="impostor", seq=1)
        dana.say("send", text="impostor, privately", seq=2, to=["sis"])
        await sis.until(lambda: ("dana", "gateway_lost") in sis.record.left)
        async with opened(awake.front.port, "dana") as other:
            await other.expect("welcome")
            asleep.process.thaw()
            await dana.expect("bye", code="name_lost", reconnect=True)
            await sis.say("the end")
            await sis.hears("the end")
            assert sis.record.texts() == ["the end"]
            [holder] = [user for user in await two.users() if user.name == "dana"]
            assert holder.gateway == sis.gateway
            assert two.errors() == []


async def test_nobody_sees_anybody_leave_when_a_gateway_drains(two):
    async with Bot("dana", two.at(0, 1)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        saying = [asyncio.create_task(dana.say(f"dana {n}")) for n in range(20)]
        ending = asyncio.create_task(two.stations[0].process.terminate())
        assert (await sis.say("missed", to=["dana"])).ack
        await asyncio.gather(*saying)
        assert await ending == 0
        await dana.hears("missed", "dana 19")
        await sis.hears("dana 19")
        assert dana.record.lost == ["shutdown"]
        assert sis.record.left == []
        kept(two, dana, sis)
