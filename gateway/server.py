"""Lifecycle: backplane up, listener up, serve, tell everybody, down."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
from collections.abc import AsyncIterator, Callable

from gateway.config import GatewayConfig
from gateway.core import Gateway
from gateway.errors import RedisUnreachable, StartError
from gateway.listeners import tcp
from gateway.peer import Peer
from wire.reasons import SHUTDOWN

PATIENCE = 3.0
"""Seconds that a stopping gateway waits for Redis and for its clients: with what closing takes
it is gone within five."""


@contextlib.asynccontextmanager
async def serving(config: GatewayConfig) -> AsyncIterator[tuple[Gateway, str, int]]:
    """A gateway while it serves: yields it, and the host and port it listens on.

    Raises:
        StartError: it cannot start; the text says why.
    """
    gateway = Gateway(config)
    try:
        await gateway.start()
    except RedisUnreachable as error:
        raise StartError(
            f"Redis cannot be reached: {error}. Start one, or leave --redis out for one of my own."
        ) from error
    try:
        listener = await _listen(config, gateway)
        host, port = listener.sockets[0].getsockname()[:2]
        try:
            yield gateway, host, port
        finally:
            listener.close()
    finally:
        await gateway.stop(SHUTDOWN, PATIENCE)


async def _listen(config: GatewayConfig, gateway: Gateway) -> asyncio.Server:
    host, port = config.host, config.port
    try:
        return await tcp.listen(host, port, lambda link: Peer(gateway, link), config.limits)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"{host}:{port} is in use, by another gateway perhaps: "
                "stop that, or choose another port with --listen"
            ) from error
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


async def run(config: GatewayConfig, announce: Callable[[str, int], None]) -> int:
    """Serve until SIGTERM or SIGINT; a second one ends the waiting.

    Args:
        config: the settings.
        announce: called with host and port once the port is open.

    Returns:
        The process's exit code.

    Raises:
        StartError: the gateway cannot start; the text says why.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with serving(config) as (_, host, port):
            announce(host, port)
            await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return 0
