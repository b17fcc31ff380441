"""How fast a client of IRC may go."""

import pytest

from gateway.irc.pace import ASKS, BAD, FREE, OURS, SPEAKS, Pace
from wire.limits import Limits

LIMITS = Limits(burst=5, rate=2.0)


def taken(pace, command, now=0.0):
    """How many times in a row a command may be carried out."""
    count = 0
    while count < 1000 and not pace.wait(command, now):
        count += 1
    return count


@pytest.mark.parametrize("command", sorted(SPEAKS))
def test_what_others_see_has_the_allowance_of_everybody(command):
    assert taken(Pace(LIMITS, 0.0), command) == 5


@pytest.mark.parametrize("command", ["NAMES", "WHO", "JOIN", "CHATHISTORY", "NOSUCH", BAD])
def test_questions_have_ten_times_that_and_so_has_nonsense(command):
    assert taken(Pace(LIMITS, 0.0), command) == 5 * ASKS


def test_the_two_do_not_use_each_other_up():
    pace = Pace(LIMITS, 0.0)
    taken(pace, "WHO")
    assert taken(pace, "PRIVMSG") == 5


@pytest.mark.parametrize("command", sorted(FREE | {OURS}))
def test_coming_in_and_what_the_door_does_itself_cost_nothing(command):
    assert taken(Pace(LIMITS, 0.0), command) == 1000


def test_who_waits_as_long_as_told_may_go_on():
    pace = Pace(LIMITS, 0.0)
    taken(pace, "PRIVMSG")
    wait = pace.wait("PRIVMSG", 0.0)
    assert wait == pytest.approx(0.5)
    assert pace.wait("PRIVMSG", wait) == 0.0


def test_a_person_was_active_when_they_said_something_and_not_when_their_program_asked():
    pace = Pace(LIMITS, 0.0)
    pace.wait("WHO", 5.0)
    pace.wait("PONG", 6.0)
    assert pace.spoke_at == 0.0
    pace.wait("PRIVMSG", 7.0)
    assert pace.spoke_at == 7.0
