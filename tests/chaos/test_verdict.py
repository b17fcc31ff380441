"""The verdict finds every kind of broken promise; otherwise a clean run would mean nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.bots import Record, Said
from tests.chaos.lapses import PEOPLE, Lapse
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


def heard_by(name, events, **more):
    return Record(name, heard=events, when=[float(n) for n in range(len(events))], **more)


def lapse(of=LOBBY, epoch=7, began=0.0, over=0.0, lost=True):
    return Lapse(of, lost, epoch, began, over)


def verdict(heard, said=SAID, lapses=(), own=None, **bob):
    ann = heard_by("ann", own or ALL, said=said)
    other = heard_by("bob", heard, **bob)
    return [violation.what for violation in judge([ann, other], lapses)]


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
def test_everything_that_can_be_wrong_with_a_record_is_found(heard, what):
    assert any(what in found for found in verdict(heard))


def test_a_gap_excuses_messages_that_redis_lost_and_no_others():
    told = [ALL[0], gap("7-0"), ALL[2]]
    assert verdict(told, lapses=[lapse()]) == []
    assert verdict(told) != []
    assert any("missed 7-1" in found for found in verdict(told, lapses=[lapse(lost=False)]))
    assert any("missed 7-1" in found for found in verdict(told, lapses=[lapse(PRIVATE)]))
    assert verdict([gap(None), ALL[0], ALL[2]], lapses=[lapse()]) != []
    assert verdict([*ALL[:2], gap("7-1")], lapses=[lapse()]) != []


def test_each_loss_of_data_excuses_one_gap_at_most():
    assert verdict([*ALL[:2], gap("7-1"), ALL[2]], lapses=[lapse(lost=False)]) == []
    told = [*ALL[:2], gap("7-1"), gap("7-1"), ALL[2]]
    assert any("2 gaps" in found for found in verdict(told, lapses=[lapse()]))
    assert verdict(told, lapses=[lapse(), lapse()]) == []


def test_a_message_under_way_when_redis_lost_data_may_come_twice():
    twice = [*ALL[:2], ALL[2], public("9-0", "c")]
    told = [public("7-0", "a"), public("7-1", "b"), gap("7-1"), public("8-0", "b")]

    def said(**times):
        return [acked("7-0", "a"), replace(acked("8-0", "b"), **times)]

    meanwhile = [lapse(began=2.0, over=3.0)]
    for times in ({"asked": 1.0, "answered": 4.0}, {"asked": 2.5, "answered": 2.7}):
        assert verdict(told, said(**times), own=told, lapses=meanwhile) == []
    for times in ({"asked": 3.5, "answered": 4.0}, {"asked": 0.5, "answered": 1.0}):
        found = verdict(told, said(**times), own=told, lapses=meanwhile)
        assert any("heard 'b' more than once" in each for each in found)
    assert verdict(twice, lapses=[lapse(began=2.0, over=3.0)]) != []


def test_a_message_under_way_when_its_sender_was_forgotten_may_come_twice():
    told = [public("7-0", "a"), public("7-1", "a")]
    for back, fine in ((0.5, False), (1.5, True), (2.5, False)):
        said = [replace(acked("7-0", "a"), asked=1.0, answered=2.0, strange=[back])]
        assert (verdict(told, said, own=told) == []) is fine


def test_a_bot_that_was_forgotten_may_have_missed_more():
    told = [ALL[0], gap("7-0"), public("8-1", "d")]
    said = [*SAID, replace(acked("8-1", "d"), asked=5.0)]
    own = [*ALL, public("8-1", "d")]
    known = [lapse(PEOPLE), lapse(epoch=0)]
    assert verdict(told, said, own=own, lapses=known, strange=[4.0]) == []
    assert any("no longer known" in found for found in verdict(told, said, own=own, strange=[4.0]))
    later = [*SAID[:2], replace(SAID[2], asked=4.5), said[-1]]
    found = verdict(told, later, own=own, lapses=known, strange=[4.0])
    assert any("missed 8-0" in each for each in found)


def test_a_later_gap_excuses_a_private_message_that_redis_lost():
    said = [replace(acked("7-0", "psst", ["bob"]), asked=1.0)]
    psst = private("7-0", "psst", ["bob"])
    forgot = lapse(PRIVATE, began=0.0, over=2.0)
    assert verdict([gap(None, PRIVATE)], said, own=[psst], lapses=[forgot]) == []
    assert verdict([], said, own=[psst], lapses=[forgot]) != []
    later = forgot._replace(began=0.5)
    assert verdict([gap(None, PRIVATE)], said, own=[psst], lapses=[later]) != []
    over = forgot._replace(over=0.9)
    assert verdict([gap(None, PRIVATE)], said, own=[psst], lapses=[over]) != []


def test_a_private_message_has_another_id_for_each_reader():
    said = [acked("7-0", "psst", ["bob"])]
    own, his = private("7-0", "psst", ["bob"]), private("3-9", "psst", ["bob"])
    assert verdict([his], said, own=[own]) == []


def test_a_private_message_that_waits_must_arrive_later():
    said = [Said("psst", ["bob"], ack=Ack(seq=1, id="7-0", later=["bob"]))]
    psst = private("7-0", "psst", ["bob"])
    assert verdict([psst], said, own=[psst]) == []
    assert any("bob missed" in found for found in verdict([], said, own=[psst]))


def test_a_private_message_may_reach_only_its_people():
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
    said = [acked("7-0", "psst", ["bob"])]
    found = verdict([public("7-0", "psst")], said, own=[private("7-0", "psst", ["bob"])])
    assert any("refused, or not for it" in each for each in found)
    turned = [Said("a", ["bob"], ack=Ack(seq=1, id="7-0", room=LOBBY))]
    found = verdict([public("7-0", "a")], turned, own=[public("7-0", "a")])
    assert any("became public" in each for each in found)
