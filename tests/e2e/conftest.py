"""Real processes: gateways and commands."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.support.servers import Server


def pytest_asyncio_loop_factories() -> dict[str, Any]:
    # The code under test runs in other processes, so the loop of the tests does not matter.
    return {"asyncio": asyncio.SelectorEventLoop}


@pytest.fixture
def chat(valkey: Server, prefix: str) -> Iterator[Chat]:
    """A separate chat on a shared server, with an environment that names no other chat."""
    # Not pytest's tmp_path: the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="chat-test-") as home:
        yield Chat(Path(home), ["--redis", valkey.url, "--prefix", prefix])


@pytest.fixture
async def start_gateway(chat: Chat) -> AsyncIterator[StartGateway]:
    """Starts gateways as processes."""
    started: list[GatewayProcess] = []
    with contextlib.ExitStack() as stack:

        async def start(
            *options: str, embedded: bool = False, log: Path | None = None
        ) -> GatewayProcess:
            started.append(await chat.start_gateway(stack, *options, embedded=embedded, log=log))
            return started[-1]

        yield start
        for gateway in started:
            for peer in gateway.peers:
                await peer.close()
