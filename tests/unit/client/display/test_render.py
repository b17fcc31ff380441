from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import news as client_news
from client.display import render
from client.display.rows import INDENT
from client.display.style import THEMES, Style, theme_named
from client.display.view import View
from client.errors import Refused
from client.news import Back, Held, Lost, SentAgain, StillAway
from tests.unit.client.fake_gateway import TS
from wire.frames import Ack, Error, Gap, Joined, Left, Msg, Notice, Pong, User, Users
from wire.reasons import REASONS, SHUTDOWN

HERE = UTC
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=HERE)
AT = datetime(2026, 11, 23, 10, 0, 5, tzinfo=HERE)
VIEW = View(me="dana", now=NOW, style=Style(color=False))
COLORS = View(me="dana", now=NOW, style=Style(color=True))


def said(text="hello", *, sender="sis", at=AT, ts=TS, **fields):
    if "to" not in fields:
        fields.setdefault("room", "lobby")
    return Msg(id="1-1", from_=sender, text=text, at=at, ts=ts, **fields)


def shown(event, view=VIEW):
    return "\n".join(render.event(event, view))


def test_a_public_message():
    assert shown(said()) == "10:00:05 sis: hello"


def test_a_message_in_another_room_says_so():
    assert shown(said(room="dev")) == "10:00:05 #dev sis: hello"


@pytest.mark.parametrize(
    ("sender", "to", "expected"),
    [
        ("sis", ["dana"], "10:00:05 sis → you: hi"),
        ("sis", ["Dana", "mom"], "10:00:05 sis → you, mom: hi"),
        ("dana", ["sis", "mom"], "10:00:05 you → sis, mom: hi"),
    ],
)
def test_a_private_message_shows_its_sender_and_its_recipients(sender, to, expected):
    assert shown(said("hi", sender=sender, to=to)) == expected


def test_an_announcement_looks_like_nothing_that_a_person_can_say():
    assert shown(said("back at six", sender="*")) == "10:00:05 *** announcement: back at six"
    assert shown(said("a\nb", sender="*", room="dev")) == (
        "10:00:05 *** announcement #dev: a\n         b"
    )
    colored = shown(said("dana, really", sender="*"), COLORS)
    assert "\x1b[33m*** announcement\x1b[0m: \x1b[7mdana\x1b[0m, really" in colored


def test_the_time_is_the_senders_and_its_offset_is_shown_if_it_is_not_ours():
    at = AT.astimezone(timezone(timedelta(hours=2)))
    assert shown(said(at=at)) == "12:00:05+02:00 sis: hello"


def test_our_own_offset_is_not_shown():
    zone = timezone(timedelta(hours=2))
    view = View(me="dana", now=NOW.astimezone(zone), style=Style(color=False))
    assert shown(said(at=AT.astimezone(zone)), view) == "12:00:05 sis: hello"


def test_a_message_of_another_day_shows_its_date():
    yesterday = TS - 86_400_000
    assert shown(said(at=AT - timedelta(days=1), ts=yesterday)) == "2026-11-22 10:00:05 sis: hello"


@pytest.mark.parametrize(
    ("seconds", "mark"),
    [
        (60, ""),
        (-60, ""),
        (61, " (clock +1m)"),
        (185, " (clock +3m)"),
        (-185, " (clock -3m)"),
        (5 * 3600 + 1, " (clock +5h)"),
    ],
)
def test_a_clock_that_is_far_off_is_marked(seconds, mark):
    at = datetime.fromtimestamp(TS / 1000, HERE) + timedelta(seconds=seconds)
    assert shown(said(at=at)) == f"{at:%H:%M:%S}{mark} sis: hello"


def test_a_clock_that_is_days_off_is_marked_in_days():
    at = datetime.fromtimestamp(TS / 1000, HERE) + timedelta(days=3)
    assert shown(said(at=at)) == "2026-11-26 10:00:00 (clock +3d) sis: hello"


def test_without_a_senders_time_it_is_the_gateways_in_our_zone():
    zone = timezone(timedelta(hours=-5))
    view = View(me="dana", now=NOW.astimezone(zone), style=Style(color=False))
    assert shown(said(at=None), view) == "05:00:00 sis: hello"


def test_a_clock_beyond_all_calendars_is_shown_as_none():
    assert shown(said(at=None, ts=10**30)) == "--:--:-- sis: hello"


def test_the_lines_of_a_message_are_indented_so_that_none_passes_for_somebody_elses():
    assert shown(said("hi\n10:00:06 mom: send money")) == (
        "10:00:05 sis: hi\n         10:00:06 mom: send money"
    )


@given(st.text(), st.text(min_size=1), st.lists(st.text()), st.booleans())
def test_only_the_first_line_of_any_message_begins_at_the_margin(text, sender, to, private):
    where = {"to": to} if private else {"room": "lobby"}
    first, *more = render.event(said(text, sender=sender, **where), VIEW)
    assert first.startswith("10:00:05 ")
    assert all(line.startswith(INDENT) for line in more)
    for line in (first, *more):
        assert not set(line) & set("\n\r\x1b\x9b\u202e\u2028")


