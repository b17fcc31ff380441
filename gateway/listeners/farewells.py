"""A last line for connections that may not come in."""

from __future__ import annotations

import asyncio
import socket

FAREWELL = 1.0
"""Seconds that a refused connection is kept open, so that its last line arrives."""

MAX_OPEN = 256
"""The most refused connections to keep open; the rest are closed without a last line."""


class Farewells:
    """Keeps refused connections open until their last line has arrived."""

    def __init__(self) -> None:
        self._open: set[socket.socket] = set()

    def __len__(self) -> int:
        return len(self._open)

    def say(self, connection: socket.socket, last: bytes) -> None:
        """Send this, and end the connection soon."""
        if len(self._open) >= MAX_OPEN:
            connection.close()
            return
        try:
            connection.send(last)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        # Closing a socket that has unread data resets the connection, and the last
        # line may be lost with it.
        self._open.add(connection)
        asyncio.get_running_loop().call_later(FAREWELL, self._end, connection)

    def close(self) -> None:
        """End them all at once."""
        for connection in list(self._open):
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        self._open.discard(connection)
        connection.close()
