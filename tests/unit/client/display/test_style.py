import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.display.style import NAME_COLORS, THEMES, Style, theme_named


def test_a_name_has_the_same_color_everywhere_and_always():
    # A fixed expectation: another Python, another day, the same color.
    assert Style(color=True).name("sis", of="sis") == "\x1b[38;5;165msis\x1b[0m"


def test_case_does_not_change_the_color():
    style = Style(color=True)
    assert style.name("x", of="SIS") == style.name("x", of="sis")


@pytest.mark.parametrize("color", NAME_COLORS)
def test_a_name_can_be_read_on_black_and_on_white(color):
    assert (1.0 + 0.05) / (luminance(color) + 0.05) > 3.4
    assert (luminance(color) + 0.05) / (0.0 + 0.05) > 3.4


def luminance(color):
    """The relative luminance of one of the 216 colours of the terminal's cube, as WCAG has it."""
    levels = (0, 95, 135, 175, 215, 255)
    number = color - 16
    red, green, blue = (
        ((levels[place] / 255 + 0.055) / 1.055) ** 2.4 if levels[place] else 0.0
        for place in (number // 36, number // 6 % 6, number % 6)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", THEMES)
def test_in_every_theme_what_matters_differs_from_other_text(theme):
    style = Style(True, theme_named(theme))
    for mark in (style.own, style.private, style.mention, style.error):
        assert mark("text") != "text"


def test_the_plain_theme_has_no_color():
    style = Style(True, theme_named("plain"))
    marks = (style.own, style.private, style.mention, style.info, style.warning, style.error)
    for text in (style.name("sis", of="sis"), *(mark("text") for mark in marks)):
        assert not re.search(r"[;\[][349]\d?[;\d]+m|38;5", text)


def test_a_theme_can_be_changed_part_by_part():
    theme = theme_named("dark own=bold+cyan info=8")
    assert Style(True, theme).own("x") == "\x1b[1;36mx\x1b[0m"
    assert Style(True, theme).info("x") == "\x1b[38;5;8mx\x1b[0m"


@pytest.mark.parametrize("text", ["", "pink", "dark loud=red", "dark own=pink", "dark own=256"])
def test_what_is_no_theme_is_refused(text):
    with pytest.raises(ValueError, match=r"themes|parts|look"):
        theme_named(text)


@given(st.text())
def test_without_color_text_is_left_alone(text):
    style = Style(color=False)
    assert style.name(text, of=text) == style.error(text) == style.mention(text) == text


def test_an_empty_text_gets_no_color():
    assert Style(color=True).info("") == ""
