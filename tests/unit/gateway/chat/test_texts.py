import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat.texts import check_line, check_text
from wire.reasons import ErrorCode, WireError

LIMIT = 50


def refusal(text):
    with pytest.raises(WireError) as caught:
        check_text(text, LIMIT)
    return caught.value


@pytest.mark.parametrize(
    "text",
    ["hi", "two\nlines\n\tindented", " x ", "שלום", "👨‍👩‍👧", "e\u0301", "\u202ex", "x" * LIMIT]
)  # fmt: skip
def test_a_text_that_people_write_is_accepted(text):
    assert check_text(text, LIMIT) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [("hi\n", "hi"), ("hi\n \n\u200b\n\n", "hi"), ("a\n\nb\n", "a\n\nb"), ("\n a \n", "\n a ")],
)
def test_blank_lines_at_the_end_are_not_passed_on(text, kept):
    assert check_text(text, LIMIT) == kept


UNSEEN = (
    "\u200b\u2800\u3164\ufeff\u00ad\u2060\u200d\ufe0f\u0301\u200e\u061c\u034f\u115f\u180e\U000e0001"
    "\U000e0020\ufff9\u2061\ufffc\u17b4\U0001d173\u0489\u202e"
)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n", "\t \n", "\u3000", "\xa0", "\u2028", "\n\u200b\n", "\u0301" * 40, *UNSEEN],
)
def test_an_empty_text_is_refused(text):
    assert refusal(text).code is ErrorCode.EMPTY_TEXT


def test_a_long_text_is_refused_with_both_numbers():
    error = refusal("x" * (LIMIT + 1))
    assert error.code is ErrorCode.TEXT_TOO_LONG
    assert "51" in error.text
    assert "50" in error.text


CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]


@pytest.mark.parametrize("code", [code for code in CONTROLS if chr(code) not in "\n\t"])
def test_a_character_that_a_terminal_obeys_is_refused(code):
    error = refusal(f"ab{chr(code)}c")
    assert error.code is ErrorCode.BAD_TEXT
    assert f"U+{code:04X}, at 3" in error.text


def test_a_carriage_return_is_refused_though_it_is_a_space():
    assert refusal("\r\n").code is ErrorCode.BAD_TEXT


@given(st.text(max_size=60))
def test_a_refusal_does_not_repeat_the_text(text):
    try:
        check_text(text, LIMIT)
    except WireError as error:
        assert error.text.isprintable()
    else:
        assert 0 < len(text) <= LIMIT
        assert not {ord(character) for character in text} & (set(CONTROLS) - {9, 10})


# Texts of one line.


@pytest.mark.parametrize("text", ["", "what we do", "\u05e9\u05dc", "\u202ex", "\u00a0"])
def test_a_topic_may_have_any_characters_that_fit_in_a_line(text):
    check_line(text, "topic")


@pytest.mark.parametrize("char", ["\n", "\t", "\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028"])
def test_a_topic_has_no_line_ends_and_no_control_characters(char):
    with pytest.raises(WireError, match=f"the topic has a control character, U\\+{ord(char):04X}"):
        check_line(f"a{char}b", "topic")
