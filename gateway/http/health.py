"""What machines ask a gateway over HTTP: is it alive, is it ready, and what has it counted?"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import AsyncIterator
from typing import Protocol

from gateway.addresses import host_port
from gateway.errors import ProbeFailed, StartError
from gateway.fleet.presence import Presence
from gateway.http.metrics import TYPE, Measured, Metrics
from gateway.http.port import Answer, HttpPort


class Watched(Measured, Protocol):
    """What is read and asked of a gateway."""

    @property
    def presence(self) -> Presence:
        """Whether it may speak for its people."""


@contextlib.asynccontextmanager
async def serve_health(gateway: Watched, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Serve the pages while the context is open: before the gateway serves, and while it drains.

    Args:
        gateway: the gateway that the pages are about.
        host: the address to listen on.
        port: the port to listen on; 0 for any free port.

    Yields:
        The host and port that it listens on.

    Raises:
        StartError: the port cannot be opened; the text says why.
    """
    async with serve_pages(Health(gateway), host, port) as address:
        yield address


class Pages(Protocol):
    """The pages of a port."""

    async def alive(self) -> Answer:
        """Whether there is anybody at all."""

    async def ready(self) -> Answer:
        """Whether to send people here."""

    async def metrics(self) -> Answer:
        """What was counted."""


@contextlib.asynccontextmanager
async def serve_pages(pages: Pages, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Serve pages while the context is open; the rest is as for `serve_health`."""
    listener = HttpPort(
        {"/healthz": pages.alive, "/readyz": pages.ready, "/metrics": pages.metrics}
    )
    try:
        address = await listener.open(host, port)
    except OSError as error:
        why = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror or error
        raise StartError(
            f"cannot listen on {host_port(host, port)} for --http: {why}. "
            "Choose another port with --http, or leave it out"
        ) from error
    try:
        yield address
    finally:
        await listener.close()


class Health:
    """The pages.

    Args:
        gateway: the gateway that they are about.
    """

    def __init__(self, gateway: Watched) -> None:
        self._gateway = gateway
        self._metrics = Metrics(gateway)

    async def alive(self) -> Answer:
        """Always yes: only a running event loop can answer at all."""
        return Answer(200, b"ok\n")

    async def ready(self) -> Answer:
        """Whether to send people here; if not, one line that says why."""
        problem = await self._problem()
        return Answer(503, f"{problem}\n".encode()) if problem else Answer(200, b"ready\n")

    async def metrics(self) -> Answer:
        """What the gateway has counted."""
        return Answer(200, self._metrics.text(ready=not await self._problem()), TYPE)

    async def _problem(self) -> str:
        gateway = self._gateway
        if gateway.shutdown.draining:
            return "draining"
        if not gateway.backplane.up:
            return "Redis is away"
        if not gateway.presence.is_verified():
            return "the lease was not renewed in time: other gateways may have taken these users"
        try:
            await gateway.backplane.probe()
        except ProbeFailed as error:
            return f"probe failed: {error}"
        return ""
