"""What a session says, told as conversations."""

from datetime import datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.chat.effects import (
    ChangeRoom,
    CheckIdle,
    Claim,
    Close,
    EnterRoom,
    LeaveRoom,
    Publish,
    ShowMembers,
    ShowRoom,
    ShowRooms,
    ShowUsers,
    Tell,
    Whisper,
)
from gateway.chat.rules import Rules
from gateway.chat.sending import Delivery
from gateway.chat.session import FAULT_BURST, FAULT_RATE, Session, State
from tests.unit.wire import strategies
from wire.frames import (
    AboutRoom,
    Ack,
    Active,
    Entered,
    Error,
    Hello,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    Moderate,
    Msg,
    Notice,
    Out,
    Ping,
    Pong,
    Quit,
    Send,
    SetModes,
    SetTopic,
    Welcome,
    Who,
)
from wire.limits import Limits
from wire.reasons import (
    CONNECTION_LOST,
    FLOOD,
    HELLO_TIMEOUT,
    IDLE,
    NAME_LOST,
    QUIT,
    REPLACED,
    SHUTDOWN,
    ErrorCode,
    OutCode,
    WireError,
)

TAKEN = WireError(ErrorCode.NAME_TAKEN, "the name Dana is taken")
HELLO = Hello(v=1, name="Dana")
OFTEN = 10.0
"""Seconds between two requests that never are too many."""


class Conversation:
    """A session and a clock that moves when told."""

    def __init__(self, idle=60.0, refuse_fallback=False, now=1000.0, away_idle="as idle", **limits):
        away = idle if away_idle == "as idle" else away_idle
        self.rules = Rules("g1", idle, away, refuse_fallback, Limits(**limits))
        self.now = now
        self.session = Session(self.rules, now)

    def online(self):
        assert self.say(HELLO) == [Claim("Dana", None, None, {})]
        self.granted()
        return self

    def later(self, seconds):
        self.now += seconds
        return self

    def say(self, request):
        return self.session.receive(request, self.now)

    def refuse(self, code=ErrorCode.BAD_JSON, text="no", seq=None):
        return self.session.refuse(WireError(code, text, seq), self.now)

    def granted(self, name="Dana", resume="secret", resumed=False, seen=None):
        return self.session.granted(name, resume, resumed, seen or {}, self.now, ["lobby"])

    def whispered(self, whisper, id, to, absent):
        return self.session.whispered(whisper, Delivery(id, to, [], absent, {}), self.now)

    def idle_checked(self, left):
        return self.session.idle_checked(left, self.now)

    def tick(self):
        return self.session.tick(self.now)

    def wait(self):
        """Let the clock reach the deadline."""
        self.now = self.session.deadline
        return self.tick()

    @property
    def state(self):
        return self.session.state


@pytest.fixture
def new():
    return Conversation()


@pytest.fixture
def online():
    return Conversation().online()


def refused(effects, code, seq=None):
    (tell,) = effects
    assert (tell.event.code, tell.event.seq) == (code, seq)
    assert tell.event.text
    return tell.event


# Hello.


def test_a_hello_claims_the_name(new):
    hello = Hello(v=1, name="Dana", client="chatctl 1", resume="secret")
    assert new.say(hello) == [Claim("Dana", "chatctl 1", "secret", {})]
    assert new.state is State.NEW


def test_the_ids_that_were_seen_go_with_the_claim(new):
    seen = {"lobby": "7-41", "@": "7-3"}
    hello = Hello(v=1, name="Dana", resume="secret", seen=seen)
    assert new.say(hello) == [Claim("Dana", None, "secret", seen)]


def test_a_name_is_claimed_in_the_form_in_which_it_is_shown(new):
    assert new.say(Hello(v=1, name="Zoe\u0308")) == [Claim("Zo\u00eb", None, None, {})]


def test_the_welcome_has_everything_that_a_client_needs_to_know(new):
    new.say(HELLO)
    assert new.granted("Dana", "secret") == [
        Tell(
            Welcome(
                v=1,
                name="Dana",
                gateway="g1",
                resume="secret",
                idle=60.0,
                rooms=["lobby"],
                limits=Limits(),
            )
        )
    ]
    assert new.state is State.ONLINE
    assert new.session.name == "Dana"


def test_the_welcome_of_a_resume_says_so_and_tells_where_each_room_begins(new):
    new.say(HELLO)
    (tell,) = new.granted(resumed=True, seen={"@": "7-3"})
    assert (tell.event.resumed, tell.event.seen) == (True, {"@": "7-3"})


