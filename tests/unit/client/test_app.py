import asyncio
import os
import signal
from datetime import datetime, timedelta

import msgspec
import pytest
from prompt_toolkit.input import create_pipe_input

from client.display.options import Options
from client.errors import CannotConnect, Refused
from client.log import Log
from tests.unit.client.rejoin import close
from tests.unit.client.running_app import RunningApp
from wire.codec import encode
from wire.frames import (
    AboutRoom,
    Ack,
    Active,
    Bye,
    Changed,
    Delete,
    Earlier,
    Entered,
    Error,
    Gap,
    Join,
    Joined,
    Leave,
    Left,
    ListMembers,
    ListRooms,
    MemberList,
    Moderate,
    Modes,
    Msg,
    Notice,
    Out,
    ReadHistory,
    Room,
    RoomInfo,
    RoomList,
    RoomMember,
    Send,
    SetAway,
    SetBack,
    SetModes,
    User,
    Users,
    Who,
)
from wire.limits import Limits
from wire.reasons import BANNED, FLOOD, IDLE, KICKED, SHUTDOWN

ENTER, TAB, UP, CTRL_C, CTRL_D, CTRL_R = "\r", "\t", "\x1b[A", "\x03", "\x04", "\x12"


@pytest.fixture
async def app(join):
    with create_pipe_input() as keys:
        app = RunningApp(join, keys)
        yield app
        app.running.cancel()
        await asyncio.gather(app.running, return_exceptions=True)
        await close(app.chat)


async def test_enter_sends_and_empties_the_line(app):
    await app.start()
    app.type("hello" + ENTER)
    assert (await app.peer.acknowledge()).text == "hello"
    await app.line("")


async def test_messages_are_shown_and_the_typed_line_stays(app):
    await app.start()
    app.type("half a li")
    await app.line("half a li")
    app.peer.say("hello \x1b[31m", sender="sis")
    await app.shown("sis: hello \ufffd[31m\r\n")
    app.type("ne" + ENTER)
    assert (await app.peer.acknowledge()).text == "half a line"


async def test_a_paste_of_several_lines_is_one_message(app):
    await app.start()
    app.type("\x1b[200~one\r\ntwo\nthree\n\x1b[201~")
    await app.line("one\ntwo\nthree\n")
    app.type("four" + ENTER)
    assert (await app.peer.acknowledge()).text == "one\ntwo\nthree\nfour"


async def test_the_prompt_says_where_the_line_will_go_while_it_is_typed(app):
    await app.start()
    app.type("hi @sis")
    await app.shown("→ sis>")
    app.type("\x15/msg mom,dad hi")
    await app.shown("→ mom, dad>")


async def test_all_messages_may_go_to_fixed_recipients(app):
    await app.start(to=("sis", "mom"))
    await app.shown("dana → sis, mom>")
    app.type("hello" + ENTER)
    assert (await app.peer.acknowledge(to=["sis"])).to == ["sis", "mom"]


async def test_a_mistyped_command_stays_in_the_line_and_is_not_sent(app):
    await app.start()
    app.type("!msg sis secret" + ENTER)
    await app.shown("did you mean /msg?")
    await app.line("!msg sis secret")
    app.type("\x15 /msg sis secret" + ENTER)
    assert (await app.peer.acknowledge(to=["sis"])).to == ["sis"]


async def test_names_and_commands_are_completed(app):
    await app.start()
    app.peer.say("I am here", sender="sister")
    await app.shown("I am here")
    app.type("hi @sist" + TAB)
    await app.look_around("dana", "sis", "sister")
    await app.line("hi @sister ")
    app.type("\x15/hel" + TAB)
    await app.line("/help ")


async def test_an_announcement_is_shown_and_its_sender_is_not_completed(app):
    await app.start()
    app.peer.say("back at six", sender="*")
    app.peer.say("hello", sender="mom")
    await app.shown("*** announcement: back at six\r\n")
    await app.shown("mom: hello")
    app.type("@" + TAB)
    await app.look_around("dana", "mom")
    await app.shown("mom", after="mom: hello")
    assert "@*" not in app.written.getvalue()


async def test_names_of_people_who_come_and_leave_are_completed(app):
    await app.start()
    app.peer.tell(Joined(room="lobby", name="mom"), Left(room="lobby", name="sis", code="idle"))
    await app.shown("sis left (idle)")
    app.type("@m" + TAB)
    await app.look_around("dana", "mom", "sue")
    await app.line("@mom ")
    app.peer.tell(Left(room="lobby", name="sue", code="quit"))
    await app.shown("sue left")
    app.type("\x15@s" + TAB + "x")
    await app.line("@sx")


async def test_earlier_lines_come_back(app):
    await app.start()
    for text in ("first one", "second"):
        app.type(text + ENTER)
        await app.peer.acknowledge()
    await app.history(2)
    app.type(UP)
    await app.line("second")
    app.type(UP)
    await app.line("first one")