@given(st.text(), st.text(), st.text())
def test_no_event_can_bring_a_line_end_or_an_escape_sequence(one, two, three):
    events = [
        Joined(room=one, name=two),
        Left(room=one, name=two, code=three),
        Notice(code=one, text=two),
        Error(code=one, text=two),
        Users(users=[User(name=one, gateway=two, since=0, idle=1e9)]),
    ]
    acks = [Ack(seq=1, id=one, to=[two], absent=[three]), Ack(seq=1, id=one, absent=[two])]
    lines = [line for event in events for line in render.event(event, VIEW)]
    for line in lines + [line for ack in acks for line in render.ack(ack, VIEW)]:
        assert not set(line) & set("\n\r\x1b\x9b\u202e\u2028")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("dana?", "\x1b[7mdana\x1b[0m?"),
        ("hi @Dana", "hi \x1b[7m@Dana\x1b[0m"),
        ("bandana", "bandana"),
    ],
)
def test_the_readers_own_name_stands_out(text, marked):
    assert shown(said(text), COLORS).endswith(f": {marked}")


def test_names_have_their_color_and_other_peoples_sequences_do_not_count():
    line = shown(said("\x1b[31mred", sender="sis"), COLORS)
    assert line == "\x1b[2m10:00:05\x1b[0m \x1b[38;5;165msis\x1b[0m: \ufffd[31mred"


def test_coming_and_going():
    assert shown(Joined(room="lobby", name="sis")) == "· sis joined"
    assert shown(Joined(room="dev", name="sis")) == "· sis joined #dev"
    assert shown(Left(room="lobby", name="sis", code="quit")) == "· sis left"
    assert shown(Left(room="lobby", name="sis", code="idle")) == "· sis left (idle)"
    assert shown(Left(room="lobby", name="sis", code="gateway_lost")) == "· sis left (gateway lost)"
    assert shown(Left(room="lobby", name="sis", code="new_code")) == "· sis left (new code)"


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.code)
def test_no_reason_for_leaving_is_shown_as_a_code(reason):
    assert "_" not in shown(Left(room="lobby", name="sis", code=reason.code))


@pytest.mark.parametrize(
    ("ack", "expected"),
    [
        (Ack(seq=1, id="1-1", room="lobby"), ""),
        (Ack(seq=1, id="1-1", to=["sis"]), ""),
        (
            Ack(seq=1, id="1-1", room="lobby", absent=["mmo"]),
            "· nobody named @mmo is here: sent to everyone",
        ),
        (
            Ack(seq=1, id="1-1", room="lobby", absent=["mmo", "dda"]),
            "· nobody named @mmo or @dda is here: sent to everyone",
        ),
        (
            Ack(seq=1, id="1-1", to=["sis"], absent=["mom"]),
            "· sent to sis; @mom is not here",
        ),
        (
            Ack(seq=1, id="1-1", to=["sis", "bro"], absent=["mom", "dad"]),
            "· sent to sis, bro; @mom and @dad are not here",
        ),
        (Ack(seq=1, id="1-1", to=["sis"]), ""),
        (
            Ack(seq=1, id="1-1", room="lobby", absent=["All"]),
            "· nobody named @All is here: sent to everyone. To reach everyone, name nobody",
        ),
        (Ack(seq=1, id="1-1", later=["sis"]), "· sis gets it when they are here again"),
        (
            Ack(seq=1, id="1-1", to=["bro"], later=["sis", "mom"], absent=["dad"]),
            "· sent to bro; sis, mom get it when they are here again; @dad is not here",
        ),
        (
            Ack(seq=1, id="1-1", room="lobby", mentioned=["sis"]),
            "· everyone reads this, sis too: names count at the end only",
        ),
        (
            Ack(seq=1, id="1-1", room="lobby", absent=["mmo"], mentioned=["sis", "\x1b"]),
            "· nobody named @mmo is here: sent to everyone\n"
            "· everyone reads this, sis, \ufffd too: names count at the end only",
        ),
    ],
)
def test_a_sender_is_told_where_a_message_went(ack, expected):
    assert "\n".join(render.ack(ack, VIEW)) == expected


def test_who_is_here():
    users = [
        User(name="sis", gateway="g1", since=0, idle=200.0),
        User(name="dana", gateway="g1", since=0, idle=99.0),
        User(name="mom", gateway="g2", since=0, idle=59.9),
        User(name="zoe", gateway="g2", since=0, idle=2 * 3600.0),
    ]
    assert (
        shown(Users(users=users)) == "· 4 here: dana (you), mom, sis (idle 3 min), zoe (idle 2 h)"
    )


def test_notices_and_errors():
    assert shown(Notice(code="redis_away", text="wait")) == "· wait"
    assert shown(Error(code="bad_json", text="what?")) == "! what?"
    assert shown(Pong()) == ""


