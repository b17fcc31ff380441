"""Options of a connection's socket."""

from __future__ import annotations

import socket

IDLE, PROBES, INTERVAL = 30, 3, 15
"""TCP keepalive: seconds of silence before the kernel sends a probe, the number of probes, and the
seconds between them."""

GONE_AFTER = IDLE + PROBES * INTERVAL
"""Seconds until the kernel notices that the other machine has vanished."""

OPTIONS = {
    "TCP_NODELAY": 1,
    "TCP_KEEPIDLE": IDLE,
    "TCP_KEEPINTVL": INTERVAL,
    "TCP_KEEPCNT": PROBES,
    # Probes are only for quiet connections. Without this, data that is not acknowledged would be
    # sent again and again for a quarter of an hour. Milliseconds.
    "TCP_USER_TIMEOUT": 1000 * GONE_AFTER,
}


def prepare(connection: socket.socket) -> None:
    """Send small writes at once, and notice when the other machine has vanished."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in OPTIONS.items():
        if (option := getattr(socket, name, None)) is not None:  # no system has all of them
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
