"""Accepting connections: from whom they are, and whether they may come in, before all else.

An address that has too many connections, or is banned, costs no TLS handshake, no session and no
task. This is why the sockets are accepted here and not by the loop.
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
from gateway.addresses import Address, of_socket, shown
from gateway.alarm import deadline
from gateway.config import Networks
from gateway.journal import event
from gateway.listeners import foreign, proxy
from gateway.listeners.farewells import Farewells
from gateway.listeners.first_bytes import exactly, peek
from gateway.listeners.ports import place
from gateway.listeners.proxy import NotProxied
from gateway.listeners.sockets import prepare
from wire.reasons import Reason

log = logging.getLogger(__name__)

REFUSED = "refused at the door"
"""How that is told in the log."""

AT_ONCE = 64
"""Connections that are accepted before anything else gets its turn."""

PAUSE = 1.0
"""Seconds without accepting after it went wrong: the machine has run out of sockets, say."""


class NotAdmitted(Exception):
    """A connection may not come in.

    Attributes:
        reason: why.
        after: seconds after which it may.
    """

    def __init__(self, reason: Reason, after: float | None = None) -> None:
        super().__init__(reason.text)
        self.reason = reason
        self.after = after


class Ends(Protocol):
    """Something that ends with the connection for which it was made."""

    def over(self) -> None:
        """The connection has ended; may be called more than once."""


class Admits(Protocol):
    """Decides whether a connection may come in, and what it becomes."""

    def admit(self, address: Address) -> Ends:
        """Let a connection in.

        Raises:
            NotAdmitted: it must stay outside.
        """

    def refused(self, why: str) -> None:
        """A connection did not get as far as that, for one of `gateway.meters.DOORSTEP`."""

    def protocol(self, address: Address, where: str, visit: Any) -> asyncio.Protocol:
        """What the connection becomes; it says when the visit is over."""

    def farewell(self, reason: Reason, after: float | None = None) -> bytes:
        """The last words to a connection that does not come in.

        Args:
            reason: why.
            after: seconds to wait before another one may.
        """


class Listener:
    """An open port.

    Args:
        sockets: that listen, without blocking.
        doorkeeper: who decides.
        proxies: networks of balancers, which say for whom they connect.
        patience: seconds for a PROXY header, and for a TLS handshake.
        tls: for new connections; None for none. May be replaced at any time.
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
        # The lowest free number is given to a new file: who gets this one has but few above it.
        self._most = open_files.most_connections()
        for each in sockets:
            self._loop.add_reader(each, self._accept, each)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return place(self._sockets[0])

    def close(self) -> None:
        """Let nobody come any more; those who are arriving are turned away."""
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
        for _ in range(AT_ONCE):
            try:
                connection, name = listening.accept()
                self._leave_some(connection)
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                event(log, logging.ERROR, "no connection can be accepted", why=error.strerror)
                self._loop.remove_reader(listening)
                self._loop.call_later(PAUSE, self._go_on, listening)
                return
            connection.setblocking(False)
            address, port = of_socket(name)
            if any(address in network for network in self._proxies):
                self._spawn(connection, self._arrive(connection, address, port))
            else:
                self._enter(connection, address, port)

    def _leave_some(self, connection: socket.socket) -> None:
        """Take no more files than there are for people.

        Raises:
            OSError: this one is too much.
        """
        if self._most is not None and connection.fileno() >= self._most:
            connection.close()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def _go_on(self, listening: socket.socket) -> None:
        if not self._closed:
            self._loop.add_reader(listening, self._accept, listening)

    def _spawn(self, connection: socket.socket, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._arriving.add(task)
        task.add_done_callback(functools.partial(self._arrived, connection))

    def _arrived(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        if task.cancelled():
            connection.close()  # it may not even have begun

    async def _arrive(self, connection: socket.socket, address: Address, port: int) -> None:
        """Find out for whom a balancer connects."""
        try:
            async with deadline(self._patience):
                address, port = await self._behind(connection) or (address, port)
        except NotProxied as error:
            self._refused("proxy", shown(address, port), str(error))
            connection.close()
        except OSError:  # gone, or too slow: TimeoutError is one
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
            event(log, logging.INFO, REFUSED, reason=code, address=shown(address, port))
            self._turn_away(connection, refusal)
        except Exception:
            log.exception("an unexpected error")  # it costs this connection, and no other
            connection.close()
        else:
            where = shown(address, port)
            self._spawn(connection, self._begin(connection, address, where, visit))

    async def _begin(
        self, connection: socket.socket, address: Address, where: str, visit: Ends
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
            if not isinstance(error, OSError):  # ssl.SSLError is one, and so is a lost connection
                raise
            if tls:
                self._refused("tls", where, str(error) or None)

    def _refused(self, kind: str, where: str, why: str | None) -> None:
        self._doorkeeper.refused(kind)
        level = logging.WARNING if kind == "proxy" else logging.INFO
        event(log, level, REFUSED, reason=kind, address=where, why=why)

    async def _behind(self, connection: socket.socket) -> tuple[Address, int] | None:
        """For whom a balancer connects; exactly its header is read, the rest is the client's."""
        fixed = await exactly(connection, proxy.FIXED)
        return proxy.source(fixed, await exactly(connection, proxy.rest(fixed)))

    def _turn_away(self, connection: socket.socket, refusal: NotAdmitted) -> None:
        if self.tls or self._closed:
            connection.close()  # a word to it would cost what it may not have
            return
        after = None if refusal.after is None else round(refusal.after, 1)
        self._farewells.say(connection, self._doorkeeper.farewell(refusal.reason, after))
