import pytest

from gateway.channels.hub import Hub
from gateway.meters import CLAIMS, Histogram, Meters
from tests.unit.gateway.fakes import FakeLink
from wire.reasons import REASONS, SHUTDOWN, ErrorCode


@pytest.fixture
def meters():
    return Meters()


@pytest.fixture
def hub(meters):
    return Hub(lambda flush: None, meters)


def crowd(hub, channel, count):
    links = [FakeLink() for _ in range(count)]
    for link in links:
        hub.join(channel, link)
    return links


def counted(histogram):
    bounds = [*histogram.bounds, "more"]
    return {bound: count for bound, count in zip(bounds, histogram.counts, strict=True) if count}


@pytest.mark.parametrize(("value", "bucket"), [(0, 1), (1, 1), (1.1, 2), (2, 2), (3, "more")])
def test_a_bucket_takes_values_up_to_its_bound(value, bucket):
    histogram = Histogram((1, 2))
    histogram.note(value)
    assert counted(histogram) == {bucket: 1}
    assert histogram.total == value


def test_a_value_may_be_counted_several_times():
    histogram = Histogram((1, 2))
    histogram.note(2, 5)
    assert (counted(histogram), histogram.total) == ({2: 5}, 10)


def test_a_rooms_lines_are_counted_once_for_each_person_in_it(hub, meters):
    crowd(hub, b"room", 3)
    hub.deliver(b"room", b"one\ntwo\n")
    hub.deliver(b"room", b"three\n")
    hub.flush()
    assert (meters.deliveries, meters.frames_sent) == (9, 9)
    assert meters.bytes_sent == 3 * len(b"one\ntwo\nthree\n")
    assert counted(meters.frames_per_flush) == {5: 3}
    assert meters.frames_per_flush.total == 9


def test_nothing_is_delivered_to_an_empty_room(hub, meters):
    hub.deliver(b"room", b"one\n")
    hub.flush()
    assert (meters.deliveries, meters.frames_sent, meters.bytes_sent) == (0, 0, 0)
    assert counted(meters.frames_per_flush) == {}


def test_everything_that_is_written_is_counted(hub, meters):
    room, other = crowd(hub, b"room", 4), crowd(hub, b"other", 2)
    hub.join(b"other", room[1])
    hub.forward(room[2], [b"ack\n"])
    hub.forward(room[2], [b"ack\n"])
    hub.forward(other[0], [b"pong\n"])
    hub.deliver(b"room", b"one\ntwo\n")
    hub.deliver(b"other", b"three\n")
    hub.flush()
    hub.forward(room[0], [b"left over\n"])
    hub.close(room[0], SHUTDOWN)
    writes = [write for link in room + other for write in link.writes]
    assert meters.frames_sent == sum(write.count(b"\n") for write in writes) == 15
    assert meters.bytes_sent == sum(map(len, writes))
    assert sum(meters.frames_per_flush.counts) == len(writes)
    assert meters.frames_per_flush.total == meters.frames_sent
    assert meters.deliveries == 2 * 4 + 1 * 3


def test_links_that_get_only_the_rooms_lines_are_all_counted(hub, meters):
    links = crowd(hub, b"room", 5)
    hub.forward(links[0], [b"ack\n"])
    hub.deliver(b"room", b"one\n")
    hub.flush()
    assert (meters.frames_sent, meters.deliveries) == (6, 5)
    assert counted(meters.frames_per_flush) == {1: 4, 2: 1}


def test_a_flush_with_nothing_in_it_counts_nothing(hub, meters):
    hub.flush()
    assert counted(meters.frames_per_flush) == {}


@pytest.mark.parametrize(
    ("outcome", "shown", "resumes"),
    [
        ("granted", False, {}),
        ("granted", True, {"stranger": 1}),
        ("taken", True, {"stranger": 1}),
        ("resumed", True, {"resumed": 1}),
        ("returned", True, {"returned": 1}),
    ],
)
def test_a_token_is_counted_by_what_it_was_good_for(meters, outcome, shown, resumes):
    meters.claimed(outcome, shown=shown)
    assert {kind: count for kind, count in meters.claims.items() if count} == {outcome: 1}
    assert {kind: count for kind, count in meters.resumes.items() if count} == resumes


def test_every_kind_is_counted_from_the_start(meters):
    assert set(meters.ends) == {reason.code for reason in REASONS}
    assert set(meters.refusals) == {code.value for code in ErrorCode}
    assert set(meters.claims) == set(CLAIMS)


def test_the_worst_lag_is_reported_once(meters):
    for seconds in (0.1, 0.5, 0.2):
        meters.late(seconds)
    assert (meters.worst_lag(), meters.worst_lag()) == (0.5, 0.0)
    assert sum(meters.lag.counts) == 3
