from datetime import datetime, timedelta, timezone

import pytest

from client.display import render
from client.display.rooms import changed, entered, members, out, room_info, room_list
from client.display.rows import MOST_ROWS
from client.display.style import Style
from client.display.view import View
from wire.frames import Changed, Entered, Modes, Msg, Out, Room, RoomInfo, RoomMember, Sanctioned

NOW = datetime(2026, 11, 23, 10, 0, 5, tzinfo=timezone(timedelta(hours=1)))
AT_TEN = 1_795_424_400_000
"""2026-11-23T10:00:00+01:00."""


def view(width=None, room="lobby"):
    return View(me="dana", now=NOW, style=Style(color=False), width=width, room=room)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Entered(room="dev", seen="1-0"), "· you are in #dev (only you)"),
        (
            Entered(room="dev", seen="1-0", people=3, topic="bees\n\x1b[2J", role="operator"),
            "· you are in #dev (3 people, you are an operator): bees �[2J",
        ),
        (
            Entered(room="d\u202eev", seen="1-0", people=2, modes=Modes(key=True, slow=90)),
            "· you are in #d�ev (2 people, needs a key, one message per 90 s)",
        ),
        (
            Entered(room="dev", seen="1-0", people=2, role="voice"),
            "· you are in #dev (2 people, you have a voice)",
        ),
    ],
)
def test_you_are_told_about_the_room_that_you_enter(event, line):
    assert entered(event, view()) == [line]


def test_leaving_a_room_is_shown_with_its_reason():
    assert out(Out(room="dev", code="left", text="-"), view()) == ["· you left #dev"]
    kicked = Out(room="dev", code="kicked", text="You were kicked\n out of dev.")
    assert out(kicked, view()) == ["· You were kicked out of dev."]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"change": "topic", "topic": "all  bees"}, "mom changed the topic of #dev: all bees"),
        ({"change": "topic", "topic": ""}, "mom removed the topic of #dev"),
        ({"change": "kick", "name": "sis", "reason": "spam"}, "mom kicked sis out of #dev: spam"),
        ({"change": "kick", "name": "Dana"}, "mom kicked you out of #dev"),
        ({"change": "kick", "name": "sis", "by": "DANA"}, "you kicked sis out of #dev"),
        (
            {"change": "kick", "name": "sis", "by": "*"},
            "an operator of the chat kicked sis out of #dev",
        ),
        ({"change": "ban", "name": "sis", "until": AT_TEN}, "mom banned sis from #dev until 10:00"),
        (
            {"change": "ban", "name": "sis", "until": AT_TEN + 86_400_000, "reason": "no"},
            "mom banned sis from #dev until 2026-11-24 10:00: no",
        ),
        ({"change": "ban"}, "mom banned a network from #dev"),
        ({"change": "unban", "name": "sis"}, "mom let sis into #dev again"),
        ({"change": "mute", "name": "sis"}, "mom muted sis in #dev"),
        ({"change": "unmute", "name": "sis"}, "mom let sis talk in #dev again"),
        ({"change": "invite", "name": "sis"}, "mom invited sis to #dev"),
        ({"change": "uninvite", "name": "sis"}, "mom took the invitation to #dev back from sis"),
        ({"change": "op", "name": "dana"}, "mom made you an operator of #dev"),
        ({"change": "deop", "name": "dana"}, "mom took the operator rights in #dev from you"),
        ({"change": "voice", "name": "sis"}, "mom gave sis a voice in #dev"),
        ({"change": "devoice", "name": "sis"}, "mom took the voice in #dev from sis"),
    ],
)
def test_a_change_is_shown_with_the_person_who_made_it(fields, line):
    event = Changed(**{"room": "dev", "by": "mom", **fields})
    assert changed(event, view()) == render.event(event, view()) == [f"· {line}"]