def test_after_a_taken_name_another_one_can_be_tried(new):
    new.say(HELLO)
    error = refused(new.session.refuse(TAKEN, new.now), ErrorCode.NAME_TAKEN)
    assert error.text == TAKEN.text
    assert new.say(Hello(v=1, name="Dana2")) == [Claim("Dana2", None, None, {})]


def test_another_version_is_refused_and_the_right_one_is_told(new):
    error = refused(new.say(Hello(v=2, name="Dana")), ErrorCode.BAD_VERSION)
    assert "1" in error.text
    assert new.say(HELLO) == [Claim("Dana", None, None, {})]


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "a\n"])
def test_a_bad_name_is_refused(new, name):
    refused(new.say(Hello(v=1, name=name)), ErrorCode.BAD_NAME)
    assert new.state is State.NEW


@pytest.mark.parametrize("request_", [Send("hi", seq=3), Who(seq=3)])
def test_a_request_before_the_hello_is_refused(new, request_):
    refused(new.say(request_), ErrorCode.HELLO_FIRST, seq=3)


def test_activity_before_the_hello_is_refused(new):
    refused(new.say(Active()), ErrorCode.HELLO_FIRST)


def test_a_second_hello_is_refused(online):
    error = refused(online.say(Hello(v=1, name="Mom")), ErrorCode.HELLO_TWICE)
    assert "Dana" in error.text
    assert online.session.name == "Dana"


def test_a_peer_without_a_hello_in_time_is_disconnected():
    new = Conversation(hello=10.0)
    assert new.later(9.9).tick() == []
    assert new.later(0.1).tick() == [Close(HELLO_TIMEOUT)]
    assert new.state is State.CLOSED


def test_the_time_for_the_hello_runs_until_it_is_granted():
    new = Conversation(hello=10.0)
    new.later(9).say(Ping())
    new.say(HELLO)
    new.session.refuse(TAKEN, new.now)
    assert new.later(1).tick() == [Close(HELLO_TIMEOUT)]


def test_after_the_welcome_the_time_for_the_hello_is_over():
    online = Conversation(hello=10.0).online()
    assert online.later(10).tick() == []


# Ping and quit, at any time.


@pytest.mark.parametrize("talk", [Conversation(), Conversation().online()])
def test_a_ping_is_answered(talk):
    assert talk.say(Ping()) == [Tell(Pong())]


@pytest.mark.parametrize("talk", [Conversation(), Conversation().online()])
def test_a_peer_that_quits_is_let_go(talk):
    assert talk.say(Quit()) == [Close(QUIT)]
    assert talk.state is State.CLOSED
    assert talk.session.deadline is None


def test_a_peer_without_budget_may_still_quit():
    online = Conversation(burst=1).online()
    online.say(Active())
    refused(online.say(Active()), ErrorCode.SLOW_DOWN)
    assert online.say(Quit()) == [Close(QUIT)]


# Requests of those who are online.


def test_a_text_goes_to_the_room_with_the_time_of_its_sender(online):
    at = datetime.fromisoformat("2026-11-23T10:00:00+02:00")
    message = Msg(from_="Dana", room="lobby", text="hi", at=at)
    assert online.say(Send("hi", seq=1, at=at)) == [Publish("lobby", message, 1)]


def test_a_text_to_people_asks_which_of_them_are_here(online):
    message = Msg(from_="Dana", text="hi @sis")
    assert online.say(Send("hi @sis", seq=1)) == [Whisper(["sis"], message, 1, "lobby")]


def test_a_text_to_people_who_are_not_here_goes_to_the_room(online):
    (whisper,) = online.say(Send("hi @mmo", seq=1))
    message = Msg(from_="Dana", room="lobby", text="hi @mmo")
    assert online.whispered(whisper, None, [], ["mmo"]) == [
        Publish("lobby", message, 1, absent=["mmo"])
    ]


def test_the_ack_tells_which_recipients_are_here_and_which_are_absent(online):
    (whisper,) = online.say(Send("hi @sis @mom", seq=1))
    assert online.whispered(whisper, "7-1", ["sis"], ["mom"]) == [
        Tell(Ack(seq=1, id="7-1", to=["sis"], absent=["mom"]))
    ]


def test_a_gateway_that_refuses_the_fallback_says_that_nobody_is_here():
    online = Conversation(refuse_fallback=True).online()
    (whisper,) = online.say(Send("hi @mmo", seq=1))
    refused(online.whispered(whisper, None, [], ["mmo"]), ErrorCode.NOBODY_HERE, seq=1)


def test_a_text_with_explicit_recipients_is_never_public(online):
    (whisper,) = online.say(Send("hi", seq=1, to=["mmo"]))
    refused(online.whispered(whisper, None, [], ["mmo"]), ErrorCode.NOBODY_HERE, seq=1)


