import pytest

from client.aim import Aim
from client.display.commands import read
from client.rooms import Rooms


class Person:
    """Somebody who types: `enter` says why a line was not sent, or that it was."""

    def __init__(self, *rooms, current):
        self.rooms = Rooms("dana", rooms)
        self.rooms.current = current
        self.aim = Aim(self.rooms)

    def enter(self, line, to=None):
        return self.aim.doubt(line, to, read(line, to, self.rooms.current))


@pytest.fixture
def dana():
    return Person("lobby", "dev", current="dev")


def test_a_line_goes_to_the_current_room(dana):
    assert dana.enter("hello") == ""


def test_after_being_put_out_only_a_second_enter_sends_a_line_elsewhere(dana):
    told = dana.aim.out("dev", chosen=False)
    assert told == "what you type goes to #lobby now"
    assert dana.enter("my pin") == "not sent: you are not in #dev. Enter sends it to #lobby."
    assert dana.enter("my pin") == ""


@pytest.mark.parametrize("line", ["hi", "hi @sis", "//etc", "/topic bees", "/kick sis", "/leave"])
def test_this_holds_for_every_line_that_depends_on_the_room(dana, line):
    dana.aim.out("dev", chosen=False)
    assert dana.enter(line)


@pytest.mark.parametrize(
    "line", ["/msg sis hi", "/who", "/rooms", "/names dev", "/quit", "/mgs", ""]
)
def test_a_line_that_means_the_same_in_every_room_is_not_held_up(dana, line):
    dana.aim.out("dev", chosen=False)
    assert dana.enter(line) == ""


def test_a_line_for_fixed_recipients_is_not_held_up(dana):
    dana.aim.out("dev", chosen=False)
    assert dana.enter("hi", ["sis"]) == ""


def test_leaving_on_purpose_asks_for_no_second_enter(dana):
    assert dana.aim.out("dev", chosen=True) == "what you type goes to #lobby now"
    assert dana.enter("hi") == ""


def test_being_put_out_of_another_room_changes_nothing(dana):
    assert dana.aim.out("lobby", chosen=False) == ""
    assert dana.enter("hi") == ""


def test_choosing_a_room_asks_for_no_second_enter(dana):
    dana.aim.out("dev", chosen=False)
    dana.aim.talk_in("lobby")
    assert dana.enter("hi") == ""


def test_after_leaving_the_last_room_there_is_nowhere_to_talk():
    dana = Person("dev", current="dev")
    assert "you are in no room" in dana.aim.out("dev", chosen=False)
    assert dana.enter("hi") == "not sent: you are not in #dev."
    assert dana.enter("hi") == ""  # and then it is said that there is no room


def test_after_several_rooms_are_lost_the_first_was_the_one_that_was_meant():
    dana = Person("dev", "ops", "art", current="dev")
    dana.aim.out("dev", chosen=False)
    dana.aim.out("ops", chosen=False)
    assert dana.enter("hi") == "not sent: you are not in #dev. Enter sends it to #art."


class TestWhileARoomIsBeingEntered:
    @pytest.fixture
    def dana(self):
        dana = Person("lobby", current="lobby")
        dana.aim.wants("dev")
        return dana

    def test_nothing_is_sent_to_the_previous_room(self, dana):
        for _ in range(2):
            assert dana.enter("hi") == "not sent: #dev has not let you in yet"
        assert dana.enter("/msg sis hi") == ""

    def test_the_line_is_sent_once_the_room_lets_us_in(self, dana):
        dana.aim.entered("dev")
        assert dana.rooms.current == "dev"
        assert dana.enter("hi") == ""

    def test_if_the_room_refuses_us_a_second_enter_is_needed(self, dana):
        dana.aim.refused("dev")
        assert dana.enter("hi") == "not sent: you are not in #dev. Enter sends it to #lobby."
        assert dana.enter("hi") == ""

    def test_other_rooms_make_no_difference(self, dana):
        dana.aim.entered("ops")
        dana.aim.refused("ops")
        assert dana.rooms.current == "lobby"
        assert "#dev has not let you in yet" in dana.enter("hi")
