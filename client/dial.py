"""From an address to a connection whose hello was granted, or to an error for people."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
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
from wire.connecting import certificate_name, open_socket, staggered
from wire.frames import VERSION, Hello
from wire.reasons import CONNECTION_LOST, FOREIGN

Server = tuple[str, int]
"""Host and port of a gateway, or of a load balancer in front of several."""

PATIENCE = 10.0
"""Seconds to wait for an answer."""

FAREWELL = 1.0
"""Seconds that the other side of a TLS connection has to confirm its end."""


class Dialer:
    """Makes the connections of one session, each to the first server that answers.

    Args:
        servers: where to find gateways of the same chat; at least one.
        name: the name that we want.
        tls: as in `connect`.
        password: as in `connect`.
        quiet: as in `connect`.
    """

    def __init__(
        self,
        servers: Iterable[Server],
        name: str,
        *,
        tls: ssl.SSLContext | None = None,
        password: str | None = None,
        quiet: bool = False,
    ) -> None:
        self._servers = deque(servers)
        self._connect = partial(connect, name=name, tls=tls, password=password, quiet=quiet)
        self._tls = tls

    async def __call__(
        self, earlier: Connection | None = None, seen: dict[str, str] | None = None
    ) -> Connection:
        """Connect, or take over from an earlier connection, like `connect` but to any server.

        If a server does not answer, the next one is tried while we wait for it.

        Raises:
            ChatError: why the last server could not be reached; or why the first that answered
                refused us, or could not be trusted.
        """
        if earlier:
            # The first server may be the one that has just gone. All who were there do not go on to
            # the same one, or a new one would get hardly anybody.
            lost, *others = self._servers
            random.shuffle(others)
            self._servers = deque([*others, lost])
        left = list(self._servers)
        while left:
            server, link = await self._reach(left)
            left.remove(server)
            self._servers.rotate(-self._servers.index(server))
            try:
                return await self._connect(*server, resume=earlier, seen=seen, link=link)
            except Untrusted:
                raise  # the next server may be all right, but then nobody would notice this one
            except (CannotConnect, Ended) as error:
                if not left or (isinstance(error, Ended) and not error.reason.reconnect):
                    raise
        raise ValueError("there is no server to connect to")

    async def _reach(self, servers: Iterable[Server]) -> tuple[Server, socket.socket]:
        """The first server that can be reached, and a socket that is connected to it.

        Raises:
            CannotConnect: no server can be reached.
        """

        async def reach(server: Server) -> tuple[Server, socket.socket]:
            try:
                async with asyncio.timeout(PATIENCE):
                    return server, await open_socket(*server)
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
    quiet: bool = False,
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
        name: the name that we want.
        tls: a TLS context, for example from `client.trusting`; None for no TLS. The certificate
            must be for ``host``.
        password: the password, if the name is registered.
        quiet: nobody is told when we come into a room or leave it.
        resume: an earlier connection of the same session: its name is taken back, and its count of
            requests goes on.
        seen: with ``resume``: the last id seen in each room. We get what came after it.
        within: seconds for all of it.
        pulse: how often to check that the gateway is still there.
        link: a socket that is connected to the gateway already.

    Raises:
        CannotConnect: no gateway was reached.
        Untrusted: the gateway's certificate is not trusted, or is not for ``host``.
        Refused: the hello was refused, for example because the name is taken.
        Ended: the gateway said goodbye at once.
    """
    seqs = resume.seqs if resume else itertools.count(1)
    if resume is not None:
        # The person may have taken another name, or changed the password.
        name, password = resume.name, resume.password or password
    hello = Hello(
        v=VERSION,
        name=encodable(name),
        client=_program(),
        resume=resume.welcome.resume if resume else None,
        seen=seen if resume else None,
        seq=next(seqs),
        password=None if password is None else encodable(password),
        quiet=quiet,
    )
    connection = Connection(hello, seqs, pulse or Pulse())
    connection.password = resume.password if resume else None
    where = _shown((host, port))
    try:
        async with asyncio.timeout(within):
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                sock=link or await open_socket(host, port),
                ssl=tls,
                server_hostname=certificate_name(host) if tls else None,
                # Shorter than the whole: so we can tell a gateway that waits for a hello without
                # TLS from a host that is not there.
                ssl_handshake_timeout=within / 2 if tls else None,
                ssl_shutdown_timeout=FAREWELL if tls else None,
            )
            await connection.granted
    except BaseException as error:
        connection.granted.cancel()
        connection.end(CONNECTION_LOST)
        if isinstance(error, Exception):
            if resume and isinstance(error, Ended) and error.reason == CONNECTION_LOST:
                # It is a gateway, since we were there before. Its load balancer answered, and has
                # no gateway that is ready yet.
                raise CannotConnect(f"{where} hung up: no gateway is ready there yet") from None
            raise _explained(error, where, within, tls) from None
        raise
    if resume and connection.welcome.resumed:
        connection.session = resume.session
    return connection


def _explained(
    error: Exception, where: str, within: float, tls: ssl.SSLContext | None = None
) -> Exception:
    """The same error, or one with a text for people."""
    match error:
        case TimeoutError():
            return CannotConnect(
                f"no gateway answered at {where} within {within:g} s: "
                "check the address, and whether a firewall is in between"
            )
        case socket.gaierror() | UnicodeError():
            return CannotConnect(f"cannot find the host of {where}: check the server's name")
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
                + ("" if tls else " If it speaks TLS, add --tls")
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
    """Our program and its version, for operators."""
    try:
        return f"chatctl/{metadata.version('chatctl')}"
    except metadata.PackageNotFoundError:
        return "chatctl"