def test_a_private_message_with_an_old_seq_is_refused_if_its_outcome_is_forgotten(online):
    (whisper,) = online.say(Send("hi @sis", seq=1))
    refused(online.whispered(whisper, "", [], ["sis"]), ErrorCode.STALE_SEQ, seq=1)


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (Send("", seq=5), ErrorCode.EMPTY_TEXT),
        (Send("x" * 4001, seq=5), ErrorCode.TEXT_TOO_LONG),
        (Send("\x07", seq=5), ErrorCode.BAD_TEXT),
        (Send("hi", seq=5, room="cellar"), ErrorCode.NOT_IN_ROOM),
        (Send("hi", seq=5, to=["x"] * 33), ErrorCode.TOO_MANY_RECIPIENTS),
        (Send("hi", seq=5, to=[]), ErrorCode.NOBODY_HERE),
    ],
)
def test_the_refusal_of_a_send_has_its_seq(online, send, code):
    refused(online.say(send), code, seq=5)
    assert online.state is State.ONLINE


def test_a_who_asks_for_the_list_of_users(online):
    assert online.say(Who(seq=2)) == [ShowUsers(2)]
    assert online.say(Who()) == [ShowUsers(None)]


def test_a_sign_of_activity_is_not_answered(online):
    assert online.say(Active()) == []


@pytest.mark.parametrize(
    "code",
    [
        ErrorCode.BAD_JSON,
        ErrorCode.BAD_UTF8,
        ErrorCode.BAD_FRAME,
        ErrorCode.BAD_FIELD,
        ErrorCode.UNKNOWN_OP,
        ErrorCode.LINE_TOO_LONG,
    ],
)
@pytest.mark.parametrize("talk", [Conversation, lambda: Conversation().online()])
def test_a_bad_line_is_refused_and_the_session_goes_on(talk, code):
    talk = talk()
    before = talk.state
    assert talk.refuse(code, "why", 7) == [Tell(Error(code=code, text="why", seq=7))]
    assert talk.state is before


# Rooms.


def test_a_room_is_entered_by_its_one_name_however_it_was_written(online):
    assert online.say(Join("Dev", key="sesame", history=20, seq=2)) == [
        EnterRoom("dev", "sesame", 20, 2)
    ]
    told = Entered("dev", "7-1", seq=2)
    assert online.session.entered(told) == [Tell(told)]
    assert online.session.rooms == {"lobby", "dev"}


def test_nobody_can_send_to_a_room_before_entering_or_after_leaving_it(online):
    refused(online.say(Send("hi", seq=2, room="dev")), ErrorCode.NOT_IN_ROOM, seq=2)
    online.say(Join("dev"))
    online.session.entered(Entered("dev", "7-1"))
    (publish,) = online.say(Send("hi", room="DEV"))
    assert publish.room == "dev"
    assert online.say(Leave("DEV", seq=3)) == [LeaveRoom("dev", 3)]
    out = Out("dev", OutCode.LEFT, "", seq=3)
    assert online.session.out(out) == [Tell(out)]
    refused(online.say(Send("hi", room="dev")), ErrorCode.NOT_IN_ROOM)


def test_a_message_that_waited_is_refused_if_its_sender_was_put_out_of_the_room_meanwhile(online):
    (found,) = online.say(Send("hey @sis: news", seq=2))
    (whisper,) = online.say(Send("hi @mmo", seq=3))
    online.session.out(Out("lobby", OutCode.KICKED, ""))
    answered = online.session.mentioned(found, ["Sis"], online.now)
    refused(answered, ErrorCode.NOT_IN_ROOM, seq=2)
    refused(online.whispered(whisper, None, [], ["mmo"]), ErrorCode.NOT_IN_ROOM, seq=3)


def test_joining_a_room_twice_only_shows_it_again(online):
    again = online.say(Join("lobby", key="x", history=100, seq=2))
    assert again == [EnterRoom("lobby", None, 0, 2, already=True)]


def test_the_number_of_rooms_is_limited_and_leaving_one_makes_space():
    online = Conversation(rooms=2).online()
    online.session.entered(Entered("dev", "7-1"))
    error = refused(online.say(Join("ops", seq=2)), ErrorCode.TOO_MANY_ROOMS, seq=2)
    assert "2 rooms" in error.text
    online.say(Join("dev"))
    online.session.out(Out("lobby", OutCode.LEFT, ""))
    assert online.say(Join("ops")) == [EnterRoom("ops", None, 0, None)]


