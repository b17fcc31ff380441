"""How a room's state is kept as text, and read back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat.room_changes import Target, plan
from gateway.chat.room_records import (
    PARTS,
    edit_modes,
    edits_between,
    invitation_text,
    sanction_text,
    state_from,
)
from gateway.chat.rooms import CHAT_OPERATOR, NEVER, Invitation, RoomState, Sanction, listed
from tests.unit.wire import strategies
from wire.codec import encode
from wire.frames import Moderate, Modes, SetModes, SetTopic
from wire.reasons import WireError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
entries = st.dictionaries(texts, texts, max_size=3)
sanctions = st.builds(Sanction, texts, texts, texts, st.none() | st.integers(0, 2**53))
invitations = st.builds(Invitation, texts, texts)


def written(parts, edits):
    """The parts of a state after some edits, as Redis keeps them."""
    parts = {part: dict(entries) for part, entries in parts.items()}
    for where, name, value in edits:
        if value is None:
            parts.setdefault(where, {}).pop(name, None)
        else:
            parts.setdefault(where, {})[name] = value
    return parts


def test_a_room_without_records_is_like_every_new_room():
    assert state_from("dev", True, {}) == RoomState(room="dev", version=NEVER)


def test_default_modes_take_no_bytes_on_the_wire():
    state = state_from("dev", True, {"meta": {"slow": "0", "topic": "news"}})
    assert encode(listed(state, 3, joined=False)) == (b'{"room":"dev","people":3,"topic":"news"}\n')


@given(strategies.modes, texts)
def test_modes_and_key_are_read_as_they_were_written(modes, key):
    parts = written({"meta": {"key": key}}, edit_modes(modes))
    expected = {**{name: getattr(modes, name) for name in Modes.__struct_fields__}}
    expected["key"] = bool(key)
    found = state_from("dev", True, parts)
    assert (found.modes, found.key) == (Modes(**expected), key)


@given(
    st.dictionaries(texts, sanctions, max_size=3), st.dictionaries(texts, invitations, max_size=3)
)
def test_bans_mutes_and_invitations_are_read_as_they_were_written(given_, invited):
    kept = {key: sanction_text(sanction) for key, sanction in given_.items()}
    parts = {
        "bans": kept,
        "muted": kept,
        "invited": {key: invitation_text(each) for key, each in invited.items()},
    }
    found = state_from("dev", True, parts)
    assert (found.bans, found.muted, found.invited) == (given_, given_, invited)


@given(st.dictionaries(st.sampled_from(PARTS), entries))
def test_whatever_is_kept_can_be_read(parts):
    state_from("dev", True, parts)


def as_kept(state):
    """The parts of a state, as Redis keeps them."""
    return written({}, edits_between(RoomState(room=state.room), state))


names = st.dictionaries(texts.filter(bool), texts, max_size=3)
states = st.builds(
    RoomState,
    room=st.just("dev"),
    topic=texts,
    topic_by=texts,
    topic_at=st.integers(0, 2**53),
    modes=strategies.modes.map(lambda modes: msgspec.structs.replace(modes, key=True)),
    key=texts.filter(bool),
    operators=names,
    voices=names,
    bans=st.dictionaries(texts, sanctions, max_size=3),
    muted=st.dictionaries(texts, sanctions, max_size=3),
    invited=st.dictionaries(texts, invitations, max_size=3),
    kicked=names,
)


@given(states, states)
def test_the_edits_between_two_states_make_one_of_the_other(before, after):
    edits = edits_between(before, after)
    assert state_from("dev", True, written(as_kept(before), edits)) == after
    assert edits_between(after, after) == []
    assert len(edits) == len({(edit.where, edit.name) for edit in edits})


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", "{}", '{"name":1}', '{"name":"x"}', '{"name":"x","origin":7}']
)
def test_an_entry_that_cannot_be_read_costs_only_itself(damaged):
    good = {"sis": sanction_text(Sanction("Sis", "Mom", "", None))}
    invited = {"sis": invitation_text(Invitation("Sis", ""))}
    damage = {"x": damaged}
    parts = {"bans": good | damage, "muted": good | damage, "invited": invited | damage}
    found = state_from("dev", True, parts)
    assert [list(each) for each in (found.bans, found.muted, found.invited)] == [["sis"]] * 3


@pytest.mark.parametrize("damaged", ["", "x", "-1", "1.5", "9" * 5000])
def test_a_number_that_cannot_be_read_counts_as_zero(damaged):
    found = state_from("dev", True, {"meta": {"slow": damaged, "topic_at": damaged}})
    assert (found.modes.slow, found.topic_at) == (0, 0)


changes = st.one_of(
    st.builds(SetTopic, st.just("dev"), texts),
    st.builds(
        SetModes,
        st.just("dev"),
        invite_only=st.none() | st.booleans(),
        secret=st.none() | st.booleans(),
        read_only=st.none() | st.booleans(),
        key=st.none() | texts,
        slow=st.none() | st.integers(0, 99),
        history=st.sampled_from([None, "all", "joined"]),
    ),
    st.builds(
        Moderate,
        st.just("dev"),
        strategies.actions,
        st.sampled_from(["sis", "mom"]),
        texts,
        st.none() | st.integers(1, 9),
    ),
)


@given(st.lists(changes, max_size=12))
def test_a_change_holds_once_its_edits_are_written_and_is_not_needed_twice(changes):
    parts, now = {"meta": {}}, 1000
    for change in changes:
        target = None
        if isinstance(change, Moderate):
            target = Target(change.name, change.name, "o", account=change.name, inside=True)
        state = state_from("dev", True, parts)
        try:
            found = plan(state, CHAT_OPERATOR, change, now, target=target)
        except WireError:
            continue
        if found is None:
            continue
        parts = written(parts, found.edits)
        after = state_from("dev", True, parts)
        match change:
            case SetTopic():
                assert after.topic == change.topic
                assert plan(after, CHAT_OPERATOR, change, now) is None
            case SetModes():
                assert after.modes == found.event.modes
                assert plan(after, CHAT_OPERATOR, change, now) is None
            case Moderate():
                key = change.name
                assert (f"name:{key}" in after.bans) is (
                    {"ban": True, "unban": False}.get(change.action, f"name:{key}" in state.bans)
                )
                for give, take, part in (
                    ("op", "deop", "operators"),
                    ("voice", "devoice", "voices"),
                    ("mute", "unmute", "muted"),
                    ("invite", "uninvite", "invited"),
                ):
                    if change.action in (give, take):
                        assert (key in getattr(after, part)) is (change.action == give)
