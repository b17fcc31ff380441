"""Accepting connections: first of all, where they come from and whether they may come in.

An address that is banned, or has too many connections, must not cost a TLS handshake, a session or
a task. That is why the sockets are accepted here and not by the event loop.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import os
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, Protocol

from gateway import open_files
from gateway.addresses import Address, from_socket, host_port
from gateway.alarm import deadline
from gateway.config import Networks
from gateway.journal import event
from gateway.listeners import foreign, proxy
from gateway.listeners.farewells import Farewells
from gateway.listeners.first_bytes import exactly, peek
from gateway.listeners.ports import listening_on
from gateway.listeners.proxy import NotProxied
from gateway.listeners.sockets import prepare
from wire.reasons import Reason

log = logging.getLogger(__name__)

REFUSED = "refused at the door"
"""The journal's event for a refused connection."""

BATCH = 64
"""Connections that are accepted before anything else gets its turn."""

PAUSE = 1.0
"""Seconds to wait after a failure to accept: the machine may have run out of sockets."""


class NotAdmitted(Exception):
    """A connection may not come in.

    Attributes:
        reason: why.
        after: seconds after which it may try again; None if it may not.
    """

    def __init__(self, reason: Reason, after: float | None = None) -> None:
        super().__init__(reason.text)
        self.reason = reason
        self.after = after


class Admitted(Protocol):
    """A connection that was let in."""

    def over(self) -> None:
        """The connection has ended; calling this more than once does no harm."""


class Admits(Protocol):
    """Decides whether a connection may come in, and what it becomes."""

    def admit(self, address: Address) -> Admitted:
        """Let a connection in.

        Raises:
            NotAdmitted: it may not come in.
        """

    def refused(self, why: str) -> None:
        """Count a connection that was refused for one of `gateway.meters.DOORSTEP`."""

    def protocol(self, address: Address, where: str, visit: Any) -> asyncio.Protocol:
        """Make the protocol for a connection; it must call `visit.over` at its end."""

    def farewell(self, reason: Reason, after: float | None = None) -> bytes:
        """The last line for a connection that may not come in.

        Args:
            reason: why not.
            after: seconds to wait before another attempt.
        """


class Listener:
    """An open port.

    Args:
        sockets: listening, non-blocking sockets.
        doorkeeper: decides who may come in.
        proxies: networks of balancers, which send a PROXY header.
        patience: seconds for the PROXY header, and for the TLS handshake.
        tls: the TLS context for new connections; None for no TLS. May be replaced at any time.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        doorkeeper: Admits,
        proxies: Networks,
        patience: float,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.tls = tls
        self._sockets = sockets
        self._doorkeeper = doorkeeper
        self._proxies = proxies
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[None]] = set()
        self._farewells = Farewells()
        self._closed = False
        # A new file gets the lowest free number: a number this high means that few are left.
        self._max_descriptor = open_files.most_connections()
        for each in sockets:
            self._loop.add_reader(each, self._accept, each)

    @property
    def address(self) -> tuple[str, int]:
        """The host and port."""
        return listening_on(self._sockets[0])

    def close(self) -> None:
        """Accept no more connections, and drop those that are still arriving."""
        if self._closed:
            return
        self._closed = True
        for each in self._sockets:
            self._loop.remove_reader(each)
            each.close()
        for task in self._arriving:
            task.cancel()
        self._farewells.close()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                connection, name = listening.accept()
                self._keep_reserve(connection)
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                event(log, logging.ERROR, "no connection can be accepted", why=error.strerror)
                self._loop.remove_reader(listening)
                self._loop.call_later(PAUSE, self._resume, listening)
                return
            connection.setblocking(False)
            address, port = from_socket(name)
            if any(address in network for network in self._proxies):
                self._spawn(connection, self._arrive(connection, address, port))
            else:
                self._enter(connection, address, port)

    def _keep_reserve(self, connection: socket.socket) -> None:
        """Keep the reserve of open files free.

        Raises:
            OSError: this connection would use it.
        """
        if self._max_descriptor is not None and connection.fileno() >= self._max_descriptor:
            connection.close()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def _resume(self, listening: socket.socket) -> None:
        if not self._closed:
            self._loop.add_reader(listening, self._accept, listening)

    def _spawn(self, connection: socket.socket, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._arriving.add(task)
        task.add_done_callback(functools.partial(self._arrived, connection))

    def _arrived(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        if task.cancelled():
            connection.close()  # the task may have been cancelled before it started

    async def _arrive(self, connection: socket.socket, address: Address, port: int) -> None:
        """Read the header of a balancer, which has the client's address."""
        try:
            async with deadline(self._patience):
                address, port = await self._client_of(connection) or (address, port)
        except NotProxied as error:
            self._refused("proxy", host_port(address, port), str(error))
            connection.close()
        except OSError:  # it has gone or is too slow: TimeoutError is an OSError
            connection.close()
        except BaseException:
            connection.close()
            raise
        else:
            self._enter(connection, address, port)

    def _enter(self, connection: socket.socket, address: Address, port: int) -> None:
        try:
            visit = self._doorkeeper.admit(address)
        except NotAdmitted as refusal:
            code = refusal.reason.code
            event(log, logging.INFO, REFUSED, reason=code, address=host_port(address, port))
            self._turn_away(connection, refusal)
        except Exception:
            log.exception("an unexpected error")  # it costs this connection and no other
            connection.close()
        else:
            where = host_port(address, port)
            self._spawn(connection, self._begin(connection, address, where, visit))

    async def _begin(
        self, connection: socket.socket, address: Address, where: str, visit: Admitted
    ) -> None:
        tls, since = self.tls, self._loop.time()
        try:
            prepare(connection)
            if tls:
                async with deadline(self._patience):
                    spoken = foreign.without_tls(await peek(connection))
                if spoken is not None:
                    visit.over()
                    self._refused(spoken.kind, where, spoken.why)
                    last = spoken.before_the_bye() + self._doorkeeper.farewell(spoken.reason)
                    self._farewells.say(connection, last)
                    return
            left = max(0.001, since + self._patience - self._loop.time())
            await self._loop.connect_accepted_socket(
                lambda: self._doorkeeper.protocol(address, where, visit),
                connection,
                ssl=tls,
                ssl_handshake_timeout=left if tls else None,
            )
        except BaseException as error:
            visit.over()
            connection.close()
            if not isinstance(error, OSError):  # ssl.SSLError and a lost connection are OSErrors
                raise
            if tls:
                self._refused("tls", where, str(error) or None)

    def _refused(self, kind: str, where: str, why: str | None) -> None:
        self._doorkeeper.refused(kind)
        level = logging.WARNING if kind == "proxy" else logging.INFO
        event(log, level, REFUSED, reason=kind, address=where, why=why)

    async def _client_of(self, connection: socket.socket) -> tuple[Address, int] | None:
        """The address that a balancer names; reads its header and not a byte more."""
        fixed = await exactly(connection, proxy.FIXED)
        return proxy.source(fixed, await exactly(connection, proxy.rest(fixed)))

    def _turn_away(self, connection: socket.socket, refusal: NotAdmitted) -> None:
        if self.tls or self._closed:
            connection.close()  # over TLS a last line would cost a handshake
            return
        after = None if refusal.after is None else round(refusal.after, 1)
        self._farewells.say(connection, self._doorkeeper.farewell(refusal.reason, after))