def test_after_a_resume_the_session_is_in_the_rooms_of_the_welcome(new):
    new.say(HELLO)
    (tell,) = new.session.granted("Dana", "secret", True, {}, new.now, ["dev", "ops"])
    assert tell.event.rooms == ["dev", "ops"]
    assert new.session.rooms == {"dev", "ops"}
    refused(new.say(Send("hi")), ErrorCode.NOT_IN_ROOM)


@pytest.mark.parametrize(("history", "left"), [(0, 7), (24, 7), (25, 6), (100, 3)])
def test_a_join_with_history_costs_more(history, left):
    online = Conversation(burst=8).online()
    online.say(Join("dev", history=history))
    assert [online.say(Active()) for _ in range(left)] == [[]] * left
    refused(online.say(Active()), ErrorCode.SLOW_DOWN)


@pytest.mark.parametrize(
    ("request_", "effect"),
    [
        (ListRooms(seq=2), ShowRooms(2)),
        (ListMembers("Lobby", seq=2), ShowMembers("lobby", 2)),
        (AboutRoom("Cellar", seq=2), ShowRoom("cellar", 2)),
        (SetTopic("Dev", "news", seq=2), ChangeRoom(SetTopic("dev", "news", seq=2))),
        (SetModes("Dev", slow=5, seq=2), ChangeRoom(SetModes("dev", slow=5, seq=2))),
        (Moderate("Dev", "op", "Sis", seq=2), ChangeRoom(Moderate("dev", "op", "Sis", seq=2))),
        (
            Moderate("dev", "ban", "192.0.2.0/24"),
            ChangeRoom(Moderate("dev", "ban", "192.0.2.0/24")),
        ),
    ],
)
def test_every_request_about_a_room_names_it_folded(online, request_, effect):
    assert online.say(request_) == [effect]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Join("#dev", seq=2), ErrorCode.BAD_ROOM),
        (Join("@", seq=2), ErrorCode.BAD_ROOM),
        (Join("x" * 51, seq=2), ErrorCode.BAD_ROOM),
        (Leave("cellar", seq=2), ErrorCode.NOT_IN_ROOM),
        (ListMembers("cellar", seq=2), ErrorCode.NOT_IN_ROOM),
        (AboutRoom("a b", seq=2), ErrorCode.BAD_ROOM),
        (SetTopic("dev", "two\nlines", seq=2), ErrorCode.BAD_TEXT),
        (SetModes("dev", key="a\x1b", seq=2), ErrorCode.BAD_TEXT),
        (Moderate("dev", "kick", "sis", "\u2028", seq=2), ErrorCode.BAD_TEXT),
        (Moderate("dev", "kick", "a b", seq=2), ErrorCode.BAD_NAME),
        (Moderate("dev", "mute", "192.0.2.0/24", seq=2), ErrorCode.BAD_NAME),
    ],
)
def test_the_refusal_of_a_request_about_a_room_has_its_seq(online, request_, code):
    refused(online.say(request_), code, seq=2)


@pytest.mark.parametrize("seq", [None, 2])
def test_a_change_is_acknowledged_if_it_has_a_seq(online, seq):
    (change,) = online.say(SetTopic("dev", "news", seq=seq))
    expected = [] if seq is None else [Tell(Ack(seq=2, id="7-3", room="dev"))]
    assert online.session.done(change.request.seq, "7-3", change.request.room) == expected


def test_an_answer_about_a_room_that_comes_after_the_end_is_not_told(online):
    (change,) = online.say(SetTopic("dev", "news", seq=2))
    online.session.close(SHUTDOWN)
    assert online.session.done(change.request.seq, "7-3", change.request.room) == []
    assert online.session.entered(Entered("dev", "7-1")) == []
    assert online.session.out(Out("lobby", OutCode.KICKED, "")) == []


def test_a_leave_is_answered_even_if_the_session_was_put_out_of_the_room_meanwhile(online):
    (leave,) = online.say(Leave("lobby", seq=1))
    kicked, left = Out("lobby", OutCode.KICKED, ""), Out(leave.room, OutCode.LEFT, "", seq=1)
    assert online.session.out(kicked) == [Tell(kicked)]
    assert online.session.out(left) == [Tell(left)]
    assert online.session.rooms == set()


# The budget.


def test_after_a_burst_the_peer_is_told_to_slow_down_and_for_how_long(online):
    for seq in range(20):
        (publish,) = online.say(Send("hi", seq=seq))
        assert isinstance(publish, Publish)
    error = refused(online.say(Send("hi", seq=20)), ErrorCode.SLOW_DOWN, seq=20)
    assert error.retry_after > 0
    online.later(error.retry_after)
    (publish,) = online.say(Send("hi", seq=20))
    assert isinstance(publish, Publish)


