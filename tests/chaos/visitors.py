"""Strangers who come and go under one name: each has to hear nothing of those before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chaos.bots import Record
from tests.chaos.verdict import Violation
from tests.chaos.wire import opened

NAME = "visitor"

STAY = (0.2, 2.0)
"""Seconds that one of them stays."""


@dataclass
class Visit:
    """One of them.

    Attributes:
        came: when it asked for the name, by `time.monotonic`.
        heard: texts.
    """

    came: float
    heard: list[str] = field(default_factory=list)


async def visit_again_and_again(port: Callable[[], int], dice: Random, visits: list[Visit]) -> None:
    """Come, stay a while, and leave with or without a word; until cancelled.

    Args:
        port: says where to connect to, each time.
        dice: what the stays are drawn from.
        visits: gets those who were let in.
    """
    while True:
        visit = Visit(time.monotonic())
        try:
            async with opened(port(), NAME) as wire:
                try:
                    await wire.expect("welcome")
                    visits.append(visit)
                    await asyncio.sleep(dice.uniform(*STAY))
                    if dice.random() < 0.5:
                        wire.say("quit")
                        await wire.expect("bye")
                finally:
                    visit.heard = list(_texts(wire.heard))
        except (OSError, AssertionError):
            await asyncio.sleep(0.1)  # not let in, or cut off: as is the way of things here


def _texts(events: Sequence[dict[str, Any]]) -> Iterator[str]:
    return (event["text"] for event in events if event["op"] == "msg")


def overheard(visits: Sequence[Visit], records: Sequence[Record]) -> Iterator[Violation]:
    """Look for what was said to, or heard by, somebody who had the name before."""
    said = {one.text: one for record in records for one in record.said}
    for visit in visits:
        for text in visit.heard:
            one = said[text]
            if one.ack is not None and one.answered < visit.came:
                what = f"a stranger heard {text!r}, which was said before it came"
            elif one.to is not None and NAME not in one.to:
                what = f"a stranger heard {text!r}, which was for {one.to}"
            else:
                continue
            yield Violation(what, [])
