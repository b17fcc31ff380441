"""What machines ask a gateway over HTTP: whether it lives, whether it is ready, what it counts."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from gateway.errors import ProbeFailed, StartError
from gateway.http.metrics import TYPE, Metrics
from gateway.http.port import Answer, HttpPort
from gateway.listeners.ports import written

if TYPE_CHECKING:
    from gateway.core import Gateway


@contextlib.asynccontextmanager
async def told(gateway: Gateway, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Tell it while the context lasts: also before the gateway serves, and while it drains.

    Args:
        gateway: of whom.
        host: where to listen.
        port: where to listen; 0 for any free port.

    Yields:
        Where it listens.

    Raises:
        StartError: the port cannot be opened; the text says why.
    """
    pages = Health(gateway)
    listener = HttpPort(
        {"/healthz": pages.lives, "/readyz": pages.ready, "/metrics": pages.metrics}
    )
    try:
        at = await listener.open(host, port)
    except OSError as error:
        why = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror or error
        raise StartError(
            f"cannot listen on {written(host, port)} for --http: {why}. "
            "Choose another port with --http, or leave it out"
        ) from error
    try:
        yield at
    finally:
        await listener.close()


class Health:
    """The pages.

    Args:
        gateway: of whom they tell.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._metrics = Metrics(gateway)

    async def lives(self) -> Answer:
        """The loop turns, or nobody would answer."""
        return Answer(200, b"ok\n")

    async def ready(self) -> Answer:
        """Whether people shall be sent here, and if not, why: one line."""
        why = await self._why_not()
        return Answer(503, f"{why}\n".encode()) if why else Answer(200, b"ready\n")

    async def metrics(self) -> Answer:
        """What it counts."""
        return Answer(200, self._metrics.text(ready=not await self._why_not()), TYPE)

    async def _why_not(self) -> str:
        gateway = self._gateway
        if gateway.draining:
            return "draining"
        if not gateway.backplane.up:
            return "Redis is away"
        if not gateway.presence.certain():
            return "the lease was not renewed in time: not sure whom the others have left here"
        try:
            await gateway.backplane.probe()
        except ProbeFailed as error:
            return f"probe failed: {error}"
        return ""
