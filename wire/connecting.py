"""Connecting to a host that has several addresses, where some may never answer.

Waiting for a dead address would take too long, so the next one is tried in the meantime, and the
first that answers wins: RFC 8305, "Happy Eyeballs". It is done here because uvloop does not do it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio import get_running_loop
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from itertools import chain, zip_longest
from typing import Any, TypeVar

T = TypeVar("T")

NEXT_AFTER = 0.25
"""Seconds without an answer before the next address is tried as well."""

Endpoint = tuple[socket.AddressFamily, Any]
"""An address family, and what a socket of that family connects to."""


async def open_socket(host: str, port: int) -> socket.socket:
    """Connect to a host, at the first of its addresses that answers.

    Args:
        host: name or address; an IPv6 address may have a scope.
        port: its port.

    Returns:
        A connected, non-blocking socket; the caller must close it.

    Raises:
        OSError: there is no such host, or none of its addresses can be reached.
    """
    found = await resolve(host, port)
    attempts = [partial(_connect, *address) for address in interleaved(found)]
    return await staggered(attempts, discard=socket.socket.close)


async def resolve(host: str, port: int) -> list[Endpoint]:
    """The addresses of a host, at least one, in the order that the system prefers.

    Raises:
        OSError: there is no such host.
    """
    try:
        if "%" in host:  # the interface: uvloop would drop it, and no lookup is needed
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        else:
            found = await get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # an empty label, or one that is too long
        raise socket.gaierror(socket.EAI_NONAME, "this is not a valid host name") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def interleaved(addresses: Iterable[Endpoint]) -> list[Endpoint]:
    """Alternate between the address families: often a whole family does not answer."""
    families: dict[socket.AddressFamily, list[Endpoint]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    return [each for each in chain(*zip_longest(*families.values())) if each is not None]


async def staggered(
    attempts: Iterable[Callable[[], Coroutine[Any, Any, T]]],
    discard: Callable[[T], object] = lambda _: None,
) -> T:
    """The result of the first attempt that succeeds.

    They start one after the other: the next one as soon as one has failed, or has taken longer than
    `NEXT_AFTER`.

    Args:
        attempts: at least one, the best first.
        discard: called with the result of any other attempt that succeeded at the same moment.

    Raises:
        Exception: the last error, if all attempts failed.
    """
    left, tasks = deque(attempts), list[asyncio.Task[T]]()
    decisive: asyncio.Task[T] | None = None
    try:
        while decisive is None:
            if left:
                tasks.append(asyncio.ensure_future(left.popleft()()))
            failed, _ = await asyncio.wait(
                [task for task in tasks if not task.done()],
                timeout=NEXT_AFTER if left else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            # Others may have ended since then.
            ended = [task for task in tasks if task.done()]
            decisive = next((task for task in ended if task.exception() is None), None)
            if decisive is None and not left and len(ended) == len(tasks):
                decisive = failed.pop()
        return decisive.result()
    finally:
        others = [task for task in tasks if task is not decisive]
        for task in others:
            task.cancel()
        for result in await asyncio.gather(*others, return_exceptions=True):
            if not isinstance(result, BaseException):
                discard(result)


async def _connect(family: socket.AddressFamily, address: Any) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        # A short line must not wait for the acknowledgement of the line before it.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection.connect(address)
        except BlockingIOError:
            await _writable(connection)
            if number := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(number, os.strerror(number)) from None
    except BaseException:
        connection.close()
        raise
    return connection


async def _writable(connection: socket.socket) -> None:
    loop = get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(connection, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(connection)


def certificate_name(host: str) -> str:
    """A host's name as certificates have it: without the dot at the end."""
    return host.removesuffix(".")
