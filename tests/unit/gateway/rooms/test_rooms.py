import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.backplane.contract import Attendance
from gateway.errors import BackplaneRefused
from gateway.rooms.rooms import Entry
from tests.unit.gateway.fakes import AWAY, quiet, until
from tests.unit.gateway.rooms.conftest import MOST_MADE, Gate, Somebody, Street
from wire.frames import Msg
from wire.reasons import ErrorCode, WireError

# Coming in.


async def test_somebody_who_enters_is_in_the_room_on_every_gateway(street: Street) -> None:
    here, there = street.open(), street.open()
    await there.rooms.enter("dev", there.somebody("Anna"))
    entry = await here.rooms.enter("dev", here.somebody("Ben"))
    assert entry.entered.people == 2
    assert await here.names() == ["Anna", "Ben"]
    await until(lambda: there.heard() == ["Anna joined", "Ben joined"])
    assert await there.names() == ["Anna", "Ben"]


async def test_nobody_is_told_about_their_own_arrival(street: Street) -> None:
    here = street.open()
    await here.rooms.enter("dev", here.somebody("Anna"))
    at_return = here.heard()
    assert at_return == ["Anna joined"], "it came before the return, so before one listens"


async def test_a_newcomer_starts_after_the_last_message(street: Street) -> None:
    here = street.open()
    await here.rooms.enter("dev", here.somebody("Anna"))
    id = street.memory.say("hello", "dev")
    entry = await here.rooms.enter("dev", here.somebody("Ben"))
    assert entry.at == id
    assert entry.entered.seen == id.decode()


async def test_the_last_messages_are_returned_if_they_are_wanted(street: Street) -> None:
    here = street.open()
    await here.rooms.enter("dev", here.somebody("Anna"))
    for text in ("one", "two", "three"):
        id = street.memory.say(text, "dev")
    entry = await here.rooms.enter("dev", here.somebody("Ben"), history=2)
    assert [b"two" in entry.history[0], b"three" in entry.history[1]] == [True, True]
    assert entry.at == id


async def test_also_many_long_messages_are_returned_without_a_hole(street: Street) -> None:
    here = street.open()
    await here.rooms.enter("dev", here.somebody("Anna"))
    for number in range(60):
        street.memory.say(f"{number} {'x' * 4000}", "dev")
    entry = await here.rooms.enter("dev", here.somebody("Ben"), history=50)
    told = [int(line.split(b'"text":"')[1].split()[0]) for line in entry.history]
    assert told == list(range(10, 60))


async def test_no_messages_from_before_are_returned_if_the_room_hides_them(street: Street) -> None:
    here = street.open()
    anna = here.somebody("Anna", account="anna")
    await here.rooms.enter("dev", anna)
    await here.set(anna, history="joined")
    street.memory.say("one", "dev")
    entry = await here.rooms.enter("dev", here.somebody("Ben"), history=2)
    assert entry.history == []


async def test_entering_again_gets_the_same_answer_and_changes_nothing(street: Street) -> None:
    here = street.open()
    anna = here.somebody("Anna")
    await here.rooms.enter("dev", anna)
    await here.rooms.enter("dev", anna)
    assert here.backplane.count("attend") == 1
    here.rooms.leave("dev", anna, "left")
    assert here.rooms.get("dev") is None


async def test_a_room_of_somebody_with_an_account_has_an_operator(street: Street) -> None:
    here = street.open()
    entry = await here.rooms.enter("dev", here.somebody("Anna", account="anna"))
    assert entry.entered.role == "operator"
    guest = await here.rooms.enter("club", here.somebody("Ben"))
    assert guest.entered.role == ""


async def test_rooms_are_not_made_where_only_operators_of_the_chat_make_them(
    street: Street,
) -> None:
    here = street.open(closed=True)
    with pytest.raises(WireError) as refused:
        await here.rooms.enter("dev", here.somebody("Anna"))
    assert refused.value.code is ErrorCode.NO_SUCH_ROOM
    await here.rooms.enter("lobby", here.somebody("Ben"))


