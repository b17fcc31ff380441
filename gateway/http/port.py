"""A small HTTP port for those who look after the gateway: one request a connection, and one answer.

The grammar is h11's. Nothing here trusts who connects: heads, times and the number of connections
are bounded, and whoever sends half a head makes room for whoever comes next.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple, cast

import h11

from gateway.listeners.ports import open_port, place

log = logging.getLogger(__name__)

MOST_HEAD = 8 * 1024
"""Bytes of a request's head."""

MOST_CONNECTIONS = 64

HEAD_WITHIN = 5.0
"""Seconds that a peer is given to send its request."""

GONE_WITHIN = 10.0
"""Seconds from then on in which it has to be answered, and has to have read it."""

TEXT = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """What a page says.

    Attributes:
        status: of HTTP.
        body: what is sent.
        type: the body's media type.
    """

    status: int
    body: bytes
    type: str = TEXT


Page = Callable[[], Awaitable[Answer]]


class HttpPort:
    """The open port.

    Args:
        pages: path -> what makes its answer.
    """

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._servers: list[asyncio.Server] = []
        # In the order in which they came.
        self._exchanges: dict[_Exchange, None] = {}

    async def open(self, host: str, port: int) -> tuple[str, int]:
        """Open it; returns the host and port it got.

        Raises:
            OSError: it cannot be opened, on no address of the host.
        """
        loop = asyncio.get_running_loop()
        sockets = await open_port(host, port, reuse=False)
        at = place(sockets[0])
        for each in sockets:
            self._servers.append(await loop.create_server(lambda: _Exchange(self), sock=each))
        return at

    async def close(self) -> None:
        """Close it, and what is connected."""
        for server in self._servers:
            server.close()
        exchanges = list(self._exchanges)
        for exchange in exchanges:
            exchange.abort()
        tasks = [exchange.answering for exchange in exchanges if exchange.answering is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def connected(self, exchange: _Exchange) -> None:
        """Somebody has connected: if there are too many, one has to go."""
        self._exchanges[exchange] = None
        if len(self._exchanges) > MOST_CONNECTIONS:
            asking = (each for each in self._exchanges if each.answering is None)
            next(asking, exchange).abort()

    def gone(self, exchange: _Exchange) -> None:
        """A connection has ended."""
        self._exchanges.pop(exchange, None)

    async def answer(self, method: str, path: str) -> Answer:
        """What is answered to a request."""
        page = self._pages.get(path)
        if page is None:
            return Answer(404, f"there is {_listed(self._pages)}\n".encode())
        if method not in ("GET", "HEAD"):
            return Answer(405, b"GET and HEAD are what is answered\n")
        try:
            return await page()
        except Exception:
            # A fault of ours, and no reason to leave who asks without a word.
            log.exception("page not made")
            return Answer(500, b"a fault of the gateway's, see its log\n")


class _Exchange(asyncio.Protocol):
    """One connection.

    Attributes:
        answering: what answers the request; None until its head is there.
    """

    def __init__(self, port: HttpPort) -> None:
        self._port = port
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)
        self._deaf = False
        self.answering: asyncio.Task[None] | None = None

    # From the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, since uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._ends_in(HEAD_WITHIN)
        self._port.connected(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return  # a body, or another request: nobody asked for it
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._deaf = True
            self._write(Answer(error.error_status_hint, b"this is no request\n"), head=False)
            return
        if isinstance(event, h11.Request):
            self._deaf = True
            self._transport.pause_reading()
            self._timer.cancel()
            self._ends_in(GONE_WITHIN)
            self.answering = asyncio.get_running_loop().create_task(self._answer(event))

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
        self._port.gone(self)
        if self.answering is not None:
            self.answering.cancel()

    def abort(self) -> None:
        """End it without a word."""
        self._port.gone(self)
        self._transport.abort()

    def _ends_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.abort)

    async def _answer(self, request: h11.Request) -> None:
        path = request.target.decode("ascii", "replace").partition("?")[0]
        answer = await self._port.answer(request.method.decode("ascii"), path)
        self._write(answer, head=request.method == b"HEAD")

    def _write(self, answer: Answer, *, head: bool) -> None:
        if self._transport.is_closing():
            return
        headers = [
            ("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())),
            ("Content-Type", answer.type),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        if answer.status == 405:
            headers.append(("Allow", "GET, HEAD"))
        phrase = HTTPStatus(answer.status).phrase.encode()
        response = h11.Response(status_code=answer.status, headers=headers, reason=phrase)
        parts = [self._http.send(response)]
        if not head:
            parts.append(self._http.send(h11.Data(data=answer.body)))
        self._transport.write(b"".join(part for part in parts if part))
        # Whoever closes with something unread resets the connection, and the answer may be lost:
        # so read on, to no end, until the peer goes.
        try:
            self._transport.write_eof()
            self._transport.resume_reading()
        except OSError:  # the peer has gone, and the transport does not know it yet
            self._transport.abort()


def _listed(paths: Mapping[str, Page]) -> str:
    *most, last = paths
    return f"{', '.join(most)} and {last}" if most else last
