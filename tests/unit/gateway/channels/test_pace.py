from gateway.channels.pace import A_SECOND, AT_ONCE, MOST, Pace


def test_what_few_missed_is_told_as_fast_as_they_take_it():
    pace = Pace()
    assert pace.told("here", AT_ONCE, 0.0) == 0.0


def test_who_comes_back_again_and_again_waits():
    pace = Pace()
    pace.told("here", AT_ONCE, 0.0)
    assert pace.told("here", 3 * A_SECOND, 0.0) == 3.0
    assert pace.told("here", A_SECOND, 3.0) == 1.0


def test_others_do_not():
    pace = Pace()
    pace.told("here", 2 * AT_ONCE, 0.0)
    assert pace.told("elsewhere", A_SECOND, 0.0) == 0.0


def test_with_time_all_of_it_is_theirs_again():
    pace = Pace()
    pace.told("here", AT_ONCE, 0.0)
    later = AT_ONCE / A_SECOND
    assert pace.told("here", AT_ONCE, later) == 0.0
    assert pace.told("here", A_SECOND, later) == 1.0


def test_places_without_a_debt_are_forgotten():
    pace = Pace()
    pace.told("debtor", 2 * AT_ONCE, 0.0)
    for number in range(2 * MOST):
        pace.told(f"place {number}", 1, float(number) / A_SECOND * 2)
    assert len(pace._paid_at) <= MOST + 1
    assert "debtor" in pace._paid_at
