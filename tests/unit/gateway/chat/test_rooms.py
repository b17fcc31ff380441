"""The rules of rooms as tables: entering, staying, speaking, reading."""

from ipaddress import ip_address

import msgspec
import pytest

from gateway.chat import rooms
from gateway.chat.rooms import (
    CHAT_OPERATOR,
    NAMES_IN_LINE,
    SANCTIONS_IN_LINE,
    Invitation,
    RoomState,
    Sanction,
    Who,
    may_enter,
    may_read,
    may_say,
    may_stay,
    role,
    room_info,
    slow_for,
    tells_all,
)
from wire.codec import encode
from wire.frames import Modes, Notice, Room, RoomInfo, Sanctioned
from wire.reasons import ErrorCode, OutCode

NOW = 1795428000000

SIS = Who("sis", "Sis", "origin-of-sis", account="sis", ip=ip_address("192.0.2.7"))
GUEST = Who("guest", "Guest", "origin-of-guest", account="", ip=ip_address("2001:db8::7"))
IMPOSTOR = SIS._replace(account="")
"""Has the name of an account, from before it was registered, and not its password."""


def state(**fields):
    return RoomState(room="dev", version="7", **fields)


def sanction(name="sis", until=None, reason=""):
    return Sanction(name, "mom", reason, until)


def modes(**fields):
    return {"modes": Modes(**fields)}


BAN = {"bans": {"name:sis": sanction()}}
MUTE = {"muted": {"sis": sanction()}}
OP = {"operators": {"sis": "Sis"}}
VOICE = {"voices": {"sis": "Sis"}}
INVITED = {"invited": {"sis": Invitation("Sis", "")}}
LOCKED = {"modes": Modes(key=True), "key": "sesame"}
CLOSED = modes(invite_only=True)


def refusal(error):
    return None if error is None else error.code


# Who is what.


@pytest.mark.parametrize(
    ("fields", "who", "expected"),
    [
        ({}, SIS, ""),
        (OP, SIS, "operator"),
        (OP, IMPOSTOR, ""),
        (VOICE, SIS, "voice"),
        (VOICE, IMPOSTOR, ""),
        (OP | VOICE, SIS, "operator"),
        (OP, GUEST, ""),
        ({}, CHAT_OPERATOR, "operator"),
    ],
)
def test_rights_belong_to_accounts(fields, who, expected):
    found = state(**fields)
    assert role(found, who.account) == expected
    assert tells_all(found, who) is (expected == "operator")


# Entering.


@pytest.mark.parametrize(
    ("fields", "who", "key", "expected"),
    [
        ({}, SIS, "", None),
        ({}, GUEST, "", None),
        (BAN, SIS, "", ErrorCode.BANNED_HERE),
        (BAN | OP | INVITED, SIS, "", ErrorCode.BANNED_HERE),
        (BAN, GUEST, "", None),
        ({"bans": {"name:sis": sanction(until=NOW)}}, SIS, "", None),
        ({"bans": {"name:sis": sanction(until=NOW + 1)}}, SIS, "", ErrorCode.BANNED_HERE),
        ({"bans": {"network:192.0.2.0/24": sanction()}}, SIS, "", ErrorCode.BANNED_HERE),
        ({"bans": {"network:192.0.2.0/24": sanction(until=NOW)}}, SIS, "", None),
        ({"bans": {"network:192.0.2.0/24": sanction()}}, GUEST, "", None),
        ({"bans": {"network:2001:db8::/64": sanction()}}, GUEST, "", ErrorCode.BANNED_HERE),
        ({"bans": {"network:192.0.2.0/24": sanction()}}, CHAT_OPERATOR, "", None),
        ({"bans": {"network:what?": sanction()}}, SIS, "", None),
        (CLOSED, SIS, "", ErrorCode.INVITE_ONLY),
        (CLOSED | INVITED, SIS, "", None),
        (CLOSED | INVITED, IMPOSTOR, "", ErrorCode.INVITE_ONLY),
        (CLOSED | {"invited": {"guest": Invitation("Guest", GUEST.origin)}}, GUEST, "", None),
        (
            CLOSED | {"invited": {"guest": Invitation("Guest", "another")}},
            GUEST,
            "",
            ErrorCode.INVITE_ONLY,
        ),
        (CLOSED | OP, SIS, "", None),
        (CLOSED | VOICE, SIS, "", ErrorCode.INVITE_ONLY),
        (LOCKED, SIS, "", ErrorCode.BAD_KEY),
        (LOCKED, SIS, "sesamo", ErrorCode.BAD_KEY),
        (LOCKED, SIS, "s\u00e9same", ErrorCode.BAD_KEY),
        (LOCKED, SIS, "sesame", None),
        (LOCKED | OP, SIS, "", None),
        (LOCKED | INVITED, SIS, "", None),
        ({}, SIS, "a key that nobody asked for", None),
    ],
)
def test_who_may_enter(fields, who, key, expected):
    assert refusal(may_enter(state(**fields), who, key, NOW, returning=False)) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (LOCKED, None),
        (BAN, ErrorCode.BANNED_HERE),
        (CLOSED, ErrorCode.INVITE_ONLY),
        ({"kicked": {"sis": SIS.origin}}, ErrorCode.NOT_IN_ROOM),
        ({"exists": False}, ErrorCode.NO_SUCH_ROOM),
        ({"kicked": {"sis": "somebody before"}}, None),
    ],
)
def test_somebody_whose_connection_broke_needs_no_key_but_is_checked_otherwise(fields, expected):
    assert refusal(may_enter(state(**fields), SIS, "", NOW, returning=True)) is expected