@pytest.mark.parametrize(
    ("modes", "code"),
    [
        ({"invite_only": True}, ErrorCode.INVITE_ONLY),
        ({"key": "sesame"}, ErrorCode.BAD_KEY),
        ({}, ErrorCode.BANNED_HERE),
    ],
)
async def test_a_room_is_not_opened_for_somebody_who_may_not_enter(
    street: Street, modes: dict[str, Any], code: ErrorCode
) -> None:
    here, _, boss, _ = await crowd(street)
    if modes:
        await here.set(boss, **modes)
    else:
        await here.moderate(boss, "ban", "Anna")
    elsewhere = street.open()
    with pytest.raises(WireError) as refused:
        await elsewhere.rooms.enter("dev", elsewhere.somebody("Anna"))
    assert refused.value.code is code
    assert elsewhere.backplane.count("subscribe") == elsewhere.backplane.count("members") == 0
    assert elsewhere.backplane.count("state") == 1
    assert len(elsewhere.rooms) == 0


async def test_somebody_who_was_banned_while_the_room_was_opened_does_not_enter(
    street: Street,
) -> None:
    here, _, boss, _ = await crowd(street)
    elsewhere = street.open()
    subscribed = elsewhere.backplane.hold("subscribe")
    entering = asyncio.ensure_future(elsewhere.rooms.enter("dev", elsewhere.somebody("Anna")))
    await until(lambda: elsewhere.backplane.count("subscribe"))
    await here.moderate(boss, "ban", "Anna")
    subscribed.set()
    with pytest.raises(WireError) as refused:
        await entering
    assert refused.value.code is ErrorCode.BANNED_HERE
    assert len(elsewhere.rooms) == 0


