import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peer.held import PACKED, HeldLines
from wire.lines import TOO_LONG

LINE = st.binary(max_size=20).filter(lambda line: b"\n" not in line)


@given(st.lists(LINE | st.just(TOO_LONG) | st.none(), max_size=3 * PACKED))
def test_what_is_kept_comes_back_in_order(lines):
    held = HeldLines()
    for line in lines:
        held.add(line)
    assert len(held) == len(lines)
    assert list(held.take()) == lines
    assert (len(held), list(held.take())) == (0, [])


def test_what_is_added_while_it_is_taken_is_for_the_next_time():
    held = HeldLines()
    for line in (b"1", b"2"):
        held.add(line)
    taken = held.take()
    assert next(taken) == b"1"
    held.add(b"3")
    assert list(taken) == [b"2"]
    assert list(held.take()) == [b"3"]


@pytest.mark.parametrize("line", [b"", b"xy"])
def test_short_lines_take_little_more_than_their_bytes(line):
    held = HeldLines()
    count = 100 * PACKED
    for _ in range(count):
        held.add(line)
    kept = sum(sys.getsizeof(pack) for pack in held._packs) + sys.getsizeof(held._packs)
    assert kept < 2 * count * (len(line) + 1)
