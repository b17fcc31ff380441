from client.backoff import Backoff


def test_delays_grow_up_to_a_cap_and_each_is_drawn_between_zero_and_it():
    drawn = []

    def pick(low, high):
        drawn.append((low, high))
        return high / 2

    backoff = Backoff(2.0, 15.0, pick)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 7.5, 7.5]
    assert drawn[0] == (0.0, 2.0)  # the first too: all clients of a gateway lose it at once
    for _ in range(2000):
        assert backoff.next() == 7.5
    backoff.reset()
    assert backoff.next() == 1.0
