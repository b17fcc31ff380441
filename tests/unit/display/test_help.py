import pytest

from display.commands import COMMANDS
from display.help import help_lines


@pytest.mark.parametrize("width", [None, 40, 80])
def test_the_help_has_every_command(width):
    text = "\n".join(help_lines(width))
    for name in COMMANDS:
        assert f"/{name}" in text


def test_a_window_of_80_columns_and_24_rows_shows_all_of_it():
    lines = help_lines(80)
    assert len(lines) < 24
    assert max(map(len, lines)) <= 78


def test_a_narrow_window_is_not_filled_with_blanks():
    assert not any("   " in line.strip() for line in help_lines(40))
