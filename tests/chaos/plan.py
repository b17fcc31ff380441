"""Which faults happen when, drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from tests.chaos.faults import Fault

TOGETHER = 0.3
"""The probability that two faults happen together."""

SETTLING = 0.4
"""Average seconds that recovery takes after a fault; only for estimating the duration."""


class Step(NamedTuple):
    """Faults that happen together.

    Attributes:
        faults: the faults; they affect different places.
        seconds: how long they last.
    """

    faults: tuple[Fault, ...]
    seconds: float


def plan(dice: Random, minutes: float, every: Sequence[Fault]) -> Iterator[Step]:
    """Steps for roughly this many minutes: each fault once per round, in random order."""
    left = minutes * 60
    waiting: list[Fault] = []
    while left > 0:
        if not waiting:
            waiting = dice.sample(every, len(every))
        faults = [waiting.pop()]
        if dice.random() < TOGETHER:
            others = [fault for fault in waiting if fault.place != faults[0].place]
            faults += others[:1]
            waiting = [fault for fault in waiting if fault not in faults]
        step = Step(tuple(faults), max(dice.uniform(*fault.seconds) for fault in faults))
        left -= step.seconds + SETTLING
        yield step
