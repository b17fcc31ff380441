"""Faults between clients and gateways, one at a time, and the promise for each."""

from __future__ import annotations

import asyncio

from tests.chaos.bots import Bot
from tests.chaos.expect import KEYS, eventually, kept
from tests.chaos.lab import OPTIONS, lab
from tests.chaos.wire import opened
from wire.frames import LOBBY


async def test_a_message_whose_ack_is_lost_is_posted_once(two):
    front = two.stations[0].front
    async with Bot("dana", two.at(0)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        front.swallow("down")
        saying = asyncio.create_task(dana.say("once"))
        await sis.hears("once")
        front.cut()
        front.calm()
        assert (await saying).ack
        await dana.hears("once")
        assert sis.record.texts() == dana.record.texts() == ["once"]
        kept(two, dana, sis)


async def test_a_message_that_was_cut_off_on_its_way_is_posted_once(two):
    front = two.stations[0].front
    async with Bot("dana", two.at(0)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        front.swallow("up")
        saying = asyncio.create_task(dana.say("once"))
        await asyncio.sleep(0)
        front.cut()
        front.calm()
        assert (await saying).ack
        await asyncio.gather(dana.hears("once"), sis.hears("once"))
        kept(two, dana, sis)


async def test_a_client_notices_a_dead_link_and_resumes_elsewhere(two):
    async with Bot("dana", two.at(0, 1)).online() as dana, Bot("sis", two.at(1)).online() as sis:
        two.stations[0].front.swallow("up", "down")
        await sis.say("missed")
        await sis.say("missed too", to=["dana"])
        await dana.hears("missed", "missed too")
        assert dana.record.lost == ["connection_lost"]
        assert dana.gateway == sis.gateway
        two.stations[0].front.calm()
        assert (await dana.say("back", to=["sis"])).ack
        await asyncio.gather(dana.hears("back"), sis.hears("back"))
        assert sis.record.left == []
        kept(two, dana, sis)


async def test_a_lost_welcome_does_not_cost_the_session(two):
    front = two.stations[0].front
    async with opened(front.port, "dana", seq=1) as first:
        token = (await first.expect("welcome"))["resume"]
        first.say("send", text="once", seq=2)
        ack = await first.expect("ack", seq=2)
        front.swallow("down")
        async with opened(front.port, "dana", resume=token, seq=3):
            with two.server.client() as client:
                await eventually(lambda: b"shown" in client.hget(KEYS.users, "dana"))
            front.cut()
        front.calm()
    async with opened(two.stations[1].front.port, "dana", resume=token, seq=4) as second:
        assert (await second.expect("welcome"))["resumed"]
        second.say("send", text="once", seq=2)
        assert await second.expect("ack", seq=2) == ack


async def test_a_late_hello_does_not_replace_a_newer_one(two):
    late, prompt = (station.front for station in two.stations)
    async with opened(prompt.port, "dana", seq=1) as first:
        token = (await first.expect("welcome"))["resume"]
    late.swallow("up")
    async with (
        opened(late.port, "dana", resume=token, seq=2) as second,
        opened(prompt.port, "dana", resume=token, seq=3) as third,
    ):
        assert (await third.expect("welcome"))["resumed"]
        late.calm()
        await second.expect("error", code="name_taken")
        third.say("send", text="still here", seq=4)
        await third.expect("ack", seq=4)


async def test_a_late_copy_does_not_post_a_private_message_that_was_refused(two):
    late, prompt = two.stations
    async with opened(late.front.port, "dana", seq=1) as first:
        token = (await first.expect("welcome"))["resume"]
        late.back.swallow("up")
        first.say("send", text="psst", seq=2, to=["sis"])
        async with opened(prompt.front.port, "dana", resume=token, seq=3) as second:
            await second.expect("welcome")
            second.say("send", text="psst", seq=2, to=["sis"])
            await second.expect("error", code="nobody_here", seq=2)
            async with Bot("sis", two.at(1)).online() as sis:
                late.back.calm()
                await first.expect("bye", code="replaced")
                second.say("send", text="now", seq=4, to=["sis"])
                await sis.hears("now")
                assert sis.record.texts() == ["now"]


async def test_a_slow_reader_is_disconnected_and_misses_nothing():
    size, count = 30_000, 800

    def text(number):
        # A small message after a large one would still fit.
        return f"{number} ".ljust(10 if number % 2 else size, "x")

    options = (*OPTIONS, "--max-line", "64KiB", "--max-text", str(size), "--backlog", "128KiB")
    async with lab(1, options) as one, Bot("sis", one.at(0)).online() as sis:
        [station] = one.stations
        async with opened(station.front.port, "slow") as slow:
            welcome = await slow.expect("welcome")
            slow.pause()
            for number in range(count):
                await sis.say(text(number))
            slow.resume()
            await slow.expect("bye", code="slow", reconnect=True)
            heard = [event for event in slow.heard if event["op"] == "msg"]
            assert len(heard) < count
        seen = {LOBBY: heard[-1]["id"] if heard else welcome["seen"][LOBBY]}
        resume = {"resume": welcome["resume"], "seen": seen}
        async with opened(station.front.port, "slow", **resume) as again:
            assert (await again.expect("welcome"))["resumed"]
            await again.expect("msg", text=text(count - 1))
            heard += [event for event in again.heard if event["op"] == "msg"]
        assert [event["text"].split()[0] for event in heard] == [str(n) for n in range(count)]
