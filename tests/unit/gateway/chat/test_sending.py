from datetime import datetime

import msgspec
import pytest

from gateway.chat import sending
from gateway.chat.effects import FindMentioned, Publish, Tell, Whisper
from gateway.chat.rules import Rules
from gateway.chat.sending import Delivery, after_lookup, plan
from wire.frames import Ack, Msg, Notice, Send
from wire.limits import Limits
from wire.reasons import ErrorCode, WireError

AT = datetime.fromisoformat("2026-11-23T10:00:00+02:00")
PUBLIC = Rules("g1", idle=60.0, away_idle=60.0, refuse_fallback=False, limits=Limits(text=50, to=3))
REFUSE = Rules("g1", idle=60.0, away_idle=60.0, refuse_fallback=True, limits=Limits(text=50, to=3))


def whispered(whisper, id, to, absent, later=()):
    return sending.after_whisper(whisper, Delivery(id, to, [*later], absent, {}))


def planned(text, rules=PUBLIC, **fields):
    return plan(Send(text, **fields), "dana", {"lobby", "dev"}, rules)


def refusal(text, rules=PUBLIC, **fields):
    with pytest.raises(WireError) as caught:
        planned(text, rules, **fields)
    return caught.value.code


# Where it goes.


def test_a_text_without_names_is_for_the_room():
    message = Msg(from_="dana", room="lobby", text="hi", at=AT)
    assert planned("hi", seq=1, at=AT) == Publish("lobby", message, 1)


def test_a_text_that_ends_in_names_is_for_these_people_and_shown_as_it_was_typed():
    message = Msg(from_="dana", text="how are you? @sis @mom", at=AT)
    assert planned("how are you? @sis @mom", seq=1, at=AT) == Whisper(
        ["sis", "mom"], message, 1, "lobby"
    )


def test_a_text_with_an_escaped_name_is_for_the_room():
    message = Msg(from_="dana", room="lobby", text="look at @sis")
    assert planned(r"look at \@sis") == Publish("lobby", message, None)


def test_an_escaped_at_sign_in_a_private_text_loses_the_backslash():
    assert planned(r"ask \@dad @sis").message.text == "ask @dad @sis"


def test_a_gateway_may_refuse_to_make_a_private_message_public():
    assert planned("hi @sis", REFUSE).room is None
    assert planned("hi", REFUSE) == planned("hi", PUBLIC)


def test_a_message_with_explicit_recipients_never_goes_to_the_room():
    message = Msg(from_="dana", text="hi")
    assert planned("hi", to=["sis"]) == Whisper(["sis"], message, None, None)


def test_a_text_with_explicit_recipients_is_not_searched_for_names():
    send = planned(r"tell \@dad that @mom", to=["sis"])
    assert send.names == ["sis"]
    assert send.message.text == r"tell \@dad that @mom"


def test_the_time_of_the_sender_goes_with_the_message():
    assert planned("hi", at=AT).message.at == AT


def test_names_before_the_end_are_looked_up_before_everyone_reads_them():
    message = Msg(from_="dana", room="lobby", text="tell @sis to call @mom back")
    publish = Publish("lobby", message, 3)
    text = "tell @sis to call @mom back"
    assert planned(text, seq=3) == FindMentioned(["sis", "mom"], publish, refuse=False)
    assert planned(text, REFUSE, seq=3) == FindMentioned(["sis", "mom"], publish, refuse=True)


def test_names_before_the_end_of_a_private_text_are_looked_up_only_if_it_becomes_public():
    whisper = planned("tell @sis I miss her @mom", seq=3)
    assert (whisper.names, whisper.others) == (["mom"], ["sis"])
    assert whispered(whisper, "7-1", ["mom"], []) == [Tell(Ack(seq=3, id="7-1", to=["mom"]))]
    [found] = whispered(whisper, None, [], ["mom"])
    assert (found.names, found.publish.absent, found.refuse) == (["sis"], ["mom"], False)


def test_at_most_as_many_names_are_looked_up_as_a_message_may_have_recipients():
    assert planned("@a x @b x @c x @d x").names == ["a", "b", "c"]