@pytest.mark.parametrize("now", [0.0, 3.3, 1000.1, 86_400.7, 31_536_000.9])
@pytest.mark.parametrize("rate", [0.5, 3.0, 5.0, 7.0, 100.0])
def test_waiting_as_long_as_told_is_enough_whatever_the_clock_says(now, rate):
    online = Conversation(now=now, rate=rate, burst=1).online()
    online.say(Active())
    for wait in (0.01, 0.0, 0.05, 0.0, 0.123):
        online.later(wait)
        effects = online.say(Send("hi"))
        if isinstance(effects[0], Tell):
            online.later(effects[0].event.retry_after)
            effects = online.say(Send("hi"))
        assert isinstance(effects[0], Publish)


def test_a_wait_is_told_in_tenths_and_is_not_much_longer_than_needed(online):
    for _ in range(20):
        online.say(Active())
    error = refused(online.say(Active()), ErrorCode.SLOW_DOWN)
    assert error.retry_after == round(error.retry_after, 1)
    assert 0.2 <= error.retry_after <= 0.3


@pytest.mark.parametrize("request_", [Send("hi"), Active(), Who(), Ping(), HELLO])
def test_every_request_counts(online, request_):
    for _ in range(20):
        online.say(request_)
    refused(online.say(request_), ErrorCode.SLOW_DOWN)


def test_a_request_over_the_budget_is_not_carried_out(online):
    for _ in range(20):
        online.say(Active())
    assert not any(isinstance(effect, Publish) for effect in online.say(Send("hi")))


def test_in_the_long_run_five_a_second_are_accepted(online):
    accepted = 0
    for _ in range(600):
        accepted += isinstance(online.later(0.1).say(Send("hi"))[0], Publish)
    assert accepted == pytest.approx(20 + 60 * 5, abs=2)


def test_without_a_rate_nobody_is_told_to_slow_down():
    online = Conversation(rate=None, burst=1).online()
    assert all(isinstance(online.say(Send("hi"))[0], Publish) for _ in range(1000))


# The flood.


@pytest.mark.parametrize("talk", [Conversation, lambda: Conversation().online()])
def test_a_flood_of_bad_lines_ends_the_session(talk):
    talk = talk()
    for _ in range(FAULT_BURST):
        assert len(talk.refuse()) == 1
    assert [type(effect) for effect in talk.refuse()] == [Tell, Close]
    assert talk.state is State.CLOSED
    assert talk.refuse() == []


def test_the_last_word_of_a_flood_is_the_reason():
    new = Conversation()
    *_, last = (new.refuse() for _ in range(FAULT_BURST + 1))
    assert last[-1] == Close(FLOOD)


def test_a_flood_of_requests_over_the_budget_ends_the_session_too(online):
    effects = [online.say(Send("hi")) for _ in range(20 + FAULT_BURST + 1)]
    assert effects[-1][-1] == Close(FLOOD)


def test_a_flood_of_pings_ends_the_session_too_before_there_is_a_name(new):
    effects = [new.say(Ping()) for _ in range(20 + FAULT_BURST + 1)]
    assert effects[19] == [Tell(Pong())]
    assert effects[20][0].event.code == "slow_down"
    assert effects[-1][-1] == Close(FLOOD)


def test_a_mistake_now_and_then_is_never_a_flood(online):
    for _ in range(3 * FAULT_BURST):
        assert len(online.later(1 / FAULT_RATE).refuse()) == 1
    assert online.state is State.ONLINE


def test_guessing_names_is_a_flood_at_some_point(new):
    for _ in range(FAULT_BURST):
        new.say(HELLO)
        assert len(new.session.refuse(TAKEN, new.now)) == 1
    new.say(HELLO)
    assert new.session.refuse(TAKEN, new.now)[-1] == Close(FLOOD)


# Idleness.


def idle_out(talk):
    """Say nothing until the gateway asks Redis."""
    (notice,) = talk.wait()
    assert talk.wait() == [CheckIdle()]
    return notice.event


def test_a_person_who_is_silent_for_a_minute_is_warned_and_told_bye(online):
    start = online.now
    (tell,) = online.wait()
    assert online.now == start + 45
    assert isinstance(tell.event, Notice)
    assert (tell.event.code, tell.event.left) == ("idle_soon", 15.0)
    assert "15 s" in tell.event.text
    assert online.wait() == [CheckIdle()]
    assert online.now == start + 60
    assert online.idle_checked(0.0) == [Close(IDLE)]
    assert online.state is State.CLOSED


def test_idleness_counts_from_the_welcome_and_not_from_the_connection(new):
    new.later(8).say(HELLO)
    new.granted()
    start = new.now
    (tell,) = new.wait()
    assert (new.now - start, tell.event.left) == (45, 15.0)


