import pytest

from client.attention import Attention


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def attention(clock):
    return Attention(clock)


def test_who_looks_misses_nothing(attention, clock):
    attention.focus(True)
    clock.now = 3600
    assert not attention.misses(for_them=True)


def test_after_the_focus_is_lost_the_first_message_is_where_the_person_stopped(attention, clock):
    attention.focus(False)
    clock.now = 11
    assert [attention.misses(for_them=False) for _ in range(3)] == [True, False, False]


def test_a_glance_elsewhere_is_no_absence(attention, clock):
    attention.focus(False)
    clock.now = 5
    assert not attention.misses(for_them=False)
    assert attention.focus(True) == ""


def test_without_focus_events_nobody_who_typed_lately_is_away(attention, clock):
    attention.returned()
    clock.now = 119
    assert not attention.misses(for_them=False)
    clock.now = 121
    assert attention.misses(for_them=False)


def test_who_comes_back_is_told_how_much_was_missed(attention, clock):
    attention.focus(False)
    clock.now = 100
    for number in range(52):
        attention.misses(for_them=number < 2)
    clock.now = 720
    assert attention.focus(True) == "away 12 min: 52 messages, 2 for you"
    assert attention.returned() == ""


def test_a_short_absence_is_not_worth_telling(attention, clock):
    attention.focus(False)
    clock.now = 30
    attention.misses(for_them=False)
    assert attention.focus(True) == ""
