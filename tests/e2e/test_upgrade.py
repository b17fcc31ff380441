"""A rolling upgrade under load: from the code of the commit before to this one."""

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from client.lasting import LastingChat, join
from tests.e2e.processes import Chat, StartGateway
from tests.support import leash
from tests.support.deadlines import within
from wire.frames import Gap, Left, Msg

ROOT = Path(__file__).parents[2]
PEOPLE = 12


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the commit before this one."""
    folder = tmp_path_factory.mktemp("before")
    made = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD~1"], cwd=ROOT, capture_output=True
    )
    if made.returncode:
        pytest.skip("there is no commit before this one")
    subprocess.run(["tar", "x", "-C", folder], input=made.stdout, check=True)
    return folder


@contextlib.asynccontextmanager
async def old_gateway(
    chat: Chat, code: Path
) -> AsyncIterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """A gateway of the code before; its port and its process."""
    command = [sys.executable, "-m", "chatctl", "gateway", "--listen", "127.0.0.1:0"]
    process = leash.start(
        [*command, *chat.options, "--drain", "1s"],
        stdout=subprocess.PIPE,
        cwd=code,
        env=chat.environment | {"PYTHONPATH": str(code)},
    )
    try:
        assert process.stdout is not None
        greeting = (await asyncio.to_thread(process.stdout.readline)).decode()
        found = re.search(r"listening on \S+:(\d+)", greeting)
        assert found is not None, "see its stderr"
        yield int(found[1]), process
    finally:
        leash.end(process)


class Person:
    """Somebody who says one thing after the other, and hears what all say."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: list[str] = []
        self.heard: list[str] = []
        self.noticed: list[object] = []

    async def hear(self, chat: LastingChat) -> None:
        async for event in chat.events():
            if isinstance(event, Msg):
                self.heard.append(event.text)
            elif isinstance(event, Left | Gap):
                self.noticed.append(event)

    async def talk(self, chat: LastingChat, end: asyncio.Event) -> None:
        while not end.is_set():
            text = f"{self.name} {len(self.said)}"
            await chat.patiently(lambda: chat.send(text))  # noqa: B023 - it ends at once
            self.said.append(text)
            await asyncio.sleep(0.05)


async def test_nobody_loses_anything_while_one_gateway_after_the_other_is_replaced(
    chat: Chat, start_gateway: StartGateway, before: Path
) -> None:
    people = [Person(f"p{number}") for number in range(PEOPLE)]
    end = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        old = [await stack.enter_async_context(old_gateway(chat, before)) for _ in range(2)]
        new = [await start_gateway("--drain", "1s")]
        ports = [port for port, _ in old] + [new[0].port]
        chats: list[LastingChat] = []
        for number, person in enumerate(people):
            # All begin at the old ones, and know all.
            first = ports[number % 2]
            servers = [("127.0.0.1", port) for port in (first, *(p for p in ports if p != first))]
            chats.append(await stack.enter_async_context(join(servers, name=person.name)))
        hearing = [
            asyncio.create_task(person.hear(each))
            for person, each in zip(people, chats, strict=True)
        ]
        talking = [
            asyncio.create_task(person.talk(each, end))
            for person, each in zip(people, chats, strict=True)
        ]
        for _, process in old:
            await asyncio.sleep(0.5)  # of talk
            process.terminate()
            assert await asyncio.to_thread(process.wait, within(10)) == 0
        end.set()
        await asyncio.gather(*talking)
        said = sorted(text for person in people for text in person.said)
        async with asyncio.timeout(within(15)):
            while any(len(person.heard) < len(said) for person in people):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for person in people:
            assert sorted(person.heard) == said
            assert person.heard == people[0].heard
            assert person.noticed == []
        for task in hearing:
            task.cancel()
