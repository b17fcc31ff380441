"""The PROXY protocol, version 2: a balancer says on whose behalf it connects.

A binary header comes before everything else: a signature (12 bytes), version and command (1 byte),
address family (1 byte), the length of the rest (2 bytes, big-endian), and the rest: source and
destination addresses, then ports, then extensions, which are ignored here.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

from gateway.addresses import Address, unmapped

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"

FIXED = 16
"""Length of the fixed part at the start of every header, in bytes."""

MAX_REST = 1024
"""The most bytes of the rest: addresses take 36, and extensions are small."""

_LOCAL, _PROXY = 0x20, 0x21
_IPV4, _IPV6 = 1, 2


class NotProxied(Exception):
    """A connection does not begin with a valid header; the text says what is wrong."""


def rest(fixed: bytes) -> int:
    """How many bytes of the header follow its fixed part.

    Raises:
        NotProxied: this is not the beginning of a header.
    """
    if not fixed.startswith(SIGNATURE):
        but = ", but there is one of version 1" if fixed.startswith(b"PROXY ") else ""
        raise NotProxied(f"there is no PROXY header, version 2{but}")
    if fixed[12] not in (_LOCAL, _PROXY):
        raise NotProxied(f"the PROXY header has an unknown version or command, 0x{fixed[12]:02x}")
    length = int(struct.unpack("!H", fixed[14:16])[0])
    if length > MAX_REST:
        raise NotProxied(f"the PROXY header is {length} bytes too long; {MAX_REST} are allowed")
    return length


def source(fixed: bytes, following: bytes) -> tuple[Address, int] | None:
    """The client's address and port; None if the balancer connects for itself.

    Args:
        fixed: the fixed part of the header, which `rest` accepted.
        following: the rest.

    Raises:
        NotProxied: the header is too short for its addresses.
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
            return unmapped(ip_address(host)), port
    except struct.error:
        raise NotProxied("the PROXY header is too short for its addresses") from None
    return None  # another kind of address, or unknown: use the connection's own
