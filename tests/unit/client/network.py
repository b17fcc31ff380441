"""A network that breaks when a test wants it."""

import asyncio
from contextlib import suppress


class Network:
    """Forwards what comes to a port of its own to a gateway.

    `down` is whether nobody gets through; `swallowed` are the ways, "up" to the gateway or "back",
    on which everything vanishes.
    """

    def __init__(self, gateway):
        self.gateway = gateway
        self.down = False
        self.swallowed = set()
        self._writers = set()
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks)

    def cut(self):
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self._writers.add(writer)
        if self.down:
            writer.close()
            return
        up_reader, up_writer = await asyncio.open_connection(self.gateway.host, self.gateway.port)
        self._writers.add(up_writer)
        await asyncio.gather(
            self._pump(reader, up_writer, "up"), self._pump(up_reader, writer, "back")
        )

    async def _pump(self, reader, writer, way):
        with suppress(OSError):
            while data := await reader.read(65536):
                if way not in self.swallowed and not writer.is_closing():
                    writer.write(data)
        writer.close()
