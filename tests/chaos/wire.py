"""A connection driven by hand, for what no well-behaved client does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

PATIENCE = 20.0
"""Seconds that any expected event may take; it is there only so that a test ends."""


class Wire:
    """One connection to a gateway.

    Attributes:
        heard: every event, in order.
        ended: the connection is over.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard: list[dict[str, Any]] = []
        self.ended = False
        self._reader = reader
        self._writer = writer
        self._changed = asyncio.Condition()
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def say(self, op: str, **fields: object) -> None:
        """Send a request."""
        self._writer.write(json.dumps({"op": op, **fields}).encode() + b"\n")

    def pause(self) -> None:
        """Stop reading, so that data piles up on the way."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Read on."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def expect(self, op: str, **fields: object) -> dict[str, Any]:
        """The first event of this kind, already received or still to come."""
        wanted = {"op": op, **fields}.items()

        def found() -> list[dict[str, Any]]:
            return [event for event in self.heard if wanted <= event.items()]

        try:
            async with asyncio.timeout(PATIENCE), self._changed:
                await self._changed.wait_for(lambda: found() or self.ended)
        except TimeoutError:
            raise AssertionError(f"no {dict(wanted)} in {self.heard}") from None
        assert found(), f"the connection ended without {dict(wanted)}: {self.heard}"
        return found()[0]

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                await self._note(json.loads(line))
        except ConnectionError:
            pass
        finally:
            self.ended = True
            await self._note(None)

    async def _note(self, event: dict[str, Any] | None) -> None:
        async with self._changed:
            if event is not None:
                self.heard.append(event)
            self._changed.notify_all()


@contextlib.asynccontextmanager
async def opened(
    port: int, name: str, taking: int | None = None, **hello: object
) -> AsyncIterator[Wire]:
    """A connection that has logged in.

    Args:
        port: the port to connect to.
        name: the name to ask for.
        taking: bytes that its socket buffers while nobody reads; None for the default.
        hello: more fields of the hello.
    """
    link = socket.socket()
    if taking is not None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, taking)
    link.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", port))
        streams = await asyncio.open_connection(sock=link, limit=2**20)
    except BaseException:
        link.close()
        raise
    wire = Wire(*streams)
    try:
        wire.say("hello", v=1, name=name, **hello)
        yield wire
    finally:
        await wire.close()
