"""A worker: a gateway that a parent has started, and that ends with it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading

from gateway.errors import StartError
from gateway.journal import write_to_stderr
from gateway.loops import run_on
from gateway.server import run
from gateway.signals import early_signals
from gateway.workers.parcel import Failed, Parcel, Up, receive, send


def main(descriptor: int) -> int:
    """Serve until SIGTERM, or until the parent has ended.

    Args:
        descriptor: of our end of the socket.

    Returns:
        The exit code.
    """
    with early_signals(), socket.socket(fileno=descriptor) as link:
        parcel = receive(link)
        if not isinstance(parcel, Parcel):
            return 0  # the parent has ended already
        write_to_stderr(parcel.log_format, parcel.log_level)
        threading.Thread(target=_end_with, args=[link], name="parent", daemon=True).start()

        def announce(_host: str, _port: int, http: tuple[str, int] | None) -> None:
            _tell(link, Up(http))

        try:
            return run_on(parcel.loop, run(parcel.config, announce))
        except StartError as error:
            _tell(link, Failed(str(error)))
            return 1


def _tell(link: socket.socket, answer: Up | Failed) -> None:
    with contextlib.suppress(OSError):  # the parent has ended, and so will we
        send(link, answer)


def _end_with(link: socket.socket) -> None:
    """Wait for the end of the parent, and then end as at SIGTERM."""
    with contextlib.suppress(OSError):
        receive(link)
    os.kill(os.getpid(), signal.SIGTERM)
