import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.unseen import is_unseen, shows_nothing


@pytest.mark.parametrize(
    "char",
    "\u200b\u2800\u3164\ufeff\u00ad\u2060\u200d\ufe0f\u200e\u061c\u034f\u115f\u1160\u180b\u180e"
    "\U000e0001\U000e0020\U000e0100\ufff9\u2061\ufffc\u17b4\U0001d173\U0001d159\U00013441\uffa0",
)
def test_a_character_without_a_shape_is_invisible(char):
    assert is_unseen(char)


@pytest.mark.parametrize("char", "a7ä好ب่́!😀☕\u0600\u0378\ue000\ufffd ")
def test_a_character_with_a_shape_is_visible(char):
    assert not is_unseen(char)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\t", "\u00a0\u3000\u2028", "\n\u200b\n", "\u0301", "\u0301\u0489 \u0e49", "\ufe0f",
     "\u2800 \u3164", "\u200d\u200d", "\U000e0041" * 3],
)  # fmt: skip
def test_blanks_lone_marks_and_invisible_characters_show_nothing(text):
    assert shows_nothing(text)


@pytest.mark.parametrize("text", [".", "a\u0301", "\u200b!\u200b", "👍🏽", "\u0378", "\u0600", "่ก"])
def test_one_visible_character_is_enough(text):
    assert not shows_nothing(text)


@given(st.text())
def test_a_text_with_a_visible_letter_shows_something(text):
    seen = [char for char in text if char.isalnum() and not is_unseen(char)]
    assert not (seen and shows_nothing(text))


def test_only_arabic_syriac_and_kaithi_have_visible_format_characters():
    formats = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) == "Cf"]
    seen = {unicodedata.name(char).split()[0] for char in formats if not is_unseen(char)}
    assert seen == {"ARABIC", "SYRIAC", "KAITHI"}