async def test_earlier_lines_can_be_searched(app):
    await app.start()
    for text in ("first one", "second"):
        app.type(text + ENTER)
        await app.peer.acknowledge()
    await app.history(2)
    app.type(CTRL_R + "one" + ENTER)
    await app.line("first one")


async def test_a_private_message_says_where_it_went(app):
    await app.start()
    app.type("/msg sis,mom hi" + ENTER)
    assert (await app.peer.acknowledge(to=["sis"], absent=["mom"])).to == ["sis", "mom"]
    await app.shown("· sent to sis; @mom is not here")


async def test_who_lists_the_people(app):
    await app.start()
    app.type("/who" + ENTER)
    who = await app.peer.expect(Who)
    sis = User(name="sis", gateway="g1", since=0, idle=300.0)
    app.peer.tell(Users(users=[sis], seq=who.seq))
    await app.shown("· 1 here: sis (idle 5 min)")


async def test_a_wrong_command_stays_to_be_corrected(app):
    await app.start()
    app.type("/mgs sis hi" + ENTER)
    await app.shown("did you mean /msg?")
    await app.line("/mgs sis hi")


async def test_help_lists_the_commands(app):
    await app.start()
    app.type("/help" + ENTER)
    await app.shown("/msg NAME[,NAME] TEXT")
    await app.line("")


async def test_a_message_that_is_too_long_stays_to_be_shortened(app):
    await app.start(limits=Limits(text=10))
    app.type("much too long" + ENTER)
    await app.shown("! too long: 13 characters, and 10 are allowed")
    await app.line("much too long")


async def test_typing_counts_as_activity_but_not_every_key(app):
    await app.start()
    app.type("a")
    assert isinstance(await app.peer.request(), Active)
    app.now = 4.9
    app.type("b")
    await app.line("ab")
    app.now = 5.0
    app.type("c" + ENTER)
    assert isinstance(await app.peer.request(), Active)
    assert isinstance(await app.peer.request(), Send)


async def test_the_warning_before_an_idle_goodbye_is_shown_and_then_the_goodbye(app):
    await app.start()
    app.peer.tell(Notice(code="idle_soon", text="15 s left", left=15.0))
    await app.shown("· 15 s left")
    app.peer.tell(Bye(*IDLE))
    assert await app.running == 0
    told = "· you did nothing for 1 min: run the same command to come back\r\nBye!\r\n"
    assert app.written.getvalue().endswith(told)


async def test_a_bad_goodbye_is_told_on_stderr(app, capsys):
    await app.start()
    app.peer.tell(Bye(*FLOOD))
    assert await app.running == 1
    assert capsys.readouterr().err == f"chatctl: {FLOOD.text}\n"


@pytest.mark.parametrize("reason", [KICKED, BANNED])
async def test_a_person_who_is_sent_away_is_told_why_and_does_not_come_back(app, capsys, reason):
    await app.start()
    app.peer.tell(Bye(reason.code, f"{reason.text} Be nice.", reason.reconnect))
    assert await app.running == 1
    assert capsys.readouterr().err == f"chatctl: {reason.text} Be nice.\n"
    assert app.rejoin.earlier == []


@pytest.mark.parametrize("typed", [CTRL_C, CTRL_D, "/quit" + ENTER, "half a line" + CTRL_C * 2])
async def test_leaving_says_so_to_the_gateway(app, typed):
    await app.start()
    app.type(typed)
    await app.peer.farewell()
    assert await app.running == 0
    assert "Bye!" in app.written.getvalue()


async def test_ctrl_c_clears_a_half_typed_line(app):
    await app.start()
    app.type("half a line" + CTRL_C)
    await app.line("")
    app.type("hello" + ENTER)
    assert (await app.peer.acknowledge()).text == "hello"
    assert not app.running.done()


@pytest.mark.parametrize("typed", ["", "half a pass"])
async def test_ctrl_c_at_the_question_for_a_password_ends_the_question(app, typed):
    await app.start()
    app.type("/register" + ENTER)
    await app.shown("new password:")
    app.type(typed + CTRL_C)
    await app.shown("nothing was changed")
    app.type("hello" + ENTER)
    assert (await app.peer.acknowledge()).text == "hello"


async def test_a_room_is_chosen_by_its_name_or_its_number(app):
    await app.start(rooms=("lobby", "dev", "ops"))
    for typed, room in (("/go dev" + ENTER, "dev"), ("\x1b3", "ops"), ("\x1b1", "lobby")):
        app.type(typed)
        await app.shown(f"what you type goes to #{room} now")
        app.type("hi" + ENTER)
        assert (await app.peer.acknowledge(room=room)).room == room
    app.type("/go attic" + ENTER)
    await app.shown("you are not in #attic: /join attic enters it")
    app.type("\x1b9" + "still here" + ENTER)
    assert (await app.peer.acknowledge()).room == "lobby"


def said(id, text, sender="sis"):
    line = encode(Msg(id=id, from_=sender, room="lobby", text=text, ts=1))
    return msgspec.Raw(line.rstrip(b"\n"))


