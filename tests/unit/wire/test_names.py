import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.names import NEVER_LAST, check_name, check_room, fold, in_names, may_be_held
from wire.reasons import ErrorCode, WireError

LIMIT = 32


def refusal(name):
    with pytest.raises(WireError) as caught:
        check_name(name, LIMIT)
    assert caught.value.code is ErrorCode.BAD_NAME
    return caught.value.text


def is_good(name):
    try:
        check_name(name, LIMIT)
    except WireError:
        return False
    return True


# Beyond are only characters for private use, and none.
every_character = [chr(code) for code in (*range(0x33500), *range(0xE0000, 0xE0200))]
good_names = st.text(st.characters(categories=["L", "N", "Mn", "Mc"]), max_size=8).filter(is_good)


@pytest.mark.parametrize(
    "name",
    ["dana", "Dana_K", "d.k-2", ".sis", "_sis", "7", "Ωmega", "мама", "妈妈", "אמא", "ส้ม", "हिन्दी",
     "ក្ក", "နန္ဒ", "Nguyễn", "x" * LIMIT],
)  # fmt: skip
def test_names_of_any_script_are_good(name):
    assert check_name(name, LIMIT) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    ["dana\n", "a\tb", "@dana", "a/b", "a:b", "a,b", "a{b}", "a*", "😀", "a\x00",
     "a\x1b[1m", "a\u200b",
     "a\u202eb", "a\ufeff", "a\u00a0b", "a\xad", "\ud800", "\u0301a", "\u20dda"],
)  # fmt: skip
def test_anything_but_letters_digits_and_three_signs_is_refused(name):
    assert "U+" in refusal(name)


@pytest.mark.parametrize("name", ["a b", " dana"])
def test_a_space_is_called_by_its_name_when_it_is_refused(name):
    assert refusal(name).endswith("; a space is not one of them")


@pytest.mark.parametrize(
    "unseen",
    ["\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u3164", "\ufe0f", "\uffa0", "\U000e0100"],
)
def test_a_name_has_no_invisible_letters(unseen):
    for name in (unseen, f"dana{unseen}", f"da{unseen}na"):
        assert "U+" in refusal(name)


@pytest.mark.parametrize("end", [".", "-", "_", "...", "-_", "\u02bc", "\u02b9", "1\u2488"])
def test_a_name_cannot_end_in_a_sign_that_ends_a_sentence_or_an_emphasis(end):
    # "@sis." and "_psst @sis_" are for sis, so nobody else may be called that.
    assert "cannot end in" in refusal(f"sis{end}")


@pytest.mark.parametrize("name", ["-sis", "--help", "-1"])
def test_a_name_does_not_look_like_an_option(name):
    assert "cannot begin with '-'" in refusal(name)


@pytest.mark.parametrize("name", [".", "-", "_", "...", "__", "_.\u0301"])
def test_a_name_has_a_letter_or_a_digit(name):
    assert "a letter or a digit" in refusal(name)


@pytest.mark.parametrize("mark", ["\u0300", "\u1ab0", "\u20d0", "\u0e49", "\u094d"])
def test_a_letter_has_only_a_few_marks(mark):
    for count in (5, 30):
        assert "marks" in refusal(f"a{mark * count}")
        assert "marks" in refusal(f"\u0e01{mark * count}b")
    assert is_good(f"\u0e01{mark * 4}b{mark * 4}")


@pytest.mark.parametrize(
    "mark",
    [
        *("\u17d2", "\u2d7f", "\U0001107f", "\U00011a47", "\U00011a99", "\u1039"),
        *("\u1bab", "\uaaf6", "\U0001193e"),
    ],
)
def test_a_mark_that_joins_letters_stands_between_two_of_its_script(mark):
    # With nothing to join it is not seen, and the name looks like another's.
    for name in (f"dana{mark}", f"da{mark}na", f"dana{mark}.x", f"dana{mark}\u0301"):
        assert "joins" in refusal(name)


@pytest.mark.parametrize("name", ["\ufb2c" * 32, "\u0958" * 32])
def test_a_name_that_composing_makes_too_long_is_too_long(name):
    assert "32 are allowed" in refusal(name)


def test_the_character_that_is_wrong_is_named():
    assert "U+001B" in refusal("dana\x1b[1m")


def test_an_empty_name_is_refused():
    assert "empty" in refusal("")


def test_a_name_that_is_too_long_is_refused_with_the_limit():
    text = refusal("x" * (LIMIT + 1))
    assert "33" in text
    assert "32" in text


def test_a_refusal_does_not_repeat_a_name_as_long_as_a_line():
    assert len(refusal("x" * 16_000)) < 100


def test_a_letter_that_stands_for_a_phrase_is_refused():
    # ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM: one letter, folded to four words.
    assert "a space is not one of them" in refusal("\ufdfa")


def test_a_name_is_shown_in_one_form_whatever_keyboard_it_came_from():
    assert check_name("Zoe\u0308", LIMIT) == check_name("Zo\u00eb", LIMIT) == "Zo\u00eb"


