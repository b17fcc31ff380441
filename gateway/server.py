"""The life of a gateway: connect to Redis, listen, serve, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

from gateway import open_files
from gateway.addresses import from_socket, host_port
from gateway.config import Certificate, GatewayConfig
from gateway.core import Gateway
from gateway.doorkeeper import Doorkeeper, JsonRoom, Room
from gateway.errors import (
    BackplaneDown,
    BackplaneRefused,
    RedisRefused,
    RedisUnreachable,
    StartError,
)
from gateway.fleet.drain import drain
from gateway.garbage import search_seldom
from gateway.journal import event
from gateway.listeners.accepting import Listener
from gateway.listeners.certificates import tls_context
from gateway.listeners.ports import listening_on, open_port
from gateway.signals import Signals
from gateway.tasks import first
from wire.reasons import SHUTDOWN

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a stopping gateway waits for Redis and for its clients: with the time to close
everything, it stops within five seconds."""


@contextlib.asynccontextmanager
async def serving(
    config: GatewayConfig, hurry: asyncio.Event | None = None
) -> AsyncIterator[tuple[Gateway, Listener]]:
    """A gateway that serves while the context is open, and its listener; at the end it drains.

    Args:
        config: the settings.
        hurry: set it to end the drain early.

    Raises:
        StartError: it cannot start; the text says why.
    """
    gateway = Gateway(config)
    async with contextlib.AsyncExitStack() as stack:
        if config.http is not None:
            # Imported here: it takes a tenth of a second.
            from gateway.http.health import serve_health

            gateway.http = await stack.enter_async_context(serve_health(gateway, *config.http))
        yield await stack.enter_async_context(_serving(gateway, config, hurry))


@contextlib.asynccontextmanager
async def _serving(
    gateway: Gateway, config: GatewayConfig, hurry: asyncio.Event | None
) -> AsyncIterator[tuple[Gateway, Listener]]:
    tls = tls_context(config.certificate) if config.certificate else None
    with why_not_listening(config.host, config.port, "--listen"):
        sockets = await open_port(config.host, config.port, reuse=config.reuse_port)
    irc = await _irc_ports(gateway, config, tls)
    try:
        # Before the first lease, which announces it. Early connections have to wait.
        gateway.status.listen = host_port(*from_socket(listening_on(sockets[0])))
        await gateway.start()
    except BaseException as error:
        for each in (*sockets, *(each for some, _, _ in irc for each in some)):
            each.close()
        await gateway.backplane.close()
        if not isinstance(error, RedisUnreachable | BackplaneDown | BackplaneRefused):
            raise
        if isinstance(error, RedisRefused):
            raise StartError(f"{error.sentence}.") from error
        raise StartError(
            f"Redis cannot be used: {error}. Start one, or omit --redis to use an embedded one."
        ) from error
    try:
        room = JsonRoom(gateway.connect, config.limits, gateway.meters)
        listener = _listener(gateway, config, sockets, room, tls)
        doors = [_listener(gateway, config, *each) for each in irc]
        event(log, logging.INFO, "serving", gateway=gateway.id, listen=gateway.status.listen)
        for door in doors:
            event(log, logging.INFO, "serving IRC", listen=host_port(*door.address))
        gateway.irc = [door.address for door in doors]
        try:
            yield gateway, listener
        finally:
            for door in (listener, *doors):
                door.close()
            if config.drain:
                await drain(gateway, config.drain, hurry or asyncio.Event())
    finally:
        await gateway.stop(SHUTDOWN, PATIENCE)
        event(log, logging.INFO, "stopped", gateway=gateway.id)


def _listener(
    gateway: Gateway,
    config: GatewayConfig,
    sockets: list[socket.socket],
    room: Room,
    tls: ssl.SSLContext | None,
) -> Listener:
    doorkeeper = Doorkeeper(gateway.door, gateway.bans, room, gateway.meters, gateway.monotonic)
    return Listener(sockets, doorkeeper, config.proxies, config.limits.hello, tls)


async def _irc_ports(
    gateway: Gateway, config: GatewayConfig, tls: ssl.SSLContext | None
) -> list[tuple[list[socket.socket], Room, ssl.SSLContext | None]]:
    """Open the ports for IRC."""
    wanted = [(config.irc, None, "--irc"), (config.irc_tls, tls, "--irc-tls")]
    ports: list[tuple[list[socket.socket], Room, ssl.SSLContext | None]] = []
    room: Room | None = None
    for at, context, option in wanted:
        if at is None:
            continue
        if room is None:
            # Imported here: most gateways do not need it.
            from gateway.irc.serving import irc_room

            room = irc_room(gateway, config)
        with why_not_listening(*at, option):
            ports.append((await open_port(*at, reuse=config.reuse_port), room, context))
    return ports


@contextlib.contextmanager
def why_not_listening(host: str, port: int, option: str) -> Iterator[None]:
    """Say why a port cannot be opened.

    Args:
        host: where.
        port: which.
        option: where another one can be chosen.

    Raises:
        StartError: in place of an `OSError`.
    """
    where = host_port(host, port)
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"{where} is in use, perhaps by another gateway: "
                f"stop it, or choose another port with {option}"
            ) from error
        raise StartError(f"cannot listen on {where}: {error.strerror or error}") from error


def _read_certificate(certificate: Certificate, listener: Listener) -> None:
    """Use a new certificate for new connections; existing ones keep theirs."""
    try:
        listener.tls = tls_context(certificate)
    except StartError as error:
        event(log, logging.ERROR, "certificate not reloaded", why=error)
    else:
        event(log, logging.INFO, "certificate reloaded")


Announce = Callable[[str, int, tuple[str, int] | None], None]


async def run(config: GatewayConfig, announce: Announce) -> int:
    """Serve until SIGTERM, SIGINT or an operator's order; a second signal ends the drain.

    SIGHUP reads the certificate again. At the end signals are ignored: they would only spoil the
    exit code.

    Args:
        config: the settings.
        announce: called once the ports are open, with host and port of the chat, and of
            HTTP.

    Returns:
        The process's exit code.

    Raises:
        StartError: the gateway cannot start; the text says why.
    """
    stop, hurry = asyncio.Event(), asyncio.Event()
    running, up = asyncio.current_task(), False

    def end() -> None:
        (hurry if stop.is_set() else stop).set()
        if not up and running is not None:
            running.cancel()  # do not wait for a Redis that does not answer

    signals = Signals(end)
    open_files.raise_limit()
    try:
        async with serving(config, hurry) as (gateway, listener):
            if config.certificate is not None:
                signals.reload = partial(_read_certificate, config.certificate, listener)
            announce(*listener.address, gateway.http)
            up = True
            search_seldom()
            await first(stop.wait(), gateway.orders.drain.wait())
            stop.set()
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        signals.ignore()
    return 0