async def test_what_was_said_before_comes_first_and_ends_in_a_line(app):
    await app.start(backlog=50)
    app.peer.say("live", sender="sis")
    asked = await app.peer.expect(ReadHistory)
    assert (asked.room, asked.limit, asked.before) == ("lobby", 50, "0-6")
    past = [said("0-4", "yesterday"), said("0-5", "just now")]
    app.peer.tell(Earlier(events=past, room="lobby", seq=asked.seq))
    await app.look_around("dana", "sis")
    about = await app.peer.expect(AboutRoom)
    app.peer.tell(RoomInfo(room="lobby", people=2, topic="all welcome", seq=about.seq))
    await app.shown("topic: all welcome")
    await app.shown("sis: live")
    shown = app.written.getvalue()
    order = [
        "yesterday",
        "just now",
        "earlier messages end here",
        "2 here: dana (you), sis",
        "live",
    ]
    places = [shown.index(text) for text in order]
    assert places == sorted(places)


async def test_where_nothing_was_said_nothing_is_told(app):
    await app.start(backlog=50)
    asked = await app.peer.expect(ReadHistory)
    app.peer.tell(Earlier(events=[], room="lobby", complete=True, seq=asked.seq))
    await app.look_around("dana")
    app.peer.say("live", sender="sis")
    await app.shown("sis: live")
    assert "earlier" not in app.written.getvalue()


async def test_a_gateway_that_tells_no_history_is_no_reason_to_wait_forever(app, monkeypatch):
    monkeypatch.setattr("client.app.BACKLOG_WITHIN", 0.05)
    await app.start(backlog=50)
    app.peer.say("live", sender="sis")
    await app.shown("sis: live")


async def test_a_connection_that_breaks_meanwhile_is_told_at_once(app):
    await app.start(backlog=50)
    await app.peer.expect(ReadHistory)
    app.peer.tell(Bye(*SHUTDOWN))
    await app.shown("Reconnecting...")
    await app.back()


async def test_it_rings_for_what_is_meant_for_the_person(app):
    await app.start(options=Options(bell=True, status=False))
    rings = 0
    for number, (text, to, sender, loud) in enumerate(
        [
            ("hello all", None, "sis", False),
            ("DANA, look", None, "sis", True),
            ("danas", None, "sis", False),
            ("psst", ["dana"], "sis", True),
            ("psst", ["sis"], "dana", False),
        ]
    ):
        app.peer.say(text, sender=sender, **({"to": to} if to else {}))
        app.peer.say(f"mark {number}", sender="mom")
        await app.shown(f"mom: mark {number}")
        rings += loud
        assert app.written.getvalue().count("\a") == rings


async def test_it_says_when_the_day_has_changed(app, monkeypatch):
    await app.start()
    app.peer.say("before midnight", sender="sis")
    await app.shown("before midnight")
    app.app._day -= timedelta(days=1)
    app.peer.say("after midnight", sender="sis")
    await app.shown("after midnight")
    told = f"it is {datetime.now():%A, %Y-%m-%d}"
    assert app.written.getvalue().count(told) == 1


async def test_a_signal_leaves_cleanly_too(app):
    await app.start()
    app.type("x")
    await app.line("x")
    os.kill(os.getpid(), signal.SIGTERM)
    await app.peer.farewell()
    assert await app.running == 128 + signal.SIGTERM


async def test_messages_that_wait_are_still_sent_when_leaving(app):
    await app.start()
    app.type("one" + ENTER + "two" + ENTER + "/quit" + ENTER)
    assert [(await app.peer.acknowledge()).text for _ in range(2)] == ["one", "two"]
    await app.peer.farewell()
    assert await app.running == 0


async def test_a_refusal_says_what_was_not_sent(app):
    await app.start()
    app.type("hello" + ENTER)
    send = await app.peer.expect(Send)
    app.peer.tell(Error(code="nobody_here", text="nobody is here", seq=send.seq))
    await app.shown("! nobody is here\r\n· not sent: hello")


async def test_a_message_with_an_unknown_outcome_is_not_confirmed(app):
    await app.start()
    app.type("hello" + ENTER)
    send = await app.peer.expect(Send)
    app.peer.tell(Error(code="stale_seq", text="?", seq=send.seq))
    await app.shown("· not confirmed, may not have been sent: hello")


async def test_a_request_to_slow_down_is_obeyed_and_told_once(app):
    await app.start()
    app.type("one" + ENTER + "two" + ENTER)
    for text in ("one", "two"):
        send = await app.peer.expect(Send)
        app.peer.tell(Error(code="slow_down", text="!", seq=send.seq, retry_after=0.01))
        assert (await app.peer.acknowledge()).text == text
    assert app.written.getvalue().count("the gateway asks for a pause") == 1


