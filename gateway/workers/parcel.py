"""What a parent and a worker tell each other, over a socket that only the two have.

The parent sends one `Parcel`, and the worker answers with one `Up` or `Failed`. To the worker, the
end of the socket is the end of the parent.
"""

from __future__ import annotations

import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Literal

from gateway.config import GatewayConfig

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True)
class Parcel:
    """What a worker needs.

    Attributes:
        config: its settings.
        loop: its event loop.
        log_format: as in `gateway.journal.write_to_stderr`.
        log_level: likewise.
    """

    config: GatewayConfig
    loop: Literal["asyncio", "uvloop"]
    log_format: Literal["text", "json"]
    log_level: str


@dataclass(frozen=True)
class Up:
    """The worker serves.

    Attributes:
        http: where its health pages are; None if it has none.
    """

    http: tuple[str, int] | None


@dataclass(frozen=True)
class Failed:
    """The worker cannot start.

    Attributes:
        text: why.
    """

    text: str


def send(link: socket.socket, thing: Parcel | Up | Failed) -> None:
    """Send something to the other side, which runs the same code: pickles are safe here."""
    body = pickle.dumps(thing)
    link.sendall(_LENGTH.pack(len(body)) + body)


def receive(link: socket.socket) -> Parcel | Up | Failed | None:
    """Wait for what the other side sends; None at its end."""
    head = _exactly(link, _LENGTH.size)
    body = head and _exactly(link, *_LENGTH.unpack(head))
    return pickle.loads(body) if body else None


def _exactly(link: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count:
        part = link.recv(count - len(parts))
        if not part:
            return b""
        parts += part
    return parts