def test_a_name_that_nobody_can_have_is_not_looked_up():
    name = "x" * 33
    assert type(planned(f"@{name} hello")) is Publish
    assert whisper(f"@{name} hi @sis").others == []


def test_a_message_goes_to_the_room_that_it_names_however_that_is_written():
    publish = planned("hi", room="Dev")
    assert (publish.room, publish.message.room) == ("dev", "dev")


def test_a_private_message_falls_back_to_the_room_that_it_was_typed_in():
    assert planned("hi @sis", room="DEV").room == "dev"


@pytest.mark.parametrize("fields", [{}, {"to": ["sis"]}])
def test_a_private_message_needs_no_room_and_stays_private_without_one(fields):
    whisper = planned("hi @sis", room="cellar", **fields)
    assert (whisper.names, whisper.room) == (["sis"], None)


# What is refused.


@pytest.mark.parametrize(
    ("text", "fields", "code"),
    [
        (" ", {}, ErrorCode.EMPTY_TEXT),
        ("x" * 51, {}, ErrorCode.TEXT_TOO_LONG),
        ("\x1b[2J", {}, ErrorCode.BAD_TEXT),
        ("\x1b[2J", {"to": ["sis"]}, ErrorCode.BAD_TEXT),
        ("hi", {"room": "cellar"}, ErrorCode.NOT_IN_ROOM),
        ("hi", {"room": "x" * 51}, ErrorCode.BAD_ROOM),
        ("hi @sis", {"room": "#dev"}, ErrorCode.BAD_ROOM),
        ("hi", {"to": []}, ErrorCode.NOBODY_HERE),
        ("@a @b @c @d", {}, ErrorCode.TOO_MANY_RECIPIENTS),
        ("hi", {"to": ["a", "b", "c", "d"]}, ErrorCode.TOO_MANY_RECIPIENTS),
    ],
)
def test_a_bad_send_is_refused(text, fields, code):
    assert refusal(text, **fields) is code


def test_as_many_recipients_as_allowed_are_allowed():
    assert planned("@a @b @c").names == ["a", "b", "c"]


def test_a_refusal_does_not_repeat_a_long_room_name():
    with pytest.raises(WireError) as caught:
        planned("hi", room="x" * 10_000)
    assert len(caught.value.text) < 100


# What became of a private message.


def whisper(text="hi @sis @mom", rules=PUBLIC, **fields):
    return planned(text, rules, **fields)


def test_the_ack_tells_who_got_it():
    assert whispered(whisper(seq=4), "7-1", ["Sis", "Mom"], []) == [
        Tell(Ack(seq=4, id="7-1", to=["Sis", "Mom"]))
    ]


def test_the_sender_is_told_who_was_not_here():
    assert whispered(whisper(seq=4), "7-1", ["Sis"], ["mom"]) == [
        Tell(Ack(seq=4, id="7-1", to=["Sis"], absent=["mom"]))
    ]


def test_the_sender_is_told_who_gets_it_later():
    assert whispered(whisper(seq=4), "7-1", [], [], ["Sis"]) == [
        Tell(Ack(seq=4, id="7-1", to=[], later=["Sis"]))
    ]


def test_without_a_seq_notices_tell_who_is_absent_and_who_gets_it_later():
    absent, later = whispered(whisper(), "7-1", ["Dad"], ["mom"], ["Sis"])
    assert absent.event.text == "nobody named @mom is here: sent to Dad, Sis"
    text = "Sis will get it when they are here again"
    assert later == Tell(Notice("later", text, later=["Sis"]))


def test_without_a_seq_the_sender_is_told_by_a_notice():
    (tell,) = whispered(whisper(), "7-1", ["Sis"], ["mom"])
    assert tell == Tell(Notice("absent", "nobody named @mom is here: sent to Sis", absent=["mom"]))


def test_without_a_seq_and_with_everybody_here_there_is_nothing_to_tell():
    assert whispered(whisper(), "7-1", ["Sis", "Mom"], []) == []


def test_with_nobody_here_it_goes_to_the_room_and_the_ack_will_say_so():
    (publish,) = whispered(whisper(seq=4, at=AT), None, [], ["sis", "mom"])
    message = Msg(from_="dana", room="lobby", text="hi @sis @mom", at=AT)
    assert publish == Publish("lobby", message, 4, absent=["sis", "mom"])


