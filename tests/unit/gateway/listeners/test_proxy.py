import struct
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import unmapped
from gateway.listeners.proxy import FIXED, MAX_REST, SIGNATURE, NotProxied, rest, source

PORTS = st.integers(0, 65535)
EXTENSIONS = st.binary(max_size=200)


def header(command, family, following):
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(following)), following


def addresses(from_, port, to="192.0.2.1"):
    other = to if isinstance(from_, IPv4Address) else "2001:db8::1"
    return from_.packed + ip_address(other).packed + struct.pack("!HH", port, 2428)


def of(from_):
    return 0x11 if isinstance(from_, IPv4Address) else 0x21


@given(st.ip_addresses(), PORTS, EXTENSIONS)
def test_the_client_is_found_whatever_extensions_follow(from_, port, extensions):
    fixed, following = header(0x21, of(from_), addresses(from_, port) + extensions)
    assert rest(fixed) == len(following)
    assert source(fixed, following) == (unmapped(from_), port)


def test_ipv4_written_as_ipv6_is_ipv4():
    fixed, following = header(0x21, 0x21, addresses(ip_address("::ffff:192.0.2.7"), 5))
    assert source(fixed, following) == (ip_address("192.0.2.7"), 5)


@given(st.sampled_from([0x00, 0x11, 0x21, 0x31]), EXTENSIONS)
def test_local_means_the_balancer_itself(family, following):
    fixed, following = header(0x20, family, following)
    assert rest(fixed) == len(following)
    assert source(fixed, following) is None


@pytest.mark.parametrize("family", [0x00, 0x31, 0x32])
def test_a_family_without_an_address_leaves_the_connections_own(family):
    fixed, following = header(0x21, family, b"x" * 216)
    assert source(fixed, following) is None


@pytest.mark.parametrize("family", [0x11, 0x21])
def test_addresses_that_are_cut_short_are_refused(family):
    needed = 10 if family == 0x11 else 34
    for length in range(needed):
        fixed, following = header(0x21, family, b"x" * length)
        with pytest.raises(NotProxied, match="too short"):
            source(fixed, following)


@pytest.mark.parametrize(
    ("fixed", "what"),
    [
        (b"PROXY TCP4 192.0", "no PROXY header, version 2, but there is one of version 1"),
        (b'{"op":"hello","v', "no PROXY header"),
        (b"\x16\x03\x01" + b"x" * 13, "no PROXY header"),  # TLS
        (b"\0" * 16, "no PROXY header"),
        (SIGNATURE + b"\x11\x11\0\0", "0x11"),  # version 1 with the signature of version 2
        (SIGNATURE + b"\x22\x11\0\0", "0x22"),  # no such command
        (SIGNATURE + b"\x21\x11" + struct.pack("!H", MAX_REST + 1), "1025 bytes"),
        (SIGNATURE + b"\x20\x00\xff\xff", "65535 bytes"),
    ],
)
def test_anything_but_a_header_is_refused_with_the_reason(fixed, what):
    assert len(fixed) == FIXED
    with pytest.raises(NotProxied, match=what):
        rest(fixed)


@given(st.binary(min_size=4, max_size=4).map(SIGNATURE.__add__), st.binary(max_size=MAX_REST))
def test_garbage_is_either_refused_or_parsed(fixed, following):
    try:
        following = following[: rest(fixed)]
        found = source(fixed, following)
    except NotProxied:
        return
    assert found is None or 0 <= found[1] <= 65535
