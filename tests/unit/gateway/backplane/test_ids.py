import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backplane.ids import NOTHING, before, epoch_of, follows, is_beginning, parse_id

GREATEST = 2**64 - 1
epochs = st.integers(1, 2**40)
counts = st.integers(0, GREATEST)


def id_of(epoch, n):
    return b"%d-%d" % (epoch, n)


def test_ids_are_compared_as_two_numbers():
    ids = [b"10-0", b"7-10", b"7-0", b"7-2"]
    assert sorted(ids, key=parse_id) == [b"7-0", b"7-2", b"7-10", b"10-0"]


@pytest.mark.parametrize("id", [b"", b"7", b"7-", b"-", b"x-1", b"7-1-2"])
def test_what_is_no_id_is_an_error(id):
    with pytest.raises(ValueError, match="invalid literal"):
        parse_id(id)


@given(epochs, counts)
def test_an_id_is_its_two_numbers(epoch, n):
    assert parse_id(id_of(epoch, n)) == (epoch, n)


def test_within_an_epoch_one_follows_the_other():
    assert follows(b"7-2", b"7-1")
    assert not follows(b"7-3", b"7-1")
    assert not follows(b"7-1", b"7-1")
    assert not follows(b"7-1", b"7-2")


def test_an_epoch_begins_behind_everything_that_there_could_have_been():
    assert follows(b"7-0", before(7))
    assert not follows(b"7-1", before(7))
    assert not follows(b"7-0", b"6-5"), "what was said last in the older one may be lost"


@given(epochs, counts, epochs, counts)
def test_before_an_epoch_is_behind_all_older_and_ahead_of_all_of_it(epoch, n, older, m):
    assert parse_id(before(epoch)) < parse_id(id_of(epoch, n))
    assert (parse_id(id_of(older, m)) <= parse_id(before(epoch))) is (older < epoch)


@given(epochs, counts, epochs, counts)
def test_nothing_is_between_what_follows(epoch, n, other, m):
    id, previous = id_of(epoch, n), id_of(other, m)
    between = (other == epoch and m == n - 1) or (n == 0 and previous == before(epoch))
    assert follows(id, previous) is between


def test_a_beginning_is_before_the_first_of_an_epoch():
    assert is_beginning(NOTHING)
    assert is_beginning(before(7))
    assert not is_beginning(b"7-0")


def test_the_id_before_an_epoch_is_of_it():
    assert epoch_of(b"7-3") == 7
    assert epoch_of(before(7)) == 7
    assert epoch_of(NOTHING) == 0
