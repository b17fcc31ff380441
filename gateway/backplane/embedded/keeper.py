"""Keeping a gateway's own Redis alive."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from gateway.errors import StartError
from gateway.journal import event

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at whether the server is still there."""


class Server(Protocol):
    """What is kept alive."""

    def is_there(self) -> bool:
        """Whether it can be reached."""

    def start(self) -> None:
        """Start it.

        Raises:
            StartError: it does not run.
        """

    def end(self) -> None:
        """End it, and leave nothing of it; the second time it does nothing."""


class Keeper:
    """Watches a server from a thread of its own, and starts it again if it has ended.

    What the server remembered is lost, but a chat with a gap is better than none.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="own Redis", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the server for good."""
        self._ending.set()
        self._thread.join()
        self._server.end()

    def _keep(self) -> None:
        while not self._ending.wait(LOOK_EVERY):
            try:
                if not self._server.is_there():
                    event(log, logging.WARNING, "our own Redis has ended, and is started again")
                    self._server.end()
                    self._server.start()
            except StartError as error:
                event(log, logging.ERROR, "our own Redis does not come back", why=error)
            except Exception:
                log.exception("an unexpected error")
