"""People with several sessions, mail and deletions; and the verdict about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.bots import Bot, Said
from tests.chaos.people import Person, Spoken, judge, run_people
from wire.frames import LOBBY, Ack, Deleted, Gap, Msg

SEED = 2


@pytest.mark.timeout(180)
async def test_every_session_hears_everything_once_and_mail_arrives():
    outcome = await run_people(SEED, minutes=0.25)
    assert not outcome.violations, "\n".join(each.what for each in outcome.violations[:20])
    spoken = outcome.spoken.values()
    assert any(each.said.ack and each.said.ack.later for each in spoken)
    assert any(each.deleted < float("inf") for each in spoken)


def public(id, text):
    return Msg(id=id, from_="sis", room=LOBBY, text=text, ts=0)


def private(id, text, *to):
    return Msg(id=id, from_="sis", to=list(to), text=text, ts=0, key=f"key of {text}")


def session(*heard, deleted=()):
    bot = Bot("twin", lambda: 0)
    bot.record.heard = list(heard)
    bot.record.deleted = list(deleted)
    return bot


def spoken(text, *to, later=(), **fields):
    where = {"to": list(to), "later": list(later)} if to or later else {"room": LOBBY}
    said = Said(text, [*to, *later] or None, ack=Ack(seq=1, id="7-1", **where), asked=2.0)
    return replace(Spoken(said, "sis"), **fields)


def verdict(sessions, said):
    person = Person("twin", "secret", sessions, since=1.0)
    return [found.what for found in judge([person], {each.said.text: each for each in said})]


A, B, C = public("7-1", "a"), public("7-2", "b"), public("7-3", "c")
ABC = [spoken("a"), spoken("b"), spoken("c")]
PSST = private("3-1", "psst", "twin")


def test_a_clean_run():
    told = [spoken("psst", "twin"), *ABC]
    assert verdict([session(A, B, C, PSST), session(B, C, PSST), session()], told) == []


@pytest.mark.parametrize(
    ("sessions", "said", "what"),
    [
        ([session(A, B, C), session(A, C)], ABC, "missed 7-2 'b'"),
        ([session(B, A)], ABC, "heard (7, 1) after (7, 2)"),
        ([session(A, public("7-5", "a"))], ABC, "more than once"),
        ([session(Gap(room=LOBBY, text=""))], ABC, "told about"),
        ([session(private("3-1", "psst", "mom"))], [spoken("psst", "mom")], "not for it"),
        ([session()], [spoken("psst", "twin")], "never heard 'psst'"),
        ([session()], [spoken("psst", later=["twin"])], "never heard 'psst'"),
        (
            [session(PSST, deleted=[(0, Deleted(targets=["key of psst"], by="sis"))])],
            [spoken("psst", "twin")],
            "after it was deleted",
        ),
        ([session(A, deleted=[(0, Deleted(targets=["7-1"], by="sis"))])], ABC, "after it was"),
    ],
)
def test_everything_that_can_be_wrong_is_found(sessions, said, what):
    assert any(what in found for found in verdict(sessions, said))


def test_what_was_deleted_may_never_have_arrived():
    gone = [spoken("a"), spoken("b", deleted=3.0), spoken("c")]
    assert verdict([session(A, B, C), session(A, C)], gone) == []
    assert verdict([session()], [spoken("psst", "twin", deleted=3.0)]) == []
    assert (
        verdict(
            [session(PSST, deleted=[(1, Deleted(targets=["key of psst"], by="sis"))])],
            [spoken("psst", "twin", deleted=3.0)],
        )
        == []
    )
