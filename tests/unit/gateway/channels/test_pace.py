from gateway.channels.pace import BURST, MAX_NETWORKS, PER_SECOND, Pace


def test_a_burst_is_sent_at_full_speed():
    pace = Pace()
    assert pace.sent("here", BURST, 0.0) == 0.0


def test_after_the_burst_a_network_has_to_wait():
    pace = Pace()
    pace.sent("here", BURST, 0.0)
    assert pace.sent("here", 3 * PER_SECOND, 0.0) == 3.0
    assert pace.sent("here", PER_SECOND, 3.0) == 1.0


def test_other_networks_do_not_wait():
    pace = Pace()
    pace.sent("here", 2 * BURST, 0.0)
    assert pace.sent("elsewhere", PER_SECOND, 0.0) == 0.0


def test_with_time_a_network_gets_its_burst_back():
    pace = Pace()
    pace.sent("here", BURST, 0.0)
    later = BURST / PER_SECOND
    assert pace.sent("here", BURST, later) == 0.0
    assert pace.sent("here", PER_SECOND, later) == 1.0


def test_networks_that_owe_nothing_are_forgotten():
    pace = Pace()
    pace.sent("debtor", 2 * BURST, 0.0)
    for number in range(2 * MAX_NETWORKS):
        pace.sent(f"network {number}", 1, float(number) / PER_SECOND * 2)
    assert len(pace._paid_at) <= MAX_NETWORKS + 1
    assert "debtor" in pace._paid_at