def test_a_room_that_was_deleted_may_be_made_again():
    assert may_enter(state(exists=False), SIS, "", NOW, returning=False) is None


def test_a_kicked_person_may_join_again():
    assert may_enter(state(kicked={"sis": SIS.origin}), SIS, "", NOW, returning=False) is None


def test_a_refusal_gives_the_reason_and_the_people_to_ask():
    closed = state(**CLOSED, operators={"mom": "Mom", "dad": "Dad"})
    assert "ask Mom or Dad to invite you" in may_enter(closed, SIS, "", NOW, False).text
    assert "ask an operator of the chat" in may_enter(state(**CLOSED), SIS, "", NOW, False).text
    banned = state(bans={"name:sis": sanction(reason="spam")})
    assert "(spam)" in may_enter(banned, SIS, "", NOW, False).text
    locked = state(**LOCKED)
    assert "join it with its key" in may_enter(locked, SIS, "", NOW, False).text
    assert "not its key" in may_enter(locked, SIS, "x", NOW, False).text
    assert "sesame" not in may_enter(locked, SIS, "x", NOW, False).text


# Staying.


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        (CLOSED, None),
        (LOCKED, None),
        (MUTE, None),
        (BAN, OutCode.BANNED),
        ({"bans": {"network:192.0.2.7/32": sanction()}}, OutCode.BANNED),
        ({"kicked": {"sis": SIS.origin}}, OutCode.KICKED),
        ({"kicked": {"sis": "somebody before"}}, None),
        ({"exists": False}, OutCode.KICKED),
    ],
)
def test_who_may_stay_after_a_change(fields, expected):
    found = may_stay(state(**fields), SIS, NOW)
    assert (None if found is None else found[0]) is expected


def test_members_stay_in_a_room_that_redis_has_forgotten():
    assert may_stay(RoomState(room="dev", exists=False), SIS, NOW) is None


# Speaking.


@pytest.mark.parametrize(
    ("fields", "who", "expected"),
    [
        ({}, SIS, None),
        (BAN, SIS, ErrorCode.BANNED_HERE),
        (BAN | OP, SIS, ErrorCode.BANNED_HERE),
        ({"bans": {"network:192.0.2.0/24": sanction()}}, SIS, ErrorCode.BANNED_HERE),
        (MUTE, SIS, ErrorCode.MUTED),
        (MUTE | VOICE, SIS, ErrorCode.MUTED),
        (MUTE | OP, SIS, None),
        (MUTE, GUEST, None),
        ({"muted": {"sis": sanction(until=NOW)}}, SIS, None),
        (modes(read_only=True), SIS, ErrorCode.READ_ONLY),
        (modes(read_only=True) | VOICE, SIS, None),
        (modes(read_only=True) | OP, SIS, None),
        (modes(read_only=True) | OP, IMPOSTOR, ErrorCode.READ_ONLY),
    ],
)
def test_who_may_say_something(fields, who, expected):
    assert refusal(may_say(state(**fields), who, NOW)) is expected


@pytest.mark.parametrize(
    ("fields", "who", "expected"),
    [
        (modes(slow=30), SIS, 30),
        (modes(slow=30) | VOICE, SIS, 0),
        (modes(slow=30) | OP, SIS, 0),
        (modes(slow=30) | OP, IMPOSTOR, 30),
        ({}, SIS, 0),
    ],
)
def test_who_has_to_wait_between_two_messages(fields, who, expected):
    assert slow_for(state(**fields), who) == expected


