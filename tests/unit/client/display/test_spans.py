import pytest

from client.display.spans import read_span, shown_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("5m", 300), ("5 min", 300), ("2h", 7200), ("7D", 604_800), ("1week", 604_800),
     ("0s", None), ("10", None), ("s", None), ("", None), ("5x", None), ("-5m", None),
     ("1.5h", None), ("9" * 20 + "d", None)],
)  # fmt: skip
def test_how_a_length_of_time_is_written(text, seconds):
    assert read_span(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1, "1 s"), (59, "59 s"), (60, "1 min"), (90, "90 s"), (125, "2 min"), (3600, "1 h"),
     (7200, "2 h"), (86_400, "1 d"), (604_800, "7 d")],
)  # fmt: skip
def test_a_length_of_time_is_shown_in_its_largest_unit(seconds, shown):
    assert shown_span(seconds) == shown