def test_short_idle_times_warn_a_quarter_before_the_end():
    online = Conversation(idle=8.0).online()
    start = online.now
    (tell,) = online.wait()
    assert online.now == start + 6
    assert tell.event.left == 2.0


def test_the_clock_before_the_deadline_changes_nothing(online):
    assert online.later(44.9).tick() == []
    assert online.later(0.1).tick() != []


@pytest.mark.parametrize("idle", [0.08, 0.1, 1.1, 59.9, 60.0, 3600.3])
@pytest.mark.parametrize("now", [0.0, 1000.1, 123_456.789, 31_536_000.9])
def test_idleness_ends_the_session_whatever_the_clock_says(idle, now):
    # now - (now - idle) is a hair more or less than idle.
    online = Conversation(idle=idle, now=now).online()
    idle_out(online)
    assert online.later(0.01).idle_checked(0.0) == [Close(IDLE)]


def test_who_is_away_has_a_limit_of_their_own():
    online = Conversation(idle=8.0, away_idle=100.0).online()
    (warning,) = online.wait()
    assert warning.event.left == 2.0
    online.session.set_away(True)
    start = online.now
    (warning,) = online.wait()
    assert (online.now - start, warning.event.left) == (100.0 - 15.0 - 6.0, 15.0)
    online.session.set_away(False)
    (tell,) = online.tick()
    assert tell.event.left == 0.0


def test_who_is_away_may_stay_without_end():
    online = Conversation(idle=8.0, away_idle=None).online()
    online.session.set_away(True)
    assert online.session.deadline is None
    online.later(1e6).session.set_away(False)
    assert online.session.deadline is not None


def test_an_answer_about_idleness_from_before_one_was_away_counts_for_nothing():
    online = Conversation(idle=8.0, away_idle=None).online()
    idle_out(online)
    online.session.set_away(True)
    assert online.idle_checked(0.0) == []
    assert online.session.state is State.ONLINE


@pytest.mark.parametrize("request_", [Active(), Send("hi"), Send(""), Who(), HELLO])
def test_any_request_is_a_sign_of_life(online, request_):
    online.later(44).say(request_)
    assert online.later(44).tick() == []
    assert online.later(1).tick() != []


def test_a_request_over_the_budget_is_a_sign_of_life_too():
    online = Conversation(burst=1, rate=0.001).online()
    online.say(Active())
    refused(online.later(44).say(Active()), ErrorCode.SLOW_DOWN)
    assert online.later(44).tick() == []


def test_a_bad_line_is_a_sign_of_life_too(online):
    # Somebody typed it: with nc, people write no JSON.
    online.later(44).refuse()
    assert online.later(44).tick() == []
    assert online.later(1).tick() != []


def test_after_a_warning_and_a_bad_line_there_is_another_warning_before_the_end(online):
    online.wait()
    online.later(10).refuse()
    assert online.later(5).tick() == []
    assert idle_out(online).code == "idle_soon"


def test_nonsense_before_the_hello_buys_no_time():
    new = Conversation(hello=10.0)
    new.later(9).refuse()
    assert new.later(1).tick() == [Close(HELLO_TIMEOUT)]


def test_a_ping_is_not_a_sign_of_life(online):
    online.later(44).say(Ping())
    assert online.later(1).tick() != []


def test_after_a_warning_and_a_request_there_is_another_warning_before_the_end(online):
    online.wait()
    online.later(10).say(Active())
    assert online.later(5).tick() == []
    assert idle_out(online).code == "idle_soon"


def test_a_ping_after_the_warning_changes_nothing(online):
    online.wait()
    online.later(10).say(Ping())
    assert online.later(5).tick() == [CheckIdle()]


def test_redis_is_asked_once(online):
    idle_out(online)
    assert online.later(100).tick() == []


def test_a_request_while_redis_is_asked_keeps_the_session(online):
    idle_out(online)
    online.later(0.1).say(Active())
    assert online.later(0.1).idle_checked(0.0) == []
    assert online.state is State.ONLINE
    assert online.session.deadline == pytest.approx(online.now - 0.1 + 45)


def test_activity_on_another_gateway_keeps_the_session(online):
    idle_out(online)
    assert online.idle_checked(20.0) == []
    start = online.now
    (tell,) = online.wait()
    assert (online.now - start, tell.event.code) == (pytest.approx(5), "idle_soon")
    assert online.wait() == [CheckIdle()]
    assert online.now - start == pytest.approx(20)