async def test_after_a_lost_connection_everything_typed_is_still_there(app):
    await app.start()
    app.rejoin.failures = [CannotConnect("nobody answers"), CannotConnect("nobody answers")]
    app.type("sent" + ENTER)
    sent = await app.peer.expect(Send)
    app.type("half a li")
    await app.line("half a li")
    app.peer.tell(Bye(*SHUTDOWN))
    await app.back()
    assert app.written.getvalue().count("nobody answers") == 1
    assert await app.peer.acknowledge() == sent
    app.type("ne" + ENTER)
    assert (await app.peer.acknowledge()).text == "half a line"
    assert "not confirmed" not in app.written.getvalue()


async def test_the_prompt_says_when_there_is_no_connection(app):
    await app.start()
    app.rejoin.until = asyncio.Event()
    app.peer.hang_up()
    await app.shown("dana (reconnecting)>")


async def test_the_prompt_says_while_redis_is_away(app):
    await app.start()
    app.peer.tell(Notice(code="redis_away", text="it is kept"))
    await app.shown("dana (waiting)>")
    app.peer.tell(Notice(code="redis_back", text="it is back"))
    await app.shown("· it is back")
    await app.shown("dana>", after="· it is back")


async def test_missed_messages_are_shown_once_and_a_gap_in_its_place(app):
    await app.start()
    app.peer.say("one", id="1-1")
    await app.shown("sis: one")
    app.peer.hang_up()
    await app.back()
    assert app.peer.hello.seen == {"lobby": "1-1"}
    app.peer.say("one", id="1-1")
    app.peer.tell(Gap(room="lobby", after="1-1", text="-"))
    app.peer.say("nine", id="1-9")
    await app.shown("sis: nine")
    shown = app.written.getvalue()
    assert shown.count("sis: one") == 1
    assert shown.index("··· some messages are missing here ···") < shown.index("sis: nine")


async def test_lines_typed_while_disconnected_are_sent_after_the_return(app):
    await app.start()
    away = asyncio.Event()
    app.rejoin.until = away
    app.peer.hang_up()
    await app.shown("Reconnecting...")
    app.type("later" + ENTER)
    await app.shown("· not connected: it will be sent")
    away.set()
    await app.back()
    assert (await app.peer.acknowledge()).text == "later"


async def test_leaving_works_while_disconnected(app):
    await app.start()
    app.rejoin.until = asyncio.Event()
    app.peer.hang_up()
    await app.shown("Reconnecting...")
    app.type("unsent" + ENTER + CTRL_D)
    assert await app.running == 0
    assert "· not sent: unsent" in app.written.getvalue()


async def test_a_refusal_to_come_back_ends_the_chat(app, capsys):
    await app.start()
    app.rejoin.failures = [Refused("bad_version", "this client is too old")]
    app.peer.hang_up()
    assert await app.running == 1
    assert capsys.readouterr().err == "chatctl: this client is too old\n"


async def test_a_text_that_is_much_too_long_is_rejected_at_once(app):
    await app.start(limits=Limits(text=100))
    app.type("draft ")
    await app.line("draft ")
    app.type(f"\x1b[200~{'x' * 50_000}\x1b[201~")
    await app.shown("! not taken: 50,006 characters, and 100 are allowed")
    app.type("stays" + ENTER)
    assert (await app.peer.acknowledge()).text == "draft stays"


async def test_a_text_that_is_a_little_too_long_can_be_shortened(app):
    await app.start(limits=Limits(text=100))
    app.type(f"\x1b[200~{'x' * 400}\x1b[201~" + ENTER)
    await app.shown("! too long: 400 characters, and 100 are allowed")
    app.type("\x08" * 300 + ENTER)
    assert (await app.peer.acknowledge()).text == "x" * 100


async def test_many_parts_of_a_paste_that_is_too_long_are_reported_once(app):
    await app.start(limits=Limits(text=10))
    for _ in range(50):
        app.type(f"\x1b[200~{'x' * 41}\x1b[201~")
    await app.shown("! not taken: 41 characters, and 10 are allowed")
    app.type("hello" + ENTER)
    await app.peer.acknowledge()
    assert app.written.getvalue().count("not taken") == 1
    app.now += 1.0
    app.type(f"\x1b[200~{'x' * 42}\x1b[201~")
    await app.shown("! not taken: 42 characters, and 10 are allowed")


