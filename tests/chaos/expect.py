"""What the tests of faults ask for again and again."""

from __future__ import annotations

from collections.abc import Callable

from gateway.backplane.keys import Keys
from tests.chaos.bots import PATIENCE, Bot
from tests.chaos.lab import PREFIX, Lab
from tests.chaos.verdict import judge
from tests.support import deadlines

KEYS = Keys(PREFIX)


def kept(lab: Lab, *bots: Bot) -> None:
    """All promises were: nobody missed anything, or heard it twice, or in another order."""
    assert list(judge([bot.record for bot in bots], lab.lapses)) == []
    assert lab.errors() == []


async def eventually(met: Callable[[], object]) -> None:
    """Return once something is true of which nobody tells."""
    await deadlines.eventually(met, PATIENCE)
