import pytest

from client.display.options import VALUES, Options, read_option, shown_options, with_option


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in VALUES.items() for v in values]
)
def test_every_value_that_completion_offers_is_one(name, value):
    assert isinstance(with_option(Options(), name, value), Options)


def test_the_options_are_shown_as_they_are_typed():
    options = with_option(with_option(Options(), "highlight", "fire, db"), "joins", "off")
    shown = shown_options(options)
    assert "joins off" in shown
    assert "highlight fire,db" in shown
    assert all(name in shown for name in VALUES)


@pytest.mark.parametrize(
    "text", ["", "%H\n%M", "%A %B %d %Y %H:%M:%S", "\x1b[31m%H", "noon", "%H:%M" * 5]
)
def test_a_time_must_be_short_and_on_one_row(text):
    with pytest.raises(ValueError, match="time is a format"):
        read_option("time", text)
