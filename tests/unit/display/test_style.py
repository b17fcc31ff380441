from hypothesis import given
from hypothesis import strategies as st

from display.style import Style


def test_a_name_has_the_same_color_everywhere_and_always():
    # A fixed expectation: another Python, another day, the same color.
    assert Style(color=True).name("sis", of="sis") == "\x1b[96msis\x1b[0m"


def test_case_does_not_change_the_color():
    style = Style(color=True)
    assert style.name("x", of="SIS") == style.name("x", of="sis")


@given(st.text())
def test_without_color_text_is_left_alone(text):
    style = Style(color=False)
    assert style.name(text, of=text) == style.error(text) == style.mention(text) == text


def test_an_empty_text_gets_no_color():
    assert Style(color=True).info("") == ""
