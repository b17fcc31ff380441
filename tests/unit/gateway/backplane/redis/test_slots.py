"""What a Redis Cluster says of its slots."""

import pytest

from gateway.backplane.redis.slots import ON_THE_MOVE, SLOTS, moved_to, parse_slots

ASKED = ("10.0.0.1", 6379)


@pytest.mark.parametrize(
    ("refusal", "place"),
    [
        ("MOVED 3999 10.0.0.2:6381", ("10.0.0.2", 6381)),
        ("MOVED 0 chat.example.net:6379", ("chat.example.net", 6379)),
        ("MOVED 1 2001:db8::1:6379", ("2001:db8::1", 6379)),
        ("MOVED 5 :6382", ("10.0.0.1", 6382)),
        ("ASK 3999 10.0.0.2:6381", None),
        ("TRYAGAIN Multiple keys request during rehashing of slot", None),
        ("NOPERM no permissions", None),
        ("", None),
    ],
)
def test_a_refusal_may_name_who_serves_the_slot_now(refusal, place):
    assert moved_to(refusal, ASKED) == place


@pytest.mark.parametrize("refusal", ["ASK 1 h:1", "TRYAGAIN x", "CLUSTERDOWN Hash slot not served"])
def test_or_that_nobody_does_for_now(refusal):
    assert refusal.startswith(ON_THE_MOVE)


def test_the_slots_of_each_master():
    reply = [
        [0, 99, [b"10.0.0.1", 6379, b"id1"], [b"10.0.0.4", 6379, b"id4"]],
        [200, 16383, [b"10.0.0.2", 6380, b"id2"]],
    ]
    slots = parse_slots(reply, ASKED)
    assert len(slots) == SLOTS
    assert set(slots[:100]) == {("10.0.0.1", 6379)}
    assert set(slots[100:200]) == {None}
    assert set(slots[200:]) == {("10.0.0.2", 6380)}


@pytest.mark.parametrize("host", [b"", None])
def test_a_server_that_does_not_know_its_own_name_is_reached_as_before(host):
    assert parse_slots([[0, 0, [host, 6379, b"id"]]], ASKED)[0] == ASKED