def test_every_character_that_is_accepted_is_a_letter_a_digit_or_one_of_three_signs():
    for character in every_character:
        if is_good(character):
            assert character.isalnum() or character in "_-.", hex(ord(character))
            assert not character.isspace()
            assert character.isprintable()


@given(st.text(max_size=40))
def test_an_accepted_name_is_short_and_clean_in_both_its_forms(name):
    if is_good(name):
        shown = check_name(name, LIMIT)
        assert 0 < len(shown) <= LIMIT
        for form in (shown, fold(shown)):
            assert all(map(in_names, form))
            assert any(char.isalnum() for char in form)
            assert form[-1] not in NEVER_LAST
        assert may_be_held(name, LIMIT)


@given(good_names)
def test_an_accepted_name_is_accepted_again_unchanged(name):
    shown = check_name(name, LIMIT)
    assert check_name(shown, LIMIT) == shown
    assert fold(shown) == fold(name)


def test_a_name_with_a_character_that_composing_changes_is_accepted_again():
    changed = [char for char in every_character if unicodedata.normalize("NFC", char) != char]
    for character in changed:
        for name in (f"a{character}b", character * LIMIT):
            if is_good(name):
                shown = check_name(name, LIMIT)
                assert check_name(shown, LIMIT) == shown, hex(ord(character))
                assert may_be_held(shown, LIMIT), hex(ord(character))


@given(good_names)
def test_a_folded_name_can_be_a_name_and_has_no_separators(name):
    # Names stand in keys, channels and lists of readers.
    folded = fold(name)
    assert is_good(folded) or len(folded) > LIMIT
    assert not set(" :{}\n") & set(folded)


@pytest.mark.parametrize(
    "name",
    ["", "x" * 33, "." * 16_000 + "a", "a" + "\u0300" * 4030 + "\u0327" * 4030, "\ufb2c" * 32,
     "a b", "a:b", "a\nb", "a{b}", "@a", "a\u200b", "*"],
)  # fmt: skip
def test_a_name_that_nobody_can_have_is_known_without_folding(name):
    assert not may_be_held(name, LIMIT)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dana", "dana"),
        ("DANA", "dana"),
        ("\uff24\uff41\uff4e\uff41", "dana"),
        ("Straße", "STRASSE"),
        ("Zoe\u0308", "ZO\u00cb"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ﬁn", "FIN"),
        ("\u043c\u0430", "\u041c\u0410"),
    ],
)
def test_case_and_width_do_not_make_another_name(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("dana", "dana_"), ("zoe", "zoë"), ("a.b", "ab")])
def test_other_letters_make_another_name(one, other):
    assert fold(one) != fold(other)


@given(st.text(max_size=20))
def test_folding_again_changes_nothing(name):
    assert fold(fold(name)) == fold(name)


def test_folding_again_changes_no_character():
    for character in every_character:
        assert fold(fold(character)) == fold(character), hex(ord(character))


DOTLESS = "\u0131"
"""The Turkish i, which Unicode folds to itself though its capital is I: another person."""


def test_every_letter_and_its_capital_are_one():
    for character in every_character:
        if character != DOTLESS:
            assert fold(character) == fold(character.upper()), hex(ord(character))
            assert fold(character) == fold(character.lower()), hex(ord(character))
            assert fold(character) == fold(character.title()), hex(ord(character))


@given(good_names.filter(lambda name: DOTLESS not in name))
def test_case_variants_of_a_name_are_one(name):
    assert fold(name) == fold(name.upper()) == fold(name.title()) == fold(name.swapcase())


# Rooms.


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("dev", "dev"),
        ("Dev", "dev"),
        ("\uff24\uff25\uff36", "dev"),
        ("Zoe\u0308", "zo\u00eb"),
        ("stra\u00dfe", "strasse"),
        ("all", "all"),
        ("2026-11", "2026-11"),
    ],
)
def test_a_room_has_one_name_however_it_is_written(name, room):
    assert check_room(name, LIMIT) == room


@pytest.mark.parametrize(
    "name", ["", "#dev", "@", "*", "a b", "dev.", "-x", "a{b}", "x" * 33, "\u00df" * 17, "\ufdfa"]
)
def test_a_name_that_no_room_can_have_is_refused(name):
    with pytest.raises(WireError) as caught:
        check_room(name, LIMIT)
    assert caught.value.code is ErrorCode.BAD_ROOM
    assert "room's name" in caught.value.text


def test_a_room_with_a_hash_sign_is_refused_and_the_refusal_says_why():
    with pytest.raises(WireError, match="without '#'"):
        check_room("#dev", LIMIT)


@given(good_names)
def test_the_name_of_a_room_is_the_name_of_that_room(name):
    if len(fold(name)) <= LIMIT:
        room = check_room(name, LIMIT)
        assert check_room(room, LIMIT) == room