def test_with_nobody_here_and_without_a_seq_a_notice_says_that_everyone_reads_it():
    notice, publish = whispered(whisper("hi @mmo"), None, [], ["mmo"])
    assert notice == Tell(
        Notice("absent", "nobody named @mmo is here: sent to everyone", absent=["mmo"])
    )
    assert (publish.room, publish.message.room, publish.message.to) == ("lobby", "lobby", None)


@pytest.mark.parametrize(
    "send", [whisper(rules=REFUSE, seq=4), whisper("hi", to=["sis", "mom"], seq=4)]
)
def test_a_message_that_must_not_become_public_is_refused(send):
    with pytest.raises(WireError) as caught:
        whispered(send, None, [], ["sis", "mom"])
    assert caught.value.code is ErrorCode.NOBODY_HERE
    assert caught.value.seq == 4
    assert caught.value.text == "nobody named @sis, @mom is here: not sent"


@pytest.mark.parametrize(
    "send", [whisper(seq=4), whisper(rules=REFUSE, seq=4), whisper("hi", to=["sis"], seq=4)]
)
def test_a_forgotten_outcome_is_not_guessed(send):
    with pytest.raises(WireError) as caught:
        whispered(send, "", [], ["sis", "mom"])
    assert (caught.value.code, caught.value.seq) == (ErrorCode.STALE_SEQ, 4)


def test_a_public_message_has_its_recipients_in_the_text_only():
    (publish,) = whispered(whisper(seq=4), None, [], ["sis", "mom"])
    assert "to" not in msgspec.to_builtins(publish.message)


# A message to everyone that names people.


def found(names, rules=PUBLIC, **fields):
    return planned("hey @sis and @dana: news", rules, **fields), names


def test_the_ack_will_say_that_everyone_reads_it_and_who_is_named():
    plan, here = found(["Sis"], seq=4)
    [publish] = after_lookup(plan, here)
    assert publish == Publish("lobby", plan.publish.message, 4, mentioned=["Sis"])


def test_without_a_seq_a_notice_says_that_everyone_reads_it_before_anybody_does():
    notice, publish = after_lookup(*found(["Sis", "Sis", "Mom"]))
    text = "everyone reads this, not only Sis, Mom: only names at its end make a message private"
    assert notice == Tell(Notice("mentioned", text, mentioned=["Sis", "Mom"]))
    assert publish.message.text == "hey @sis and @dana: news"


@pytest.mark.parametrize("here", [[], ["dana"]])
@pytest.mark.parametrize("rules", [PUBLIC, REFUSE])
def test_a_message_that_names_only_its_sender_or_absent_people_needs_no_warning(here, rules):
    plan, _ = found([], rules, seq=4)
    assert after_lookup(plan, here) == [plan.publish]


def test_with_fallback_refuse_a_message_that_names_people_is_refused_with_advice():
    with pytest.raises(WireError) as caught:
        after_lookup(*found(["Sis", "Mom"], REFUSE, seq=4))
    assert (caught.value.code, caught.value.seq) == (ErrorCode.WOULD_BE_PUBLIC, 4)
    assert caught.value.text == (
        "everyone would read this, not only Sis, Mom: not sent. Put @Sis @Mom at its end to make "
        "it private, or write \\@ in place of @ to send it to everyone"
    )


@pytest.mark.parametrize("name", ["all", "Everyone", "HERE", "\uff21\uff2c\uff2c"])
def test_a_sender_who_writes_at_everyone_is_told_how_to_reach_everyone(name):
    with pytest.raises(WireError) as caught:
        whispered(whisper(f"dinner @{name}", REFUSE), None, [], [name])
    assert caught.value.text.endswith("not sent. A message without names is for everyone")
    notice, _ = whispered(whisper(f"dinner @{name}"), None, [], [name])
    assert notice.event.text.endswith("sent to everyone. A message without names is for everyone")


def test_a_refusal_does_not_repeat_a_name_as_long_as_a_line():
    with pytest.raises(WireError) as caught:
        whispered(whisper("hi", to=["x" * 10_000]), None, [], ["x" * 10_000])
    assert len(caught.value.text) < 150
