"""Sending the same message again, after everything: it must get the same answer."""

from __future__ import annotations

from tests.chaos.bots import Bot
from tests.chaos.lapses import PLAZA
from tests.chaos.verdict import Violation
from tests.chaos.wire import opened
from wire.frames import LOBBY

ASKED = 5
"""How many messages of each bot are sent again: the last ones, which every log still has."""

LATEST = 2**52
"""A hello's seq that is later than any of the bot's."""


async def ask_again(bot: Bot, port: int, since: float) -> list[Violation]:
    """Take a bot's place, and send its last messages again.

    Args:
        bot: the bot; its chat ends.
        port: the port of a gateway.
        since: when Redis last lost data; it does not know messages from before.
    """
    acked = [
        one
        for one in bot.record.said
        if one.ack is not None and one.asked > since and one.room in (LOBBY, PLAZA)
    ]
    found = []
    async with opened(port, bot.name, resume=bot.token, seq=LATEST) as wire:
        await wire.expect("welcome", resumed=True)
        for said in acked[-ASKED:]:
            assert said.ack is not None
            wire.say("send", text=said.text, seq=said.ack.seq, to=said.to, room=said.room)
            again = await wire.expect("ack", seq=said.ack.seq)
            if (again["id"], again.get("room")) != (said.ack.id, said.ack.room):
                found.append(Violation(f"{said.text!r} had {said.ack}, and later {again}", []))
    return found