def test_the_last_moments_that_redis_still_gives_are_waited_for_without_another_warning(online):
    idle_out(online)
    assert online.idle_checked(0.02) == []
    assert online.wait() == [CheckIdle()]
    assert online.idle_checked(0.0) == [Close(IDLE)]


def test_a_gateway_that_was_paused_warns_first_and_never_speaks_of_negative_time(online):
    (tell,) = online.later(500).tick()
    assert tell.event.code == "idle_soon"
    assert tell.event.left == 0.0
    assert "-" not in tell.event.text
    assert online.tick() == [CheckIdle()]


def test_idleness_can_be_switched_off():
    online = Conversation(idle=None).online()
    assert online.session.deadline is None
    assert online.later(1e9).tick() == []
    assert online.idle_checked(0.0) == []
    assert online.state is State.ONLINE


# The connection.


@pytest.mark.parametrize("idle", [None, 3600.0])
def test_a_peer_that_has_pinged_and_falls_silent_is_lost_and_may_come_back(idle):
    online = Conversation(idle=idle).online()
    online.say(Ping())
    assert online.later(60).tick() == []
    online.say(Ping())
    start = online.now
    assert online.wait() == []
    assert online.wait() == [Close(CONNECTION_LOST)]
    assert 60 <= online.now - start <= 90


def test_any_line_shows_that_the_connection_is_there():
    online = Conversation(idle=None).online()
    online.say(Ping())
    for say in (lambda: online.say(Active()), lambda: online.refuse(), lambda: online.say(Ping())):
        online.later(70)
        say()
        assert online.tick() == []


def test_a_ping_while_redis_is_asked_does_not_have_it_asked_again(online):
    idle_out(online)
    online.say(Ping())
    assert online.session.deadline is None


# Waiting for us.


def test_waiting_for_the_answer_to_a_hello_does_not_count_against_its_time():
    new = Conversation(hello=10.0)
    new.later(9).say(HELLO)
    new.later(60)
    new.session.waited(60.0, new.now)
    refused(new.session.refuse(TAKEN, new.now), ErrorCode.NAME_TAKEN)
    assert new.later(0.9).tick() == []
    assert new.later(0.1).tick() == [Close(HELLO_TIMEOUT)]


def test_waiting_for_an_answer_counts_neither_as_idleness_nor_as_silence(online):
    online.say(Ping())
    online.later(500)
    online.session.waited(500.0, online.now)
    assert online.tick() == []
    start = online.now
    (tell,) = online.wait()
    assert (online.now - start, tell.event.code) == (45, "idle_soon")


def test_waiting_does_not_reopen_a_closed_session(online):
    online.session.close(SHUTDOWN)
    online.session.waited(5.0, online.later(5).now)
    assert online.session.deadline is None


# The end.


@pytest.mark.parametrize("reason", [SHUTDOWN, REPLACED, NAME_LOST])
@pytest.mark.parametrize("talk", [Conversation, lambda: Conversation().online()])
def test_a_session_can_be_ended_from_outside_once(talk, reason):
    talk = talk()
    assert talk.session.close(reason) == [Close(reason)]
    assert talk.session.close(QUIT) == []


def test_after_the_end_nothing_is_answered(online):
    online.session.close(SHUTDOWN)
    assert online.session.deadline is None
    for request in (HELLO, Send("hi"), Active(), Who(), Ping(), Quit()):
        assert online.say(request) == []
    assert online.refuse() == []
    assert online.tick() == []
    assert online.idle_checked(0.0) == []
    assert online.session.refuse(TAKEN, online.now) == []


@pytest.mark.parametrize("absent", [[], ["sis"]])
@pytest.mark.parametrize("seq", [None, 1])
def test_the_outcome_of_a_private_message_that_comes_after_the_end_is_not_told(online, seq, absent):
    # It was never acknowledged: a client that comes back sends it again.
    (whisper,) = online.say(Send("hi @sis", seq=seq))
    online.session.close(SHUTDOWN)
    id, to = (None, []) if absent else ("7-1", ["sis"])
    assert online.whispered(whisper, "", [], ["sis"]) == []
    assert online.whispered(whisper, id, to, absent) == []


