"""The verdict on rooms with operators finds what must not be heard."""

from __future__ import annotations

import pytest

from tests.chaos.bots import Record
from tests.chaos.lapses import COURT, VAULT
from tests.chaos.moderating import Closed, Done, Silence, misheard
from wire.frames import Entered, Msg, Out


def msg(id, room=COURT, sender="eve"):
    return Msg(id=id, from_=sender, room=room, text="a", ts=0)


def entered(room=COURT):
    return Entered(room=room, seen="7-0")


def out(room=COURT):
    return Out(room=room, code="kicked", text="")


def verdict(*events, done=None, invited=()):
    messages = [event for event in events if isinstance(event, Msg)]
    bob = Record("bob", heard=messages, rooms=list(events))
    return [violation.what for violation in misheard([bob], invited, done or Done())]


@pytest.mark.parametrize(
    ("id", "sender", "found"),
    [
        ("7-5", "eve", True),
        ("7-3", "eve", False),
        ("7-9", "eve", False),
        ("7-5", "ann", False),
        ("8-5", "eve", False),
    ],
)
def test_a_message_during_a_ban_is_found(id, sender, found):
    done = Done(silences=[Silence("eve", "ban", "7-4", "7-8")])
    assert bool(verdict(msg(id, sender=sender), done=done)) is found


def test_a_time_in_which_redis_lost_data_proves_nothing():
    done = Done(silences=[Silence("eve", "ban", "7-4", "8-8")])
    assert verdict(msg("7-5"), done=done) == []


def test_what_a_stranger_reads_in_a_closed_room_is_found():
    done = Done(closed=[Closed("7-4", "7-8")])
    assert verdict(msg("7-5", VAULT), done=done) != []
    assert verdict(msg("7-9", VAULT), done=done) == []
    assert verdict(msg("7-5", VAULT), done=done, invited=["bob"]) == []
    assert verdict(msg("7-5", COURT), done=done) == []


def test_messages_come_once_and_in_order_during_a_stay():
    assert verdict(entered(), msg("7-1"), msg("7-2"), msg("8-0")) == []
    assert verdict(entered(), msg("7-1"), msg("7-1")) != []
    assert verdict(entered(), msg("7-2"), msg("7-1")) != []
    assert verdict(entered(), msg("7-1"), entered(), msg("7-1")) != []
    assert verdict(entered(), msg("7-1"), out(), entered(), msg("7-1")) == []


def test_no_message_comes_after_a_bot_is_out():
    assert verdict(entered(), out(), msg("7-1")) != []
    assert verdict(entered(), out(VAULT), msg("7-1")) == []
