"""People who talk through the balancer, and remember what they heard."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from client import join
from client.errors import CannotConnect
from client.lasting import LastingChat, State
from tests.compose.project import Project
from tests.support.deadlines import eventually, within
from wire.frames import Gap, Left, Msg

PAUSE = 0.3
"""Seconds between two messages of one person: slower than `--rate` allows."""


class Person:
    """A person whose client reconnects by itself."""

    def __init__(self, name: str, chat: LastingChat) -> None:
        self.name = name
        self.chat = chat
        self.heard: Counter[str] = Counter()
        self.expected: list[str] = []
        """What was said and acknowledged since this person joined."""
        self.missed: list[Gap] = []
        self.saw_leave: list[Left] = []
        self.said = 0

    @property
    def gateway(self) -> str:
        return self.chat.connection.welcome.gateway

    @property
    def here(self) -> bool:
        return self.chat.state is State.HERE and self.chat.ended is None

    async def listen(self) -> None:
        async for event in self.chat.events():
            match event:
                case Msg(text=text):
                    self.heard[text] += 1
                case Gap():
                    self.missed.append(event)
                case Left():
                    self.saw_leave.append(event)


class Room:
    """All people, and the project that they are in."""

    def __init__(self, project: Project, stack: contextlib.AsyncExitStack) -> None:
        self.project = project
        self.people: dict[str, Person] = {}
        self._stack = stack

    async def join(self, *names: str) -> None:
        """Let these people join, as soon as the balancer allows it."""
        for name in names:
            chat = await self._stack.enter_async_context(self._joined(name))
            person = self.people[name] = Person(name, chat)
            task = asyncio.create_task(person.listen())
            self._stack.push_async_callback(_ended, task)

    @contextlib.asynccontextmanager
    async def _joined(self, name: str) -> AsyncIterator[LastingChat]:
        async with contextlib.AsyncExitStack() as stack, asyncio.timeout(within(60)) as patience:
            while True:
                try:
                    chat = await stack.enter_async_context(
                        join([("127.0.0.1", self.project.port)], name=name)
                    )
                    break
                except CannotConnect:  # no gateway is ready yet
                    await asyncio.sleep(0.2)
            patience.reschedule(None)
            yield chat

    @contextlib.asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """Everybody talks, and everybody hears everything once."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for person in self.people.values():
                group.create_task(self._talk(person, over))
            try:
                yield
            finally:
                over.set()
        await self.settled()

    async def _talk(self, person: Person, over: asyncio.Event) -> None:
        while not over.is_set():
            person.said += 1
            text = f"{person.name} {person.said}"
            here = list(self.people.values())
            await person.chat.send(text)
            for each in here:
                each.expected.append(text)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await over.wait()

    async def settled(self) -> None:
        """Everybody has heard everything that was acknowledged, and nothing twice."""
        people = self.people.values()
        await eventually(lambda: all(set(each.expected) <= set(each.heard) for each in people), 60)
        for each in people:
            assert set(each.heard.values()) <= {1}, (each.name, each.heard.most_common(3))
            assert not each.missed

    async def listed(self, gateways: int) -> list[dict[str, Any]]:
        """`chatctl users`, once it shows everybody, on this number of gateways."""

        async def right() -> list[dict[str, Any]] | None:
            users = await asyncio.to_thread(self.project.users)
            shown = {user["name"]: user["gateway"] for user in users}
            real = {each.name: each.gateway for each in self.people.values() if each.here}
            everywhere = len(set(real.values())) == gateways
            return users if shown == real and set(real) == set(self.people) and everywhere else None

        async with asyncio.timeout(within(60)):
            while (users := await right()) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.3)
        return users


@contextlib.asynccontextmanager
async def room(project: Project) -> AsyncIterator[Room]:
    async with contextlib.AsyncExitStack() as stack:
        yield Room(project, stack)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
