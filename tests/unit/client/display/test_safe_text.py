import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.display.safe_text import clean_name, clean_text

NEVER = [
    *(chr(code) for code in range(0x20) if chr(code) not in "\n\t"),
    *(chr(code) for code in range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    *"\u2028\u2029\ud800\udfff\ufeff\u200b\u2060\u00ad\u180e\ufff9\U0001d173",
    *(chr(code) for code in range(0xE0000, 0xE0080)),
    *"\u115f\u3164\uffa0\u2800",
]
any_text = st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from(NEVER))


@given(any_text)
def test_no_character_gets_through_that_a_terminal_obeys_or_a_reader_cannot_see(text):
    for cleaned in (clean_text(text).replace("\n", ""), clean_name(text)):
        assert not set(cleaned) & {*NEVER, "\n", "\t"}
        for char in cleaned:
            assert unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
        cleaned.encode()


@pytest.mark.parametrize("char", NEVER, ids=lambda char: f"U+{ord(char):04X}")
def test_each_forbidden_character_is_kept_away(char):
    assert char not in clean_text(f"a{char}b")
    assert clean_name(f"a{char}b") == "a\ufffdb"


@given(any_text)
def test_cleaning_twice_changes_nothing(text):
    assert clean_text(clean_text(text)) == clean_text(text)
    assert clean_name(clean_name(text)) == clean_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "grüße",
        "می‌خواهم",  # Persian, with a zero width non-joiner
        "👩‍👩‍👧 ❤️ 👍🏽 🇫🇷",
        "한국어 ไทย עברית हिन्दी",
        "葛\U000e0100",  # an ideographic variation
        "two\nlines",
        "\u0600",  # an Arabic number sign: a format character that is seen
    ],
)
def test_ordinary_writing_stays_as_it_is(text):
    assert clean_text(text) == text


def test_an_escape_sequence_becomes_visible():
    assert clean_text("\x1b[31mred") == "\ufffd[31mred"


def test_invisible_characters_are_left_out_of_texts_and_shown_in_names():
    assert clean_text("da\u200bna") == "dana"
    assert clean_name("da\u200bna") == "da\ufffdna"


def test_tabs_become_spaces_and_line_ends_become_one_kind():
    assert clean_text("a\tb\r\nc") == "a    b\nc"
    assert clean_text("a\rb") == "a\ufffdb"


def test_a_name_is_always_one_line():
    assert clean_name("da\nna") == "da\ufffdna"


@pytest.mark.parametrize(
    "mark", ["\u0301", "\u0489", "\u0e49", "\u0f90", "\u094d", "\u20d0", "\u1ab0", "\u0301\u200d"]
)
def test_of_a_pile_of_marks_the_first_few_are_shown(mark):
    pile = (mark * 4000)[:3999]
    assert clean_text(f"a{pile}b{pile}") == f"a{pile[:8]}b{pile[:8]}"
    assert clean_name(f"a{pile}") == f"a{pile[:8]}"
    assert clean_text(pile) == pile[:8]


def test_invisible_characters_at_the_end_of_a_text_are_left_out():
    assert clean_text("secret @sis\n\n") == "secret @sis"
    assert clean_text("secret\n\u200b\n \n") == "secret"
