"""Keeping the embedded Redis alive."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from gateway.errors import StartError
from gateway.journal import event

log = logging.getLogger(__name__)

CHECK_EVERY = 1.0
"""Seconds between checks that the server is still running."""


class Server(Protocol):
    """The server to keep alive."""

    def is_reachable(self) -> bool:
        """Whether it can be reached."""

    def start(self) -> None:
        """Start it.

        Raises:
            StartError: it cannot be started.
        """

    def end(self) -> None:
        """End it and remove its files; calling this twice does no harm."""


class Keeper:
    """Watches a server from its own thread, and restarts it if it has ended.

    The server's data is lost then, but a chat with a gap is better than none.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="embedded Redis", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the server for good."""
        self._ending.set()
        self._thread.join()
        self._server.end()

    def _keep(self) -> None:
        while not self._ending.wait(CHECK_EVERY):
            try:
                if not self._server.is_reachable():
                    event(
                        log, logging.WARNING, "the embedded Redis has ended and is being restarted"
                    )
                    self._server.end()
                    self._server.start()
            except StartError as error:
                event(log, logging.ERROR, "the embedded Redis could not be restarted", why=error)
            except Exception:
                log.exception("an unexpected error")
