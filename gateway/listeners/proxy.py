"""The PROXY protocol, version 2: a balancer says for whom it connects.

Binary header before everything else: a signature of 12 bytes, a byte of version and command, one of
address family, the length of the rest (two bytes, big-endian), and the rest: source and
destination addresses, then ports, then extensions that nobody needs here.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

from gateway.addresses import Address, plain

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"

FIXED = 16
"""Bytes that every header begins with."""

LONGEST = 1024
"""Bytes of the rest at most: addresses take 36, and extensions are small."""

_LOCAL, _PROXY = 0x20, 0x21
_IPV4, _IPV6 = 1, 2


class NotProxied(Exception):
    """What begins a connection is no such header; the text says what is wrong."""


def rest(fixed: bytes) -> int:
    """How many bytes of the header follow its first 16.

    Raises:
        NotProxied: these begin no header.
    """
    if not fixed.startswith(SIGNATURE):
        but = ", but one of version 1" if fixed.startswith(b"PROXY ") else ""
        raise NotProxied(f"there is no PROXY header, version 2{but}")
    if fixed[12] not in (_LOCAL, _PROXY):
        raise NotProxied(f"version and command of the PROXY header are 0x{fixed[12]:02x}")
    length = int(struct.unpack("!H", fixed[14:16])[0])
    if length > LONGEST:
        raise NotProxied(f"the PROXY header has {length} bytes more; {LONGEST} are allowed")
    return length


def source(fixed: bytes, following: bytes) -> tuple[Address, int] | None:
    """For whom the balancer connects: address and port; None if it connects for itself.

    Args:
        fixed: the header's first 16 bytes, which `rest` liked.
        following: the bytes behind them.

    Raises:
        NotProxied: the addresses are not all there.
    """
    if fixed[12] == _LOCAL:
        return None
    family = fixed[13] >> 4
    try:
        if family == _IPV4:
            host, port = following[:4], struct.unpack_from("!H", following, 8)[0]
            return ip_address(host), port
        if family == _IPV6:
            host, port = following[:16], struct.unpack_from("!H", following, 32)[0]
            return plain(ip_address(host)), port
    except struct.error:
        raise NotProxied("the PROXY header is too short for its addresses") from None
    return None  # of another kind, or unknown: then the connection's own address counts
