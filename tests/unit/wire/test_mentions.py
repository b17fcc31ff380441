import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.mentions import TRAILING, plain, recipients


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("how are you? @sis @mom @dad", ["sis", "mom", "dad"]),
        ("@sis how are you?", []),
        ("ask @sis about it", []),
        ("ask @sis or tell @mom", ["mom"]),
        ("@sis hello @mom @dad", ["mom", "dad"]),
        ("@sis", ["sis"]),
        ("@sis @sis", ["sis", "sis"]),
        ("hello", []),
        ("", []),
        ("   ", []),
        ("@", []),
        ("hi @", []),
        ("hi @sis @", ["sis"]),
        ("hi @ @sis", ["sis"]),
        ("hi @sis @ !", []),
        ("mail dana@example.org", []),
        ("mail me: dana@example.org @sis", ["sis"]),
        ("hi@sis", []),
        ("hi   @sis \t @mom  \n", ["sis", "mom"]),
        ("line one\nline two @sis\n@mom", ["sis", "mom"]),
        ("hi @妈妈", ["妈妈"]),
        ("hi @Sis", ["Sis"]),
    ],
)
def test_the_recipients_are_the_run_of_names_at_the_end(text, names):
    assert recipients(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("how are you @sis, @mom!", ["sis", "mom"]),
        ("where are you @sis?", ["sis"]),
        ("where are you @sis?!", ["sis"]),
        ("@sis: @mom; @dad", ["sis", "mom", "dad"]),
        ("hi @!", []),
    ],
)
def test_what_ends_a_sentence_is_no_part_of_a_name(text, names):
    assert recipients(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("come home @sis.", ["sis."]),
        ("come home @sis...", ["sis..."]),
        ("come home @sis!.", ["sis"]),
        ("come home @sis.!", ["sis"]),
        ("come home @.", []),
    ],
)
def test_dots_alone_stay_since_names_may_end_in_one(text, names):
    assert recipients(text) == names


@pytest.mark.parametrize("text", [r"look at \@sis", r"hi @mom \@sis", r"\@sis"])
def test_an_escaped_at_sign_names_nobody(text):
    assert recipients(text) == []


def test_an_escaped_at_sign_before_the_run_does_not_end_it():
    assert recipients(r"\@dad says @mom @sis") == ["mom", "sis"]


def test_an_escaped_at_sign_is_shown_plain():
    assert plain(r"look at \@sis and \@mom") == "look at @sis and @mom"


def test_everything_else_is_shown_as_it_was_typed():
    text = "a \\ b \\n  @sis\t@mom "
    assert plain(text) == text


words = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=8)
name_words = words.map(lambda word: word.strip("@\\" + TRAILING)).filter(bool)
spaces = st.sampled_from([" ", "  ", "\n", "\t", "\u3000"])


@given(words.filter(lambda word: not word.startswith("@")), st.lists(name_words), spaces)
def test_whatever_stands_before_the_run_the_run_is_found(before, names, space):
    text = space.join([before, *(f"@{name}" for name in names)])
    assert recipients(text) == names


@given(st.text(st.sampled_from("@\\ ab,.?\n"), max_size=30))
def test_a_recipient_was_written_as_a_word_at_the_end(text):
    names = recipients(text)
    run = []
    for word in reversed(text.split()):
        if not word.startswith("@"):
            break
        if bare := word[1:].rstrip(TRAILING):
            run.insert(0, bare)
    assert [name.rstrip(".") for name in names] == run
    assert all(f"@{name}" in text for name in names)


@given(st.text(st.sampled_from("@\\ ab"), max_size=30))
def test_a_text_that_escapes_every_at_sign_names_nobody_and_is_shown_as_meant(text):
    meant = text.replace("\\", "")
    escaped = meant.replace("@", "\\@")
    assert recipients(escaped) == []
    assert plain(escaped) == meant
