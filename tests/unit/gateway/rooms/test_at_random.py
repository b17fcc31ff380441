"""Anything that can happen to rooms, at random; in the end all gateways agree with Redis."""

import asyncio
import contextlib
from random import Random

import pytest

from gateway.chat.rooms import ban_of
from gateway.errors import BackplaneDown
from gateway.rooms.room import who_is
from tests.unit.gateway.fakes import AWAY, quiet
from tests.unit.gateway.rooms.conftest import Gate, Somebody, Street
from wire.reasons import WireError

ROOMS = ("dev", "club", "lobby")
STEPS = 60


class Story:
    """Three gateways, two operators and six guests, and what happens to them.

    Args:
        street: where the gateways are.
        dice: all choices are drawn from them.
    """

    def __init__(self, street: Street, dice: Random) -> None:
        self.dice = dice
        self.memory = street.memory
        self.gates = [street.open(quiet_above=4) for _ in range(3)]
        self.people: list[tuple[Gate, Somebody]] = []
        for number, name in enumerate(("Boss", "Chief", "Ann", "Ben", "Cleo", "Dan", "Eve", "Fay")):
            gate = dice.choice(self.gates)
            self.people.append(
                (gate, gate.somebody(name, account=name.casefold() if number < 2 else ""))
            )
            if number < 2:
                self.memory.accounts[name.lower()] = "hash"
        self.may_happen = [
            *(self.enter, self.enter, self.leave, self.moderate, self.moderate),
            *(self.set_modes, self.lose, self.check),
        ]
        self.under_way: set[asyncio.Task[object]] = set()

    async def begin(self) -> None:
        """The two operators make the rooms."""
        for (gate, person), room in zip(self.people, ROOMS, strict=False):
            await gate.rooms.enter(room, person)

    async def step(self) -> None:
        """Something happens, while what happened before may be under way still."""
        what = self.dice.choice(self.may_happen)
        task: asyncio.Task[object] = asyncio.ensure_future(self._try(what))
        self.under_way.add(task)
        for _ in range(self.dice.randint(0, 8)):
            await asyncio.sleep(0)

    async def _try(self, what) -> None:
        with contextlib.suppress(WireError, BackplaneDown):
            await what()

    async def enter(self) -> None:
        gate, person = self.dice.choice(self.people)
        await gate.rooms.enter(self.dice.choice(ROOMS), person, history=self.dice.choice((0, 5)))

    async def leave(self) -> None:
        gate, person = self.dice.choice(self.people)
        gate.rooms.leave(self.dice.choice(ROOMS), person, "left")

    async def moderate(self) -> None:
        gate, boss = self.people[self.dice.randint(0, 1)]
        action = self.dice.choice(("kick", "ban", "unban", "mute", "unmute", "invite", "uninvite"))
        name = self.dice.choice(self.people[2:])[1].registration.name
        await gate.moderate(boss, action, name, self.dice.choice(ROOMS))

    async def set_modes(self) -> None:
        gate, boss = self.people[0]
        await gate.set(boss, invite_only=self.dice.random() < 0.5, slow=self.dice.randint(0, 1))

    async def lose(self) -> None:
        """Something is lost on the way to a gateway for a while, or Redis is away from it."""
        gate = self.dice.choice(self.gates)
        lost = self.dice.choice((b"+", b"~", b"="))
        failing = self.dice.choice(("attend", "state", "members", "change"))
        gate.lost.add(lost)
        if self.dice.random() < 0.5:
            gate.backplane.fail(AWAY, failing)
        for _ in range(self.dice.randint(1, 20)):
            await asyncio.sleep(0)
        gate.lost.discard(lost)
        gate.backplane.failing.pop(failing, None)

    async def forget(self) -> None:
        """Redis forgets a room, or who is in it."""
        if (kept := self.memory.rooms.get(self.dice.choice(ROOMS))) is None:
            return
        if self.dice.random() < 0.5:
            kept.members.clear()
            kept.moves = 0
        else:
            kept.exists, kept.version, kept.moves = False, 0, 0
            kept.members.clear()
            kept.parts.clear()

    async def check(self) -> None:
        await self.dice.choice(self.gates).rooms.check(thoroughly=self.dice.random() < 0.3)

    async def end(self) -> None:
        """Nothing goes wrong any longer, and everything is compared."""
        for gate in self.gates:
            gate.lost.clear()
            gate.backplane.failing.clear()
        await asyncio.gather(*self.under_way)
        for _ in range(3):
            for gate in self.gates:
                await gate.rooms.check(thoroughly=True)
                await gate.rooms.settle()
            await quiet()

    def wrong(self) -> list[str]:
        """What does not agree."""
        found = []
        for room in ROOMS:
            kept = self.memory.rooms.get(room)
            by_redis = {} if kept is None else kept.members
            here: dict[str, str] = {}
            for gate in self.gates:
                known = gate.rooms.get(room)
                if known is None:
                    continue
                here |= {p.registration.folded: s for s, p in known.here.items()}
                if sorted(known.roster.members) != sorted(by_redis):
                    found.append(f"{gate.id} knows {sorted(known.roster.members)} in {room}")
                if known.version != str(kept.version if kept else 0):
                    found.append(f"{gate.id} has {room} of {known.version}")
                found += [
                    f"{person.registration.name} is banned from {room}, and in it"
                    for person in known.here.values()
                    if ban_of(known.state, who_is(person), known.now()) is not None
                ]
            if {name: member.session for name, member in by_redis.items()} != here:
                found.append(f"Redis has {sorted(by_redis)} in {room}, and here are {sorted(here)}")
        return found


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for longer than a turn of the loop."""
    monkeypatch.setattr("gateway.rooms.moves.PAUSE", 0)
    monkeypatch.setattr("gateway.rooms.room.PAUSE", 0)
    monkeypatch.setattr("gateway.rooms.room.LATE", 0.001)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("forgets", [False, True])
async def test_whatever_happens_all_agree_in_the_end(
    street: Street, seed: int, forgets: bool
) -> None:
    story = Story(street, Random(seed))
    if forgets:
        story.may_happen.append(story.forget)
    await story.begin()
    for _ in range(STEPS):
        await story.step()
    await story.end()
    assert story.wrong() == []
