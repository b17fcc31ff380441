"""Bots: they talk through the client library and record everything that they get."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from client import connect
from client.asks import Asked
from client.connection import Connection
from client.errors import Refused, Unconfirmed
from client.heartbeat import Pulse
from client.lasting import LastingChat, State
from client.news import Back, Lost, News, NotRejoined
from wire.frames import (
    LOBBY,
    Ack,
    Deleted,
    Entered,
    Event,
    Gap,
    Joined,
    Left,
    ListMembers,
    Msg,
    Out,
)

PATIENCE = 30.0
"""Seconds that any wait may take; it is there only so that a run ends."""

PULSE = Pulse(every=2.0, within=1.5)
ANSWER_WITHIN = 3.0
LONGEST_DELAY = 0.5
"""Bots notice a dead connection sooner than people's clients, and retry sooner, so that more
happens in a minute."""


@dataclass
class Said:
    """A message that a bot sent.

    Attributes:
        text: its text; no two are the same.
        to: its recipients, if it was private.
        room: where it was said, if it was public.
        ack: the gateway's ack.
        refused: the code of a refusal; "unconfirmed" if there was no answer.
        asked: when it was sent, by `time.monotonic`.
        answered: when it was answered, or given up.
        strange: when its sender reconnected and was no longer known.
    """

    text: str
    to: list[str] | None
    room: str = LOBBY
    ack: Ack | None = None
    refused: str | None = None
    asked: float = 0.0
    answered: float = math.inf
    strange: list[float] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The first half of its id."""
        assert self.ack is not None
        return int(self.ack.id.partition("-")[0])


@dataclass
class Record:
    """Everything that happened to a bot.

    Attributes:
        name: the bot's name.
        said: the messages that it sent, in order.
        heard: the messages and gaps that it got, in order.
        when: when each of them came, by `time.monotonic`.
        seen: who joined and left, in order.
        rooms: the same messages, and the rooms that it entered and was out of, in order.
        deleted: the deletions that it was told about, and what it had heard before each.
        lost: why its connections ended, in order.
        strange: when it reconnected and was no longer known.
    """

    name: str
    said: list[Said] = field(default_factory=list)
    heard: list[Msg | Gap] = field(default_factory=list)
    when: list[float] = field(default_factory=list)
    seen: list[Joined | Left] = field(default_factory=list)
    rooms: list[Msg | Entered | Out] = field(default_factory=list)
    deleted: list[tuple[int, Deleted]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    strange: list[float] = field(default_factory=list)

    @property
    def gaps(self) -> list[Gap]:
        """The gaps that it was told about."""
        return [event for event in self.heard if isinstance(event, Gap)]

    @property
    def left(self) -> list[tuple[str, str]]:
        """Who left, and why."""
        return [(event.name, event.code) for event in self.seen if isinstance(event, Left)]

    def texts(self) -> list[str]:
        """The texts of the messages that it got."""
        return [event.text for event in self.heard if isinstance(event, Msg)]


class Bot:
    """One bot.

    Args:
        name: its name.
        port: returns the port to connect to, each time.
        dice: the source of its random delays.
        password: of a registered name.
    """

    def __init__(
        self,
        name: str,
        port: Callable[[], int],
        dice: Random | None = None,
        password: str | None = None,
    ) -> None:
        self.record = Record(name)
        self._password = password
        self._port = port
        self._dice = dice or Random(name)
        self._texts: set[str] = set()
        self._changed = asyncio.Condition()

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name

    @property
    def here(self) -> bool:
        """Whether it is connected and its gateway reaches Redis."""
        return self._chat.state is State.HERE

    @property
    def gateway(self) -> str:
        """The id of the gateway that it is, or was last, connected to."""
        return self._chat.connection.welcome.gateway

    @property
    def token(self) -> str:
        """The token that resumes its session."""
        return self._chat.connection.welcome.resume

    @contextlib.asynccontextmanager
    async def online(self) -> AsyncIterator[Bot]:
        """Be online while the context is open."""
        first = await self._dial(None, {})
        self._chat = LastingChat(first, self._dial, pick=self._pick)
        async with self._chat:
            listening = asyncio.create_task(self._listen())
            yield self
        await listening

    @property
    def rooms(self) -> Collection[str]:
        """The rooms that it is in, or will be in again once it is back."""
        return self._chat.rooms

    async def ask(self, request: Asked) -> Any:
        """Ask for something. Raises what `LastingChat.ask` raises."""
        return await self._chat.ask(request)  # type: ignore[call-overload]

    async def members(self, room: str) -> list[str]:
        """Who is in a room, as its gateway says."""
        return sorted(member.name for member in await self._chat.ask(ListMembers(room=room)))

    async def say(self, text: str, to: Sequence[str] | None = None, room: str = LOBBY) -> Said:
        """Send a message; returns once it is answered, however many connections that takes."""
        said = Said(text, None if to is None else list(to), room, asked=time.monotonic())
        said.strange = self.record.strange
        self.record.said.append(said)
        try:
            said.ack = await self._chat.send(text, to=to, room=room)
        except Refused as refused:
            said.refused = refused.code
        except Unconfirmed:
            said.refused = "unconfirmed"
        said.answered = time.monotonic()
        return said

    async def until(self, met: Callable[[], bool], within: float = PATIENCE) -> None:
        """Wait until a condition of this bot holds."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(met)
        except TimeoutError:
            raise AssertionError(f"{self.name} waited in vain: {self._chat.state}") from None

    async def is_here(self) -> None:
        """Wait until it is online."""
        await self.until(lambda: self.here)

    async def hears(self, *texts: str, within: float = PATIENCE) -> None:
        """Wait until it has got all of these texts."""
        await self.until(lambda: self._texts.issuperset(texts), within)

    async def _dial(self, earlier: Connection | None, seen: dict[str, str]) -> Connection:
        return await connect(
            "127.0.0.1",
            self._port(),
            name=self.name,
            password=self._password,
            resume=earlier,
            seen=seen,
            within=ANSWER_WITHIN,
            pulse=PULSE,
        )

    def _pick(self, low: float, high: float) -> float:
        return self._dice.uniform(low, min(high, LONGEST_DELAY))

    async def _listen(self) -> None:
        async for event in self._chat.events():
            self._take(event)
            async with self._changed:
                self._changed.notify_all()

    def _take(self, event: Event | News) -> None:
        match event:
            case Msg() | Gap():
                self.record.heard.append(event)
                self.record.when.append(time.monotonic())
                if isinstance(event, Msg):
                    self._texts.add(event.text)
                    self.record.rooms.append(event)
            case Deleted():
                self.record.deleted.append((len(self.record.heard), event))
            case Entered() | Out():
                self.record.rooms.append(event)
            case Joined() | Left():
                self.record.seen.append(event)
            case Lost(reason=reason):
                self.record.lost.append(reason.code)
            case NotRejoined(room=room, why=why):
                self.record.rooms.append(Out(room=room, code="refused", text=why))
            case Back(resumed=resumed):
                if not resumed:
                    self.record.strange.append(time.monotonic())
