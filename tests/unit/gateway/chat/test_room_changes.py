"""What becomes of a room when somebody changes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat.room_changes import MOST, Plan, Target, network_in, plan
from gateway.chat.room_records import Edit, invitation_text, sanction_text
from gateway.chat.rooms import CHAT_OPERATOR, Invitation, RoomState, Sanction, Who
from wire.frames import Changed, Moderate, Modes, SetModes, SetTopic
from wire.reasons import ErrorCode, WireError

NOW = 1795428000000
MOM = Who("mom", "Mom", "o-mom", account="mom", ip=None)
SIS = Target("sis", "Sis", "o-sis", account="", inside=True)
MEMBER = SIS._replace(account="sis")
AWAY = SIS._replace(origin="", inside=False)


def state(**fields):
    fields = {"operators": {"mom": "Mom"}} | fields
    return RoomState(room="dev", version="7", **fields)


def planned(request, *, by=MOM, target=SIS, people=2, **fields):
    return plan(state(**fields), by, request, NOW, people=people, target=target)


def moderate(action, name="sis", **fields):
    return Moderate("dev", action, name, **fields)


def refused(request, **fields):
    with pytest.raises(WireError) as caught:
        planned(request, **fields)
    return caught.value


ANY = [SetTopic("dev", "x"), SetModes("dev", secret=True), moderate("kick"), moderate("unban")]


# Who may.


@pytest.mark.parametrize("request_", ANY)
@pytest.mark.parametrize(
    "by", [Who("sis", "Sis", "o", account="sis", ip=None), MOM._replace(account="")]
)
def test_only_operators_may_change_a_room_and_the_refusal_names_some(request_, by):
    error = refused(request_, by=by)
    assert error.code is ErrorCode.NOT_OPERATOR
    assert "ask Mom" in error.text


def test_the_refusal_says_so_if_a_room_has_no_operators():
    error = refused(moderate("kick"), by=MOM._replace(account=""), operators={})
    assert error.text.endswith("can do that, and it has none: ask an operator of the chat")


@pytest.mark.parametrize("request_", ANY[:3])
def test_operators_of_the_chat_may_change_every_room(request_):
    assert planned(request_, by=CHAT_OPERATOR, operators={}).event.by == "*"


@pytest.mark.parametrize("request_", ANY)
def test_a_room_that_does_not_exist_cannot_be_changed(request_):
    assert refused(request_, exists=False).code is ErrorCode.NO_SUCH_ROOM


# The topic.


def test_a_topic_is_kept_with_the_name_and_the_time():
    assert planned(SetTopic("dev", "news")) == Plan(
        [
            Edit("meta", "topic", "news"),
            Edit("meta", "topic_by", "Mom"),
            Edit("meta", "topic_at", str(NOW)),
        ],
        Changed(room="dev", by="Mom", change="topic", topic="news"),
    )


def test_an_empty_topic_removes_it():
    found = planned(SetTopic("dev", ""), topic="old")
    assert found.edits[0] == Edit("meta", "topic", None)
    assert found.event.topic == ""


def test_a_change_that_is_not_needed_is_not_made():
    assert planned(SetTopic("dev", "old"), topic="old") is None
    assert planned(SetModes("dev", slow=0, key="")) is None
    assert planned(moderate("op"), target=MEMBER, operators={"mom": "Mom", "sis": "Sis"}) is None
    assert planned(moderate("invite"), invited={"sis": Invitation("Sis", "o-sis")}) is None


# The modes.


def test_modes_that_are_left_out_stay():
    found = planned(SetModes("dev", slow=5), modes=Modes(secret=True, history="joined"))
    assert found.event.modes == Modes(secret=True, history="joined", slow=5)
    assert {(edit.name, edit.value) for edit in found.edits} == {
        *(("invite_only", None), ("secret", "1"), ("read_only", None), ("slow", "5")),
        *(("history", "joined"), ("key", None)),
    }
    assert not found.invite_members


@pytest.mark.parametrize(("before", "key", "after"), [("", "sesame", True), ("sesame", "", False)])
def test_a_key_is_kept_and_never_told(before, key, after):
    found = planned(SetModes("dev", key=key), key=before, modes=Modes(key=bool(before)))
    assert Edit("meta", "key", key or None) in found.edits
    assert found.event.modes == Modes(key=after)
    assert "sesame" not in repr(found.event)


def test_another_key_is_a_change_though_the_modes_are_the_same():
    assert planned(SetModes("dev", key="new"), key="old", modes=Modes(key=True)) is not None


def test_the_members_of_a_room_that_becomes_invite_only_are_invited():
    closing = SetModes("dev", invite_only=True)
    assert planned(closing).invite_members
    assert not planned(SetModes("dev", slow=5), modes=Modes(invite_only=True)).invite_members
    assert planned(closing, people=500).invite_members
    assert refused(closing, people=501).code is ErrorCode.TOO_MANY_ENTRIES


# Putting out.


def test_a_kicked_member_is_put_out_and_loses_the_invitation():
    found = planned(moderate("kick", reason="calm down"), invited={"sis": Invitation("Sis", "")})
    assert found == Plan(
        [Edit("invited", "sis", None), Edit("kicked", "sis", "o-sis")],
        Changed(room="dev", by="Mom", change="kick", name="Sis", reason="calm down"),
        removed="sis",
    )


def test_only_a_member_can_be_kicked():
    assert refused(moderate("kick"), target=AWAY).code is ErrorCode.NO_SUCH_PERSON


def test_operators_can_be_kicked_and_keep_their_rights():
    found = planned(moderate("kick"), operators={"mom": "Mom", "sis": "Sis"})
    assert (found.edits, found.removed) == ([Edit("kicked", "sis", "o-sis")], "sis")


def test_a_ban_lasts_as_long_as_it_says_and_takes_all_rights():
    found = planned(
        moderate("ban", reason="spam", seconds=60),
        operators={"mom": "Mom", "sis": "Sis"},
        voices={"sis": "Sis"},
        invited={"sis": Invitation("Sis", "")},
    )
    until = NOW + 60_000
    ban = sanction_text(Sanction("Sis", "Mom", "spam", until))
    assert found.edits == [
        Edit("bans", "name:sis", ban),
        Edit("operators", "sis", None),
        Edit("voices", "sis", None),
        Edit("invited", "sis", None),
        Edit("kicked", "sis", "o-sis"),
    ]
    assert (found.event.until, found.event.reason, found.removed) == (until, "spam", "sis")


def test_a_ban_puts_out_even_a_person_who_is_not_seen_in_the_room():
    assert planned(moderate("ban"), target=AWAY).removed == "sis"


def test_bans_that_have_ended_are_taken_out_and_do_not_count():
    old = {f"name:{n}": Sanction(str(n), "mom", "", NOW) for n in range(MOST["bans"])}
    found = planned(moderate("ban"), bans=old)
    assert [edit.name for edit in found.edits if edit.value is None] == list(old)


def test_an_unban_needs_a_ban():
    banned = {"name:sis": Sanction("Sis", "Mom", "", None)}
    assert planned(moderate("unban"), target=AWAY, bans=banned).edits == [
        Edit("bans", "name:sis", None)
    ]
    assert refused(moderate("unban"), target=AWAY).code is ErrorCode.NO_SUCH_PERSON


# Networks.


@pytest.mark.parametrize(
    ("action", "name", "expected"),
    [
        ("ban", "192.0.2.0/24", "192.0.2.0/24"),
        ("unban", "2001:db8::1", "2001:db8::1"),
        ("ban", "192.0.2.7", None),
        ("mute", "192.0.2.0/24", None),
    ],
)
def test_a_network_is_known_by_a_slash_or_a_colon(action, name, expected):
    assert network_in(moderate(action, name)) == expected


def test_operators_of_the_chat_can_ban_a_network_and_members_are_not_told_which():
    found = planned(moderate("ban", "192.0.2.9/24", reason="bots"), by=CHAT_OPERATOR, target=None)
    ban = sanction_text(Sanction("192.0.2.0/24", "*", "bots", None))
    assert found.edits == [Edit("bans", "network:192.0.2.0/24", ban)]
    assert found.event == Changed(room="dev", by="*", change="ban", reason="bots")
    assert found.removed is None


def test_a_banned_network_can_be_unbanned_however_it_is_written():
    bans = {"network:192.0.2.0/24": Sanction("192.0.2.0/24", "*", "", None)}
    found = planned(moderate("unban", "192.0.2.77/24"), by=CHAT_OPERATOR, target=None, bans=bans)
    assert found.edits == [Edit("bans", "network:192.0.2.0/24", None)]


@pytest.mark.parametrize("action", ["ban", "unban"])
def test_an_operator_of_the_room_cannot_find_out_addresses_by_banning_networks(action):
    error = refused(moderate(action, "192.0.2.0/24"), target=None)
    assert error.code is ErrorCode.NOT_OPERATOR


def test_a_bad_network_is_refused():
    error = refused(moderate("ban", "x/" * 500), by=CHAT_OPERATOR, target=None)
    assert error.code is ErrorCode.BAD_NAME
    assert len(error.text) < 100


# Silence, invitations and rights.


def test_a_mute_is_kept_by_name():
    found = planned(moderate("mute", seconds=60))
    mute = sanction_text(Sanction("Sis", "Mom", "", NOW + 60_000))
    assert (found.edits, found.removed) == ([Edit("muted", "sis", mute)], None)
    assert found.event.until == NOW + 60_000


def test_an_operator_cannot_be_muted_and_the_refusal_says_what_to_do():
    error = refused(moderate("mute"), operators={"mom": "Mom", "sis": "Sis"})
    assert "deop Sis first" in error.text


@pytest.mark.parametrize(
    ("target", "origin"), [(SIS, "o-sis"), (MEMBER, ""), (AWAY._replace(account="sis"), "")]
)
def test_a_guest_is_invited_for_one_session_and_an_account_for_all(target, origin):
    found = planned(moderate("invite"), target=target)
    assert found.edits == [Edit("invited", "sis", invitation_text(Invitation("Sis", origin)))]


def test_an_invitation_of_a_former_session_is_renewed():
    found = planned(moderate("invite"), invited={"sis": Invitation("Sis", "o-before")})
    assert found.edits == [Edit("invited", "sis", invitation_text(Invitation("Sis", "o-sis")))]


def test_a_name_that_is_neither_here_nor_registered_cannot_be_invited():
    assert refused(moderate("invite"), target=AWAY).code is ErrorCode.NO_SUCH_PERSON


@pytest.mark.parametrize(("action", "part"), [("op", "operators"), ("voice", "voices")])
def test_only_registered_names_can_have_rights(action, part):
    assert planned(moderate(action), target=MEMBER).edits == [Edit(part, "sis", "Sis")]
    assert refused(moderate(action)).code is ErrorCode.NO_SUCH_PERSON


def test_the_last_operator_may_go():
    found = planned(moderate("deop", "mom"), target=Target("mom", "Mom", "o", "mom", True))
    assert found.edits == [Edit("operators", "mom", None)]


@pytest.mark.parametrize(
    ("action", "part", "entry"),
    [
        ("unmute", "muted", Sanction("Sis", "Mom", "", None)),
        ("uninvite", "invited", Invitation("Sis", "")),
        ("devoice", "voices", "Sis"),
    ],
)
def test_what_was_given_can_be_taken_back_once(action, part, entry):
    found = planned(moderate(action), target=AWAY, **{part: {"sis": entry}})
    assert found.edits == [Edit(part, "sis", None)]
    assert refused(moderate(action), target=AWAY).code is ErrorCode.NO_SUCH_PERSON


FULL = {
    "operators": {"mom": "Mom"} | {str(n): str(n) for n in range(MOST["operators"] - 1)},
    "voices": {str(n): str(n) for n in range(MOST["voices"])},
    "bans": {f"name:{n}": Sanction(str(n), "", "", None) for n in range(MOST["bans"])},
    "muted": {str(n): Sanction(str(n), "", "", None) for n in range(MOST["muted"])},
    "invited": {str(n): Invitation(str(n), "") for n in range(MOST["invited"])},
}


@pytest.mark.parametrize("action", ["op", "voice", "ban", "mute", "invite"])
def test_there_is_a_bound_on_everything_that_a_room_keeps(action):
    error = refused(moderate(action), target=MEMBER, **FULL)
    assert error.code is ErrorCode.TOO_MANY_ENTRIES
    known = Target("1", "1", "", account="1", inside=False)
    full = {**FULL, "operators": {"mom": "Mom"}} if action == "mute" else FULL
    planned(moderate(action, "1"), target=known, **full)  # no more than there are already


requests = st.one_of(
    st.builds(SetTopic, st.just("dev"), st.text(max_size=5)),
    st.builds(
        SetModes,
        st.just("dev"),
        invite_only=st.none() | st.booleans(),
        key=st.none() | st.text(max_size=3),
        slow=st.none() | st.integers(0, 9),
    ),
    st.builds(
        moderate,
        st.sampled_from(["kick", "ban", "unban", "mute", "unmute", "op", "deop", "invite"]),
        seconds=st.none() | st.integers(1, 9),
    ),
)


@given(requests, st.booleans(), st.booleans())
def test_every_request_ends_in_a_plan_or_a_refusal(request, registered, inside):
    try:
        found = planned(
            request, target=SIS._replace(account="sis" if registered else "", inside=inside)
        )
    except WireError as error:
        assert error.text
    else:
        assert found is None or (found.event.room, found.event.by) == ("dev", "Mom")
