"""Strangers who come and go under one name: nobody may get anything of those before."""

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
"""Seconds that a visitor stays."""


@dataclass
class Visit:
    """One visitor.

    Attributes:
        came: when it asked for the name, by `time.monotonic`.
        heard: texts.
    """

    came: float
    heard: list[str] = field(default_factory=list)


async def visit_again_and_again(port: Callable[[], int], dice: Random, visits: list[Visit]) -> None:
    """Come, stay a while, and leave with or without a goodbye, again and again until cancelled.

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
            await asyncio.sleep(0.1)  # refused or cut off, which is normal here


def _texts(events: Sequence[dict[str, Any]]) -> Iterator[str]:
    return (event["text"] for event in events if event["op"] == "msg")


def overheard(visits: Sequence[Visit], records: Sequence[Record]) -> Iterator[Violation]:
    """Look for messages to or of an earlier holder of the name."""
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
