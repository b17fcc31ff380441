"""Opening ports, on every address of a host that this machine has."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
from ipaddress import ip_address
from typing import Any

from gateway.addresses import from_socket, host_port, unmapped
from gateway.journal import event
from wire.connecting import Endpoint, resolve

log = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that the kernel queues: when a gateway dies, all its clients come at once."""

ATTEMPTS = 8
"""How often to try to find a port that is free on all addresses of a host."""

EVERYWHERE = "::"
"""Every interface: IPv6 and, as most people expect, IPv4."""


async def open_port(host: str, port: int, *, reuse: bool) -> list[socket.socket]:
    """Listen on the addresses of a host, all on the same port; returns at least one socket.

    An address that this machine does not have is left out, with a line in the log: where IPv6 is
    switched off, `localhost` is only 127.0.0.1. A port that is in use on any of the addresses is an
    error, because clients would reach another program there.

    Args:
        host: name or address; `::` is every interface, for IPv6 and IPv4.
        port: the port; 0 for any free one.
        reuse: whether other processes may listen on the same port.

    Raises:
        OSError: there is no such host, the port is in use, or none of the addresses is on this
            machine.
    """
    return await _open_all(host, port, reuse, listen=True)


async def reserve_port(host: str, port: int, *, shared: bool) -> list[socket.socket]:
    """Take a port for processes of ours to listen on; returns the sockets that hold it.

    Nobody can connect to these.

    Args:
        host: as for `open_port`.
        port: as for `open_port`.
        shared: whether others may listen on the port already.

    Raises:
        OSError: as `open_port` has it.
    """
    if not shared:
        # A port that others share could be shared by us, too, and their clients would meet ours.
        for each in await _open_all(host, port, reuse=False, listen=True):
            port = each.getsockname()[1]
            each.close()
    return await _open_all(host, port, reuse=True, listen=False)


async def _open_all(host: str, port: int, reuse: bool, *, listen: bool) -> list[socket.socket]:
    addresses = await _addresses(host, port)
    for attempt in range(ATTEMPTS):
        try:
            return _open_each(addresses, port, reuse, listen)
        except OSError as error:
            # A port that is free on one address may be in use on another.
            if port or error.errno != errno.EADDRINUSE or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError


def listening_on(listening: socket.socket) -> tuple[str, int]:
    """The host and port that a socket listens on; with a scope if the address needs one."""
    name = listening.getsockname()
    scope = f"%{socket.if_indextoname(name[3])}" if len(name) == 4 and name[3] else ""
    return f"{name[0]}{scope}", name[1]


async def _addresses(host: str, port: int) -> list[Endpoint]:
    with contextlib.suppress(ValueError):  # it is a name
        # Nobody can listen on an IPv4 address that is written as an IPv6 address.
        host = str(unmapped(ip_address(host)))
    return await resolve(host, port)


def _open_each(
    addresses: list[Endpoint], port: int, reuse: bool, listen: bool
) -> list[socket.socket]:
    opened: list[socket.socket] = []
    missing: list[tuple[str, OSError]] = []
    try:
        for family, (host, _, *scope) in addresses:
            address = (host, opened[0].getsockname()[1] if opened else port, *scope)
            try:
                opened.append(_open(family, address, reuse, listen))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise
                missing.append((host_port(*from_socket(address[:2])), error))
        if not opened:
            raise missing[0][1]
    except BaseException:
        for each in opened:
            each.close()
        raise
    for where, problem in missing:
        event(log, logging.WARNING, "not listening", address=where, why=problem.strerror)
    return opened


def _open(family: socket.AddressFamily, address: Any, reuse: bool, listen: bool) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            both = address[0] == EVERYWHERE and socket.has_dualstack_ipv6()
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        listening.bind(address)
        if listen:
            listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening
