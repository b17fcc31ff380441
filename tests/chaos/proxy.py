"""A proxy that can be a bad network: it cuts, refuses, delays, swallows and throttles."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable
from typing import Literal

Way = Literal["up", "down"]
"""The direction of bytes: up to the server, down to the client."""

CHUNK = 64 * 1024

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Link:
    """One connection through a proxy.

    Attributes:
        opening: the first bytes from the client, which tell links apart.
    """

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.opening = b""
        self._writers = writers

    def cut(self) -> None:
        """Reset it on both sides."""
        for writer in self._writers:
            link: socket.socket | None = writer.get_extra_info("socket")
            if link is not None and link.fileno() >= 0 and link.family != socket.AF_UNIX:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


class Proxy:
    """Forwards the connections to its port. Its settings apply to all its links.

    Args:
        upstream: where to: a port on this machine, or the path of a Unix socket.

    Attributes:
        upstream: the same; a change affects new links only.
        port: its own.
        links: those that are open.
        refusing: new links are reset.
        delay: seconds by which bytes are late.
        rate: bytes a second and direction; None for no limit.
    """

    def __init__(self, upstream: int | str) -> None:
        self.upstream = upstream
        self.port = 0
        self.links: set[Link] = set()
        self._flowing = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._tasks: set[asyncio.Task[None]] = set()
        self.calm()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.calm()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, links: Iterable[Link] | None = None) -> None:
        """Reset these links; all that are open if none are given."""
        for link in list(self.links if links is None else links):
            link.cut()

    def swallow(self, *ways: Way) -> None:
        """Forward nothing in these directions, but keep the links open."""
        for way in ways:
            self._flowing[way].clear()

    def calm(self) -> None:
        """Be a good network again. Swallowed bytes arrive now."""
        self.refusing = False
        self.delay = 0.0
        self.rate: float | None = None
        for flowing in self._flowing.values():
            flowing.set()

    def _accepted(self, down: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._take(down, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, down: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        link = Link(client)
        try:
            if self.refusing:
                return
            up, server = await self._connect()
            link = Link(client, server)
            self.links.add(link)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(down, server, "up", link))
                pumps.create_task(self._pump(up, client, "down", link))
        except* OSError:
            pass  # one side is gone, so the other must go too
        finally:
            link.cut()
            self.links.discard(link)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, str):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection("127.0.0.1", self.upstream)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way, link: Link
    ) -> None:
        try:
            while data := await reader.read(int(self.rate / 10) if self.rate else CHUNK):
                if way == "up" and not link.opening:
                    link.opening = data
                await asyncio.sleep(self.delay)
                await self._flowing[way].wait()
                writer.write(data)
                await writer.drain()
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
        finally:
            # The end of a connection is swallowed like everything else.
            await self._flowing[way].wait()
        with contextlib.suppress(OSError):
            writer.write_eof()
