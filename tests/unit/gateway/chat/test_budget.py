import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat.budget import Budget


def granted_at_once(budget, now):
    count = 0
    while not budget.take(now) and count < 1000:
        count += 1
    return count


def test_a_burst_is_granted_at_once_and_no_more():
    assert granted_at_once(Budget(20, 5.0, now=0.0), now=0.0) == 20


def test_a_refusal_tells_when_a_request_would_be_granted():
    budget = Budget(20, 5.0, now=0.0)
    granted_at_once(budget, now=0.0)
    assert budget.take(0.0) == pytest.approx(0.2)
    assert budget.take(0.15) == pytest.approx(0.05)


def test_a_refusal_costs_nothing():
    budget = Budget(1, 1.0, now=0.0)
    assert [bool(budget.take(0.0)) for _ in range(50)] == [False] + [True] * 49
    assert budget.take(1.0) == 0.0


def test_in_the_long_run_it_is_the_rate():
    budget = Budget(20, 5.0, now=0.0)
    granted = sum(not budget.take(tick / 100) for tick in range(10_000))
    assert granted == pytest.approx(20 + 100 * 5, abs=1)


def test_an_unused_budget_grows_to_the_burst_and_no_further():
    budget = Budget(20, 5.0, now=0.0)
    granted_at_once(budget, now=0.0)
    assert granted_at_once(budget, now=1e6) == 20


def test_an_expensive_request_takes_more():
    budget = Budget(20, 5.0, now=0.0)
    assert budget.take(0.0) == 0.0
    budget.charge(10, now=0.0)
    assert granted_at_once(budget, now=0.0) == 9


def test_an_expensive_request_overdraws_by_a_burst_at_most():
    budget = Budget(20, 5.0, now=0.0)
    budget.charge(10_000, now=0.0)
    assert budget.take(0.0) == pytest.approx(21 / 5)
    assert budget.take(4.2) == 0.0
    assert granted_at_once(budget, now=1000.0) == 20


def test_without_a_rate_nothing_costs_anything():
    budget = Budget(20, None, now=0.0)
    budget.charge(10_000, now=0.0)
    assert budget.take(0.0) == 0.0


def test_without_a_rate_there_is_no_limit():
    assert granted_at_once(Budget(1, None, now=0.0), now=0.0) == 1000


clocks = st.floats(0, 1e7)
rates = st.sampled_from([0.1, 1.0, 5.0, 10.0, 100.0]) | st.floats(0.01, 100)


@given(clocks, st.integers(1, 30), rates, st.lists(st.floats(0, 3), max_size=20))
def test_waiting_as_long_as_told_is_enough(start, burst, rate, waits):
    now = start
    budget = Budget(burst, rate, now)
    for wait in waits:
        now += wait
        granted_at_once(budget, now)
        now += budget.take(now)
        assert budget.take(now) == 0.0


@given(clocks, st.integers(1, 30), rates, st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_never_more_than_the_burst_and_the_rate(start, burst, rate, waits):
    budget, now, granted = Budget(burst, rate, start), start, 0
    for wait in waits:
        now += wait
        granted += not budget.take(now)
    assert granted <= burst + (now - start) * rate + 0.001
