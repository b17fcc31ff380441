import pytest

from gateway.chat.signs_of_life import SILENCE, SignsOfLife

PING_EVERY = 15.0


def test_a_peer_that_has_pinged_and_falls_silent_is_lost():
    life = SignsOfLife(None, 0.0)
    assert life.next_look() is None
    life.pinged(10.0)
    assert life.next_look() == 10.0 + SILENCE
    assert not life.lost(10.0 + SILENCE - 0.1)
    assert life.lost(10.0 + SILENCE)


def test_a_lost_peer_is_noticed_within_90_seconds_but_a_few_lost_pings_do_no_harm():
    assert 4 * PING_EVERY < SILENCE < 90


def test_a_peer_that_never_pings_may_be_silent_for_as_long_as_idleness_allows():
    for idle in (None, 3600.0):
        life = SignsOfLife(idle, 0.0)
        life.typed(5.0)
        assert not life.lost(3000.0)
        assert not life.is_idle(3000.0)


@pytest.mark.parametrize("sign", ["typed", "pinged"])
def test_any_line_shows_that_the_connection_is_there(sign):
    life = SignsOfLife(3600.0, 0.0)
    life.pinged(1.0)
    getattr(life, sign)(70.0)
    assert not life.lost(140.0)
    assert life.next_look() == 70.0 + SILENCE


def test_pings_do_not_show_that_the_person_is_there():
    life = SignsOfLife(60.0, 0.0)
    for now in range(0, 45, 15):
        life.pinged(float(now))
    assert life.next_look() == 45.0
    assert life.is_idle(45.0)


def test_only_the_first_ping_is_the_first():
    life = SignsOfLife(None, 0.0)
    assert [life.pinged(float(now)) for now in range(3)] == [True, False, False]
