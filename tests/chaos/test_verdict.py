"""The verdict finds every kind of broken promise: or a clean run would mean nothing."""

from __future__ import annotations

import pytest

from tests.chaos.bots import Record, Said
from tests.chaos.verdict import judge
from wire.frames import LOBBY, PRIVATE, Ack, Gap, Msg


def public(id, text, sender="ann"):
    return Msg(id=id, from_=sender, room=LOBBY, text=text, ts=0)


def private(id, text, to, sender="ann"):
    return Msg(id=id, from_=sender, to=to, text=text, ts=0)


def acked(id, text, to=None):
    where = {"to": to} if to else {"room": LOBBY}
    return Said(text, to, ack=Ack(seq=int(id.partition("-")[2]), id=id, **where))


def gap(after, room=LOBBY):
    return Gap(room=room, text="", after=after)


SAID = [acked("7-0", "a"), acked("7-1", "b"), acked("8-0", "c")]
ALL = [public("7-0", "a"), public("7-1", "b"), public("8-0", "c")]


def verdict(heard, said=SAID, forgotten=0, own=None, **bob):
    ann = Record("ann", said=said, heard=own or ALL)
    other = Record("bob", heard=heard, **bob)
    return [violation.what for violation in judge([ann, other], forgotten)]


def test_a_clean_run():
    assert verdict(ALL) == []


@pytest.mark.parametrize(
    ("heard", "what"),
    [
        (ALL[:2], "bob missed 8-0"),
        ([ALL[0], ALL[2]], "bob missed 7-1"),
        ([ALL[0], ALL[2], ALL[1]], "bob heard 7-1 after 8-0"),
        ([*ALL, ALL[2]], "bob heard 'c' more than once"),
        ([*ALL, public("8-1", "c")], "bob heard 'c' more than once"),
        ([*ALL[:2], public("8-0", "d")], "8-0 is 'c', and to bob it is 'd'"),
    ],
)
def test_what_can_be_wrong_with_a_record(heard, what):
    assert any(what in found for found in verdict(heard))


def test_a_gap_excuses_what_redis_forgot_and_only_there():
    told = [ALL[0], gap("7-0"), ALL[2]]
    assert verdict(told, forgotten=7) == []
    assert verdict(told, forgotten=0) != []
    assert verdict([gap(None), ALL[0], ALL[2]], forgotten=7) != []
    assert verdict([*ALL[:2], gap("7-1")], forgotten=7) != []


def test_what_was_on_its_way_when_redis_forgot_may_be_told_once_in_each_memory():
    twice = [*ALL[:2], ALL[2], public("9-0", "c")]
    told = [public("7-0", "a"), public("7-1", "b"), gap("7-1"), public("8-0", "b")]
    said = [acked("7-0", "a"), acked("8-0", "b")]
    assert verdict(told, said, own=told, forgotten=7) == []
    assert verdict(twice, forgotten=7) != []


def test_somebody_who_came_back_as_a_stranger_may_have_missed_more():
    told = [*ALL[:2], gap("7-1")]
    assert verdict(told, forgotten=7, stranger=1) == []
    assert any("not known any more" in found for found in verdict(told, stranger=1))


def test_a_private_message_is_for_its_people_only():
    said = [acked("7-0", "psst", ["bob"])]
    psst = private("7-0", "psst", ["bob"])
    assert verdict([psst], said, own=[psst]) == []
    assert verdict([], said, own=[psst]) != []
    assert verdict([gap("6-9", PRIVATE)], said, own=[psst]) != []
    elsewhere = [acked("7-0", "psst", ["eve"])]
    assert any("refused, or not" in found for found in verdict([psst], elsewhere, own=[psst]))


def test_answers():
    assert any("no answer" in found for found in verdict([], [Said("a", None)], own=[]))
    refused = [Said("a", ["bob"], refused="nobody_here")]
    heard = [private("7-0", "a", ["bob"])]
    assert any("refused, or not" in found for found in verdict(heard, refused, own=heard))
    turned = [Said("a", ["bob"], ack=Ack(seq=1, id="7-0", room=LOBBY))]
    found = verdict([public("7-0", "a")], turned, own=[public("7-0", "a")])
    assert any("became public" in each for each in found)
