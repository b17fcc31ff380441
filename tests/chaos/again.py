"""The same send once more, after everything: it gets the same answer."""

from __future__ import annotations

from tests.chaos.bots import Bot
from tests.chaos.verdict import Violation
from tests.chaos.wire import opened

ASKED = 5
"""Messages of each bot that are sent again: the last ones, which any log still has."""

LATEST = 2**52
"""As a hello's seq: later than any of the bot's own."""


async def ask_again(bot: Bot, port: int, since: float) -> list[Violation]:
    """Take a bot's place, and send its last messages again.

    Args:
        bot: whose; its chat ends by that.
        port: of a gateway.
        since: when Redis last forgot anything: it knows nothing of what was said before.
    """
    acked = [one for one in bot.record.said if one.ack is not None and one.asked > since]
    found = []
    async with opened(port, bot.name, resume=bot.token, seq=LATEST) as wire:
        await wire.expect("welcome", resumed=True)
        for said in acked[-ASKED:]:
            assert said.ack is not None
            wire.say("send", text=said.text, seq=said.ack.seq, to=said.to)
            again = await wire.expect("ack", seq=said.ack.seq)
            if (again["id"], again.get("room")) != (said.ack.id, said.ack.room):
                found.append(Violation(f"{said.text!r} had {said.ack}, and later {again}", []))
    return found