class TestRooms:
    @staticmethod
    async def joins(app, room="dev", **fields):
        """Join a room, and wait for the answer."""
        app.type(f"/join {room}" + ENTER)
        request = await app.peer.expect(Join)
        app.peer.tell(Entered(room=room, seen="1-0", seq=request.seq, **fields))
        await app.shown(f"· you are in #{room}")
        return request

    async def test_after_joining_a_room_lines_go_there(self, app):
        await app.start()
        await self.joins(app, people=3, topic="bees")
        await app.shown("· you are in #dev (3 people): bees")
        await app.shown("dana #dev>")
        app.type("hello" + ENTER)
        send = await app.peer.acknowledge(room="dev")
        assert (send.text, send.room) == ("hello", "dev")

    async def test_messages_of_other_rooms_are_marked_and_their_joins_are_not_shown(self, app):
        await app.start(rooms=["lobby", "dev"])
        app.peer.tell(Joined(room="dev", name="eve"), Joined(room="lobby", name="mom"))
        app.peer.say("hi", room="dev")
        app.peer.say("ho")
        await app.shown("#dev sis: hi")
        await app.shown("0 sis: ho")
        shown = app.written.getvalue()
        assert "· mom joined\r\n" in shown
        assert "eve joined" not in shown

    async def test_joining_a_room_again_makes_it_the_current_one_at_once(self, app):
        await app.start(rooms=["lobby", "dev"])
        await app.shown("dana #lobby>")
        app.type("/join #Dev" + ENTER)
        await app.shown("· what you type goes to #dev now")
        app.type("hello" + ENTER)
        assert (await app.peer.acknowledge(room="dev")).room == "dev"

    async def test_a_typed_line_never_goes_to_another_room_by_itself(self, app):
        await app.start()
        await self.joins(app)
        app.type("my pin is 1234")
        await app.line("my pin is 1234")
        app.peer.tell(Out(room="dev", code="kicked", text="mom kicked you out of #dev: spam"))
        await app.shown("· mom kicked you out of #dev: spam\r\n")
        await app.shown("· what you type goes to #lobby now")
        app.type(ENTER)
        await app.shown("· not sent: you are not in #dev. Enter sends it to #lobby.")
        await app.line("my pin is 1234")
        app.type("\x15fine" + ENTER)
        send = await app.peer.acknowledge()
        assert (send.text, send.room) == ("fine", "lobby")

    async def test_a_line_for_a_room_that_refuses_us_is_not_sent_elsewhere(self, app):
        await app.start()
        app.type("/join dev" + ENTER)
        request = await app.peer.expect(Join)
        app.type("hello dev" + ENTER)
        await app.shown("· not sent: #dev has not let you in yet")
        app.peer.tell(Error(code="invite_only", text="only by invitation", seq=request.seq))
        await app.shown("! only by invitation")
        app.type(ENTER)
        await app.shown("· not sent: you are not in #dev. Enter sends it to #lobby.")
        app.type(ENTER)
        send = await app.peer.acknowledge()
        assert (send.text, send.room) == ("hello dev", "lobby")

    async def test_a_person_who_is_put_out_is_told_why_once(self, app):
        await app.start(rooms=["lobby", "dev"])
        app.peer.tell(
            Changed(id="1-1", room="dev", by="mom", change="kick", name="dana", reason="spam"),
            Out(room="dev", code="kicked", text="You were kicked out of the room dev."),
        )
        app.peer.tell(Joined(room="lobby", name="sis"))
        app.peer.tell(Changed(id="1-0", room="lobby", by="mom", change="ban", name="sis"))
        app.peer.tell(Left(room="lobby", name="sis", code="banned"))
        app.peer.say("bye", sender="mom")
        await app.shown("mom: bye")
        shown = app.written.getvalue()
        assert "· mom kicked you out of #dev: spam\r\n" in shown
        assert "You were kicked" not in shown
        assert "· mom banned sis from #lobby\r\n" in shown
        assert "sis left" not in shown

    async def test_changes_from_before_we_came_are_not_shown(self, app):
        await app.start()
        app.type("/join dev" + ENTER)
        request = await app.peer.expect(Join)
        app.peer.tell(Entered(room="dev", seen="1-9", seq=request.seq))
        app.peer.say("hello", room="dev", id="1-8")
        app.peer.tell(Changed(id="1-9", room="dev", by="mom", change="kick", name="dana"))
        app.peer.tell(Changed(id="1-10", room="dev", by="mom", change="topic", topic="bees"))
        await app.shown("topic of #dev: bees")
        assert "sis: hello" in app.written.getvalue()
        assert "kicked you" not in app.written.getvalue()
        await app.shown("dana #dev>")

    async def test_a_long_pause_in_one_room_does_not_delay_other_rooms(self, app):
        await app.start(rooms=["lobby", "dev"])
        app.type("/join dev" + ENTER + "two" + ENTER)
        slow = await app.peer.expect(Send)
        assert slow.room == "dev"
        refusal = "one message per 60 s: wait 55 s"
        app.peer.tell(Error(code="slow_down", text=refusal, seq=slow.seq, retry_after=55.0))
        await app.shown(f"! {refusal}\r\n· not sent: two")
        app.type("/join lobby" + ENTER + "three" + ENTER)
        assert (await app.peer.acknowledge()).text == "three"

    async def test_leaving_a_room(self, app):
        await app.start()
        await self.joins(app)
        app.type("/leave" + ENTER)
        request = await app.peer.expect(Leave)
        assert request.room == "dev"
        app.peer.tell(Out(room="dev", code="left", text="-", seq=request.seq))
        await app.shown("· you left #dev")
        app.type("hello" + ENTER)
        assert (await app.peer.acknowledge()).room == "lobby"

    async def test_without_a_room_only_private_messages_can_be_sent(self, app):
        await app.start(rooms=[])
        await app.shown("dana (no room)>")
        app.type("hello" + ENTER)
        await app.shown("· you are in no room: /rooms lists them, /join ROOM enters one")
        app.type(" @sis" + ENTER)
        assert (await app.peer.acknowledge(to=["sis"])).to == ["sis"]

    async def test_a_change_of_modes_shows_what_is_new(self, app):
        await app.start()
        await self.joins(app, modes=Modes(secret=True))
        held = Modes(secret=True, invite_only=True)
        app.peer.tell(
            Changed(id="1-1", room="dev", by="mom", change="modes", modes=held),
            Changed(id="1-2", room="dev", by="mom", change="kick", name="sis", reason="spam"),
        )
        await app.shown("· mom made #dev invite-only\r\n")
        await app.shown("· mom kicked sis out of #dev: spam\r\n")

    async def test_a_moderation_command_is_sent_and_its_refusal_shown(self, app):
        await app.start(rooms=["dev"])
        app.type("/ban eve 2h spam" + ENTER)
        request = await app.peer.expect(Moderate)
        assert request == Moderate(
            room="dev", action="ban", name="eve", reason="spam", seconds=7200, seq=request.seq
        )
        app.peer.tell(Error(code="not_operator", text="ask mom", seq=request.seq))
        await app.shown("! ask mom")

    async def test_a_change_that_changes_nothing_is_reported(self, app):
        await app.start(rooms=["dev"])
        app.type("/set secret on" + ENTER)
        request = await app.peer.expect(SetModes)
        app.peer.tell(Ack(seq=request.seq, id=""))
        await app.shown("· nothing changed: it was so already")

    async def test_questions_about_rooms_are_answered(self, app):
        await app.start(rooms=["dev"])
        app.type("/rooms" + ENTER)
        asked = await app.peer.expect(ListRooms)
        app.peer.tell(RoomList(rooms=[Room(room="dev", people=2, joined=True)], seq=asked.seq))
        await app.shown(" * #dev  2\r\n")
        app.type("/names" + ENTER)
        asked = await app.peer.expect(ListMembers)
        mom = RoomMember(name="mom", role="operator")
        app.peer.tell(MemberList(room="dev", members=[mom], seq=asked.seq))
        await app.shown("  @mom\r\n")
        app.type("/topic" + ENTER)
        asked = await app.peer.expect(AboutRoom)
        app.peer.tell(RoomInfo(room="dev", people=2, topic="bees", seq=asked.seq))
        await app.shown("· topic: bees\r\n")

    async def test_after_a_return_nothing_is_shown_about_rooms_we_are_still_in(self, app):
        await app.start()
        await self.joins(app)
        app.rejoin.welcome = {"rooms": ["lobby", "dev"]}
        app.peer.hang_up()
        await app.back()
        app.peer.tell(Entered(room="dev", seen="1-0"))
        app.peer.say("hi", room="dev")
        await app.shown("sis: hi")
        assert app.written.getvalue().count("you are in #dev") == 1
        await app.shown("dana #dev>")

    async def test_a_room_that_refuses_us_after_a_return_is_no_longer_current(self, app):
        await app.start()
        await self.joins(app)
        app.rejoin.welcome = {"resumed": False}
        app.peer.hang_up()
        await app.back()
        request = await app.peer.expect(Join)
        app.peer.tell(Error(code="bad_key", text="wrong key", seq=request.seq))
        await app.shown("· you are no longer in #dev: wrong key")
        app.type("hello" + ENTER)
        await app.shown("· not sent: you are not in #dev.")

    async def test_in_a_large_room_members_are_asked_for_again_but_not_at_each_key(self, app):
        await app.start(limits=Limits(quiet_room=1))
        app.type("@s" + TAB)
        await app.look_around("sis", "sue")
        await app.shown("sue")
        app.type("\x15@su" + TAB)
        await app.line("@sue ")
        app.now += 30.0
        app.type("\x15@m" + TAB)
        await app.look_around("mom", "sue")
        await app.line("@mom ")


