"""HTTP for the tests: sends a request as bytes and parses the answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from tests.support.deadlines import within


class Answer(NamedTuple):
    """The whole answer, up to the end of the connection."""

    status: int
    headers: dict[str, str]
    body: str


async def ask(at: tuple[str, int], path: str, method: str = "GET") -> Answer:
    """Ask for a page."""
    return await throw(at, f"{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())


async def throw(at: tuple[str, int], request: bytes) -> Answer:
    """Send raw bytes, and parse the answer."""
    async with connected(at) as (reader, writer):
        writer.write(request)
        return await answer(reader)


async def answer(reader: asyncio.StreamReader) -> Answer:
    async with asyncio.timeout(within()):
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    return Answer(int(first.split(" ")[1]), headers, body)


@contextlib.asynccontextmanager
async def connected(
    at: tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*at)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(within(2)):
                await writer.wait_closed()
