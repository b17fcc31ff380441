"""Addresses of peers: how they are compared, counted and host_port. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address


def unmapped(address: Address) -> Address:
    """The IPv4 address, if it is written as an IPv6 address (``::ffff:192.0.2.7``)."""
    return (address.version == 6 and address.ipv4_mapped) or address


def from_socket(name: tuple[str, int]) -> tuple[Address, int]:
    """Address and port of one end of a connection, from what its socket says."""
    return unmapped(ip_address(name[0])), name[1]


def host_port(host: Address | str, port: int) -> str:
    """``host:port``, as people write it."""
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def subnet(address: Address) -> str:
    """What counts as one address: an IPv4 address itself, or the /64 of an IPv6 address."""
    return _network(address, 64) or str(address)


def site(address: Address) -> str:
    """The /48 of an IPv6 address, the largest block a customer usually gets; "" for IPv4."""
    return _network(address, 48)


def _network(address: Address, length: int) -> str:
    if not isinstance(address, IPv6Address):
        return ""
    hidden = 128 - length
    return str(IPv6Network((int(address) >> hidden << hidden, length)))
