"""What a connection's socket is told, once for all."""

from __future__ import annotations

import socket

SILENT, PROBES, APART = 30, 3, 15
"""Seconds of silence after which the kernel asks whether the other machine is still there, how
often it asks, and how many seconds apart."""

GONE = SILENT + PROBES * APART
"""Seconds after which a machine that has vanished is noticed."""

OPTIONS = {
    "TCP_NODELAY": 1,
    "TCP_KEEPIDLE": SILENT,
    "TCP_KEEPINTVL": APART,
    "TCP_KEEPCNT": PROBES,
    # Probes are for quiet connections: what was sent and not confirmed is else sent again and
    # again, for a quarter of an hour. Milliseconds.
    "TCP_USER_TIMEOUT": 1000 * GONE,
}


def prepare(connection: socket.socket) -> None:
    """Have small writes sent at once, and have it noticed that the other machine has vanished."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in OPTIONS.items():
        if (option := getattr(socket, name, None)) is not None:  # not every system has all
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
