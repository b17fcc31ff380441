"""The first bytes of a connection, read before anything else is done with it."""

from __future__ import annotations

import asyncio
import socket

PEEKED = 64
"""Bytes that are enough to tell TLS from anything else."""


async def exactly(connection: socket.socket, count: int) -> bytes:
    """Read exactly this many bytes, and leave the rest unread.

    Raises:
        OSError: the connection ended first.
    """
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < count:
        more = await loop.sock_recv(connection, count - len(data))
        if not more:
            raise ConnectionResetError("the connection ended inside its PROXY header")
        data += more
    return data


async def peek(connection: socket.socket) -> bytes:
    """Wait for the first bytes and return them, but leave them unread.

    Raises:
        OSError: the connection ended first.
    """
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    first = connection.recv(PEEKED, socket.MSG_PEEK)
    if not first:
        raise ConnectionResetError("the connection ended before anything was sent")
    return first
