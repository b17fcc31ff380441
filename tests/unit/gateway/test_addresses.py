from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import from_socket, host_port, site, subnet, unmapped


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
    ],
)
def test_a_whole_64_of_ipv6_counts_as_one_address(address, counted):
    assert subnet(ip_address(address)) == counted


def test_a_site_is_the_48_of_an_ipv6_address():
    assert site(ip_address("2001:db8:1:2:3:4:5:6")) == "2001:db8:1::/48"
    assert site(ip_address("2001:db8:1:ffff::")) == "2001:db8:1::/48"
    assert site(ip_address("192.0.2.7")) == ""


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_another_interface_id_is_in_the_same_subnet(address, other):
    moved = IPv6Address((int(address) >> 64 << 64) | other)
    assert subnet(moved) == subnet(address)


def test_an_ipv4_address_written_as_ipv6_is_the_same_address():
    assert unmapped(ip_address("::ffff:192.0.2.7")) == ip_address("192.0.2.7")
    assert from_socket(("::ffff:192.0.2.7", 5)) == (ip_address("192.0.2.7"), 5)
    # For IPv6, `accept` returns two more parts.
    assert from_socket(("2001:db8::1", 5, 0, 0)) == (ip_address("2001:db8::1"), 5)


def test_an_address_and_port_are_written_as_people_write_them():
    assert host_port(ip_address("192.0.2.7"), 5) == "192.0.2.7:5"
    assert host_port(ip_address("2001:db8::1"), 5) == "[2001:db8::1]:5"
