"""Rooms in which people come and go, and operators who put them out: what must never be heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from client.errors import ChatError, Refused
from gateway.backplane.operators.rooms import change_room
from gateway.chat.room_changes import Change
from gateway.errors import NoSuchRoom, RedisUnreachable, RoomChanged
from tests.chaos.bots import Bot, Record
from tests.chaos.lab import PREFIX, Lab
from tests.chaos.lapses import COURT, VAULT
from tests.chaos.reading import parsed
from tests.chaos.verdict import Violation
from wire.frames import Action, Entered, Join, Leave, Moderate, Msg, Out, SetModes, SetTopic
from wire.reasons import WireError

INVITED = 5
"""How many bots are invited to the vault."""

PUT_OUT: tuple[Action, ...] = ("uninvite", "kick")

NOT_DONE = (RedisUnreachable, NoSuchRoom, RoomChanged)

STAY = (0.2, 1.5)
"""Seconds between two things that a bot, or the operator, does about rooms."""


class Silence(NamedTuple):
    """A time in which nothing may be posted, by ids of the room's log.

    Attributes:
        name: the person who may not post.
        why: the action.
        after: id of the event that began it.
        until: id of the event that ended it.
    """

    name: str
    why: str
    after: str
    until: str


class Closed(NamedTuple):
    """A time in which only invited people may read the vault, by ids of its log."""

    after: str
    until: str


@dataclass
class Done:
    """What the operator has done, as far as it is known to have been done.

    Attributes:
        silences: in the court.
        closed: of the vault.
    """

    silences: list[Silence] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)


class Operator:
    """An operator of the chat, who works straight in Redis, as `chatctl room` does.

    Args:
        lab: the lab that it works in.
        names: the names of all bots.
        invited: the names of the bots that may read the vault.
        dice: decides what it does.
    """

    def __init__(
        self, lab: Lab, names: Sequence[str], invited: Sequence[str], dice: Random
    ) -> None:
        self.done = Done()
        self._lab = lab
        self._names = names
        self._invited = invited
        self._dice = dice
        self._number = 0

    async def work(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._silence(self._dice.choice(self._names))
            await self._kick(self._dice.choice(self._names))
            await self._guard()

    async def _pause(self) -> None:
        await asyncio.sleep(self._dice.uniform(*STAY))

    async def _silence(self, name: str) -> None:
        """Ban or mute somebody for a while."""
        begin, end = self._dice.choice((("ban", "unban"), ("mute", "unmute")))
        after = await self._do(_about(name, begin))
        await self._pause()
        until = None
        while until is None:
            try:
                until = await self._change(_about(name, end))
                break
            except WireError:
                break  # nobody is banned: Redis has forgotten it
            except NOT_DONE:
                await asyncio.sleep(0.1)
        if after and until:
            self.done.silences.append(Silence(name, begin, after, until))

    async def _kick(self, name: str) -> None:
        await self._do(_about(name, "kick"))
        await self._pause()

    async def _guard(self) -> None:
        """See that the vault is closed; then leave it alone for a while."""
        invitations = [Moderate(room=VAULT, action="invite", name=name) for name in self._invited]
        # A room that becomes invite-only invites those who are in it.
        strangers = [
            Moderate(room=VAULT, action=action, name=name)
            for name in self._names
            if name not in self._invited
            for action in PUT_OUT
        ]
        try:
            await self._change(SetModes(room=VAULT, invite_only=True))
            for change in (*invitations, *strangers):
                with contextlib.suppress(WireError):  # nobody of that name, say
                    await self._change(change)
            after = await self._change(self._topic("closed"))
        except NOT_DONE:
            return
        await self._pause()
        until = await self._do(self._topic("open again"))
        if after and until:
            self.done.closed.append(Closed(after, until))

    def _topic(self, text: str) -> SetTopic:
        self._number += 1
        return SetTopic(room=VAULT, topic=f"{text} ({self._number})")

    async def _do(self, change: Change) -> str | None:
        """Do it; returns the id of the event, or None if it may not have been done."""
        with contextlib.suppress(WireError, *NOT_DONE):
            return await self._change(change)
        return None

    async def _change(self, change: Change) -> str | None:
        return await asyncio.to_thread(change_room, self._lab.server.url, PREFIX, change)


def _about(name: str, action: Action) -> Moderate:
    return Moderate(room=COURT, action=action, name=name)


async def wander(bot: Bot, dice: Random, *rooms: str) -> None:
    """Enter and leave rooms, until cancelled."""
    while True:
        room = dice.choice(rooms)
        with contextlib.suppress(ChatError):
            if room in bot.rooms and dice.random() < 0.5:
                await bot.ask(Leave(room=room))
            else:
                await bot.ask(Join(room=room, history=dice.choice((0, 100))))
        await asyncio.sleep(dice.uniform(*STAY))


async def settle_in(bot: Bot, room: str) -> None:
    """Enter a room in which the bot stays, however often that takes."""
    while room not in bot.rooms:
        try:
            await bot.ask(Join(room=room))
        except Refused as refused:
            if not refused.may_pass and refused.code != "invite_only":
                raise
            await asyncio.sleep(0.1)


def misheard(records: Sequence[Record], invited: Sequence[str], done: Done) -> Iterator[Violation]:
    """Look for messages of people who were put out, and for messages that strangers read."""
    for record in records:
        yield from _of_the_silenced(record, done.silences)
        if record.name not in invited:
            yield from _of_the_vault(record, done.closed)
        yield from _stays(record)


def _of_the_silenced(record: Record, silences: Sequence[Silence]) -> Iterator[Violation]:
    by_name: dict[str, list[Silence]] = {}
    for silence in silences:
        by_name.setdefault(silence.name, []).append(silence)
    for message in record.heard:
        if not isinstance(message, Msg) or message.room != COURT:
            continue
        for silence in by_name.get(message.from_, ()):
            if _between(silence.after, message.id, silence.until):
                what = f"{record.name} heard {message.id} {message.text!r}, sent during {silence}"
                yield Violation(what, [])


def _of_the_vault(record: Record, closed: Sequence[Closed]) -> Iterator[Violation]:
    for message in record.heard:
        if isinstance(message, Msg) and message.room == VAULT:
            for each in closed:
                if _between(each.after, message.id, each.until):
                    what = f"{record.name} was not invited, and read {message.id} {message.text!r}"
                    yield Violation(what, [])


def _stays(record: Record) -> Iterator[Violation]:
    """While it is in a room each message comes once and in order, and afterwards none comes."""
    last: dict[str, str] = {}
    outside: set[str] = set()
    for event in record.rooms:
        match event:
            case Out(room=room):
                outside.add(room)
                last.pop(room, None)
            case Entered(room=room):
                outside.discard(room)
            case Msg(room=str(room), id=id):
                if room in outside:
                    what = f"{record.name} was out of {room}, and heard {id} {event.text!r}"
                    yield Violation(what, [])
                if room in last and parsed(id) <= parsed(last[room]):
                    yield Violation(f"{record.name} heard {id} after {last[room]} in {room}", [])
                last[room] = id


def _between(after: str, id: str, until: str) -> bool:
    """Whether an id is between two others; only if Redis lost nothing between them."""
    first, last = parsed(after), parsed(until)
    return first[0] == last[0] and first < parsed(id) < last
