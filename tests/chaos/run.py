"""The chaos run: bots talk, things break, and at the end all records are compared."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random

from client.errors import ChatError
from gateway.backplane.operators.rooms import read_room
from tests.chaos.again import ask_again
from tests.chaos.bots import Bot
from tests.chaos.expect import eventually
from tests.chaos.faults import EVERY, LAPSES, Fault
from tests.chaos.lab import PREFIX, Lab, lab
from tests.chaos.lapses import COURT, PLAZA, VAULT
from tests.chaos.moderating import INVITED, Done, Operator, misheard, settle_in, wander
from tests.chaos.plan import Step, plan
from tests.chaos.verdict import Violation, judge
from tests.chaos.visitors import NAME, Visit, overheard, visit_again_and_again
from tests.chaos.wire import opened
from wire.frames import LOBBY

GATEWAYS = 3
BOTS = 20

PAUSE = (0.05, 0.4)
"""Seconds between two messages of a bot."""

PRIVATELY = 0.25
"""The probability that a message is private."""

LARGE = 0.03
"""The probability that a message is large."""

PADDING = " and so on" * 300
"""The text that makes it large."""

WHOLE_WITHIN = 30.0
"""Seconds after the end of a fault in which everybody must have recovered."""


@dataclass
class Survived:
    """The figures of one kind of fault.

    Attributes:
        times: how often it happened.
        lasted: seconds that the longest one lasted.
        whole_after: the most seconds from its end until everybody got everybody's messages again.
    """

    times: int = 0
    lasted: float = 0.0
    whole_after: float = 0.0


@dataclass
class Outcome:
    """The outcome of a run.

    Attributes:
        seed: the seed of the plan.
        survived: the figures by fault.
        timeline: what happened when.
        bots: the bots that took part.
        done: what the operator has done.
        violations: broken promises; none, one hopes.
    """

    seed: int
    survived: dict[str, Survived] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    bots: list[Bot] = field(default_factory=list)
    done: Done = field(default_factory=Done)
    violations: list[Violation] = field(default_factory=list)


class Run:
    """One run.

    Args:
        at: the lab.
        seed: the seed of all random choices.
        faults: the faults that may happen.
    """

    def __init__(self, at: Lab, seed: int, faults: Sequence[Fault]) -> None:
        self.outcome = Outcome(seed)
        self._lab = at
        self._faults = faults
        self._began = time.monotonic()
        self._talking = True
        self._markers = 0
        self._broken: list[Violation] = []
        self._visits: list[Visit] = []
        names = [f"bot{n}" for n in range(1, BOTS + 1)]
        self._invited = names[:INVITED]
        self._operator = Operator(at, names, self._invited, Random(f"{seed} operator"))
        self.outcome.done = self._operator.done
        self.outcome.bots = self._bots = [self._bot(name) for name in names]

    async def go(self, minutes: float) -> Outcome:
        """Run it."""
        async with AsyncExitStack() as stack:
            for bot in self._bots:
                await stack.enter_async_context(bot.online())
            await asyncio.gather(*map(self._settle_in, self._bots))
            moving = [asyncio.create_task(self._operator.work())]
            moving += [asyncio.create_task(self._wander(bot)) for bot in self._bots]
            talk = [asyncio.create_task(self._talk(bot)) for bot in self._bots]
            dice = Random(f"{self.outcome.seed} {NAME}")
            visiting = visit_again_and_again(lambda: self._port(dice), dice, self._visits)
            visitor = asyncio.create_task(visiting)
            try:
                await self._whole()
                for step in plan(Random(self.outcome.seed), minutes, self._faults):
                    await self._suffer(step)
                self._talking = False
                for task in (visitor, *moving):
                    task.cancel()
                async with asyncio.timeout(WHOLE_WITHIN):
                    await asyncio.gather(*talk)
                await self._whole()
            except (TimeoutError, AssertionError, ChatError) as error:
                why = f"not everybody got whole again: {str(error) or 'it took too long'}"
                self.outcome.violations.append(Violation(why, []))
            finally:
                for task in (*talk, *moving, visitor):
                    task.cancel()
                await asyncio.gather(*talk, *moving, visitor, return_exceptions=True)
            await self._judge()
        return self.outcome

    def _bot(self, name: str) -> Bot:
        dice = Random(f"{self.outcome.seed} {name}")
        return Bot(name, lambda: self._port(dice), dice)

    async def _settle_in(self, bot: Bot) -> None:
        await settle_in(bot, PLAZA)
        if bot.name in self._invited:
            await settle_in(bot, VAULT)

    async def _wander(self, bot: Bot) -> None:
        rooms = (COURT,) if bot.name in self._invited else (COURT, COURT, VAULT)
        await wander(bot, Random(f"{self.outcome.seed} {bot.name} wanders"), *rooms)

    def _port(self, dice: Random) -> int:
        return dice.choice(self._lab.stations).front.port

    async def _talk(self, bot: Bot) -> None:
        dice = Random(f"{self.outcome.seed} {bot.name} talks")
        others = [other.name for other in self._bots if other is not bot] + [NAME]
        number = 0
        while self._talking:
            number += 1
            to = dice.sample(others, dice.randint(1, 2)) if dice.random() < PRIVATELY else None
            padding = PADDING if dice.random() < LARGE else ""
            room = LOBBY if to else dice.choice([LOBBY, PLAZA, *bot.rooms])
            await bot.say(f"{bot.name} {number}{padding}", to, room)
            await asyncio.sleep(dice.uniform(*PAUSE))

    async def _suffer(self, step: Step) -> None:
        # Separate dice: how often they are thrown depends on what there is to break.
        dice = Random(f"{self.outcome.seed} {self._markers}")
        names = " + ".join(fault.name for fault in step.faults)
        lost = {bot.name: len(bot.record.lost) for bot in self._bots}
        self._note(f"{names}, for {step.seconds:.1f} s")
        async with AsyncExitStack() as stack:
            # A gateway fault ends last: the gateway that is then started needs a Redis.
            for fault in sorted(step.faults, key=lambda fault: fault.place != "gateway"):
                await stack.enter_async_context(fault.happen(self._lab, dice))
            await asyncio.sleep(step.seconds)
        over = time.monotonic()
        await self._whole()
        took = time.monotonic() - over
        if set(step.faults) <= set(LAPSES):
            for bot in self._bots:
                if away := bot.record.lost[lost[bot.name] :]:
                    what = f"{bot.name} was sent away for what Redis forgot ({names}): {away}"
                    self._broken.append(Violation(what, []))
        self._note(f"  over, and everybody whole after {took:.2f} s")
        for fault in step.faults:
            survived = self.outcome.survived.setdefault(fault.name, Survived())
            survived.times += 1
            survived.lasted = max(survived.lasted, step.seconds)
            survived.whole_after = max(survived.whole_after, took)

    async def _whole(self) -> None:
        """Wait until everybody has got everybody's message, and somebody a private one."""
        self._markers += 1
        marks = [f"{bot.name} is whole ({self._markers})" for bot in self._bots]
        async with asyncio.timeout(WHOLE_WITHIN):
            await asyncio.gather(*map(Bot.is_here, self._bots))
            await asyncio.gather(*map(Bot.say, self._bots, marks))
            there = [f"{mark} in {PLAZA}" for mark in marks]
            await asyncio.gather(
                *(bot.say(mark, room=PLAZA) for bot, mark in zip(self._bots, there, strict=True))
            )
            await asyncio.gather(*(bot.hears(*there, within=WHOLE_WITHIN) for bot in self._bots))
            await asyncio.gather(*(bot.hears(*marks, within=WHOLE_WITHIN) for bot in self._bots))
            pairs = zip(self._bots, [*self._bots[1:], self._bots[0]], strict=True)
            await asyncio.gather(*(self._whisper(one, other) for one, other in pairs))

    async def _whisper(self, one: Bot, other: Bot) -> None:
        """Send private messages until the other is known to be online."""
        number = 0
        while True:
            number += 1
            text = f"{one.name} knows {other.name} ({self._markers}, {number})"
            if (await one.say(text, [other.name])).ack is not None:
                await asyncio.gather(
                    *(bot.hears(text, within=WHOLE_WITHIN) for bot in (one, other))
                )
                return
            await asyncio.sleep(0.2)

    async def _judge(self) -> None:
        found = self.outcome.violations
        found += judge([bot.record for bot in self._bots], self._lab.lapses)
        found += self._broken
        found += misheard([bot.record for bot in self._bots], self._invited, self._operator.done)
        found += overheard(self._visits, [bot.record for bot in self._bots])
        found += await self._holders()
        for room in (LOBBY, PLAZA, COURT, VAULT):
            found += await self._members(room)
        try:
            await eventually(lambda: self._lab.connections() == len(self._bots))
        except TimeoutError:
            what = f"{len(self._bots)} people have {self._lab.connections()} connections"
            found.append(Violation(what, []))
        if not found:
            await self._all_serve()
            since = max((lapse.over for lapse in self._lab.lapses), default=0.0)
            port = self._lab.stations[0].front.port
            asked = (ask_again(bot, port, since) for bot in self._bots)
            found += [violation for each in await asyncio.gather(*asked) for violation in each]
        for error in self._lab.errors():
            found.append(Violation("a gateway logged a fault of its own", error.splitlines()))

    async def _all_serve(self) -> None:
        """Wait until every gateway lets people in, including gateways without bots."""
        async with asyncio.timeout(WHOLE_WITHIN):
            for station in self._lab.stations:
                while True:
                    with contextlib.suppress(OSError, AssertionError):
                        async with opened(station.front.port, NAME) as wire:
                            await wire.expect("welcome")
                            wire.say("quit")
                            await wire.expect("bye")
                            break
                    await asyncio.sleep(0.2)

    async def _holders(self) -> list[Violation]:
        """Check that each bot has its name, once lost records have been written again."""
        expected = sorted((bot.name, bot.gateway) for bot in self._bots)
        deadline = time.monotonic() + WHOLE_WITHIN
        while True:
            users = await self._lab.users()
            holders = sorted((user.name, user.gateway) for user in users if user.name != NAME)
            if holders == expected:
                return []
            if time.monotonic() > deadline:
                return [Violation(f"these hold the names: {holders}", [])]
            await asyncio.sleep(0.2)

    async def _members(self, room: str) -> list[Violation]:
        """Check that Redis and all gateways agree with the bots about who is in a room."""
        expected = sorted(bot.name for bot in self._bots if room in bot.rooms)
        deadline = time.monotonic() + WHOLE_WITHIN
        while True:
            kept = await asyncio.to_thread(read_room, self._lab.server.url, PREFIX, room)
            by_redis = sorted(kept.members) if kept else []
            inside = [bot for bot in self._bots if room in bot.rooms]
            told = await asyncio.gather(
                *(bot.members(room) for bot in inside), return_exceptions=True
            )
            if by_redis == expected and all(each == expected for each in told):
                return []
            if time.monotonic() > deadline:
                what = f"{expected} are in {room}; Redis has {by_redis}, and the bots hear {told}"
                return [Violation(what, [])]
            await asyncio.sleep(0.2)

    def _note(self, what: str) -> None:
        self.outcome.timeline.append(f"{time.monotonic() - self._began:7.2f} s  {what}")


async def run(seed: int, minutes: float, faults: Sequence[Fault] = EVERY) -> Outcome:
    """Break a chat of three gateways and twenty bots for roughly this many minutes."""
    async with lab(GATEWAYS) as at:
        return await Run(at, seed, faults).go(minutes)
