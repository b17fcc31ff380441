import pytest

from client.seen import Seen
from wire.frames import Changed, Gap, Msg


def said(id, *, room="lobby", to=None):
    return Msg(id=id, from_="sis", room=None if to else room, to=to, text="-", ts=0)


@pytest.fixture
def seen():
    seen = Seen()
    seen.begin({"lobby": "7-5", "@": "7-100"})
    return seen


def test_later_messages_are_news_once(seen):
    assert [seen.is_news(said(id)) for id in ("7-5", "7-6", "7-6", "7-4", "7-10", "7-9")] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    assert seen.ids == {"lobby": "7-10", "@": "7-100"}


def test_rooms_and_private_messages_are_counted_separately(seen):
    assert seen.is_news(said("7-101", to=["dana"]))
    assert seen.is_news(said("7-6"))
    assert seen.is_news(said("7-1", room="other"))
    assert seen.ids == {"lobby": "7-6", "@": "7-101", "other": "7-1"}


def test_a_newer_epoch_is_all_new(seen):
    assert seen.is_news(said("8-0"))
    assert not seen.is_news(said("8-0"))
    assert seen.ids["lobby"] == "8-0"


def test_an_older_epoch_is_no_news(seen):
    assert not seen.is_news(said("6-9"))
    assert seen.ids["lobby"] == "7-5"


def test_after_a_gap_an_older_epoch_is_all_new(seen):
    assert seen.is_news(Gap(room="lobby", after="7-5", text="-"))
    assert seen.is_news(said("6-0"))
    assert not seen.is_news(said("6-0"))
    assert not seen.is_news(said("5-9"))  # that was one step back, and not two
    assert seen.ids["lobby"] == "6-0"
    assert not seen.is_news(said("6-0", to=["dana"]))  # of private messages nothing is missing


def test_after_a_gap_nothing_of_the_same_epoch_comes_twice(seen):
    assert seen.is_news(Gap(room="lobby", after="7-5", text="-"))
    assert not seen.is_news(said("7-5"))
    assert seen.is_news(said("7-9"))
    assert not seen.is_news(said("6-0"))


def test_a_gap_that_was_told_before_counts_too(seen):
    gap = Gap(room="lobby", after="7-5", text="-")
    assert [seen.is_news(gap), seen.is_news(said("7-6")), seen.is_news(gap)] == [True, True, False]
    assert seen.is_news(said("6-0"))


def test_a_welcome_never_lowers_an_id(seen):
    seen.begin({"lobby": "7-3", "@": "8-0"})
    assert seen.ids == {"lobby": "7-5", "@": "8-0"}


def test_a_malformed_id_is_shown_and_not_kept(seen):
    for id in ("", "x", "7-", "7-6-1", "-"):
        assert seen.is_news(said(id))
    assert seen.ids["lobby"] == "7-5"


def test_a_gap_is_news_once_in_its_place(seen):
    gap, other = Gap(room="lobby", after="7-5", text="-"), Gap(room="@", after="7-5", text="-")
    assert [seen.is_news(one) for one in (gap, gap, other, gap)] == [True, False, True, False]


def test_a_gap_right_after_another_is_not_shown_wherever_it_begins(seen):
    here, there = (Gap(room="lobby", after=after, text="-") for after in ("7-5", None))
    assert [seen.is_news(gap) for gap in (here, there)] == [True, False]
    assert seen.is_news(said("8-0"))
    assert seen.is_news(Gap(room="lobby", after="8-0", text="-"))


def test_changes_of_a_room_count_among_its_messages(seen):
    change = Changed(id="7-6", room="lobby", by="mom", change="topic", topic="bees")
    assert [seen.is_news(change), seen.is_news(change), seen.is_news(said("7-6"))] == [
        True,
        False,
        False,
    ]
    assert seen.ids["lobby"] == "7-6"


def test_nothing_is_kept_of_a_room_that_was_left(seen):
    seen.is_news(said("7-9", room="dev"))
    seen.is_news(Gap(room="dev", after="7-9", text="-"))
    seen.forget("dev")
    assert seen.ids == {"lobby": "7-5", "@": "7-100"}
    assert seen.is_news(said("7-9", room="dev"))
    assert seen.is_news(Gap(room="dev", after="7-9", text="-"))


def test_earlier_messages_of_a_newly_entered_room_are_news(seen):
    seen.entered("dev", "7-3", again=False)
    assert seen.ids["dev"] == "7-3"
    assert [seen.is_news(said(id, room="dev")) for id in ("7-2", "7-3", "7-4")] == [True] * 3
    assert seen.ids["dev"] == "7-4"


class TestInARoomThatOneHasEnteredAgain:
    @pytest.fixture
    def seen(self, seen):
        seen.entered("dev", "7-3", again=False)
        seen.is_news(said("7-4", room="dev"))
        seen.entered("dev", "7-9", again=True)
        return seen

    def test_messages_that_continue_without_a_hole_have_no_gap(self, seen):
        for id in ("7-3", "7-4", "7-5", "7-8"):
            assert seen.gap_before(said(id, room="dev")) is None
            seen.is_news(said(id, room="dev"))

    @pytest.mark.parametrize("id", ["7-6", "8-0"])
    def test_messages_that_continue_after_a_hole_have_one_gap_before_them(self, seen, id):
        gap = seen.gap_before(said(id, room="dev"))
        assert (gap.room, gap.after) == ("dev", "7-4")
        assert seen.gap_before(said(id, room="dev")) is None

    def test_a_change_counts_like_a_message(self, seen):
        change = Changed(id="7-6", room="dev", by="mom", change="topic", topic="bees")
        assert seen.gap_before(change).after == "7-4"

    def test_other_rooms_and_private_messages_make_no_difference(self, seen):
        assert seen.gap_before(said("7-9")) is None
        assert seen.gap_before(said("7-900", to=["dana"])) is None
        assert seen.gap_before(said("7-6", room="dev")) is not None

    def test_after_leaving_it_there_is_no_gap(self, seen):
        seen.forget("dev")
        seen.entered("dev", "7-9", again=False)
        assert seen.gap_before(said("7-20", room="dev")) is None


def test_in_a_room_without_messages_the_gap_begins_where_we_entered(seen):
    seen.entered("dev", "7-3", again=False)
    seen.entered("dev", "7-9", again=True)
    assert seen.gap_before(said("7-9", room="dev")).after == "7-3"