async def test_a_refusal_does_not_keep_others_out_who_come_at_the_same_time(
    street: Street,
) -> None:
    here, _, boss, _ = await crowd(street)
    await here.moderate(boss, "ban", "Anna")
    elsewhere = street.open()
    comers = [elsewhere.somebody(name) for name in ("Anna", "Ben", "Cleo")]
    answers = await asyncio.gather(
        *(elsewhere.rooms.enter("dev", person) for person in comers), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [WireError, Entry, Entry]
    assert elsewhere.backplane.count("subscribe") == 1


async def test_somebody_with_an_account_makes_a_limited_number_of_rooms(street: Street) -> None:
    here, there = street.open(), street.open()
    anna, ben = here.somebody("Anna", account="anna"), here.somebody("Ben")
    for number in range(MOST_MADE):
        await here.rooms.enter(f"made{number}", anna)
        here.rooms.leave(f"made{number}", anna, "left")
    with pytest.raises(WireError, match="ask the operators of the chat") as refused:
        await there.rooms.enter("more", there.somebody("Anna", account="anna"))
    assert refused.value.code is ErrorCode.TOO_MANY_ROOMS
    assert "more" not in street.memory.rooms
    await here.rooms.enter("more", ben)  # a guest's room is not kept
    await here.rooms.enter("more", anna)


async def test_guests_and_people_who_come_back_make_rooms_without_being_counted(
    street: Street,
) -> None:
    here = street.open()
    anna, ben = here.somebody("Anna", account="anna"), here.somebody("Ben")
    await here.rooms.enter("lobby", anna)
    await here.rooms.enter("forgotten", anna, returning=True)
    await here.rooms.enter("club", ben)
    assert here.backplane.count("count_made") == 0


async def test_many_who_come_at_once_cost_few_calls(street: Street) -> None:
    here = street.open()
    people = [here.somebody(f"p{number}") for number in range(500)]
    await asyncio.gather(*(here.rooms.enter("dev", person) for person in people))
    assert len(await here.names()) == 500
    assert here.backplane.count("subscribe") == 1
    assert here.backplane.count("state") < 5
    assert here.backplane.count("attend") < 10


async def test_several_rooms_are_entered_at_once(street: Street) -> None:
    here = street.open()
    anna = here.somebody("Anna")
    attended = here.backplane.hold("attend")
    entering = asyncio.ensure_future(
        here.rooms.enter_all([f"r{n}" for n in range(50)], anna, returning=True)
    )
    await until(lambda: here.backplane.count("attend") == 50)
    attended.set()
    entries = await entering
    assert all(isinstance(entry, Entry) for entry in entries.values())
    assert len(entries) == 50


async def test_the_rooms_that_refuse_are_told_apart(street: Street) -> None:
    here = street.open()
    boss, anna = here.somebody("Boss", account="boss"), here.somebody("Anna")
    await here.rooms.enter("dev", boss)
    await here.set(boss, invite_only=True)
    entries = await here.rooms.enter_all(["dev", "lobby"], anna, returning=True)
    assert isinstance(entries["lobby"], Entry)
    assert isinstance(entries["dev"], WireError)


async def test_nothing_is_left_if_redis_goes_away_while_somebody_enters(street: Street) -> None:
    here = street.open()
    for method in ("subscribe", "tails", "state", "members", "attend"):
        here.backplane.fail(AWAY, method)
        with pytest.raises(type(AWAY)):
            await here.rooms.enter("dev", here.somebody("Anna"))
        here.backplane.failing.clear()
        assert here.rooms.get("dev") is None
        assert here.backplane.channels == []
        await here.rooms.settle()
        assert street.memory.rooms.get("dev") is None or not street.memory.rooms["dev"].members


async def test_nothing_is_left_if_redis_goes_away_while_the_history_is_read(
    street: Street,
) -> None:
    here = street.open()
    await here.rooms.enter("dev", here.somebody("Ben"))
    street.memory.say("hello", "dev")
    here.backplane.fail(AWAY, "read_log")
    with pytest.raises(type(AWAY)):
        await here.rooms.enter("dev", here.somebody("Anna"), history=10)
    await here.rooms.settle()
    assert list(street.memory.rooms["dev"].members) == ["ben"]


async def test_nothing_is_left_of_somebody_who_goes_away_while_entering(street: Street) -> None:
    here = street.open()
    for method in ("subscribe", "state", "attend"):
        answered = here.backplane.hold(method)
        calls = here.backplane.count(method)
        entering = asyncio.ensure_future(here.rooms.enter("dev", here.somebody("Anna")))
        await until(lambda calls=calls, method=method: here.backplane.count(method) > calls)
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        answered.set()
        await until(lambda: not here.backplane.channels)
        await here.rooms.settle()
        assert here.rooms.get("dev") is None
        assert "dev" not in street.memory.rooms


# Leaving.


async def test_the_others_are_told_that_somebody_leaves(street: Street) -> None:
    here, there = street.open(), street.open()
    ben = here.somebody("Ben")
    await there.rooms.enter("dev", there.somebody("Anna"))
    await here.rooms.enter("dev", ben)
    here.rooms.leave("dev", ben, "left")
    await until(lambda: there.heard() == ["Anna joined", "Ben joined", "Ben left"])
    assert await there.names() == ["Anna"]


async def test_a_room_is_closed_here_when_its_last_member_here_leaves(street: Street) -> None:
    here = street.open()
    anna, ben = here.somebody("Anna"), here.somebody("Ben")
    await here.rooms.enter("dev", anna)
    await here.rooms.enter("dev", ben)
    here.rooms.leave("dev", anna, "left")
    assert here.backplane.channels == ["room:dev"]
    here.rooms.leave("dev", ben, "left")
    assert here.backplane.channels == []


async def test_a_departure_waits_for_redis(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.rooms.moves.PAUSE", 0)
    here = street.open()
    anna = here.somebody("Anna")
    await here.rooms.enter("dev", anna)
    here.backplane.fail(AWAY, "attend")
    here.rooms.leave("dev", anna, "left")
    await until(lambda: here.backplane.count("attend") > 2)
    assert street.memory.rooms["dev"].members
    here.backplane.failing.clear()
    await here.rooms.settle()
    assert "dev" not in street.memory.rooms


async def test_a_person_who_comes_back_is_not_taken_out_by_an_earlier_departure(
    street: Street,
) -> None:
    here, there = street.open(), street.open()
    old = here.somebody("Anna", session="old")
    await here.rooms.enter("dev", old)
    await there.rooms.enter("dev", there.somebody("Anna", session="new"), returning=True)
    here.rooms.abandon(old)
    here.rooms.leave("dev", old, "left")
    await here.rooms.settle()
    assert street.memory.rooms["dev"].members["anna"].session == "new"
    assert there.heard() == [], "nobody knew that anybody was gone"


async def test_somebody_who_is_gone_is_taken_out_of_all_their_rooms(street: Street) -> None:
    here = street.open()
    anna = here.somebody("Anna", rooms=["dev", "club"])
    await here.rooms.enter_all(["dev", "club"], anna, returning=False)
    here.rooms.abandon(anna)
    assert here.backplane.channels == []
    assert street.memory.rooms["dev"].members
    here.rooms.depart(anna.registration, "quit")
    await here.rooms.settle()
    assert street.memory.rooms == {}


# Being put out.


async def crowd(street: Street) -> tuple[Gate, Gate, Somebody, Somebody]:
    """An operator on one gateway, and a guest on the other, in one room."""
    here, there = street.open(), street.open()
    boss, guest = here.somebody("Boss", account="boss"), there.somebody("Guest")
    await here.rooms.enter("dev", boss)
    await there.rooms.enter("dev", guest)
    return here, there, boss, guest


async def test_somebody_who_is_kicked_is_put_out(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    await here.moderate(boss, "kick", "guest")
    await until(lambda: guest.out)
    assert [out[:2] for out in guest.out] == [("dev", "kicked")]
    assert there.rooms.get("dev") is None
    await until(lambda: here.heard()[-1] == "Guest left")


async def test_somebody_who_is_banned_is_put_out_and_cannot_come_back(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    await here.moderate(boss, "ban", "guest")
    await until(lambda: guest.out)
    assert guest.out[0][:2] == ("dev", "banned")
    with pytest.raises(WireError) as refused:
        await there.rooms.enter("dev", guest)
    assert refused.value.code is ErrorCode.BANNED_HERE


async def test_nothing_reaches_a_kicked_person_after_the_kick(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    await there.rooms.enter("dev", there.somebody("Other"))
    answered = there.backplane.hold("state")
    await here.moderate(boss, "kick", "guest")
    before = list(there.told["dev"])
    street.memory.say("a secret", "dev")
    await until(lambda: "state" in dict(there.backplane.calls[-1:]))
    assert there.told["dev"] == before
    answered.set()
    await until(lambda: guest.out)
    await until(lambda: there.told["dev"][-1].text == "a secret")


async def test_a_room_that_changes_while_it_is_opened_here_is_heard_afterwards(
    street: Street,
) -> None:
    here, _, boss, _ = await crowd(street)
    late = street.open()
    answered = late.backplane.hold("members")
    entering = asyncio.ensure_future(late.rooms.enter("dev", late.somebody("Late")))
    await until(lambda: late.backplane.count("members"))
    asked = late.backplane.count("state")
    await here.set(boss, secret=True)
    await until(lambda: late.backplane.count("state") > asked)
    await quiet()
    answered.set()
    await entering
    street.memory.say("hello", "dev")
    await until(lambda: isinstance(late.told["dev"][-1], Msg))


async def test_a_fault_while_the_new_rules_are_read_does_not_silence_a_room(
    street: Street, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.rooms.room.PAUSE", 0)
    here, there, boss, guest = await crowd(street)
    await there.rooms.enter("dev", there.somebody("Other"))
    there.backplane.fail(RuntimeError("a fault"), "state")
    await here.moderate(boss, "kick", "guest")
    street.memory.say("a secret", "dev")
    await until(lambda: "a fault" in caplog.text)
    there.backplane.failing.clear()
    await until(lambda: isinstance(there.told["dev"][-1], Msg))
    assert [out[:2] for out in guest.out] == [("dev", "kicked")]


async def test_a_fault_while_somebody_enters_by_old_rules_leaves_nobody_waiting(
    street: Street, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.rooms.moves.PAUSE", 0)
    here, there, boss, _ = await crowd(street)
    there.lost = {b"="}
    await here.set(boss, secret=True)
    there.backplane.fail(RuntimeError("a fault"), "state")
    entering = asyncio.ensure_future(there.rooms.enter("dev", there.somebody("Other")))
    await until(lambda: "a fault" in caplog.text)
    there.backplane.failing.clear()
    assert (await asyncio.wait_for(entering, 5)).entered.people == 3


async def test_somebody_who_was_kicked_does_not_come_back_by_resuming(street: Street) -> None:
    here, there, boss, _ = await crowd(street)
    await here.moderate(boss, "kick", "guest")
    again = there.somebody("Guest", session="newer")
    entries = await there.rooms.enter_all(["dev"], again, returning=True)
    assert isinstance(entries["dev"], WireError)
    await there.rooms.enter("dev", again)  # by joining, yes


async def test_a_kick_that_is_not_heard_of_is_found_by_comparing(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    there.lost = {b"=", b"+"}
    await here.moderate(boss, "kick", "guest")
    assert guest.out == []
    await there.rooms.check()
    await until(lambda: guest.out)
    assert guest.out[0][:2] == ("dev", "kicked")


async def test_somebody_who_is_kicked_a_second_time_is_put_out_a_second_time(
    street: Street,
) -> None:
    here, there, boss, guest = await crowd(street)
    for times in (1, 2, 3):
        await here.moderate(boss, "kick", "guest")
        await until(lambda times=times: len(guest.out) == times)
        await there.rooms.enter("dev", guest)
        assert guest.registration.session in there.rooms.get("dev").here


async def test_an_old_kick_puts_nobody_out_who_has_come_again(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    await here.moderate(boss, "kick", "guest")
    await until(lambda: guest.out)
    await there.rooms.enter("dev", guest)
    await there.rooms.get("dev").refresh()
    await here.set(boss, slow=5)
    await until(lambda: there.rooms.get("dev").state.modes.slow == 5)
    assert len(guest.out) == 1


async def test_somebody_who_is_banned_while_entering_does_not_enter(street: Street) -> None:
    here, there, boss, _ = await crowd(street)
    street.memory.say("hello", "dev")
    answered = there.backplane.hold("read_log")
    anna = there.somebody("Anna")
    entering = asyncio.ensure_future(there.rooms.enter("dev", anna, history=10))
    await until(lambda: there.backplane.count("read_log"))
    await here.moderate(boss, "ban", "Anna")
    await until(lambda: there.rooms.get("dev").state.bans)
    answered.set()
    with pytest.raises(WireError) as refused:
        await entering
    assert refused.value.code is ErrorCode.BANNED_HERE
    assert anna.out == []


async def test_a_change_that_was_not_heard_of_is_found_by_comparing(street: Street) -> None:
    here, there, boss, _ = await crowd(street)
    there.lost = {b"="}
    await here.set(boss, read_only=True)
    assert not there.rooms.get("dev").state.modes.read_only
    await there.rooms.check()
    await until(lambda: there.rooms.get("dev").state.modes.read_only)


async def test_an_invitation_lets_in_where_it_was_not_heard_of(street: Street) -> None:
    here, there, boss, _ = await crowd(street)
    await here.set(boss, invite_only=True)
    await until(lambda: there.rooms.get("dev").state.modes.invite_only)
    anna = there.somebody("Anna")
    there.lost = {b"="}
    await here.moderate(boss, "invite", "Anna")
    await there.rooms.enter("dev", anna)


async def test_an_invited_person_is_told_so_and_the_invitation_holds_even_if_that_fails(
    street: Street,
) -> None:
    here, there, boss, _ = await crowd(street)
    await here.set(boss, invite_only=True)
    anna, dora = there.somebody("Anna"), there.somebody("Dora")
    await here.moderate(boss, "invite", "ANNA")
    assert here.backplane.asked("invited") == ["anna"]
    here.backplane.fail(AWAY, "invited")
    await here.moderate(boss, "invite", "dora")
    for person in (anna, dora):
        await there.rooms.enter("dev", person)


async def test_an_old_picture_lets_nobody_in(street: Street) -> None:
    here, there, boss, _ = await crowd(street)
    there.lost = {b"="}
    await here.set(boss, invite_only=True)
    with pytest.raises(WireError) as refused:
        await there.rooms.enter("dev", there.somebody("Anna"))
    assert refused.value.code is ErrorCode.INVITE_ONLY


async def test_a_room_that_becomes_invite_only_invites_those_who_are_in_it(
    street: Street,
) -> None:
    here, there, boss, guest = await crowd(street)
    await here.set(boss, invite_only=True)
    there.rooms.leave("dev", guest, "left")
    await there.rooms.enter("dev", guest)


async def test_two_operators_at_once_do_not_lose_a_change(street: Street) -> None:
    here, there, boss, _ = await crowd(street)
    second = there.somebody("Second", account="second")
    street.memory.accounts["second"] = "hash"
    await there.rooms.enter("dev", second)
    await here.moderate(boss, "op", "Second")
    await asyncio.gather(
        here.moderate(boss, "ban", "one"),
        there.moderate(second, "ban", "two"),
        here.set(boss, slow=5),
    )
    _, state = await here.backplane.rooms.state("dev")
    assert sorted(state.bans) == ["name:one", "name:two"]
    assert state.modes.slow == 5


async def test_what_is_known_here_of_a_room_is_not_read_again(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    await here.moderate(boss, "ban", "Spam")
    await until(lambda: there.rooms.version("dev") == here.rooms.version("dev"))
    read = there.backplane.count("whole state")
    await there.rooms.refresh("dev")
    await there.directory.about("dev", guest, None)
    await there.directory.members("dev", guest)
    with pytest.raises(WireError):
        await there.moderate(guest, "kick", "Boss")
    assert there.backplane.count("whole state") == read


async def test_while_redis_has_forgotten_a_room_it_is_asked_for_all_it_has(
    street: Street,
) -> None:
    here, there, boss, _ = await crowd(street)
    await here.moderate(boss, "ban", "Spam")
    await until(lambda: there.rooms.version("dev") == here.rooms.version("dev"))
    street.memory.rooms["dev"].version = 5
    street.memory.rooms["dev"].parts.clear()
    stopped = here.backplane.hold("members")
    await here.rooms.get("dev").refresh()
    read = here.backplane.count("whole state")
    await here.directory.about("dev", boss, None)
    with pytest.raises(WireError):
        await here.set(boss, secret=True)
    assert here.backplane.count("whole state") == read + 2
    stopped.set()


async def test_a_refused_change_does_not_read_the_members_of_a_room(street: Street) -> None:
    await crowd(street)
    elsewhere = street.open()
    with pytest.raises(WireError) as refused:
        await elsewhere.set(elsewhere.somebody("Other"), secret=True)
    assert refused.value.code is ErrorCode.NOT_OPERATOR
    assert elsewhere.backplane.count("members") == 0


async def test_a_refused_change_does_not_tell_that_there_is_a_secret_room(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    await here.set(boss, secret=True)
    with pytest.raises(WireError) as refused:
        await there.set(there.somebody("Other"), read_only=True)
    assert refused.value.code is ErrorCode.NO_SUCH_ROOM
    with pytest.raises(WireError) as refused:
        await there.set(guest, read_only=True)
    assert refused.value.code is ErrorCode.NOT_OPERATOR


async def test_only_operators_change_a_room(street: Street) -> None:
    _, there, _, guest = await crowd(street)
    with pytest.raises(WireError) as refused:
        await there.moderate(guest, "kick", "Boss")
    assert refused.value.code is ErrorCode.NOT_OPERATOR


# Many.


async def test_clients_are_not_told_who_comes_into_a_room_of_many(street: Street) -> None:
    here = street.open(quiet_above=2)
    for name in ("Anna", "Ben", "Cleo"):
        await here.rooms.enter("dev", here.somebody(name))
    assert here.heard() == ["Anna joined", "Ben joined"]
    assert len(await here.names()) == 3


# Memory that is lost.


async def test_people_are_written_down_again_when_redis_has_forgotten_them(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    street.memory.rooms.clear()
    await here.rooms.check()
    await there.rooms.check()
    await until(lambda: len(street.memory.rooms.get("dev").members) == 2)
    assert here.heard()[-1] != "Guest left"
    assert boss.out == guest.out == []


async def test_the_rules_of_a_room_still_hold_when_redis_has_forgotten_them(street: Street) -> None:
    here, there, boss, _ = await crowd(street)
    await here.set(boss, invite_only=True, key="sesame")
    await here.moderate(boss, "ban", "Spam")
    _, before = await here.backplane.rooms.state("dev")
    await until(lambda: there.rooms.version("dev") == before.version)
    street.memory.rooms.clear()
    await there.rooms.check()
    await until(lambda: "dev" in street.memory.rooms and street.memory.rooms["dev"].version > 0)
    await until(lambda: here.rooms.version("dev") == there.rooms.version("dev"))
    _, after = await here.backplane.rooms.state("dev")
    assert replace(after, version="") == replace(before, version="")
    await until(lambda: len(street.memory.rooms["dev"].members) == 2)
    with pytest.raises(WireError):
        await there.rooms.enter("dev", there.somebody("Anna"))


async def test_a_room_that_lost_only_its_state_is_restored(street: Street) -> None:
    here, _, boss, _ = await crowd(street)
    await here.set(boss, invite_only=True)
    kept = street.memory.rooms["dev"]
    kept.parts.clear()
    kept.exists, kept.version, kept.moves = False, 0, 0
    await here.rooms.check()
    await until(lambda: kept.exists and kept.parts.get("meta", {}).get("invite_only"))
    assert kept.parts["operators"] == {"boss": "Boss"}


async def test_nobody_becomes_an_operator_by_being_written_down_again(street: Street) -> None:
    here, _, _, _ = await crowd(street)
    street.memory.rooms.clear()
    await here.rooms.check()
    await here.rooms.settle()
    assert "operators" not in street.memory.rooms["dev"].parts


async def test_nobody_becomes_an_operator_by_entering_a_room_that_redis_has_forgotten(
    street: Street,
) -> None:
    _, there, _, _ = await crowd(street)
    street.memory.rooms.clear()
    entry = await there.rooms.enter("dev", there.somebody("Mallory", account="mallory"))
    assert entry.entered.role == ""

    def operators() -> dict[str, str]:
        return street.memory.rooms["dev"].parts.get("operators", {})

    await until(operators)
    assert operators() == {"boss": "Boss"}


async def test_the_others_hear_that_people_are_back_who_were_said_to_be_gone(
    street: Street,
) -> None:
    here, there, _, guest = await crowd(street)
    guest.registration.rooms.append("dev")
    here.rooms.depart(guest.registration, "gateway_lost")  # as if its gateway were dead
    await until(lambda: here.heard()[-1] == "Guest left")
    there.rooms.enter_again(guest)
    await until(lambda: here.heard()[-1] == "Guest joined")
    assert "guest" in street.memory.rooms["dev"].members


async def test_somebody_who_was_replaced_is_taken_out_where_the_newer_session_is_not(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.rooms.rooms.REPLACED_AFTER", 0)
    here, there = street.open(), street.open()
    old = here.somebody("Anna", session="old", rooms=["dev", "club"])
    await here.rooms.enter_all(["dev", "club"], old, returning=False)
    await there.rooms.enter("dev", there.somebody("Anna", session="new"), returning=True)
    here.rooms.abandon(old)
    here.rooms.replaced(old.registration)
    await until(lambda: "club" not in street.memory.rooms)
    assert "anna" in street.memory.rooms["dev"].members


async def test_members_of_a_gateway_that_died_are_taken_out(street: Street) -> None:
    here, there, _, _ = await crowd(street)
    await here.rooms.check(thoroughly=True)
    del here.backplane.others[there.id]
    await here.rooms.check()
    await here.rooms.settle()
    assert len(street.memory.rooms["dev"].members) == 2, "its lease may only be late"
    await here.rooms.check()
    await here.rooms.settle()
    assert list(street.memory.rooms["dev"].members) == ["boss"]


async def test_members_of_this_gateway_who_are_not_here_are_taken_out(street: Street) -> None:
    here, _, _, _ = await crowd(street)
    ghost = here.somebody("Ghost")
    await here.rooms.enter("dev", ghost)
    member = street.memory.rooms["dev"].members["ghost"]
    here.rooms.leave("dev", ghost, "left")
    await here.rooms.settle()
    street.memory.rooms["dev"].members["ghost"] = member
    await here.rooms.check(thoroughly=True)
    await here.rooms.settle()
    assert "ghost" not in street.memory.rooms["dev"].members


async def test_a_session_that_was_replaced_does_not_take_the_place_of_the_newer_one(
    street: Street,
) -> None:
    here, _, _, _ = await crowd(street)
    older, newer = here.somebody("Sis", session="a"), here.somebody("Sis", session="b")
    await here.rooms.enter("dev", older)
    await here.rooms.enter("dev", newer)
    await here.rooms.check(thoroughly=True)
    await here.rooms.settle()
    assert street.memory.rooms["dev"].members["sis"].session == "b"


async def test_somebody_whose_place_is_kept_is_not_taken_out(street: Street) -> None:
    here, there, _, guest = await crowd(street)
    await there.rooms.enter("dev", there.somebody("Other"))
    guest.registration.rooms.append("dev")
    there.rooms.abandon(guest)
    await there.rooms.check(thoroughly=True)
    await there.rooms.settle()
    assert "guest" in street.memory.rooms["dev"].members
    assert here.heard()[-1] == "Other joined"


async def test_a_newer_session_on_another_gateway_keeps_its_place(street: Street) -> None:
    here, there, _, _ = await crowd(street)
    newer = here.somebody("Guest", session="newer")
    await here.rooms.enter("dev", newer, returning=True)
    await there.rooms.check(thoroughly=True)
    await there.rooms.settle()
    assert street.memory.rooms["dev"].members["guest"].session == "newer"


async def test_arrivals_that_were_not_heard_are_found_again(street: Street) -> None:
    here, there, _, _ = await crowd(street)
    here.lost = {b"+"}
    await there.rooms.enter("dev", there.somebody("Anna"))
    here.lost = set()
    assert "Anna" not in await here.names()
    await there.rooms.enter("dev", there.somebody("Ben"))
    await until(lambda: "anna" in here.rooms.get("dev").roster.members)


async def test_a_room_that_cannot_be_read_keeps_no_other_from_being_repaired(
    street: Street, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here = street.open()
    for room in ("attic", "cellar"):
        await here.rooms.enter(room, here.somebody("Anna"))
    street.memory.rooms["cellar"].members.clear()
    read = here.backplane.rooms.members

    async def members(room: str, cursor: str) -> Attendance:
        if room == "attic":
            raise BackplaneRefused("WRONGTYPE")
        return await read(room, cursor)

    monkeypatch.setattr(here.backplane.rooms, "members", members)
    await here.rooms.check(thoroughly=True)
    await here.rooms.settle()
    assert list(street.memory.rooms["cellar"].members) == ["anna"]
    assert "Redis refused" in caplog.text


async def test_an_arrival_that_is_not_heard_of_here_is_found_in_redis(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.rooms.room.LATE", 0)
    here = street.open()
    here.lost = {b"+"}
    entry = await here.rooms.enter("dev", here.somebody("Anna"))
    assert entry.entered.people == 1


# Answers.


async def test_an_arrival_that_redis_forgets_before_it_is_heard_of_waits_for_nothing(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.rooms.room.LATE", 0)
    here = street.open()
    for name in ("Ben", "Cleo"):
        await here.rooms.enter("dev", here.somebody(name))
    here.lost = {b"+"}
    read = here.backplane.hold("members")
    entering = asyncio.ensure_future(here.rooms.enter("dev", here.somebody("Anna")))
    await until(lambda: here.backplane.count("attend") == 3)
    await quiet()
    street.memory.rooms.clear()
    read.set()
    await entering
    await until(lambda: len(street.memory.rooms["dev"].members) == 3)


async def test_a_secret_room_is_listed_for_its_members_only(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    await here.set(boss, secret=True)
    assert "dev" in [room.room for room in await there.directory.all(guest)]
    others = await here.directory.all(here.somebody("Anna"))
    assert "dev" not in [room.room for room in others]
    with pytest.raises(WireError) as refused:
        await here.directory.members("dev", here.somebody("Ben"))
    assert refused.value.code is ErrorCode.NO_SUCH_ROOM


async def test_redis_is_asked_for_all_rooms_once_a_second_however_many_ask(
    street: Street,
) -> None:
    here = street.open()
    anna = here.somebody("Anna")
    await asyncio.gather(*(here.directory.all(anna) for _ in range(20)))
    assert here.backplane.count("all") == 1


async def test_members_are_listed_with_their_roles(street: Street) -> None:
    _, there, _, guest = await crowd(street)
    told = await there.directory.members("dev", guest)
    assert [(m.name, m.role, m.account) for m in told] == [
        ("Boss", "operator", "boss"),
        ("Guest", "", ""),
    ]
    outside = street.open()
    assert await outside.directory.members("dev", outside.somebody("Anna")) == told


async def test_bans_are_told_to_operators_only(street: Street) -> None:
    here, there, boss, guest = await crowd(street)
    await here.moderate(boss, "ban", "spam")
    await until(lambda: there.rooms.get("dev").state.bans)
    [of_boss] = await here.directory.about("dev", boss, 1)
    [of_guest] = await there.directory.about("dev", guest, None)
    assert [ban.name for ban in of_boss.bans] == ["spam"]
    assert of_guest.bans == []
    assert of_guest.operators == ["Boss"]
