"""Last words to those who may not come in."""

from __future__ import annotations

import asyncio
import socket

FAREWELL = 1.0
"""Seconds for which a connection that may not come in is kept, so that its last line arrives."""

MOST = 256
"""Connections that are kept so at once; those beyond are closed without a word."""


class Farewells:
    """Keeps connections for the moment that their last line takes."""

    def __init__(self) -> None:
        self._kept: set[socket.socket] = set()

    def __len__(self) -> int:
        return len(self._kept)

    def say(self, connection: socket.socket, words: bytes) -> None:
        """Say this, and end the connection soon."""
        if len(self._kept) >= MOST:
            connection.close()
            return
        try:
            connection.send(words)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        # Whoever closes a socket with something unread in it resets the connection, and the last
        # line may be lost with it.
        self._kept.add(connection)
        asyncio.get_running_loop().call_later(FAREWELL, self._end, connection)

    def close(self) -> None:
        """End them all at once."""
        for connection in list(self._kept):
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        self._kept.discard(connection)
        connection.close()
