"""A TLS port in front of a server that does not speak TLS."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.deadlines import within


class Front:
    """Passes bytes to a server and its answers back, in its own event loop.

    Args:
        context: the TLS context with a certificate.
        to: the path of the server's socket, or its host and port.

    Attributes:
        port: the port that it listens on.
        accepted: the number of connections that completed a TLS handshake.
    """

    def __init__(self, context: ssl.SSLContext, to: Any) -> None:
        self.port = 0
        self.accepted = 0
        self._context = context
        self._to = to

    async def listen(self, up: threading.Event, down: asyncio.Event) -> None:
        # A broken connection is not an error here.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        up.set()
        await down.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if isinstance(self._to, str):
            inner = await asyncio.open_unix_connection(self._to)
        else:
            inner = await asyncio.open_connection(*self._to)
        pumps = [
            asyncio.create_task(_pump(reader, inner[1])),
            asyncio.create_task(_pump(inner[0], writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (inner[1], writer):
                end.transport.abort()
            await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@contextlib.contextmanager
def tls_front(chain: Path, key: Path, to: Any, clients: Path | None = None) -> Iterator[Front]:
    """Listen with a certificate.

    Args:
        chain: the certificate.
        key: its key.
        to: the path of the server's socket, or its host and port.
        clients: the authority of client certificates; None to ask for none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    front, up, down = Front(context, to), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(front.listen(up, down))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert up.wait(within())
        yield front
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(within())
