"""What a connection begins with, read before anything is made of it."""

from __future__ import annotations

import asyncio
import socket

PEEKED = 64
"""Bytes by which TLS, and what is none, are told apart."""


async def exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes; what follows them stays where it is.

    Raises:
        OSError: the connection ended before.
    """
    loop, got = asyncio.get_running_loop(), b""
    while len(got) < count:
        more = await loop.sock_recv(connection, count - len(got))
        if not more:
            raise ConnectionResetError("the connection ended within its PROXY header")
        got += more
    return got


async def peek(connection: socket.socket) -> bytes:
    """Some bytes, as soon as there are any; they stay where they are.

    Raises:
        OSError: the connection ended before.
    """
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    first = connection.recv(PEEKED, socket.MSG_PEEK)
    if not first:
        raise ConnectionResetError("the connection ended before a word was said")
    return first
