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


def test_so_many_connections_of_an_address_are_let_in_and_no_more():
    of = door(connections=2)
    visits = [of.enter(HOME, 0.0) for _ in range(2)]
    assert crowded(of, HOME, 0.0) > 0
    of.enter(AWAY, 0.0)
    visits[0].over()
    of.enter(HOME, 0.0)
    crowded(of, HOME, 0.0)


def test_a_visit_that_is_said_to_be_over_twice_is_over_once():
    of = door(connections=2)
    first, _ = of.enter(HOME, 0.0), of.enter(HOME, 0.0)
    first.over()
    first.over()
    of.enter(HOME, 0.0)
    crowded(of, HOME, 0.0)


def test_so_many_connections_a_minute_and_whoever_waits_as_told_is_let_in():
    of = door(connects=6)
    for _ in range(6):
        of.enter(HOME, 0.0).over()
    after = crowded(of, HOME, 1.0)
    assert after == pytest.approx(9.0)
    of.enter(AWAY, 1.0)
    of.enter(HOME, 1.0 + after)
    crowded(of, HOME, 1.0 + after)


def test_who_was_turned_away_has_not_used_up_anything():
    of = door(connections=1, connects=2)
    visit = of.enter(HOME, 0.0)
    for _ in range(10):
        crowded(of, HOME, 0.0)
    visit.over()
    of.enter(HOME, 0.0)


def test_those_of_one_64_are_one_address():
    of = door(connections=1)
    of.enter(ip_address("2001:db8::1"), 0.0)
    crowded(of, ip_address("2001:db8::ffff:0:0:2"), 0.0)
    of.enter(ip_address("2001:db8:0:1::1"), 0.0)


def test_exempt_networks_may_do_as_they_like():
    of = door(connections=1, connects=1, exempt=["192.0.2.0/25", "2001:db8::/32"])
    for address in ("192.0.2.7", "2001:db8::1"):
        for _ in range(5):
            of.enter(ip_address(address), 0.0)
    of.enter(ip_address("192.0.2.200"), 0.0)
    crowded(of, ip_address("192.0.2.200"), 0.0)
    assert len(of._visitors) == 1, "of those who are exempt nothing need be known"


def test_without_limits_everybody_is_let_in():
    of = door()
    for _ in range(10_000):
        of.enter(HOME, 0.0)


class TestMemory:
    """An attacker may have very many addresses."""

    def test_addresses_are_forgotten_once_everything_is_as_for_a_new_one(self):
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

    def test_who_was_here_a_moment_before_the_look_is_not_forgotten(self):
        of = door(connects=6)
        of.enter(HOME, 0.0).over()
        for _ in range(6):
            of.enter(HOME, FORGET_EVERY - 30).over()
        of.enter(AWAY, FORGET_EVERY)  # looks
        for _ in range(3):
            of.enter(HOME, FORGET_EVERY)  # what 30 s have given back
        crowded(of, HOME, FORGET_EVERY)

    def test_it_is_looked_once_a_minute_and_not_for_each_who_comes(self, monkeypatch):
        looks = []
        forget = Door._forget
        monkeypatch.setattr(Door, "_forget", lambda *args: (looks.append(args[1]), forget(*args)))
        of = door(connections=5)
        for second in range(0, 3 * int(FORGET_EVERY)):
            of.enter(HOME, float(second)).over()
        assert looks == [FORGET_EVERY, 2 * FORGET_EVERY]

    def test_there_is_a_bound_to_those_who_have_come_and_gone(self, monkeypatch):
        monkeypatch.setattr(module, "MOST_KEPT", 50)
        of = door(connections=1, connects=5)
        visits = [of.enter(ip_address(number), 0.0) for number in range(30)]
        for number in range(100, 1000):
            of.enter(ip_address(number), 1.0).over()
            assert len(of._visitors) <= 2 * 50
        # Those who are here still count.
        for number in range(30):
            crowded(of, ip_address(number), 1.0)
        for visit in visits:
            visit.over()
