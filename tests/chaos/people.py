"""Persons with two sessions each, who go away and come back, and who delete what they said."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from random import Random
from typing import NamedTuple

from client.errors import ChatError, Refused
from gateway.backplane.operators.accounts import put_account
from gateway.door.passwords import hash_password
from tests.chaos.bots import Bot, Said
from tests.chaos.faults import FAULTS
from tests.chaos.lab import PREFIX, Lab, lab
from tests.chaos.plan import plan
from tests.chaos.reading import parsed
from tests.chaos.verdict import Violation
from wire.codec import decode_event
from wire.frames import LOBBY, PRIVATE, Delete, Earlier, Msg, ReadHistory

GATEWAYS = 3
TWINS = 5
GUESTS = 5

PASSWORD = "correct horse"

STAY = (1.0, 5.0)
AWAY = (0.2, 2.0)
PAUSE = (0.02, 0.3)
"""Seconds that a person stays, is away, and waits between two things that it does."""

PRIVATELY, DELETES = 0.5, 0.2
"""The probability that what somebody says is private, and that it is deleted later."""

WHOLE_WITHIN = 40.0
"""Seconds after the last fault within which everybody must have heard everything."""

HARMLESS = tuple(fault for fault in FAULTS if not fault.name.startswith("Redis killed"))
"""Faults in which nothing is lost that was acknowledged, and no epoch ends."""


@dataclass
class Spoken:
    """A message, and what became of it.

    Attributes:
        said: the message.
        by: the person.
        deleted: when its deletion was acknowledged, by `time.monotonic`.
        doubtful: somebody tried to delete it, and was not told what became of that.
    """

    said: Said
    by: str
    deleted: float = math.inf
    doubtful: bool = False


@dataclass
class Person:
    """Somebody with one session or two.

    Attributes:
        name: the name; registered if there is a password.
        password: of the name.
        sessions: all sessions that there were, each a bot with its own record.
        here: those that are here now.
        since: when these came, by `time.monotonic`.
    """

    name: str
    password: str | None
    sessions: list[Bot] = field(default_factory=list)
    here: list[Bot] = field(default_factory=list)
    since: float = math.inf


class Outcome(NamedTuple):
    """What happened in a run.

    Attributes:
        people: everybody.
        spoken: everything that was said, by its text.
        violations: broken promises.
    """

    people: list[Person]
    spoken: dict[str, Spoken]
    violations: list[Violation]

    def sums(self) -> str:
        """The figures of the run."""
        spoken = self.spoken.values()
        later = sum(bool(each.said.ack and each.said.ack.later) for each in spoken)
        deleted = sum(each.deleted < math.inf for each in spoken)
        sessions = sum(len(person.sessions) for person in self.people)
        heard = sum(len(bot.record.texts()) for person in self.people for bot in person.sessions)
        return (
            f"{len(self.people)} people with {sessions} sessions: {len(spoken)} messages said, "
            f"{later} for people who were away, {deleted} deleted, {heard} received"
        )


class Household:
    """One run.

    Args:
        at: the lab.
        seed: the seed of all random choices.
    """

    def __init__(self, at: Lab, seed: int) -> None:
        self._lab = at
        self._seed = seed
        self._talking = True
        self._silent = asyncio.Barrier(TWINS + GUESTS + 1)
        self._over = asyncio.Event()
        self._spoken: dict[str, Spoken] = {}
        self._people = [Person(f"twin{n}", PASSWORD) for n in range(1, TWINS + 1)]
        self._people += [Person(f"guest{n}", None) for n in range(1, GUESTS + 1)]

    async def go(self, minutes: float) -> Outcome:
        """Run it."""
        await asyncio.to_thread(self._register)
        found: list[Violation] = []
        lives = [asyncio.create_task(self._live(person)) for person in self._people]
        try:
            for number, step in enumerate(plan(Random(self._seed), minutes, HARMLESS)):
                dice = Random(f"{self._seed} {number}")
                async with AsyncExitStack() as stack:
                    for fault in sorted(step.faults, key=lambda fault: fault.place != "gateway"):
                        await stack.enter_async_context(fault.happen(self._lab, dice))
                    await asyncio.sleep(step.seconds)
            self._talking = False
            async with asyncio.timeout(WHOLE_WITHIN):
                await self._silent.wait()
                await self._whole()
                found += await self._what_history_has()
            self._over.set()
            await asyncio.gather(*lives)
        except (TimeoutError, AssertionError, ChatError) as error:
            found.append(Violation(f"not everybody got whole again: {error!r}", []))
        finally:
            for task in lives:
                task.cancel()
            await asyncio.gather(*lives, return_exceptions=True)
        found += judge(self._people, self._spoken)
        found += [
            Violation("a gateway logged a fault of its own", error.splitlines())
            for error in self._lab.errors()
        ]
        return Outcome(self._people, self._spoken, found)

    def _register(self) -> None:
        hash = hash_password(PASSWORD)
        for person in self._people:
            if person.password is not None:
                put_account(self._lab.server.url, PREFIX, "add", person.name, hash, "")

    async def _live(self, person: Person) -> None:
        dice = Random(f"{self._seed} {person.name}")
        while not self._over.is_set():
            async with AsyncExitStack() as stack:
                await self._come(person, stack)
                until = time.monotonic() + dice.uniform(*STAY)
                # The name of a guest who leaves may be somebody else's: they stay.
                while self._talking and (time.monotonic() < until or person.password is None):
                    await self._do_something(person, dice)
                    await asyncio.sleep(dice.uniform(*PAUSE))
                if not self._talking:
                    await self._silent.wait()
                    await self._over.wait()
                    return
            person.here, person.since = [], math.inf
            await asyncio.sleep(dice.uniform(*AWAY))

    async def _come(self, person: Person, stack: AsyncExitStack) -> None:
        """Come with one session or two, however often that takes."""
        for _ in range(1 if person.password is None else 2):
            number = len(person.sessions)
            dice = Random(f"{self._seed} {person.name} {number}")
            bot = Bot(person.name, partial(self._port, dice), dice, person.password)
            while True:
                try:
                    await stack.enter_async_context(bot.online())
                    break
                except Refused as refused:
                    if not refused.may_pass and refused.code != "name_taken":
                        raise
                except ChatError:
                    pass
                await asyncio.sleep(0.2)
            person.sessions.append(bot)
            person.here.append(bot)
        person.since = time.monotonic()

    def _port(self, dice: Random) -> int:
        return dice.choice(self._lab.stations).front.port

    async def _do_something(self, person: Person, dice: Random) -> None:
        bot = dice.choice(person.here)
        text = f"{person.name} {len(self._spoken)}"
        others = [other.name for other in self._people if other is not person]
        to = dice.sample(others, dice.randint(1, 2)) if dice.random() < PRIVATELY else None
        spoken = self._spoken[text] = Spoken(Said(text, to), person.name)
        with contextlib.suppress(ChatError):
            spoken.said = await bot.say(text, to)
            if spoken.said.ack is not None and dice.random() < DELETES:
                await asyncio.sleep(dice.uniform(*PAUSE))
                await self._delete(dice.choice(person.here), spoken)

    async def _delete(self, bot: Bot, spoken: Spoken) -> None:
        ack = spoken.said.ack
        assert ack is not None
        spoken.doubtful = True
        with contextlib.suppress(ChatError):
            await bot.ask(Delete(id=ack.id, room=ack.room))
            spoken.deleted, spoken.doubtful = time.monotonic(), False

    async def _whole(self) -> None:
        """Wait until every session has heard from everybody, in the lobby and privately."""
        public = []
        private: dict[str, list[str]] = {person.name: [] for person in self._people}
        for person in self._people:
            await asyncio.gather(*map(Bot.is_here, person.here))
            text = f"{person.name} is whole"
            public.append(text)
            await self._says(person, text, None)
            for other in self._people:
                if other is not person:
                    text = f"{person.name} sees {other.name}"
                    private[other.name].append(text)
                    await self._says(person, text, [other.name])
        for person in self._people:
            for bot in person.here:
                await bot.hears(*public, *private[person.name], within=WHOLE_WITHIN)

    async def _says(self, person: Person, text: str, to: list[str] | None) -> None:
        spoken = self._spoken[text] = Spoken(Said(text, to), person.name)
        spoken.said = await person.here[0].say(text, to)

    async def _what_history_has(self) -> list[Violation]:
        """Ask for earlier messages: nothing that was deleted is among them."""
        found = []
        for person in self._people:
            for room in (LOBBY, None):
                parts: list[Earlier] = await person.here[-1].ask(ReadHistory(room=room, limit=100))
                for raw in (raw for part in parts for raw in part.events):
                    event = decode_event(bytes(raw))
                    if isinstance(event, Msg) and self._spoken[event.text].deleted < math.inf:
                        what = f"{person.name} reads {event.text!r}, which was deleted"
                        found.append(Violation(what, []))
        return found


def judge(people: Sequence[Person], spoken: dict[str, Spoken]) -> Iterator[Violation]:
    """Look for broken promises in the records of all sessions."""
    public = {(m.id, m.text) for p in people for m in _of(p, LOBBY)}
    for person in people:
        private = {(m.id, m.text) for m in _of(person, PRIVATE)}
        for number, bot in enumerate(person.sessions):
            name = f"{person.name}'s session {number}"
            for log, all_of_it in ((LOBBY, public), (PRIVATE, private)):
                yield from _in_order_and_once(name, bot, log)
                yield from _nothing_missed(name, bot, log, all_of_it, spoken)
            yield from _nothing_of_others(name, bot, person.name, spoken)
            yield from _tombstones(name, bot)
            if len(bot.record.gaps) > len(bot.record.strange):
                yield Violation(f"{name} was told about {bot.record.gaps}", [])
        yield from _mail(person, spoken)


def _of(person: Person, log: str) -> Iterator[Msg]:
    return (m for bot in person.sessions for m in _heard(bot, log))


def _heard(bot: Bot, log: str) -> list[Msg]:
    messages = [event for event in bot.record.heard if isinstance(event, Msg)]
    return [m for m in messages if (m.room or PRIVATE) == log]


def _in_order_and_once(name: str, bot: Bot, log: str) -> Iterator[Violation]:
    ids = [parsed(message.id) for message in _heard(bot, log)]
    for earlier, later in pairwise(ids):
        if later <= earlier:
            yield Violation(f"{name} heard {later} after {earlier} in {log}", [])
    texts = [message.text for message in _heard(bot, log)]
    for text in {text for text in texts if texts.count(text) > 1}:
        yield Violation(f"{name} heard {text!r} more than once", [])


def _nothing_missed(
    name: str, bot: Bot, log: str, all_of_it: set[tuple[str, str]], spoken: dict[str, Spoken]
) -> Iterator[Violation]:
    """Between its first and its last message a session heard all that anybody heard there."""
    heard = {parsed(message.id) for message in _heard(bot, log)}
    for id, text in all_of_it:
        each = spoken[text]
        is_due = bool(heard) and min(heard) < parsed(id) < max(heard)
        if is_due and parsed(id) not in heard and each.deleted == math.inf and not each.doubtful:
            yield Violation(f"{name} missed {id} {text!r} in {log}, and no gap was told", [])


def _nothing_of_others(
    name: str, bot: Bot, person: str, spoken: dict[str, Spoken]
) -> Iterator[Violation]:
    for message in bot.record.heard:
        if isinstance(message, Msg):
            each = spoken[message.text]
            if each.said.to is not None and person not in (each.by, *each.said.to):
                yield Violation(f"{name} heard {message.text!r}, which was not for it", [])


def _tombstones(name: str, bot: Bot) -> Iterator[Violation]:
    """After a session was told that a message is deleted, it is never told the message."""
    for place, event in bot.record.deleted:
        later = [m for m in bot.record.heard[place:] if isinstance(m, Msg)]
        for message in later:
            if (message.key or message.id) in event.targets:
                yield Violation(f"{name} heard {message.text!r} after it was deleted", [])


def _mail(person: Person, spoken: dict[str, Spoken]) -> Iterator[Violation]:
    """What waited for a person was heard by one of its sessions; so was what was for those here.

    What was told to a session that left meanwhile may have been lost on the way to its client.
    """
    heard = {message.text for message in _of(person, PRIVATE)}
    for text, each in spoken.items():
        ack = each.said.ack
        if ack is None or ack.to is None or each.deleted < math.inf or each.doubtful:
            continue
        is_here = person.since < each.said.asked
        is_due = person.name in ack.to and is_here
        # A guest who was never told the welcome is somebody else by now.
        is_due |= person.name in (ack.later or ()) and (is_here or person.password is not None)
        if is_due and text not in heard:
            yield Violation(f"{person.name} never heard {text!r}, which was acknowledged", [])


async def run_people(seed: int, minutes: float) -> Outcome:
    """Break a chat of people with several sessions for roughly this many minutes."""
    async with lab(GATEWAYS) as at:
        return await Household(at, seed).go(minutes)
