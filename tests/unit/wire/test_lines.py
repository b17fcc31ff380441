from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wire.lines import TOO_LONG, LineBuffer

LIMIT = 8

# Short lines, long ones, and everything at the edge.
streams = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b"bc", b"x" * (LIMIT - 1), b"y" * LIMIT])
    | st.binary(max_size=3 * LIMIT),
    max_size=12,
).map(b"".join)
cuts = st.lists(st.integers(0, 500), max_size=20)


def read(chunks, limit=LIMIT):
    buffer = LineBuffer(limit)
    return [line for chunk in chunks for line in buffer.feed(chunk)]


def cut(stream, places):
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def held(buffer):
    """How many bytes it holds."""
    return len(buffer._partial)


def test_lines_come_without_their_ends():
    assert read([b"one\ntwo\n\nthree\n"]) == [b"one", b"two", b"", b"three"]


def test_a_line_is_a_line_once_its_newline_is_there():
    buffer = LineBuffer(LIMIT)
    assert list(buffer.feed(b"on")) == []
    assert list(buffer.feed(b"e\ntw")) == [b"one"]
    assert list(buffer.feed(b"o")) == []
    assert list(buffer.feed(b"\n")) == [b"two"]


def test_a_carriage_return_before_the_newline_belongs_to_the_line_end():
    assert read([b"one\r\ntwo\r", b"\n"]) == [b"one", b"two"]
    assert read([b"a\rb\r\r\n"]) == [b"a\rb\r"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_may_be_just_as_long_as_the_limit(end):
    line = b"x" * LIMIT
    assert read([line + end]) == [line]
    assert read([bytes([byte]) for byte in line + end]) == [line]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_longer_line_is_reported_and_thrown_away(end):
    stream = b"x" * (LIMIT + 1) + end + b"next\n"
    assert read([stream]) == [TOO_LONG, b"next"]
    assert read([bytes([byte]) for byte in stream]) == [TOO_LONG, b"next"]


def test_a_line_is_reported_before_its_end_is_there():
    assert read([b"x" * (LIMIT + 2)]) == [TOO_LONG]


def test_a_line_without_end_is_reported_again_and_again():
    assert read([b"x" * LIMIT] * 100).count(TOO_LONG) == 100


@given(streams, cuts)
@example(b"y" * LIMIT + b"\r\n", [LIMIT + 1])
@example(b"y" * LIMIT + b"\r\r\n", [LIMIT + 1])
@example(b"y" * (LIMIT + 1) + b"\n", [LIMIT + 1])
@example(b"y" * 3 * LIMIT + b"\n", [LIMIT, 2 * LIMIT])
@example(b"y" * (2 * LIMIT - 1) + b"\r\n", [LIMIT])
def test_how_a_stream_is_cut_makes_no_difference(stream, places):
    # A newline at its end, since a line that has not ended may have been reported or not.
    stream += b"\n"
    assert read(cut(stream, places)) == read([stream])


@given(streams, cuts)
def test_the_lines_are_what_stands_between_the_newlines_and_long_ones_are_reported(stream, places):
    expected = []
    for line in stream.split(b"\n"):
        whole = line.removesuffix(b"\r")
        expected += [whole] if len(whole) <= LIMIT else [TOO_LONG] * (len(line) // LIMIT)
    assert read([*cut(stream, places), b"\n"]) == expected


@given(streams, cuts)
def test_it_never_holds_more_than_the_longest_line_and_a_carriage_return(stream, places):
    buffer = LineBuffer(LIMIT)
    for chunk in cut(stream, places):
        list(buffer.feed(chunk))
        assert held(buffer) <= LIMIT + 1


@given(st.integers(1, 50))
def test_a_flood_is_reported_by_its_size_and_not_by_its_pieces(size):
    stream = b"x" * 50 * LIMIT
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert read(pieces) == [TOO_LONG] * 50
