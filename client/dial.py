"""From an address to a granted connection, or to an error that says what to do next."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import ssl
from collections import deque
from collections.abc import Iterable
from functools import cache, partial
from importlib import metadata

from client.compose import encodable
from client.connection import Connection
from client.errors import CannotConnect, Ended, Untrusted
from client.heartbeat import Pulse
from client.tls import explained
from network.connecting import certified, connected, staggered
from wire.frames import VERSION, Hello
from wire.reasons import CONNECTION_LOST, FOREIGN

Server = tuple[str, int]
"""Host and port of a gateway, or of a balancer in front of several."""

PATIENCE = 10.0
"""Seconds until there is no answer."""

FAREWELL = 1.0
"""Seconds that the other side of a TLS connection has to agree to its end."""


class Dialer:
    """Makes the connections of one session, each to the first server that answers.

    Args:
        servers: where gateways of the same chat are, at least one.
        name: the wanted name.
        tls: as in `connect`.
        password: as in `connect`.
    """

    def __init__(
        self,
        servers: Iterable[Server],
        name: str,
        *,
        tls: ssl.SSLContext | None = None,
        password: str | None = None,
    ) -> None:
        self._servers = deque(servers)
        self._connect = partial(connect, name=name, tls=tls, password=password)
        self._tls = tls

    async def __call__(
        self, earlier: Connection | None = None, seen: dict[str, str] | None = None
    ) -> Connection:
        """Connect, or take over from an earlier connection: as `connect`, but to any server.

        One that is silent is not waited for: the next one is tried beside it.

        Raises:
            ChatError: why the last one that was tried could not be joined, or the first one that
                answered did not want us, or was not to be trusted.
        """
        if earlier:
            self._servers.rotate(-1)  # it may be the first one's end that brings us here
        left = list(self._servers)
        while left:
            server, link = await self._reach(left)
            left.remove(server)
            self._servers.rotate(-self._servers.index(server))
            try:
                return await self._connect(*server, resume=earlier, seen=seen, link=link)
            except Untrusted:
                raise  # the next one may be in order, but nobody would hear of this one
            except (CannotConnect, Ended) as error:
                if not left or (isinstance(error, Ended) and not error.reason.reconnect):
                    raise
        raise ValueError("there is no server to connect to")

    async def _reach(self, servers: Iterable[Server]) -> tuple[Server, socket.socket]:
        """The first of some servers that can be reached, and a socket that is connected to it.

        Raises:
            CannotConnect: none of them can.
        """

        async def reach(server: Server) -> tuple[Server, socket.socket]:
            try:
                async with asyncio.timeout(PATIENCE):
                    return server, await connected(*server)
            except OSError as error:
                raise _explained(error, _shown(server), PATIENCE, self._tls) from None

        attempts = [partial(reach, server) for server in servers]
        return await staggered(attempts, discard=lambda found: found[1].close())


async def connect(
    host: str,
    port: int,
    *,
    name: str,
    tls: ssl.SSLContext | None = None,
    password: str | None = None,
    resume: Connection | None = None,
    seen: dict[str, str] | None = None,
    within: float = PATIENCE,
    pulse: Pulse | None = None,
    link: socket.socket | None = None,
) -> Connection:
    """Connect to a gateway and say hello.

    Args:
        host: name or address.
        port: its port.
        name: the wanted name.
        tls: how to speak TLS and whom to trust, as from `client.trusting`; None for no TLS. The
            certificate has to be for ``host``.
        password: that of a registered name.
        resume: an earlier connection of the same session, whose name is taken back and whose count
            of sends goes on.
        seen: with ``resume``: the last id seen in each room; what came after it is told.
        within: seconds for all of it.
        pulse: how often to look whether the gateway is still there.
        link: a socket that is connected there already.

    Raises:
        CannotConnect: no gateway was reached.
        Untrusted: its certificate is not trusted, or is not for ``host``.
        Refused: the hello was refused, because the name is taken, say.
        Ended: the gateway said goodbye at once.
    """
    seqs = resume.seqs if resume else itertools.count(1)
    hello = Hello(
        v=VERSION,
        name=encodable(name),
        client=_program(),
        resume=resume.welcome.resume if resume else None,
        seen=seen if resume else None,
        seq=next(seqs),
        password=None if password is None else encodable(password),
    )
    connection = Connection(hello, seqs, pulse or Pulse())
    where = _shown((host, port))
    try:
        async with asyncio.timeout(within):
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                sock=link or await connected(host, port),
                ssl=tls,
                server_hostname=certified(host) if tls else None,
                # Less than for all of it: so a gateway that waits for a hello without TLS can be
                # told from a host that is not there.
                ssl_handshake_timeout=within / 2 if tls else None,
                ssl_shutdown_timeout=FAREWELL if tls else None,
            )
            await connection.granted
    except BaseException as error:
        connection.granted.cancel()
        connection.end(CONNECTION_LOST)
        if isinstance(error, Exception):
            if resume and isinstance(error, Ended) and error.reason == CONNECTION_LOST:
                # It is one: we were there. Its balancer is, and has nobody for us yet.
                raise CannotConnect(f"{where} hung up: no gateway is ready there yet") from None
            raise _explained(error, where, within, tls) from None
        raise
    if resume and connection.welcome.resumed:
        connection.session = resume.session
    return connection


def _explained(
    error: Exception, where: str, within: float, tls: ssl.SSLContext | None = None
) -> Exception:
    """The same error, or one whose text is for people."""
    match error:
        case TimeoutError():
            return CannotConnect(
                f"no gateway answered at {where} within {within:g} s: "
                "check the address, and whether a firewall is in between"
            )
        case socket.gaierror() | UnicodeError():
            return CannotConnect(f"there is no host as in {where}: check the server's name")
        case ssl.SSLError() | ConnectionAbortedError() | ConnectionResetError() if tls:
            return explained(error, where)
        case OSError():
            what = f" ({os.strerror(error.errno)})" if error.errno else ""
            return CannotConnect(
                f"nobody answers at {where}{what}: is the gateway running? "
                "`chatctl gateway` starts one, --server HOST:PORT names another"
            )
        case Ended(reason=reason) if reason == CONNECTION_LOST:
            return CannotConnect(
                f"{where} hung up without a word: is it a chat gateway, and is it ready?"
                + ("" if tls else " If it speaks TLS, so must we, with --tls")
            )
        case Ended(reason=reason) if reason.code == FOREIGN.code:
            return CannotConnect(f"{where}: {reason.text}")
        case CannotConnect():
            return CannotConnect(f"{where}: {error}")
        case _:
            return error


def _shown(server: Server) -> str:
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@cache
def _program() -> str:
    """Program and version, for operators."""
    try:
        return f"chatctl/{metadata.version('chatctl')}"
    except metadata.PackageNotFoundError:
        return "chatctl"