class TestWhatOnesOwn:
    """What a person types is theirs until others have it."""

    async def test_a_message_on_its_way_is_shown_at_once_and_then_in_its_place(self, app):
        await app.start()
        app.type("hello" + ENTER)
        send = await app.peer.expect(Send)
        await app.shown("… hello")
        app.peer.tell(Ack(seq=send.seq, id="1-9", room="lobby"))
        app.peer.tell(Msg(id="1-9", from_="dana", room="lobby", text="hello"))
        await app.shown("dana: hello", after="… hello")
        assert app.app._pending.rows(80) == []

    async def test_nothing_is_deleted_while_a_later_message_is_on_its_way(self, app):
        await app.start()
        app.type("hello" + ENTER)
        send = await app.peer.expect(Send)
        app.peer.tell(Ack(seq=send.seq, id="1-9", room="lobby"))
        app.peer.tell(Msg(id="1-9", from_="dana", room="lobby", text="hello"))
        await app.shown("dana: hello")
        app.type("my pin is 1234" + ENTER)
        send = await app.peer.expect(Send)
        app.type("/delete" + ENTER)
        await app.shown("your last message is still on its way")
        app.peer.tell(Ack(seq=send.seq, id="1-10", room="lobby"))
        app.peer.tell(Msg(id="1-10", from_="dana", room="lobby", text="my pin is 1234"))
        await app.shown("dana: my pin is 1234")
        app.type(ENTER)
        assert (await app.peer.expect(Delete)).id == "1-10"

    async def test_alt_enter_begins_a_new_line(self, app):
        await app.start()
        app.type("one\x1b\rtwo" + ENTER)
        assert (await app.peer.acknowledge()).text == "one\ntwo"

    async def test_a_paste_says_how_to_send_it_and_how_to_drop_it(self, app):
        await app.start()
        app.type("\x1b[200~one\ntwo\x1b[201~")
        await app.shown("2 lines pasted: Enter sends them as one message, Ctrl-C drops them")
        app.type(CTRL_C + "three")
        await app.line("three")

    async def test_what_was_typed_before_can_be_brought_back_at_the_next_start(self, app, tmp_path):
        (tmp_path / "typed").write_text("said yesterday\n")
        await app.start(remember=tmp_path / "typed")
        await app.history(1)
        app.type(UP)
        await app.line("said yesterday")
        app.type(" and today" + ENTER)
        await app.peer.acknowledge()
        kept = (tmp_path / "typed").read_text().splitlines()
        assert kept == ["said yesterday", "said yesterday and today"]

    async def test_when_the_chat_ends_a_half_typed_line_is_shown(self, app, capsys):
        await app.start()
        app.type("half a tho")
        await app.line("half a tho")
        app.peer.tell(Bye(code=IDLE.code, text=IDLE.text, reconnect=False))
        await app.running
        await app.shown("not sent: half a tho")


