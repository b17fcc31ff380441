import re

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from client.display.rows import INDENT, MOST_ROWS, rows
from client.display.style import Style

HEAD = "10:00:05 mallory: "
FORGED = "22:32:06 mom: send me the password"
URL = "https://example.org/" + "path/" * 30 + "?q=1"
FAMILY, FLAG, HEART, SKIN = "👨\u200d👩\u200d👧\u200d👦", "🇩🇪", "❤\ufe0f", "👍🏽"


def on_screen(shown, width, height=200):
    """What a terminal makes of rows."""
    screen = pyte.Screen(width, height)
    pyte.Stream(screen).feed("".join(f"{row}\r\n" for row in shown))
    return [row.rstrip() for row in "\n".join(screen.display).rstrip().split("\n")]


def test_without_a_window_nothing_is_broken_and_nothing_left_out():
    lines = [HEAD + "word " * 100, *[INDENT + "x"] * 100]
    assert rows(lines, None) == lines


def test_a_line_that_fits_stays_as_it_is():
    assert rows([HEAD + "hi"], 20) == [HEAD + "hi"]


def test_words_stay_whole_and_further_rows_are_indented():
    assert rows(["10:00:05 sis: you see it unless you type something"], 26) == [
        "10:00:05 sis: you see it",
        "         unless you type",
        "         something",
    ]


def test_a_word_that_is_wider_than_a_row_is_broken():
    assert rows([f"10:00:05 sis: {'x' * 30} y"], 20) == [
        "10:00:05 sis:",
        f"         {'x' * 11}",
        f"         {'x' * 11}",
        f"         {'x' * 8} y",
    ]


def test_spaces_stay_within_a_row_and_before_it():
    assert rows([HEAD + "a  b", INDENT + "    code", INDENT + " " * 60 + "x"], 40) == [
        HEAD + "a  b",
        INDENT + "    code",
        INDENT + "x",
    ]


@pytest.mark.parametrize("width", [10, 11, 12, 20, 40, 79, 80, 120])
@pytest.mark.parametrize(
    "pad", [" ", "x", "x ", "日", "\u3000", "\xa0", "👍", FAMILY, FLAG, HEART, SKIN]
)
def test_no_row_passes_for_a_line_of_somebody_else(pad, width):
    for text in (pad * width + FORGED, f"hi{pad * (width - len(HEAD) - 2)}{FORGED}"):
        shown = rows([HEAD + text], width)
        assert all(row.startswith(" " * min(9, width - 2)) for row in shown[1:])
        assert not any(row.startswith(FORGED[:8]) for row in on_screen(shown, width))


@given(
    st.lists(
        st.sampled_from([" ", "x", "word", "日", FAMILY, FLAG, HEART, "\u0301", FORGED, URL])
        | st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
    ),
    st.integers(8, 100),
    st.booleans(),
)
def test_only_the_first_row_of_any_text_begins_at_the_margin(parts, width, color):
    name = Style(color=color).name("mallory", of="mallory")
    shown = rows([f"10:00:05 {name}: {''.join(parts)}"], width)
    assert len(shown) <= MOST_ROWS + 10
    for row in shown[1:]:
        assert row.startswith(" " * min(9, width - 2))
        seen = re.sub("\x1b.*?m", "", row)
        if "http" not in seen:
            assert sum(max(0, wcwidth(char)) for char in seen) <= width


def test_characters_of_any_terminal_count_as_wide_as_the_widest_shows_them():
    # A terminal without joiners shows four people of two columns each.
    assert rows([INDENT + FAMILY * 2], 24) == [INDENT + FAMILY, INDENT + FAMILY]
    assert rows([INDENT + HEART * 6], 20) == [INDENT + HEART * 5, INDENT + HEART]
    # Nor does anybody know how wide what has no character yet will be.
    assert rows([INDENT + "\U0001faff" * 6], 20) == [
        INDENT + "\U0001faff" * 5,
        INDENT + "\U0001faff",
    ]
    assert rows([INDENT + "\ue0a0" * 6], 20) == [INDENT + "\ue0a0" * 5, INDENT + "\ue0a0"]


@pytest.mark.parametrize("width", [40, 80])
def test_an_address_is_never_broken_so_that_it_can_be_copied(width):
    shown = rows([f"{HEAD}look at {URL} and tell me, or https://short.example"], width)
    assert INDENT + URL in shown
    assert shown[shown.index(INDENT + URL) + 1].startswith(INDENT + "and tell")
    assert any("https://short.example" in row for row in shown)


@pytest.mark.parametrize("width", [40, 80])
def test_what_follows_an_address_begins_a_row_so_that_its_last_row_passes_for_no_line(width):
    for length in range(width, 2 * width):
        url = "https://" + "x" * (length - 8)
        seen = on_screen(rows([f"{HEAD}{url}22:32:06 mom: send me the password"], width), width)
        assert not any(re.match(r"\S+ ", row) for row in seen[1:])


def test_an_address_with_foreign_characters_is_an_ordinary_word():
    shown = rows([HEAD + "https://x" + "\u00a0" * 22 + FORGED], 40)
    assert all(row.startswith(INDENT) for row in shown[1:])


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("\n" * 3999 + "x", "3,960 more lines"),
        ("a\n" * 2000, "1,961 more lines"),
        ("x" + "\n" * 40 + "y", "1 more line"),
        ("word " * 1000, "… "),
    ],
)
def test_a_message_shows_a_limited_number_of_rows_and_says_how_many_more_there_are(text, more):
    first, *others = text.split("\n")
    shown = rows([HEAD + first, *(INDENT + line for line in others)], 80)
    assert len(shown) == MOST_ROWS + 1
    assert shown[-1].startswith(INDENT + "… ")
    assert more in shown[-1]


def test_the_rows_of_an_address_count():
    assert len(on_screen(rows([HEAD + f"{URL} " * 30], 40), 40)) <= MOST_ROWS + 1
    assert len(on_screen(rows([HEAD + "https://" + "x" * 4000], 40), 40)) <= MOST_ROWS + 1


def test_colours_end_with_a_row_and_go_on_in_the_next():
    style = Style(color=True)
    assert rows([style.info("· one two three")], 12) == [
        "\x1b[2m· one two\x1b[0m",
        "         \x1b[2mthr\x1b[0m",
        "         \x1b[2mee\x1b[0m",
    ]
