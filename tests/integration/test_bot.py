"""Bots of `chatctl.bot` on real gateways."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from chatctl.bot import Bot, Message, Refused, Someone
from tests.support.deadlines import within
from tests.support.fixtures import Join, Running, StartGateway


@contextlib.asynccontextmanager
async def serving(bot: Bot) -> AsyncIterator[asyncio.Task[None]]:
    """Let a bot run until the end of the context."""
    task = asyncio.create_task(bot.serve())
    try:
        yield task
    finally:
        bot.stop()
        await task


def made(*gateways: Running, name: str = "bot") -> Bot:
    return Bot(name, *(f"{each.host}:{each.port}" for each in gateways))


async def test_what_a_bot_repeats_in_a_room_stays_there_whatever_names_are_in_it(
    one: Running, join: Join
) -> None:
    bot = made(one)

    @bot.hears("!echo")
    async def echo(message: Message) -> None:
        await message.reply(message.rest)

    dana, sis, mom = await join(one, "dana"), await join(one, "sis"), await join(one, "mom")
    async with serving(bot):
        await dana.expect(op="joined", name="bot")
        await dana.say(op="send", text=r"!echo hi @sis.", to=["bot"])
        await dana.expect(op="msg", text="hi @sis.", to=["dana"])
        await dana.say(op="send", text="!echo see @sis @mom \\@home, all")
        for each in (dana, sis, mom):
            await each.expect(op="msg", text="see @sis @mom @home, all", room="lobby")


async def test_words_count_at_the_beginning_only_and_in_any_case(one: Running, join: Join) -> None:
    bot, heard = made(one), []

    @bot.hears("!go")
    async def go(message: Message) -> None:
        heard.append(message.rest)
        await message.reply("done")

    dana = await join(one, "dana")
    async with serving(bot):
        await dana.expect(op="joined", name="bot")
        for text in ("!gone", "I say !go", " !GO now", "!go"):
            await dana.say(op="send", text=text)
        for _ in range(2):
            await dana.expect(op="msg", text="done")
    assert heard == ["now", ""]


async def test_it_is_mentioned_by_its_name_and_in_private(one: Running, join: Join) -> None:
    bot, heard = made(one), []

    @bot.mentioned
    async def mentioned(message: Message) -> None:
        heard.append((message.text, message.room))
        await message.react(":eyes:")

    dana = await join(one, "dana")
    async with serving(bot):
        await dana.expect(op="joined", name="bot")
        await dana.say(op="send", text="robots are fine")
        await dana.say(op="send", text="thanks, BOT!")
        await dana.expect(op="reacted", room="lobby")
        await dana.say(op="send", text="psst", to=["bot"])
        await dana.expect(op="reacted")
    assert heard == [("thanks, BOT!", "lobby"), ("psst", None)]


async def test_it_sees_who_comes_and_leaves(one: Running, join: Join) -> None:
    bot, seen = made(one), []

    @bot.joined
    async def came(someone: Someone) -> None:
        await someone.tell("welcome")

    @bot.left
    async def went(someone: Someone) -> None:
        seen.append(someone.name)
        await bot.say(someone.room, f"{someone.name} is gone")

    dana = await join(one, "dana")
    async with serving(bot):
        await dana.expect(op="joined", name="bot")
        sis = await join(one, "sis")
        await sis.expect(op="msg", text="welcome", to=["sis"])
        await sis.say(op="quit")
        await dana.expect(op="msg", text="sis is gone")
    assert seen == ["sis"]


async def test_an_error_in_a_handler_is_logged_and_the_bot_goes_on(
    one: Running, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    bot = made(one)

    @bot.hears("!fail")
    async def fail(_message: Message) -> None:
        raise ZeroDivisionError

    @bot.hears("!ping")
    async def ping(message: Message) -> None:
        await message.reply("pong")

    dana = await join(one, "dana")
    with caplog.at_level(logging.ERROR, "chatctl.bot"):
        async with serving(bot):
            await dana.expect(op="joined", name="bot")
            await dana.say(op="send", text="!fail")
            await dana.say(op="send", text="!ping")
            await dana.expect(op="msg", text="pong")
    assert "ZeroDivisionError" in caplog.text


async def test_a_slow_handler_holds_nobody_up(one: Running, join: Join) -> None:
    bot, go_on = made(one), asyncio.Event()

    @bot.hears("!slow")
    async def slow(message: Message) -> None:
        await go_on.wait()
        await message.reply("slow")

    @bot.hears("!quick")
    async def quick(message: Message) -> None:
        await message.reply("quick")

    dana = await join(one, "dana")
    async with serving(bot):
        await dana.expect(op="joined", name="bot")
        await dana.say(op="send", text="!slow")
        await dana.say(op="send", text="!quick")
        await dana.expect(op="msg", text="quick")
        go_on.set()
        await dana.expect(op="msg", text="slow")


async def test_with_another_gateway_it_goes_on_and_hears_each_message_once(
    start_gateway: StartGateway, join: Join
) -> None:
    one, two = await start_gateway(), await start_gateway()
    bot, heard = made(one, two), []

    @bot.hears("!count")
    async def count(message: Message) -> None:
        heard.append(message.rest)
        await message.reply(f"heard {message.rest}")

    dana = await join(two, "dana")
    async with serving(bot):
        await dana.expect(op="joined", name="bot")
        await dana.say(op="send", text="!count 1")
        await dana.expect(op="msg", text="heard 1")
        await one.stop()
        await dana.say(op="send", text="!count 2")
        await dana.expect(op="msg", text="heard 2")
        await dana.say(op="send", text="!count 3")
        await dana.expect(op="msg", text="heard 3")
    assert heard == ["1", "2", "3"]


async def test_a_bot_that_only_listens_is_never_sent_away(
    start_gateway: StartGateway, join: Join
) -> None:
    strict, patient = await start_gateway(idle=within(0.6)), await start_gateway()
    bot = made(strict)

    @bot.hears("!ping")
    async def ping(message: Message) -> None:
        await message.reply("pong")

    dana = await join(patient, "dana")
    async with serving(bot):
        await dana.expect(op="joined", name="bot")
        sis = await join(strict, "sis")
        await sis.ended(code="idle", text="Bye!", reconnect=False)
        sis = await join(strict, "sis")
        await sis.ended(code="idle", text="Bye!", reconnect=False)
        await dana.say(op="send", text="!ping")
        await dana.expect(op="msg", text="pong")


async def test_it_reads_what_was_said_before(one: Running, join: Join) -> None:
    dana = await join(one, "dana")
    for number in range(3):
        await dana.say(op="send", text=f"message {number}")
        await dana.expect(op="msg", text=f"message {number}")
    bot = made(one)
    found: list[Message] = []

    @bot.hears("!read")
    async def read(message: Message) -> None:
        found.extend(await bot.history("lobby", last=3))
        await message.reply("done")

    async with serving(bot):
        await dana.expect(op="joined", name="bot")
        await dana.say(op="send", text="!read")
        await dana.expect(op="msg", text="done")
    assert [(each.sender, each.text) for each in found] == [
        ("dana", "message 1"),
        ("dana", "message 2"),
        ("dana", "!read"),
    ]


async def test_its_clock_ticks_and_a_taken_name_is_an_error(one: Running, join: Join) -> None:
    bot = made(one)

    @bot.every(0.01)
    async def tick() -> None:
        await bot.say("lobby", "tick")

    dana = await join(one, "dana")
    async with serving(bot):
        await dana.expect(op="msg", text="tick")
    with pytest.raises(Refused, match="dana"):
        await made(one, name="dana").serve()


def test_what_is_not_an_address_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="host"):
        Bot("bot", ":2428")