class TestConfirmPublic:
    """A message whose recipients are absent is public only after a second Enter."""

    async def start(self, app):
        await app.start(options=Options(confirm_public=True, status=False))
        app.type(r"mail me \@home @ghost" + ENTER)
        send = await app.peer.expect(Send)
        assert (send.text, send.to) == ("mail me @home @ghost", ["ghost"])
        app.peer.tell(Error(code="nobody_here", text="nobody is here", seq=send.seq))
        await app.shown("nobody named @ghost is here: not sent. Enter sends it to everyone")
        await app.line(r"mail me \@home @ghost")

    async def test_a_second_enter_sends_it_to_everyone(self, app):
        await self.start(app)
        app.type(ENTER)
        send = await app.peer.acknowledge()
        assert (send.text, send.to) == (r"mail me \@home @ghost", None)

    async def test_a_changed_line_is_asked_about_again(self, app):
        await self.start(app)
        app.type(" @gone" + ENTER)
        assert (await app.peer.acknowledge(to=["gone"])).to == ["ghost", "gone"]

    async def test_it_goes_to_those_who_are_here_without_a_question(self, app):
        await app.start(options=Options(confirm_public=True, status=False))
        app.type("hi @sis" + ENTER)
        assert (await app.peer.acknowledge(to=["sis"])).to == ["sis"]


class TestOptions:
    async def test_an_option_is_changed_and_kept(self, app):
        kept = []
        await app.start(keep=lambda *given: kept.append(given) or "config.toml")
        app.type("/set joins off" + ENTER)
        await app.shown("joins is off now; kept in config.toml")
        app.peer.tell(Joined(room="lobby", name="sis"))
        app.peer.say("here I am", sender="sis")
        await app.shown("here I am")
        assert "sis joined" not in app.written.getvalue()
        assert kept == [("joins", "off")]

    async def test_what_cannot_be_kept_holds_until_the_end(self, app):
        def keep(*_):
            raise OSError(30, "Read-only file system")

        await app.start(keep=keep)
        app.type("/set bell on" + ENTER)
        await app.shown("bell is on now until you leave: [Errno 30] Read-only file system")

    async def test_a_notification_is_asked_for_unless_the_person_looks(self, app):
        await app.start(options=Options(bell=False, notify="osc777", status=False))
        app.peer.say("dana, look\x1b]0;bad\x07", sender="sis")
        await app.shown("\x1b]777;notify;chat;sis: dana, look\ufffd]0;bad\ufffd\x07")
        app.type("\x1b[I")
        app.peer.say("dana again", sender="sis")
        await app.shown("again")
        assert app.written.getvalue().count("\x1b]777;") == 1

    async def test_where_one_stopped_reading_there_is_a_line(self, app):
        await app.start()
        app.type("\x1b[O")
        app.peer.say("seen", sender="sis")
        await app.shown("seen")
        app.now += 700
        app.peer.say("missed", sender="sis")
        await app.shown("missed", after="─── new since you looked away ───")
        app.type("\x1b[I")
        await app.shown("away 11 min: 1 message")
        await app.line("")

    async def test_the_status_says_where_one_is_and_what_is_new_elsewhere(self, app):
        await app.start(rooms=("lobby", "dev"), options=Options(bell=False))
        await app.shown("dana · #lobby · connected")
        app.peer.say("over here, dana", sender="sis", room="dev")
        await app.shown("dana · #lobby · #dev 1 new, 1 for you · connected")
        app.type("/go dev" + ENTER)
        await app.shown("dana · #dev · connected")

    async def test_other_rooms_may_only_be_hinted_at_until_one_looks_there(self, app):
        await app.start(
            rooms=("lobby", "dev"), options=Options(bell=False, status=False, elsewhere="hint")
        )
        app.peer.say("first", sender="sis", room="dev")
        app.peer.say("second", sender="sis", room="dev")
        app.peer.say("dana!", sender="sis", room="dev")
        await app.shown("#dev sis: dana!", after="#dev: sis says something. /go dev")
        assert ": first" not in app.written.getvalue()
        app.type("/go dev" + ENTER)
        await app.shown("sis: second", after="sis: first")

    async def test_the_log_gets_what_is_shown_whole_and_without_colors(self, app, tmp_path):
        await app.start(log=Log(tmp_path / "log"))
        app.peer.say("word " * 40 + "end", sender="sis")
        await app.shown("end")
        begin, line = (tmp_path / "log").read_text().splitlines()
        assert begin.startswith("--- 20")
        assert line.endswith(" sis: " + "word " * 40 + "end")


