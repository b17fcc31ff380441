from ipaddress import ip_address, ip_network

import pytest

from gateway.config import AddressLimits
from gateway.door import visits as module
from gateway.door.visits import FORGET_EVERY, Crowded, Door

HOME = ip_address("192.0.2.7")
AWAY = ip_address("192.0.2.8")


def door(connections=None, connects=None, exempt=()):
    networks = tuple(map(ip_network, exempt))
    limits = AddressLimits(connections=connections, connects=connects, exempt=networks)
    return Door(limits, 0.0)


def crowded(of, address, now):
    with pytest.raises(Crowded) as raised:
        of.enter(address, now)
    return raised.value.after


def test_an_address_may_have_a_limited_number_of_connections():
    of = door(connections=2)
    visits = [of.enter(HOME, 0.0) for _ in range(2)]
    assert crowded(of, HOME, 0.0) > 0
    of.enter(AWAY, 0.0)
    visits[0].over()
    of.enter(HOME, 0.0)
    crowded(of, HOME, 0.0)


def test_ending_a_visit_twice_counts_once():
    of = door(connections=2)
    first, _ = of.enter(HOME, 0.0), of.enter(HOME, 0.0)
    first.over()
    first.over()
    of.enter(HOME, 0.0)
    crowded(of, HOME, 0.0)


def test_an_address_that_connects_too_often_is_let_in_after_waiting_as_told():
    of = door(connects=6)
    for _ in range(6):
        of.enter(HOME, 0.0).over()
    after = crowded(of, HOME, 1.0)
    assert after == pytest.approx(9.0)
    of.enter(AWAY, 1.0)
    of.enter(HOME, 1.0 + after)
    crowded(of, HOME, 1.0 + after)


def test_being_turned_away_uses_up_nothing():
    of = door(connections=1, connects=2)
    visit = of.enter(HOME, 0.0)
    for _ in range(10):
        crowded(of, HOME, 0.0)
    visit.over()
    of.enter(HOME, 0.0)


def test_all_addresses_of_one_64_count_as_one():
    of = door(connections=1)
    of.enter(ip_address("2001:db8::1"), 0.0)
    crowded(of, ip_address("2001:db8::ffff:0:0:2"), 0.0)
    of.enter(ip_address("2001:db8:0:1::1"), 0.0)


def test_exempt_networks_have_no_limits():
    of = door(connections=1, connects=1, exempt=["192.0.2.0/25", "2001:db8::/32"])
    for address in ("192.0.2.7", "2001:db8::1"):
        for _ in range(5):
            of.enter(ip_address(address), 0.0)
    of.enter(ip_address("192.0.2.200"), 0.0)
    crowded(of, ip_address("192.0.2.200"), 0.0)
    assert len(of._visitors) == 1, "nothing is remembered of exempt addresses"


def test_without_limits_everybody_is_let_in():
    of = door()
    for _ in range(10_000):
        of.enter(HOME, 0.0)


class TestMemory:
    """An attacker may have very many addresses."""

    def test_an_address_is_forgotten_once_it_has_all_its_rights_again(self):
        of = door(connections=5, connects=60)
        for number in range(100):
            of.enter(ip_address(number), 0.0).over()
        stays = of.enter(HOME, 0.0)
        of.enter(AWAY, FORGET_EVERY)
        assert set(of._visitors) == {str(HOME), str(AWAY)}
        stays.over()

    def test_a_forgotten_address_could_have_connected_as_often_anyway(self):
        of = door(connects=6)
        for _ in range(6):
            of.enter(HOME, 0.0).over()
        of.enter(AWAY, FORGET_EVERY)
        for _ in range(6):
            of.enter(HOME, FORGET_EVERY)
        crowded(of, HOME, FORGET_EVERY)

    def test_an_address_seen_just_before_the_sweep_is_not_forgotten(self):
        of = door(connects=6)
        of.enter(HOME, 0.0).over()
        for _ in range(6):
            of.enter(HOME, FORGET_EVERY - 30).over()
        of.enter(AWAY, FORGET_EVERY)  # sweeps
        for _ in range(3):
            of.enter(HOME, FORGET_EVERY)  # the rights that it regained in 30 s
        crowded(of, HOME, FORGET_EVERY)

    def test_the_sweep_runs_once_a_minute_and_not_for_each_connection(self, monkeypatch):
        sweeps = []
        forget = Door._forget
        monkeypatch.setattr(Door, "_forget", lambda *args: (sweeps.append(args[1]), forget(*args)))
        of = door(connections=5)
        for second in range(0, 3 * int(FORGET_EVERY)):
            of.enter(HOME, float(second)).over()
        assert sweeps == [FORGET_EVERY, 2 * FORGET_EVERY]

    def test_the_number_of_remembered_addresses_is_bounded(self, monkeypatch):
        monkeypatch.setattr(module, "MAX_REMEMBERED", 50)
        of = door(connections=1, connects=5)
        visits = [of.enter(ip_address(number), 0.0) for number in range(30)]
        for number in range(100, 1000):
            of.enter(ip_address(number), 1.0).over()
            assert len(of._visitors) <= 2 * 50
        # Those with connections are still counted.
        for number in range(30):
            crowded(of, ip_address(number), 1.0)
        for visit in visits:
            visit.over()