class AnyConversation(RuleBasedStateMachine):
    """Whatever comes in whatever order: a session never raises, and keeps its promises."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0
        self.session = Session(Rules("g1", 20.0, 20.0, False, Limits(burst=5, rooms=2)), self.now)
        self.question = None
        self.put_out = set()
        self.checks = 0
        self.closed = False

    def perform(self, effects):
        if self.closed:
            assert effects == []
        for effect in effects:
            assert not self.closed, "something came after the end"
            if isinstance(effect, Claim | Whisper | EnterRoom | LeaveRoom | ChangeRoom):
                assert self.question is None
                self.question, self.put_out = effect, set()
            elif isinstance(effect, CheckIdle):
                self.checks += 1
                assert self.checks == 1, "asked again before the answer"
            elif isinstance(effect, Publish | ShowUsers):
                assert self.session.state is State.ONLINE
                assert isinstance(effect, ShowUsers) or effect.room in self.session.rooms
            self.closed = isinstance(effect, Close)

    @precondition(lambda self: self.question is None)
    @rule(request=strategies.requests)
    def any_request(self, request):
        self.perform(self.session.receive(request, self.now))

    @precondition(lambda self: self.question is None)
    @rule(
        request=st.sampled_from(
            [
                *(HELLO, Send("hi"), Send("hi @sis"), Send("hi", to=["sis"]), Join("dev")),
                *(Send("hi", room="dev"), Join("ops"), Leave("dev"), SetTopic("dev", "x", seq=1)),
            ]
        )
    )
    def usual_request(self, request):
        self.perform(self.session.receive(request, self.now))

    @initialize(online=st.booleans())
    def usual_begin(self, online):
        if online:
            self.perform(self.session.receive(HELLO, self.now))
            self.the_claim_is_answered(granted=True)

    @precondition(lambda self: self.question is None)
    @rule(times=st.integers(1, 60))
    def bad_lines(self, times):
        for _ in range(times):
            self.perform(self.session.refuse(WireError(ErrorCode.BAD_JSON, "no"), self.now))

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 5.0, 100.0]))
    def time_passes(self, seconds):
        self.now += seconds
        self.perform(self.session.tick(self.now))

    @precondition(lambda self: self.session.deadline is not None)
    @rule()
    def the_deadline_comes(self):
        self.now = max(self.now, self.session.deadline)
        self.perform(self.session.tick(self.now))

    @precondition(lambda self: isinstance(self.question, Claim))
    @rule(granted=st.booleans())
    def the_claim_is_answered(self, granted):
        claim, self.question = self.question, None
        if not granted:
            self.perform(self.session.refuse(TAKEN, self.now))
        elif not self.closed:  # else the name is given back: there is nobody to be told
            self.perform(self.session.granted(claim.name, "secret", False, {}, self.now, ["lobby"]))

    @precondition(lambda self: isinstance(self.question, Whisper))
    @rule(id=st.sampled_from(["7-1", None, ""]))
    def the_whisper_is_answered(self, id):
        whisper, self.question = self.question, None
        found = (id, whisper.names, [], []) if id else (id, [], [], whisper.names)
        self.perform(self.session.whispered(whisper, Delivery(*found, {}), self.now))

    @precondition(lambda self: isinstance(self.question, EnterRoom | LeaveRoom | ChangeRoom))
    @rule(refused=st.booleans())
    def the_question_about_a_room_is_answered(self, refused):
        asked, self.question = self.question, None
        if refused:
            error = WireError(ErrorCode.BANNED_HERE, "no", 1)
            self.perform(self.session.refuse(error, self.now))
        elif isinstance(asked, EnterRoom):
            self.perform(self.session.entered(Entered(asked.room, "7-1")))
        elif isinstance(asked, LeaveRoom):
            assert (asked.room in self.session.rooms) is (asked.room not in self.put_out)
            self.perform(self.session.out(Out(asked.room, OutCode.LEFT, "")))
            assert asked.room not in self.session.rooms
        else:
            self.perform(self.session.done(asked.request.seq, "7-1"))

    @rule(room=st.sampled_from(["lobby", "dev"]))
    def it_is_put_out_of_a_room(self, room):
        self.perform(self.session.out(Out(room, OutCode.KICKED, "")))
        self.put_out.add(room)
        assert room not in self.session.rooms

    @rule(seconds=st.sampled_from([0.0, 1.0, 100.0]))
    def an_answer_took_its_time(self, seconds):
        self.now += seconds
        self.session.waited(seconds, self.now)

    @precondition(lambda self: self.checks)
    @rule(left=st.sampled_from([0.0, 0.01, 3.0, 20.0]))
    def redis_says_how_idle(self, left):
        self.checks = 0
        self.perform(self.session.idle_checked(left, self.now))

    @rule(reason=st.sampled_from([SHUTDOWN, REPLACED]))
    def it_is_ended(self, reason):
        self.perform(self.session.close(reason))

    @invariant()
    def it_stands_where_it_says(self):
        assert (self.session.state is State.CLOSED) == self.closed
        assert len(self.session.rooms) <= 2
        if self.closed:
            assert self.session.deadline is None
        elif self.checks == 0:
            assert self.session.deadline is not None


TestAnyConversation = AnyConversation.TestCase
TestAnyConversation.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
