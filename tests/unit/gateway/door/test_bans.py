from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backplane.records import Ban
from gateway.door.bans import Bans

CLOCK = 1_795_428_000_000
HOME = ip_address("192.0.2.7")


def ban(subject, kind="network", **fields):
    return Ban(subject=subject, kind=kind, since=CLOCK, **fields)


def bans(*those):
    known = Bans()
    known.set(those, CLOCK, 1000.0)
    return known


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("192.0.2.7/32", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("0.0.0.0/0", "255.255.255.255", "::1"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ("::/0", "2001:db8::1", "192.0.2.7"),
        # The same number is another address in the other version.
        ("0.0.0.1/32", "0.0.0.1", "::1"),
    ],
)
def test_a_network_is_banned_to_its_edges(network, inside, outside):
    known = bans(ban(network))
    assert known.of_address(ip_address(inside), 1000.0)
    assert known.of_address(ip_address(outside), 1000.0) is None


networks = st.builds(
    lambda address, length: ip_network((address, min(length, address.max_prefixlen)), strict=False),
    st.ip_addresses(),
    st.integers(0, 128),
)


@given(st.lists(networks, max_size=8), st.ip_addresses())
def test_an_address_is_banned_if_it_is_in_one_of_the_networks(those, address):
    known = bans(*(ban(str(network)) for network in those))
    # The networks' own addresses too: a random one would nearly always be outside.
    for one in (address, *(network.network_address for network in those)):
        inside = any(one in network for network in those)
        assert (known.of_address(one, 1000.0) is not None) is inside


def test_a_name_is_banned_however_it_is_written():
    known = bans(ban("Straße", "name"))
    assert known.of_name("strasse", 1000.0)
    assert known.of_name("strass", 1000.0) is None


def test_a_name_that_looks_like_an_address_is_a_name():
    known = bans(ban("192.0.2.7", "name"))
    assert known.of_name("192.0.2.7", 1000.0)
    assert known.of_address(HOME, 1000.0) is None


def test_a_ban_ends_by_redis_clock():
    known = bans(
        ban("192.0.2.7/32", until=CLOCK + 5000), ban("mallory", "name", until=CLOCK + 5000)
    )
    for now, holds in ((1000.0, True), (1004.9, True), (1005.0, False)):
        assert (known.of_address(HOME, now) is not None) is holds
        assert (known.of_name("mallory", now) is not None) is holds


def test_an_expired_ban_does_not_hide_one_that_is_in_force():
    known = bans(ban("192.0.2.7/32", until=CLOCK + 1), ban("192.0.0.0/16", reason="the wide one"))
    assert known.of_address(HOME, 2000.0).text == "You are banned: the wide one"


def test_setting_the_bans_replaces_all_of_them():
    known = bans(ban("192.0.2.7/32"), ban("mallory", "name"))
    known.set([], CLOCK, 1000.0)
    assert known.of_address(HOME, 1000.0) is None
    assert known.of_name("mallory", 1000.0) is None


def test_the_person_is_told_why_and_until_when_and_not_to_come_back():
    for fields, text in [
        ({}, "You are banned."),
        ({"reason": "spam"}, "You are banned: spam"),
        ({"until": CLOCK + 60_000}, "You are banned until 2026-11-23 10:01 UTC."),
        (
            {"until": CLOCK + 60_000, "reason": "spam"},
            "You are banned until 2026-11-23 10:01 UTC: spam",
        ),
    ]:
        reason = bans(ban("mallory", "name", **fields)).of_name("mallory", 1000.0)
        assert (reason.code, reason.text, reason.reconnect) == ("banned", text, False)


@pytest.mark.parametrize("until", [10**15, 2**62])
def test_an_end_beyond_the_calendar_is_not_shown(until):
    known = bans(ban("192.0.2.7/32", until=until))
    assert known.of_address(HOME, 1000.0).text == "You are banned."