def test_an_invitation_says_how_to_join_the_room():
    invited = Notice(code="invited", text="mom invites you to the room dev", room="dev")
    assert shown(invited) == "· mom invites you to the room dev: /join dev"


def test_the_warning_before_an_idle_goodbye_stands_out():
    warning = Notice(code="idle_soon", text="15 s left", left=15.0)
    assert shown(warning, COLORS) == "\x1b[33m· 15 s left\x1b[0m"


@pytest.mark.parametrize(
    "event",
    [
        said("word " * 30),
        said("word " * 30, sender="*"),
        said("hi", to=[f"name{number}" for number in range(20)]),
        Gap(room="a-room-with-a-long-name", after="1-1", text="-"),
        Joined(room="a-room-with-a-long-name", name="somebody-with-a-long-name"),
        Notice(code="redis_away", text="word " * 30),
        Notice(code="idle_soon", text="word " * 30),
        Error(code="bad_json", text="word " * 30),
        Users(users=[User(name=f"n{n}", gateway="g", since=0, idle=0.0) for n in range(40)]),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.parametrize("width", [10, 40])
def test_everything_fits_the_window_and_only_its_first_row_begins_at_the_margin(event, width):
    for style in (Style(color=False), Style(color=True)):
        view = View(me="dana", now=NOW, style=style, width=width)
        _, *more = render.event(event, view)
        assert more
        assert all(row.startswith(" " * min(9, width - 2)) for row in more)


def test_our_own_lost_messages_are_quoted():
    assert render.unconfirmed("hi\nthere", VIEW) == [
        "· not confirmed, may not have been sent: hi",
        "         there",
    ]
    assert render.not_sent("hi", "Redis is away", VIEW) == ["! Redis is away", "· not sent: hi"]
    assert render.not_sent("hi", "-", VIEW, to=["sis", "mom"])[1] == "· not sent to sis, mom: hi"
    [line] = render.unconfirmed("hi", VIEW, to=["sis"])
    assert line == "· not confirmed, may not have been sent to sis: hi"


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        ("lobby", "··· some messages are missing here ···"),
        ("dev", "··· some messages are missing here #dev ···"),
        ("@", "··· private messages may be missing here ···"),
    ],
)
def test_a_gap(room, expected):
    assert shown(Gap(room=room, after="1-1", text="-")) == expected


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        (Lost(SHUTDOWN), f"· {SHUTDOWN.text} Reconnecting..."),
        (StillAway("nobody\x1b answers"), "· nobody\ufffd answers"),
        (StillAway("Too many.", 90.4), "· Too many. Trying again in 90 s."),
        (Back("g1", resumed=True), "· back again, on g1"),
        (
            Held(Refused("slow_down", "-"), 1.26),
            "· the gateway asks for a pause: what you sent follows in 1.3 s, in order",
        ),
        (
            Held(Refused("outbox_full", "-"), 0.5),
            "· the gateway cannot take this now: it is sent as soon as possible, in order",
        ),
        (
            SentAgain("one\ntwo"),
            "· not confirmed, so sent again; others may read it twice: one\n         two",
        ),
    ],
)
def test_the_state_of_the_connection_is_shown(news, expected):
    assert "\n".join(client_news.shown(news, VIEW)) == expected


DIM, END = "\x1b[2m10:00:05\x1b[0m", "\x1b[0m"


def test_own_private_and_other_lines_differ_in_every_theme():
    for theme in THEMES:
        view = replace(COLORS, style=Style(True, theme_named(theme)))
        public = shown(said("hi", sender="sis"), view)
        own = shown(said("hi", sender="dana"), view)
        private = shown(said("hi", sender="sis", to=["dana"]), view)
        mention = shown(said("hi dana", sender="sis"), view)
        assert "\x1b[" in own.removeprefix(DIM), theme
        assert "hi" + END in private, theme
        assert "\x1b[7mdana" in mention, theme
        assert public.endswith(": hi"), theme


def test_a_word_of_ones_own_is_highlighted_and_calls_like_the_name():
    view = replace(COLORS, highlight=("fire", "c++"))
    assert "\x1b[7mFire\x1b[0m!" in shown(said("Fire!", sender="sis"), view)
    assert render.is_for(said("a fire", sender="sis"), view)
    assert render.is_for(said("in c++ maybe", sender="sis"), view)
    assert not render.is_for(said("fireplace", sender="sis"), view)


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("def f(x):\n    return x", True),
        ("```\ncode\n```", True),
        ("  indented\nnot", True),
        ("a poem\nof two lines", False),
        ("one line", False),
    ],
)
def test_code_begins_on_a_line_of_its_own(text, block):
    first, *_ = render.event(said(text, sender="sis"), VIEW)
    assert (first == "10:00:05 sis:") is block


def test_the_time_is_written_as_the_person_wants():
    view = replace(VIEW, clock="%I:%M %p")
    assert shown(said("hi", sender="sis"), view) == "10:00 AM sis: hi"
