"""What the chaos tests often check."""

from __future__ import annotations

from collections.abc import Callable

from gateway.backplane.keys import Keys
from tests.chaos.bots import PATIENCE, Bot
from tests.chaos.lab import PREFIX, Lab
from tests.chaos.verdict import judge
from tests.support import deadlines

KEYS = Keys(PREFIX)


def kept(lab: Lab, *bots: Bot) -> None:
    """Check that all promises were kept: nothing was missed, doubled or out of order."""
    assert list(judge([bot.record for bot in bots], lab.lapses)) == []
    assert lab.errors() == []


async def eventually(met: Callable[[], object]) -> None:
    """Wait until a condition holds that has no event."""
    await deadlines.eventually(met, PATIENCE)