class TestStaying:
    """With ``--stay`` a person who did nothing for long stays at the prompt."""

    async def sent_away(self, app):
        await app.start(stay=True)
        app.peer.say("seen", sender="sis", id="0-7")
        await app.shown("seen")
        app.peer.tell(Bye(code=IDLE.code, text=IDLE.text, reconnect=False))
        await app.shown("Bye! You did nothing for long. Enter brings you back")
        await app.shown("dana (sent away)>")

    async def test_enter_brings_one_back_with_what_was_missed(self, app):
        await self.sent_away(app)
        app.rejoin.welcome = {"rooms": ["lobby"], "seen": {"lobby": "0-9"}}
        app.type("half" + ENTER)
        await app.back()
        asked = await app.peer.expect(ReadHistory)
        assert (asked.room, asked.after, asked.before) == ("lobby", "0-7", "0-10")
        app.peer.say("new", sender="sis", id="0-10")
        missed = [said("0-8", "missed", "mom")]
        app.peer.tell(Earlier(events=missed, room="lobby", seq=asked.seq, complete=True))
        await app.shown("sis: new", after="mom: missed")
        await app.line("half")

    async def test_one_can_leave_instead(self, app):
        await self.sent_away(app)
        app.type(CTRL_D)
        assert await app.running == 0


class TestAbsence:
    """Who types nothing for a while is away, and back with the next key."""

    @pytest.fixture(autouse=True)
    def often(self, monkeypatch):
        monkeypatch.setattr("client.absence.LOOK_EVERY", 0.001)

    async def test_others_are_told_that_the_person_is_away_and_back(self, app):
        await app.start(options=Options(away_after=300, status=False))
        app.now += 299.0
        app.type("h")
        await app.line("h")
        app.now += 299.0
        app.type("i")
        await app.line("hi")
        app.now += 300.0
        away = await app.peer.expect(SetAway)
        app.peer.tell(Ack(seq=away.seq, id=""))
        app.type("!")
        back = await app.peer.expect(SetBack)
        app.peer.tell(Ack(seq=back.seq, id=""))
        app.type(ENTER)
        assert (await app.peer.acknowledge()).text == "hi!"

    @pytest.mark.parametrize("away_idle", [None, 3600.0])
    async def test_it_is_said_before_the_gateway_says_goodbye_if_that_helps(self, app, away_idle):
        await app.start(
            options=Options(away_after=300, status=False), welcome={"away_idle": away_idle}
        )
        app.now += 30.0
        await app.peer.expect(SetAway)

    async def test_a_gateway_that_refuses_is_asked_again(self, app):
        await app.start(options=Options(away_after=300, status=False))
        app.now += 300.0
        for _ in range(2):
            away = await app.peer.expect(SetAway)
            app.peer.tell(Error(code="slow_down", text="slow down", seq=away.seq))


class TestTitle:
    async def test_it_has_the_room_and_what_is_for_the_person(self, app):
        await app.start(options=Options(title=True, bell=False, status=False))
        await app.shown("\x1b[22;2t\x1b]2;#lobby\x07")
        app.now += 600.0
        app.peer.say("dana: lunch?", sender="sis")
        await app.shown("\x1b]2;(1) #lobby\x07")
        app.type("y")
        await app.line("y")
        await app.shown("\x1b]2;#lobby\x07", after="(1)")
        app.type(CTRL_C + "/set title off" + ENTER)
        await app.shown("\x1b[23;2t")

    async def test_the_window_has_its_own_title_back_in_the_end(self, app):
        await app.start(options=Options(title=True, bell=False, status=False))
        await app.shown("\x1b]2;#lobby\x07")
        app.type("/quit" + ENTER)
        await app.running
        assert app.written.getvalue().count("\x1b[23;2t") == 1
