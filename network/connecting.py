"""Connecting to a host that may have several addresses, some of which may be silent.

A host whose first address leads nowhere must not cost what waiting for it takes, so the next one is
tried meanwhile, and the first that answers is taken: RFC 8305, "Happy Eyeballs". Done here since
uvloop does not do it.
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
"""Seconds without an answer after which the next one is tried as well."""

Address = tuple[socket.AddressFamily, Any]
"""What a socket of which family connects to."""


async def connected(host: str, port: int) -> socket.socket:
    """Connect to a host, by whichever of its addresses answers first.

    Args:
        host: name or address; an address of IPv6 may have a scope.
        port: its port.

    Returns:
        A socket that is connected and does not block; it is the caller's.

    Raises:
        OSError: there is no such host, or none of its addresses can be reached.
    """
    found = await resolve(host, port)
    attempts = [partial(_connect, *address) for address in in_turn(found)]
    return await staggered(attempts, discard=socket.socket.close)


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host, at least one, in the order in which the system prefers them.

    Raises:
        OSError: there is no such host.
    """
    try:
        if "%" in host:  # which interface: uvloop would forget it, and nobody has to be asked
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        else:
            found = await get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # an empty label, or one that is too long
        raise socket.gaierror(socket.EAI_NONAME, "this cannot be the name of a host") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def in_turn(addresses: Iterable[Address]) -> list[Address]:
    """The addresses with their families taking turns: often it is a whole family that is silent."""
    families: dict[socket.AddressFamily, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    return [each for each in chain(*zip_longest(*families.values())) if each is not None]


async def staggered(
    attempts: Iterable[Callable[[], Coroutine[Any, Any, T]]],
    discard: Callable[[T], object] = lambda _: None,
) -> T:
    """What the first of some attempts brings that does not fail.

    They begin one after the other: the next one as soon as one has failed, or has taken longer than
    `NEXT_AFTER`.

    Args:
        attempts: at least one, the best first.
        discard: given what another attempt brought at the same moment.

    Raises:
        Exception: what the attempt raised that failed last, if all of them did.
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
            # More may have ended since.
            ended = [task for task in tasks if task.done()]
            decisive = next((task for task in ended if task.exception() is None), None)
            if decisive is None and not left and len(ended) == len(tasks):
                decisive = failed.pop()
        return decisive.result()
    finally:
        others = [task for task in tasks if task is not decisive]
        for task in others:
            task.cancel()
        for brought in await asyncio.gather(*others, return_exceptions=True):
            if not isinstance(brought, BaseException):
                discard(brought)


async def _connect(family: socket.AddressFamily, address: Any) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        # A short line must not wait for the answer to the one before it.
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


def certified(host: str) -> str:
    """A host's name as its certificate has it: without the dot that may end a complete one."""
    return host.removesuffix(".")
