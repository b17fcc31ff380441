import re
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from parser_tests.data import msg_join, msg_split
from wcwidth import iter_graphemes

from gateway.irc.lines import (
    MAX_TAGS,
    Line,
    Splitter,
    answer_line,
    escape,
    format_line,
    parse,
    split_text,
    unescape,
)
from wire.lines import TOO_LONG

SYNTAX = " @:;=\\+/\t\r\n\0aB1"
FAMILY, FLAG, HEART = "👨\u200d👩\u200d👧", "🇩🇪", "❤\ufe0f"


def made_of(syntax, never="\0\r\n"):
    """Texts of all characters but some; those that mean something are frequent."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters=never)
    return st.text(st.sampled_from([each for each in syntax if each not in never]) | characters)


anything = made_of(SYNTAX, never="")
words = made_of(SYNTAX, never="\0\r\n ")
middles = words.filter(lambda word: word and not word.startswith(":"))
commands = st.from_regex("[A-Z]+|[0-9]{3}", fullmatch=True)
keys = made_of(SYNTAX, never="\0\r\n ;=").filter(bool)
tags = st.dictionaries(keys, made_of(SYNTAX, never="\0"), max_size=4)
lasts = st.lists(made_of(SYNTAX), max_size=1)


# From a line to its parts.


@pytest.mark.parametrize("case", msg_split["tests"], ids=lambda case: case["input"])
def test_a_line_is_read_as_other_programs_read_it(case):
    atoms = case["atoms"]
    assert parse(case["input"]) == Line(
        atoms.get("tags", {}),
        atoms.get("source", ""),
        atoms["verb"].upper(),
        atoms.get("params", []),
    )


@pytest.mark.parametrize("line", ["", " ", "@a=b", "@a=b ", ":source", "@a :source  ", "@", ":"])
def test_a_line_without_a_command_says_nothing(line):
    assert parse(line) is None


def test_several_spaces_are_like_one_but_for_the_last_parameter():
    line = "  @a=b   :source   join   #room   :  two  words "
    assert parse(line) == Line({"a": "b"}, "source", "JOIN", ["#room", "  two  words "])


def test_a_colon_inside_of_a_parameter_is_a_part_of_it():
    assert parse("JOIN a:b :c :d") == Line({}, "", "JOIN", ["a:b", "c :d"])


def test_a_command_is_in_upper_case_and_no_other_letter_turns_into_ascii():
    assert parse("pRiVmSg").command == "PRIVMSG"
    assert parse("jo\u0131n").command == "jo\u0131n"


def test_the_last_of_several_tags_with_one_key_counts_even_without_a_value():
    assert parse("@a=1;b=2;a PING").tags == {"a": "", "b": "2"}


def test_a_tag_without_a_key_is_left_out():
    assert parse("@;=1;a=2=3; PING").tags == {"a": "2=3"}


@given(anything)
def test_any_text_can_be_read(text):
    line = parse(text)
    assert line is None or line.command


# From the parts to a line.


@pytest.mark.parametrize("case", msg_join["tests"], ids=lambda case: case["desc"])
def test_a_line_is_written_as_other_programs_write_it(case):
    atoms = case["atoms"]
    line = format_line(
        atoms["verb"],
        *atoms.get("params", []),
        source=atoms.get("source", ""),
        tags=atoms.get("tags"),
    )
    assert line in case["matches"]


@pytest.mark.parametrize(
    ("last", "written"), [("", ":"), ("a b", ":a b"), (":a", "::a"), ("a", "a"), ("a:", "a:")]
)
def test_the_last_parameter_has_a_colon_if_it_needs_one(last, written):
    assert format_line("PRIVMSG", "#room", last) == f"PRIVMSG #room {written}"


def test_no_tags_are_like_an_empty_dictionary_of_tags():
    assert format_line("PING", tags={}) == format_line("PING") == "PING"


@given(commands, st.lists(middles, max_size=3), lasts, words, tags)
def test_what_is_written_is_read_again(command, middle, last, source, tags):
    line = format_line(command, *middle, *last, source=source, tags=tags)
    assert parse(line) == Line(tags, source, command, middle + last)


@pytest.mark.parametrize("wrong", ["", "a b", " a", "a ", ":a"])
def test_a_parameter_that_would_be_read_as_another_one_is_refused(wrong):
    with pytest.raises(ValueError, match="only the last parameter"):
        format_line("MODE", "#room", wrong, "last")


@pytest.mark.parametrize("wrong", ["", "a b", ":a", "@a"])
def test_a_command_that_would_be_read_as_something_else_is_refused(wrong):
    with pytest.raises(ValueError, match="a command"):
        format_line(wrong)


@pytest.mark.parametrize("wrong", ["", "a b", "a;b", "a=b"])
def test_a_key_that_would_be_read_as_something_else_is_refused(wrong):
    with pytest.raises(ValueError, match="the key of a tag"):
        format_line("PING", tags={wrong: ""})


def test_a_source_with_a_space_is_refused():
    with pytest.raises(ValueError, match="a source"):
        format_line("PING", source="a b")


@pytest.mark.parametrize("never", ["\0", "\r", "\n"])
def test_no_part_of_a_line_can_end_it(never):
    wrong = f"a{never}b"
    for args, others in (
        ([wrong], {}),
        (["PING", wrong, "last"], {}),
        (["PING", wrong], {}),
        (["PING", f"two words{never}"], {}),
        (["PING"], {"source": wrong}),
        (["PING"], {"tags": {wrong: ""}}),
        (["PING"], {"tags": {"a": "\0"}}),
    ):
        with pytest.raises(ValueError, match="control character"):
            format_line(*args, **others)


# Values of tags.


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        (";", r"\:"),
        (" ", r"\s"),
        ("\\", r"\\"),
        ("\r\n", r"\r\n"),
        ("a=b:", "a=b:"),
        (r"\s", r"\\s"),
    ],
)
def test_what_would_end_a_value_is_escaped(value, escaped):
    assert escape(value) == escaped
    assert unescape(escaped) == value


@pytest.mark.parametrize(
    ("escaped", "value"), [("a\\", "a"), (r"\a\b", "ab"), ("\\\\\\", "\\"), ("\\é", "é")]
)
def test_a_backslash_that_escapes_nothing_is_left_out(escaped, value):
    assert unescape(escaped) == value


@given(anything)
def test_an_escaped_value_is_the_value_again(value):
    escaped = escape(value)
    assert not set(escaped) & set("; \r\n")
    assert unescape(escaped) == value


# Long texts.


def test_a_text_that_fits_is_one_part():
    assert split_text("two words", 9) == ["two words"]
    assert split_text("", 9) == []


def test_a_part_ends_at_the_last_space_that_fits():
    assert split_text("one two three", 8) == ["one two", "three"]
    assert split_text("one two three", 7) == ["one two", "three"]
    assert split_text("one two three", 6) == ["one", "two", "three"]


def test_only_the_space_at_the_cut_is_dropped():
    assert split_text("one   two", 4) == ["one ", " two"]
    assert split_text("four ", 4) == ["four"]
    assert split_text("four  ", 4) == ["four", " "]


def test_a_space_at_the_beginning_is_not_where_a_part_ends():
    assert split_text(" abcdef", 4) == [" abc", "def"]


def test_a_word_that_is_too_long_is_cut_between_characters():
    assert split_text("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert split_text("ééé", 5) == ["éé", "é"]
    assert split_text("a bcdefghi", 4) == ["a", "bcde", "fghi"]


@pytest.mark.parametrize("character", ["e\u0301", FAMILY, FLAG, HEART, "👍🏽", "각", " \u0301"])
def test_what_people_see_as_one_character_is_not_cut(character):
    size = max(4, len(character.encode()))
    for most in range(size, size + 4):
        assert "".join(split_text(character * 5, most)) == character * 5
        assert set(split_text(character * 5, most)) <= {character * n for n in (1, 2, 3)}


def test_a_character_that_is_larger_than_a_part_is_cut_between_code_points():
    assert split_text("ab e" + "\u0301" * 4, 5) == ["ab", "e\u0301\u0301", "\u0301\u0301"]


@pytest.mark.parametrize("most", [3, 0, -1])
def test_a_part_has_room_for_any_code_point(most):
    assert split_text("😀😀", 4) == ["😀", "😀"]
    with pytest.raises(ValueError, match="at least 4 bytes"):
        split_text("a", most)


people = st.lists(
    st.sampled_from(
        [" ", "a", "word", "é", "e\u0301", FAMILY, FLAG, HEART, "\u0301", "\u200d", "字"]
    )
    | st.characters(exclude_categories=["Cs"]),
    max_size=40,
).map("".join)


@given(people, st.integers(4, 40))
@example("a b😀", 4)
@example("      ", 4)
def test_only_spaces_at_the_cuts_are_dropped_and_every_part_fits(text, most):
    parts = split_text(text, most)
    assert all(0 < len(part.encode()) <= most for part in parts)
    assert re.fullmatch(" ?".join(map(re.escape, parts)) + " ?", text)


@given(people, st.integers(40, 60))
def test_no_character_is_cut_if_all_are_smaller_than_a_part(text, most):
    characters = list(iter_graphemes(text))
    assume(all(len(character.encode()) <= most for character in characters))
    cut = [each for part in split_text(text, most) for each in iter_graphemes(part)]
    assert [each for each in cut if each != " "] == [each for each in characters if each != " "]


@given(st.lists(st.text("abé", min_size=1, max_size=5), max_size=20), st.integers(10, 30))
def test_no_word_is_cut_if_all_are_shorter_than_a_part(words, most):
    parts = split_text(" ".join(words), most)
    assert [word for part in parts for word in part.split(" ")] == words
    for part, following in pairwise(parts):
        more = f"{part} {following.split(' ')[0]}"
        assert len(more.encode()) > most


# From bytes to lines.

TAGS, REST = 8, 10


def cut(stream, places):
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def read(packets, tags=TAGS, rest=REST):
    splitter = Splitter(tags, rest)
    return [line for packet in packets for line in splitter.feed(packet)]


def read_in_both_ways(stream, tags=TAGS, rest=REST):
    """All at once and byte by byte: the same lines."""
    lines = read([stream], tags, rest)
    assert read([bytes([byte]) for byte in stream], tags, rest) == lines
    return lines


def test_lines_end_with_a_newline_or_a_carriage_return_and_a_newline():
    assert read_in_both_ways(b"one\r\ntwo\nthree\n\r\n") == [b"one", b"two", b"three", b""]
    assert read_in_both_ways(b"a\rb\r\r\n") == [b"a\rb\r"]


def test_a_line_is_a_line_once_its_end_is_there():
    splitter = Splitter()
    assert splitter.feed(b"PI") == []
    assert splitter.feed(b"NG\r") == []
    assert splitter.feed(b"\nPO") == [b"PING"]
    assert splitter.feed(b"NG\n") == [b"PONG"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("tags", [b"", b"@a ", b"@" + b"a" * (TAGS - 2) + b" "])
def test_tags_leave_the_room_for_the_rest_as_it_is(tags, end):
    longest = tags + b"x" * (REST - 2)
    assert read_in_both_ways(longest + end + b"next\n") == [longest, b"next"]
    assert read_in_both_ways(longest + b"x" + end + b"next\n") == [TOO_LONG, b"next"]


@pytest.mark.parametrize("rest", [b"", b" ", b" PING", b" " + b"x" * 100])
def test_the_rest_leaves_no_more_room_for_tags(rest):
    too_long = b"@" + b"a" * (TAGS - 1)
    assert read_in_both_ways(too_long + rest + b"\r\nnext\n") == [TOO_LONG, b"next"]


def test_a_line_from_a_client_has_the_limits_of_the_standards():
    for splitter, data in ((Splitter(), 4094), (Splitter(MAX_TAGS), 8189)):
        longest = b"@" + b"a" * data + b" " + b"x" * 510
        assert splitter.feed(longest + b"\r\n") == [longest]
        assert splitter.feed(longest + b"x\r\n") == [TOO_LONG]
        assert splitter.feed(b"@a" + longest[1:] + b"\r\n") == [TOO_LONG]


def test_a_line_is_reported_once_as_soon_as_it_is_too_long():
    splitter = Splitter(TAGS, REST)
    assert splitter.feed(b"x" * (REST - 1)) == [TOO_LONG]
    assert splitter.feed(b"x" * 1000) == []
    assert splitter.feed(b"\r\n") == []
    assert splitter.feed(b"next\r\n") == [b"next"]


streams = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"@", b" ", b"a"])
    | st.sampled_from([TAGS - 1, TAGS, REST - 3, REST - 2]).map(b"x".__mul__)
    | st.binary(max_size=30),
    max_size=15,
).map(b"".join)
cuts = st.lists(st.integers(0, 500), max_size=20)


@given(streams, cuts)
@example(b"x" * (REST - 2) + b"\r\n", [REST - 1])
@example(b"x" * (REST - 2) + b"\r\r\n", [REST - 1])
@example(b"@" + b"x" * (TAGS - 2) + b"\r\n", [TAGS])
@example(b"@" + b"x" * (TAGS - 2) + b"\r \n", [TAGS])
def test_how_a_stream_is_cut_into_packets_makes_no_difference(stream, places):
    assert read(cut(stream, places)) == read_in_both_ways(stream)


@given(streams, cuts)
def test_there_is_one_answer_to_every_line_and_it_is_the_line_if_it_fits(stream, places):
    fits = re.compile(rb"(@[^ ]{0,%d} |(?=[^@]|$))(.{0,%d})" % (TAGS - 2, REST - 2), re.DOTALL)
    lines = [line.removesuffix(b"\r") for line in stream.split(b"\n")]
    # Tags alone fit, too, if a space after them would fit.
    expected = [
        line if fits.fullmatch(line) or fits.fullmatch(line + b" ") else TOO_LONG for line in lines
    ]
    assert read([*cut(stream, places), b"\n"]) == expected


@given(streams, cuts)
def test_it_never_holds_more_than_the_longest_line(stream, places):
    splitter = Splitter(TAGS, REST)
    for packet in cut(stream, places):
        splitter.feed(packet)
        assert len(splitter._partial) < TAGS + REST


@given(st.lists(st.text(max_size=200), max_size=6))
def test_an_answer_may_repeat_anything_that_a_client_sent(params):
    line = parse(answer_line("421", *params, source="chat"))
    assert line is not None
    assert (line.source, line.command, len(line.params)) == ("chat", "421", len(params))


def test_what_cannot_be_repeated_is_a_star_and_what_is_long_is_cut():
    assert answer_line("403", "a b", ":c", "", "x" * 300, "the \0text") == (
        f"403 * * * {'x' * 100} :the text"
    )
