import gc
from collections.abc import Iterator

import pytest

from gateway.garbage import FULL_SEARCH_AFTER, search_seldom


@pytest.fixture
def collector() -> Iterator[None]:
    """As it was, at the end."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_all_objects_are_searched_less_often_and_young_ones_as_often_as_before() -> None:
    young, middle, _ = gc.get_threshold()
    search_seldom()
    assert gc.get_threshold() == (young, middle, FULL_SEARCH_AFTER)


@pytest.mark.usefixtures("collector")
def test_objects_that_exist_at_the_start_are_not_searched_again() -> None:
    kept: list[object] = [[]]
    search_seldom()
    assert gc.get_freeze_count() > 0
    assert all(each is not kept for each in gc.get_objects())