@pytest.mark.parametrize(
    ("before", "now", "line"),
    [
        (Modes(), Modes(invite_only=True), "mom made #dev invite-only"),
        (Modes(), Modes(secret=True, read_only=True), "mom made #dev secret and read-only"),
        (Modes(secret=True), Modes(), "mom changed #dev: no longer secret"),
        (Modes(), Modes(slow=10), "mom changed #dev: one message per 10 s"),
        (Modes(slow=10), Modes(slow=60), "mom changed #dev: one message per 1 min"),
        (Modes(slow=10), Modes(), "mom changed #dev: no longer slow"),
        (Modes(), Modes(key=True), "mom changed #dev: needs a key"),
        (Modes(key=True), Modes(), "mom changed #dev: needs no key"),
        (Modes(history="joined"), Modes(), "mom changed #dev: newcomers see earlier messages"),
        (Modes(key=True), Modes(key=True), "mom set a new key for #dev"),
        (
            Modes(secret=True),
            Modes(history="joined"),
            "mom changed #dev: newcomers see new messages only, no longer secret",
        ),
        (None, Modes(secret=True), "mom changed #dev: secret"),
        (None, Modes(), "mom changed #dev: all modes are off"),
    ],
)
def test_a_change_of_modes_is_shown_by_its_difference(before, now, line):
    event = Changed(room="dev", by="mom", change="modes", modes=now)
    assert changed(event, view(), before) == [f"· {line}"]


def test_the_rooms_are_a_table_with_the_fullest_first():
    found = [
        Room(room="ops", people=2, modes=Modes(secret=True, key=True)),
        Room(room="plaza", people=12, joined=True),
        Room(room="日本", people=2, topic="あ\n b", joined=True),
    ]
    assert room_list(found, view(80)) == [
        "· 3 rooms:",
        " * #plaza  12",
        "   #ops     2  (secret, needs a key)",
        " * #日本    2  あ b",
    ]
    assert room_list([], view()) == ["· 0 rooms"]


def test_members_are_in_columns_with_operators_and_voices_first():
    found = [RoomMember(name=name) for name in ("dana", "ada", "bob", "Cleo")]
    found += [RoomMember(name="zoe", role="operator"), RoomMember(name="yan", role="voice")]
    assert members("dev", found, view(30)) == [
        "· 6 in #dev:",
        "  @zoe        bob",
        "  +yan        Cleo",
        "  ada         dana (you)",
    ]
    assert members("dev", found, view(12)) == [
        "· 6 in #dev:",
        "  @zoe",
        "  +yan",
        "  ada",
        "  bob",
        "  Cleo",
        "  dana (you)",
    ]
    assert members("dev", found[:2], view()) == ["· 2 in #dev: ada, dana (you)"]


def test_a_long_list_does_not_sweep_the_screen_away():
    found = [RoomMember(name=f"n{number}") for number in range(10_000)]
    shown = members("dev", found, view(80))
    assert len(shown) == 1 + MOST_ROWS + 1
    assert shown[-1] == "         … 9,560 more people"
    rooms = [Room(room=f"n{number}", people=1, topic="bees") for number in range(10_000)]
    shown = room_list(rooms, view(80))
    assert len(shown) == 1 + MOST_ROWS + 1
    assert shown[-1] == "         … 9,960 more rooms"
    assert len(room_list(rooms, view())) == 10_001
    assert members("dev", found, view())[0].count(",") == 9_999


def test_everything_known_about_a_room_is_shown():
    assert room_info(RoomInfo(room="dev", people=1), view()) == [
        "· #dev: only you",
        "· topic: none",
        "· modes: none",
    ]
    info = RoomInfo(
        room="dev",
        people=3,
        topic="bees",
        topic_by="mom",
        topic_at=AT_TEN,
        modes=Modes(invite_only=True, key=True),
        operators=["mom"],
        voices=["sis"],
        key="s3cret",
        bans=[Sanctioned("eve", "mom", "spam", AT_TEN), Sanctioned("10.0.0.0/8", "*")],
        muted=[Sanctioned("bob", "dana")],
        invited=["ada", "cleo"],
    )
    assert room_info(info, view()) == [
        "· #dev: 3 people",
        "· topic: bees (mom, 10:00)",
        "· modes: invite-only, needs a key",
        "· operators: mom",
        "· voices: sis",
        "· invited: ada, cleo",
        "· key: s3cret",
        "· banned: eve (until 10:00, by mom): spam",
        "· banned: 10.0.0.0/8 (for good, by an operator of the chat)",
        "· muted: bob (for good, by you)",
    ]


def test_messages_outside_the_current_room_are_marked_with_their_room():
    message = Msg(id="1-1", from_="sis", room="dev", text="hi", ts=AT_TEN)
    assert render.message(message, view()) == ["10:00:00 #dev sis: hi"]
    assert render.message(message, view(room="dev")) == ["10:00:00 sis: hi"]
    assert render.message(message, view(room=None)) == ["10:00:00 #dev sis: hi"]
