import pytest

from client.display.commands import COMMANDS, TOPICS
from client.display.help import help_lines


@pytest.mark.parametrize("width", [None, 40, 80])
def test_the_help_and_its_topics_have_every_command(width):
    text = "\n".join(line for topic in ("", *TOPICS) for line in help_lines(width, topic))
    for name in COMMANDS:
        assert f"/{name}" in text


@pytest.mark.parametrize("topic", ["", *TOPICS])
def test_a_window_of_80_columns_and_24_rows_shows_all_of_it(topic):
    lines = help_lines(80, topic)
    assert len(lines) < 24
    assert max(map(len, lines)) <= 78


@pytest.mark.parametrize("topic", TOPICS)
def test_the_overview_names_what_the_topics_describe(topic):
    overview = "\n".join(help_lines(None))
    assert f"/help {topic}" in overview
    for command in TOPICS[topic]:
        assert f"/{command.name}" in overview


def test_a_narrow_window_is_not_filled_with_blanks():
    assert not any("   " in line.strip() for line in help_lines(40))