# Reading.

SECRET = modes(secret=True)


@pytest.mark.parametrize(
    ("fields", "who", "inside", "expected"),
    [
        ({}, GUEST, False, None),
        (CLOSED, GUEST, False, None),
        (SECRET, GUEST, False, ErrorCode.NO_SUCH_ROOM),
        (SECRET, GUEST, True, None),
        (SECRET | OP, SIS, False, None),
        (SECRET | OP, IMPOSTOR, False, ErrorCode.NO_SUCH_ROOM),
        (SECRET | INVITED, SIS, False, None),
        ({"exists": False}, CHAT_OPERATOR, False, ErrorCode.NO_SUCH_ROOM),
    ],
)
def test_who_may_see_what_a_room_is_about(fields, who, inside, expected):
    assert refusal(may_read(state(**fields), who, inside)) is expected


def test_a_secret_room_is_refused_in_the_words_for_a_room_that_does_not_exist():
    secret = may_read(state(**SECRET), GUEST, inside=False)
    missing = may_read(state(exists=False), GUEST, inside=False)
    assert secret.text == missing.text


# What people are told.

FULL = state(
    topic="what we do",
    topic_by="Mom",
    topic_at=NOW,
    modes=Modes(key=True, slow=5),
    key="sesame",
    operators={"mom": "Mom", "dad": "Dad"},
    voices={"sis": "Sis"},
    bans={"name:bob": sanction("Bob", NOW + 1, "spam"), "name:eve": sanction("Eve", NOW)},
    muted={"tim": sanction("Tim")},
    invited={"guest": Invitation("Guest", "o")},
)


def test_a_newcomer_is_told_about_the_room():
    told = rooms.entered(FULL, SIS, "7-1", 3, seq=9)
    assert (told.room, told.seen, told.people, told.role, told.seq) == ("dev", "7-1", 3, "voice", 9)
    assert (told.topic, told.topic_by, told.modes) == ("what we do", "Mom", FULL.modes)


def test_a_line_of_the_list_has_no_secrets():
    assert rooms.listed(FULL, 3, joined=True) == Room("dev", 3, "what we do", FULL.modes, True)


def test_members_are_told_who_has_rights_and_operators_are_told_everything():
    [told] = room_info(FULL, 3, NOW, everything=False, seq=4)
    expected = RoomInfo(
        "dev", 3, "what we do", "Mom", NOW, FULL.modes, ["Dad", "Mom"], ["Sis"], seq=4
    )
    assert told == expected
    [told] = room_info(FULL, 3, NOW, everything=True, seq=4)
    assert told == msgspec.structs.replace(
        expected,
        key="sesame",
        bans=[Sanctioned("Bob", "mom", "spam", NOW + 1)],
        muted=[Sanctioned("Tim", "mom")],
        invited=["Guest"],
    )


def test_everything_about_a_full_room_is_told_in_lines_of_at_most_64_kib():
    def many(count, value):
        return {str(n): value for n in range(count)}

    widest = Sanction("\U0001f600" * 32, "\U0001f600" * 32, "\U0001f600" * 300, 2**53)
    full = state(
        topic="\U0001f600" * 390,
        key="\U0001f600" * 64,
        operators=many(50, "\U0001f600" * 32),
        voices=many(500, "\U0001f600" * 32),
        bans={f"name:{n}": widest for n in range(500)},
        muted=many(500, widest),
        invited=many(500, Invitation("\U0001f600" * 32, "o")),
    )
    parts = room_info(full, 3, NOW, everything=True, seq=4)
    assert all(len(encode(part)) <= 64 * 1024 for part in parts)
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    assert sum(len(part.bans) for part in parts) == sum(len(part.muted) for part in parts) == 500
    assert sum(len(part.voices) for part in parts) == sum(len(p.invited) for p in parts) == 500
    assert max(len(part.voices) + len(part.invited) for part in parts) <= NAMES_IN_LINE
    assert max(len(part.bans) + len(part.muted) for part in parts) == SANCTIONS_IN_LINE


@pytest.mark.parametrize(
    ("by", "text"),
    [
        ("Mom", "Mom invites you to the room dev"),
        ("*", "the operators of the chat invite you to the room dev"),
    ],
)
def test_an_invited_person_is_told_who_invites_them_and_to_which_room(by, text):
    assert rooms.invited("dev", by) == Notice("invited", text, room="dev")


def test_operators_see_no_key_if_the_room_has_no_key():
    [told] = room_info(state(), 3, NOW, everything=True, seq=None)
    assert told.key is None
