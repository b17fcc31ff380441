"""A small HTTP port for operators: one request and one answer per connection.

h11 does the parsing. No client is trusted: the size of a request's head, the time, and the number
of connections are limited, and a client that has sent half a head is cut off to make space for a
new one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple, cast

import h11

from gateway.listeners.ports import listening_on, open_port

log = logging.getLogger(__name__)

MAX_HEAD = 8 * 1024
"""The most bytes of a request's head."""

MAX_CONNECTIONS = 64

HEAD_TIMEOUT = 5.0
"""Seconds that a client has to send the head of its request."""

ANSWER_TIMEOUT = 10.0
"""Seconds after that until the answer must be made, sent and read."""

TEXT = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """The answer to a request.

    Attributes:
        status: HTTP's status code.
        body: the content.
        type: the body's media type.
    """

    status: int
    body: bytes
    type: str = TEXT


Handler = Callable[[], Awaitable[Answer]]


class HttpPort:
    """The open port.

    Args:
        pages: for each path, the function that makes its answer.
    """

    def __init__(self, pages: Mapping[str, Handler]) -> None:
        self._pages = pages
        self._servers: list[asyncio.Server] = []
        # Oldest first.
        self._exchanges: dict[_Exchange, None] = {}

    async def open(self, host: str, port: int) -> tuple[str, int]:
        """Open it, and return its host and port.

        Raises:
            OSError: it cannot be opened on any address of the host.
        """
        loop = asyncio.get_running_loop()
        sockets = await open_port(host, port, reuse=False)
        address = listening_on(sockets[0])
        for each in sockets:
            self._servers.append(await loop.create_server(lambda: _Exchange(self), sock=each))
        return address

    async def close(self) -> None:
        """Close it, and all connections."""
        for server in self._servers:
            server.close()
        exchanges = list(self._exchanges)
        for exchange in exchanges:
            exchange.abort()
        tasks = [exchange.answering for exchange in exchanges if exchange.answering is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def connected(self, exchange: _Exchange) -> None:
        """Count a new connection; if there are too many, cut one off."""
        self._exchanges[exchange] = None
        if len(self._exchanges) > MAX_CONNECTIONS:
            incomplete = (each for each in self._exchanges if each.answering is None)
            next(incomplete, exchange).abort()

    def disconnected(self, exchange: _Exchange) -> None:
        """A connection has ended."""
        self._exchanges.pop(exchange, None)

    async def answer(self, method: str, path: str) -> Answer:
        """The answer to a request."""
        page = self._pages.get(path)
        if page is None:
            return Answer(404, f"there is {_listed(self._pages)}\n".encode())
        if method not in ("GET", "HEAD"):
            return Answer(405, b"only GET and HEAD are answered\n")
        try:
            return await page()
        except Exception:
            # Our fault; the client should still get an answer.
            log.exception("page not made")
            return Answer(500, b"an error in the gateway: see its log\n")


class _Exchange(asyncio.Protocol):
    """One connection.

    Attributes:
        answering: the task that answers the request; None until its head has come.
    """

    def __init__(self, port: HttpPort) -> None:
        self._port = port
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._request_taken = False
        self.answering: asyncio.Task[None] | None = None

    # From the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, because uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._start_timer(HEAD_TIMEOUT)
        self._port.connected(self)

    def data_received(self, data: bytes) -> None:
        if self._request_taken:
            return  # a body or another request: ignored
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._request_taken = True
            self._write(Answer(error.error_status_hint, b"this is not a request\n"), head=False)
            return
        if isinstance(event, h11.Request):
            self._request_taken = True
            self._transport.pause_reading()
            self._timer.cancel()
            self._start_timer(ANSWER_TIMEOUT)
            self.answering = asyncio.get_running_loop().create_task(self._answer(event))

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
        self._port.disconnected(self)
        if self.answering is not None:
            self.answering.cancel()

    def abort(self) -> None:
        """Cut it off without an answer."""
        self._port.disconnected(self)
        self._transport.abort()

    def _start_timer(self, seconds: float) -> None:
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
        # Closing a socket that has unread data resets the connection, and the answer may be lost.
        # So read and ignore what comes, until the client closes.
        try:
            self._transport.write_eof()
            self._transport.resume_reading()
        except OSError:  # the client has gone, and the transport does not know it yet
            self._transport.abort()


def _listed(paths: Mapping[str, Handler]) -> str:
    *most, last = paths
    return f"{', '.join(most)} and {last}" if most else last
