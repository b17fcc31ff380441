"""Rooms: `gateway.backplane.contract.Rooms`."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.contract import (
    Arrival,
    Attended,
    Departure,
    Log,
    Mark,
    Move,
    Outgoing,
    Posted,
)
from gateway.backplane.ids import NOTHING, epoch_of, follows, is_beginning
from gateway.backplane.keys import Keys
from gateway.backplane.records import Member, Registration
from gateway.backplane.redis.rooms import ROOMS_AT_ONCE
from gateway.chat.room_records import Edit, invitation_text, sanction_text
from gateway.chat.rooms import NEVER, Invitation, RoomState, Sanction
from gateway.errors import NoSuchRoom, RoomChanged
from tests.contract.household import Gateway, StartBackplane, in_room, message, nowhere
from wire.codec import decode_event, encode_body
from wire.frames import LOBBY, Changed, Joined, Left, Modes, Msg

TOPIC = encode_body(Changed(room="dev", by="dana", change="topic", topic="tea"))
BAN = encode_body(Changed(room="dev", by="dana", change="ban", name="mallory"))
BANNED = [Edit("bans", "name:mallory", sanction_text(Sanction("mallory", "dana", "", None)))]


def arrival(person: Registration, *, told: bool = True, account: bool = False) -> Arrival:
    """Somebody comes into a room."""
    member = Member(
        name=person.name,
        session=person.session,
        gateway=person.gateway,
        origin=person.origin,
        account=person.folded if account else "",
    )
    return Arrival(person.folded, member, told)


def departure(person: Registration, code: str = "left", **fields: Any) -> Departure:
    """Somebody leaves one."""
    return Departure(person.folded, person.name, person.session, code)._replace(**fields)


async def enter(
    gateway: Gateway, *people: Registration, room: str = "dev", **fields: Any
) -> Attended:
    """Let these people enter a room, which is made if it does not exist."""
    state = await state_of(gateway, room)
    arrivals: list[Move] = [arrival(person, **fields) for person in people]
    return await gateway.backplane.rooms.attend(room, state.version, arrivals, create=True)


async def leave(gateway: Gateway, *people: Registration, room: str = "dev") -> Attended:
    """These leave a room."""
    departures: list[Move] = [departure(person) for person in people]
    return await gateway.backplane.rooms.attend(room, "", departures, create=False)


async def change(
    gateway: Gateway, edits: list[Edit], event: bytes = TOPIC, room: str = "dev", **fields: Any
) -> str:
    """Somebody changes what holds in a room; returns the id."""
    state = await state_of(gateway, room)
    return await gateway.backplane.rooms.change(room, state.version, edits, event, **fields)


async def state_of(gateway: Gateway, room: str = "dev") -> RoomState:
    _, state = await gateway.backplane.rooms.state(room)
    return state


async def people_in(gateway: Gateway, room: str = "dev") -> dict[str, Member]:
    cursor, found = "0", {}
    while True:
        some = await gateway.backplane.rooms.members(room, cursor)
        found.update({folded: one for folded, [one] in some.members.items()})
        cursor = some.cursor
        if cursor == "0":
            return found


async def say(gateway: Gateway, text: str, version: str, room: str = "dev") -> str:
    """Somebody says something that was allowed by a version; returns the id."""
    said = [Outgoing(message(text, room=room))]
    [posted] = await gateway.backplane.publish(room, version, said)
    return posted.id


def payloads(gateway: Gateway, channel: str) -> list[tuple[str, list[Any]]]:
    """What was published on a channel: the head of each, and the events in it."""
    on = [lines for heard_on, lines in gateway.heard.delivered if heard_on == channel]
    heads = [head for heard_on, head in gateway.heard.heads if heard_on == channel]
    return [
        (head, [decode_event(line.encode()) for line in lines.splitlines()])
        for head, lines in zip(heads, on, strict=True)
    ]


async def heard(gateway: Gateway, channel: str, count: int) -> list[tuple[str, list[Any]]]:
    """Wait until so much was published on a channel."""
    await gateway.heard.until(lambda _: len(payloads(gateway, channel)) >= count)
    return payloads(gateway, channel)


def times_left(look: redis.Redis, keys: Keys, room: str = "dev") -> list[int]:
    """The milliseconds that each key of a room has left; -1 for no end."""
    return [look.pttl(key) for key in keys.room(room) if look.exists(key)]


class TestAttendance:
    async def test_there_is_no_room_until_somebody_makes_one(self, g1: Gateway) -> None:
        state = await state_of(g1)
        assert (state.exists, state.version) == (False, NEVER)
        assert (await state_of(g1, LOBBY)).exists
        with pytest.raises(NoSuchRoom):
            await g1.backplane.rooms.attend("dev", NEVER, [arrival(g1.person("sis"))], create=False)
        assert not (await state_of(g1)).exists

    async def test_who_comes_is_in_the_room_for_all_gateways(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, mom = g1.person("Sis"), g2.person("Mom")
        start = await nowhere(g1, "dev")
        assert await enter(g1, sis) == Attended(start, 1, "", 1)
        assert await enter(g2, mom, account=True) == Attended(start, 2, "", 2)
        for gateway in (g1, g2):
            assert await people_in(gateway) == {
                "sis": arrival(sis).member,
                "mom": arrival(mom, account=True).member,
            }
        assert await leave(g1, sis) == Attended(start, 1, "", 3)
        assert set(await people_in(g2)) == {"mom"}

    async def test_everybody_is_told_who_comes_and_goes_behind_which_message(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        channel = await in_room(g2, "dev")
        sis = g1.person("Sis")
        start = (await nowhere(g1, "dev")).decode()
        await enter(g1, sis)
        id = await say(g1, "hi", NEVER)
        await leave(g1, sis)
        assert await heard(g2, channel, 3) == [
            (f"+1 {start}", [Joined("dev", "Sis")]),
            (f"{start} {id}", [decode_event(_line(g2, channel, id))]),
            (f"+2 {id}", [Left("dev", "Sis", "left")]),
        ]

    async def test_several_are_told_in_one_piece_as_long_as_the_same_ones_are_told(
        self, g1: Gateway
    ) -> None:
        channel = await in_room(g1, "dev")
        sis, mom, dad = (g1.person(name) for name in ("sis", "mom", "dad"))
        start = (await nowhere(g1, "dev")).decode()
        items = [arrival(sis), departure(sis), arrival(mom, told=False), arrival(dad)]
        attended = await g1.backplane.rooms.attend("dev", NEVER, items, create=True)
        assert (attended.people, attended.moves) == (2, 4)
        assert await heard(g1, channel, 3) == [
            (f"+2 {start}", [Joined("dev", "sis"), Left("dev", "sis", "left")]),
            (f"~3 {start}", [Joined("dev", "mom")]),
            (f"+4 {start}", [Joined("dev", "dad")]),
        ]

    async def test_a_call_that_is_repeated_changes_nothing(self, g1: Gateway) -> None:
        channel, sis = await in_room(g1, "dev"), g1.person("sis")
        await enter(g1, g1.person("mom"))
        first = await enter(g1, sis)
        assert await enter(g1, sis) == first
        gone = await leave(g1, sis)
        assert await leave(g1, sis) == gone
        assert [head[:2] for head, _ in await heard(g1, channel, 3)] == ["+1", "+2", "+3"]

    async def test_a_session_that_replaces_an_older_one_is_no_news_to_people(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        channel = await in_room(g1, "dev")
        old, new = g1.person("sis"), g2.person("sis")
        await enter(g1, old)
        assert (await enter(g2, new)).people == 1
        assert (await leave(g1, old)).people == 1
        assert [head[:2] for head, _ in await heard(g1, channel, 2)] == ["+1", "~2"]
        assert (await people_in(g1))["sis"].gateway == g2.id

    async def test_a_departure_without_a_session_is_of_any(self, g1: Gateway) -> None:
        sis = g1.person("sis")
        await enter(g1, sis)
        gone = [departure(sis, session="")]
        assert (await g1.backplane.rooms.attend("dev", "", gone, create=False)).people == 0

    async def test_a_departure_from_a_room_that_is_not_there_is_nothing(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        attended = await leave(g1, g1.person("sis"))
        assert (attended.people, attended.moves) == (0, 0)
        assert not look.exists(keys.room_meta("dev"))

    async def test_members_come_page_by_page_with_how_many_moves_were_before(
        self, g1: Gateway
    ) -> None:
        everybody = [g1.person(f"user{n}") for n in range(2000)]
        await enter(g1, *everybody)
        first = await g1.backplane.rooms.members("dev", "0")
        assert first.moves == 2000
        assert 0 < len(first.members) < 2000
        assert len(await people_in(g1)) == 2000
        assert (await g1.backplane.rooms.members("attic", "0")).moves == 0

    async def test_a_record_that_cannot_be_read_costs_itself(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, mom = g1.person("sis"), g1.person("mom")
        await enter(g1, sis, mom)
        look.hset(keys.room_members("dev"), "sis", "junk")
        assert set(await people_in(g1)) == {"mom"}
        assert (await leave(g1, sis)).people == 1

    async def test_marks_tell_whether_something_has_moved(self, g1: Gateway) -> None:
        assert await g1.backplane.rooms.marks(["dev", LOBBY]) == [Mark(NEVER, 0), Mark(NEVER, 0)]
        await enter(g1, g1.person("sis"))
        await change(g1, [Edit("meta", "topic", "tea")])
        version = (await state_of(g1)).version
        assert await g1.backplane.rooms.marks([LOBBY, "dev"]) == [Mark(NEVER, 0), Mark(version, 1)]
        assert await g1.backplane.rooms.marks([]) == []

    async def test_a_room_that_cannot_be_read_hides_the_mark_of_no_other(
        self, g1: Gateway, look: redis.Redis, keys: Keys, server: Any
    ) -> None:
        if server.drop is not None:
            pytest.skip("fakeredis ends a connection after each error")
        look.set(keys.room_meta("attic"), "what another program wrote")
        assert await g1.backplane.rooms.marks(["attic", LOBBY]) == [None, Mark(NEVER, 0)]

    @pytest.mark.parametrize("damaged", [b"\xff", b"yesterday", b"9" * 30])
    async def test_a_damaged_version_counts_as_none_everywhere(
        self, g1: Gateway, look: redis.Redis, keys: Keys, damaged: bytes
    ) -> None:
        await enter(g1, g1.person("sis"))
        look.hset(keys.room_meta("dev"), "version", damaged)
        assert await g1.backplane.rooms.marks(["dev"]) == [Mark(NEVER, 1)]
        assert (await state_of(g1)).version == NEVER
        await say(g1, "hello", NEVER)


class TestFounding:
    async def test_the_first_with_an_account_becomes_operator_and_all_are_told(
        self, g1: Gateway
    ) -> None:
        channel = await in_room(g1, "dev")
        attended = await enter(g1, g1.person("Dana"), account=True)
        assert attended.founder == "dana"
        state = await state_of(g1)
        assert state.operators == {"dana": "Dana"}
        assert state.version != NEVER
        heads = [head.split(" ")[0] for head, _ in await heard(g1, channel, 2)]
        assert heads == ["+1", f"={state.version}"]

    async def test_nobody_else_does(self, g1: Gateway) -> None:
        assert (await enter(g1, g1.person("sis"))).founder == ""
        assert (await enter(g1, g1.person("mom"), account=True)).founder == ""
        assert (await enter(g1, g1.person("dana"), room=LOBBY, account=True)).founder == ""
        # Redis has forgotten the room: nobody owns it by having been in it.
        back = await enter(g1, g1.person("dad"), room="attic", account=True, told=False)
        assert back.founder == ""
        for room in ("dev", LOBBY, "attic"):
            assert (await state_of(g1, room)).operators == {}

    async def test_who_decided_while_there_was_no_room_decides_again(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        await enter(g1, g1.person("dana"), account=True)
        with pytest.raises(RoomChanged):
            await g2.backplane.rooms.attend("dev", NEVER, [arrival(g2.person("sis"))], create=True)


class TestMaking:
    async def test_an_account_makes_a_limited_number_of_rooms_on_all_gateways(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        asked = [gateway.backplane.rooms.count_made("dana", 3) for gateway in (g1, g2) * 3]
        assert sorted(await asyncio.gather(*asked)) == [False] * 3 + [True] * 3
        assert await g1.backplane.rooms.count_made("sis", 3)

    async def test_they_count_for_a_day_after_the_first(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await g1.backplane.rooms.count_made("dana", 2)
        day = 24 * 3600 * 1000
        assert day - 60_000 < look.pttl(keys.made("dana")) <= day
        look.pexpire(keys.made("dana"), 60_000)
        await g1.backplane.rooms.count_made("dana", 2)
        await g1.backplane.rooms.count_made("dana", 2)
        assert 0 < look.pttl(keys.made("dana")) <= 60_000


class TestChanges:
    async def test_what_is_changed_is_read(self, g1: Gateway, g2: Gateway) -> None:
        dana = g1.person("Dana")
        await enter(g1, dana)
        ban, mute = Sanction("mallory", "Dana", "spam", 17), Sanction("sis", "Dana", "", None)
        invitation = Invitation("Mom", "0a")
        edits = [
            *(Edit("meta", "topic", "täa"), Edit("meta", "topic_by", "Dana")),
            *(Edit("meta", "topic_at", "1795428000123"), Edit("meta", "key", "=sesame")),
            *(Edit("meta", "secret", "1"), Edit("meta", "slow", "30")),
            *(Edit("operators", "dana", "Dana"), Edit("voices", "sis", "Sis")),
            Edit("bans", "name:mallory", sanction_text(ban)),
            Edit("muted", "sis", sanction_text(mute)),
            Edit("invited", "mom", invitation_text(invitation)),
        ]
        await change(g1, edits)
        now, state = await g2.backplane.rooms.state("dev")
        assert state == RoomState(
            room="dev",
            version=state.version,
            topic="täa",
            topic_by="Dana",
            topic_at=1795428000123,
            modes=Modes(secret=True, key=True, slow=30),
            key="=sesame",
            operators={"dana": "Dana"},
            voices={"sis": "Sis"},
            bans={"name:mallory": ban},
            muted={"sis": mute},
            invited={"mom": invitation},
        )
        assert 0 <= now - int(state.version) < 60_000
        await change(g2, [Edit("voices", "sis", None), Edit("meta", "secret", None)])
        changed = await state_of(g1)
        assert (changed.voices, changed.modes) == ({}, Modes(key=True, slow=30))
        assert int(changed.version) > int(state.version)

    async def test_a_state_that_is_known_is_not_read_again(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, g1.person("sis"))
        await change(g1, [Edit("meta", "topic", "tea"), Edit("voices", "sis", "Sis")])
        known = await state_of(g1)
        look.hset(keys.room_operators("dev"), "dana", "Dana")  # and the version stays
        now, same = await g1.backplane.rooms.state("dev", known)
        assert same is known
        assert abs(now - (await g1.backplane.rooms.state("dev"))[0]) < 60_000

    async def test_a_state_that_has_changed_is_read_whole(self, g1: Gateway, g2: Gateway) -> None:
        await enter(g1, g1.person("sis"))
        await change(g1, [Edit("meta", "topic", "tea")])
        known = await state_of(g1)
        await change(g2, [Edit("voices", "sis", "Sis")])
        _, state = await g1.backplane.rooms.state("dev", known)
        assert state == await state_of(g1) != known
        assert (state.topic, state.voices) == ("tea", {"sis": "Sis"})

    async def test_a_state_that_redis_has_forgotten_is_read_whole(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, g1.person("sis"))
        await change(g1, [Edit("meta", "topic", "tea")])
        known = await state_of(g1)
        look.delete(*keys.room("dev"))
        _, state = await g1.backplane.rooms.state("dev", known)
        assert (state.exists, state.version, state.topic) == (False, NEVER, "")

    async def test_who_was_kicked_is_read_each_time(self, g1: Gateway) -> None:
        mallory = g1.person("mallory")
        await enter(g1, g1.person("sis"), mallory)
        await change(g1, [], BAN, removed=departure(mallory, "kicked", session=""))
        known = await state_of(g1)
        assert known.kicked == {"mallory": mallory.origin}
        await enter(g1, mallory)
        _, state = await g1.backplane.rooms.state("dev", known)
        assert state == replace(known, kicked={})

    async def test_a_room_that_nobody_has_changed_is_read_each_time(self, g1: Gateway) -> None:
        known = await state_of(g1)
        await enter(g1, g1.person("sis"))
        _, state = await g1.backplane.rooms.state("dev", known)
        assert (known.exists, state.exists) == (False, True)
        assert known.version == state.version == NEVER

    async def test_a_change_has_its_place_among_the_messages_and_then_gateways_look(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        channel = await in_room(g2, "dev")
        start = (await nowhere(g1, "dev")).decode()
        await enter(g1, g1.person("sis"))
        first = await say(g1, "hi", NEVER)
        id = await change(g1, [Edit("meta", "topic", "tea")])
        version = (await state_of(g1)).version
        *_, told, looked = await heard(g2, channel, 4)
        (event,) = told[1]
        assert told[0] == f"{first} {id}"
        assert isinstance(event, Changed)
        assert event == Changed(
            id=id, ts=event.ts, room="dev", by="dana", change="topic", topic="tea"
        )
        assert looked == (f"={version} {id}", [])
        said = await g1.backplane.read_log(Log("dev"), start.encode(), 10)
        assert [decode_event(line) for _, line in said.messages][1] == event

    async def test_without_an_event_only_gateways_look(self, g1: Gateway) -> None:
        channel = await in_room(g1, "dev")
        await enter(g1, g1.person("sis"))
        last = await say(g1, "hi", NEVER)
        assert await change(g1, [Edit("meta", "topic", "tea")], b"") == last
        state = await state_of(g1)
        *_, looked = await heard(g1, channel, 3)
        assert looked == (f"={state.version} {last}", [])
        assert state.topic == "tea"
        assert len((await g1.backplane.read_log(Log("dev"), NOTHING, 9)).messages) == 1

    async def test_of_two_that_were_decided_at_once_one_is_made(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        await enter(g1, g1.person("sis"))
        version = (await state_of(g1)).version
        await g1.backplane.rooms.change("dev", version, [Edit("meta", "topic", "a")], TOPIC)
        with pytest.raises(RoomChanged):
            await g2.backplane.rooms.change("dev", version, [Edit("meta", "topic", "b")], TOPIC)
        assert (await state_of(g2)).topic == "a"

    async def test_a_room_that_is_not_there_is_not_changed(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        with pytest.raises(NoSuchRoom):
            await change(g1, [Edit("meta", "topic", "a")])
        assert not look.exists(*keys.room("dev"))

    async def test_versions_grow_though_the_clock_does_not(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, g1.person("sis"))
        look.hset(keys.room_meta("dev"), "version", "9000000000000")
        await change(g1, [])
        assert (await state_of(g1)).version == "9000000000001"

    async def test_somebody_is_put_out(self, g1: Gateway, g2: Gateway) -> None:
        channel = await in_room(g1, "dev")
        mallory, sis = g2.person("Mallory"), g1.person("sis")
        await enter(g2, mallory, sis)
        kicked = departure(mallory, "kicked", session="")
        id = await change(g1, [], BAN, removed=kicked)
        *_, told, looked, left = await heard(g1, channel, 4)
        assert isinstance(told[1][0], Changed)
        assert left == (f"+3 {id}", [Left("dev", "Mallory", "kicked")])
        assert looked[0].startswith("=")
        assert set(await people_in(g2)) == {"sis"}
        assert (await state_of(g2)).kicked == {"mallory": mallory.origin}

    async def test_who_was_put_out_may_come_again_and_is_forgotten_by_then(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        gateway = await start(resume_within=7.0)
        mallory, sis = gateway.person("mallory"), gateway.person("sis")
        await enter(gateway, mallory, sis)
        await change(gateway, [], BAN, removed=departure(mallory, "kicked", session=""))
        assert 0 < look.pttl(keys.room_state("dev")[-1]) <= 7000
        await enter(gateway, mallory)
        assert (await state_of(gateway)).kicked == {}

    async def test_a_person_who_is_not_in_the_room_is_not_put_out_and_no_longer_invited(
        self, g1: Gateway
    ) -> None:
        channel = await in_room(g1, "dev")
        await enter(g1, g1.person("sis"))
        gone = Departure("mallory", "Mallory", "", "kicked")
        await change(g1, [], BAN, removed=gone)
        heads = [head[0] for head, _ in await heard(g1, channel, 3)]
        assert heads.count("+") == 1

    async def test_a_kick_of_somebody_whose_connection_has_just_broken_is_remembered_for_a_while(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        gateway = await start(resume_within=7.0)
        mallory = gateway.person("mallory")
        await enter(gateway, gateway.person("sis"))
        kick = [Edit("kicked", "mallory", mallory.origin)]
        await change(gateway, kick, BAN, removed=departure(mallory, "kicked", session=""))
        assert (await state_of(gateway)).kicked == {"mallory": mallory.origin}
        assert 0 < look.pttl(keys.room_state("dev")[-1]) <= 7000

    async def test_all_members_can_be_invited(self, g1: Gateway) -> None:
        sis, mom = g1.person('S"is'), g1.person("Mom")
        await enter(g1, sis)
        await enter(g1, mom, account=True)
        await change(g1, [Edit("meta", "invite_only", "1")], invite_members=True)
        state = await state_of(g1)
        assert state.modes.invite_only
        assert state.invited == {
            sis.folded: Invitation('S"is', sis.origin),
            "mom": Invitation("Mom", ""),
        }


class TestOldPictures:
    """One gateway has decided by what held before another one changed it."""

    async def test_nobody_posts_by_rules_that_do_not_hold_any_longer(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        await enter(g2, g2.person("mallory"))
        old = (await state_of(g2)).version
        await say(g2, "before", old)
        await change(g1, BANNED, BAN)
        with pytest.raises(RoomChanged):
            await say(g2, "after", old)
        said = await g1.backplane.read_log(Log("dev"), NOTHING, 10)
        events = [decode_event(line) for _, line in said.messages]
        assert [type(event) for event in events] == [Msg, Changed]
        await say(g2, "after", (await state_of(g2)).version)

    async def test_nor_does_anybody_enter_by_them(self, g1: Gateway, g2: Gateway) -> None:
        await enter(g1, g1.person("sis"))
        old = (await state_of(g2)).version
        await change(g1, BANNED, BAN)
        mallory = arrival(g2.person("mallory"))
        with pytest.raises(RoomChanged):
            await g2.backplane.rooms.attend("dev", old, [mallory], create=True)
        assert set(await people_in(g1)) == {"sis"}

    async def test_but_everybody_may_leave_at_any_time(self, g1: Gateway, g2: Gateway) -> None:
        sis = g1.person("sis")
        await enter(g1, sis)
        await change(g2, BANNED, BAN)
        assert (await leave(g1, sis)).people == 0

    async def test_a_room_that_redis_has_forgotten_is_a_new_one(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, g1.person("dana"), account=True)
        old = (await state_of(g1)).version
        look.delete(*keys.room("dev"))
        with pytest.raises(RoomChanged):
            await say(g1, "hi", old)
        with pytest.raises(RoomChanged):
            await g1.backplane.rooms.attend("dev", old, [arrival(g1.person("sis"))], create=True)
        state = await state_of(g1)
        assert (state.exists, state.version) == (False, NEVER)


class TestEnding:
    async def test_an_empty_room_ends_with_all_that_is_of_it(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        gateway = await start(resume_within=9.0)
        sis = gateway.person("sis")
        await enter(gateway, sis)
        await change(gateway, [*BANNED, Edit("voices", "sis", "sis")])
        await say(gateway, "hi", (await state_of(gateway)).version)
        assert set(times_left(look, keys)) == {-1}
        await leave(gateway, sis)
        assert all(0 < left <= 9000 for left in times_left(look, keys))

    async def test_it_stays_if_somebody_comes_in_time(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, mom = g1.person("sis"), g1.person("mom")
        await enter(g1, sis)
        await change(g1, BANNED)
        id = await say(g1, "hi", (await state_of(g1)).version)
        await leave(g1, sis)
        assert (await state_of(g1)).exists
        assert (await enter(g1, mom)).tail == id.encode()
        assert set(times_left(look, keys)) == {-1}

    async def test_last_words_that_come_too_late_end_with_it(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        gateway = await start(resume_within=9.0)
        sis = gateway.person("sis")
        await enter(gateway, sis)
        await leave(gateway, sis)
        await say(gateway, "late", NEVER)
        await say(gateway, "later", NEVER)
        await say(gateway, "where am I", NEVER, room="attic")
        for room in ("dev", "attic"):
            assert all(0 < left <= 9000 for left in times_left(look, keys, room))
        await enter(gateway, sis)
        await enter(gateway, sis, room="attic", told=False)
        await say(gateway, "lobby", NEVER, room=LOBBY)
        for room in ("dev", "attic", LOBBY):
            assert set(times_left(look, keys, room)) == {-1}

    async def test_one_that_has_operators_is_kept_for_long(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        dana = g1.person("dana")
        await enter(g1, dana, account=True)
        await leave(g1, dana)
        days = look.pttl(keys.room_meta("dev")) / 24 / 3600 / 1000
        assert 89 < days <= 90
        # And what is changed while nobody is in it has no longer life.
        await change(g1, [Edit("operators", "dana", None)])
        assert all(0 < left < 24 * 3600 * 1000 for left in times_left(look, keys))

    async def test_one_that_is_kept_and_the_lobby_stay_for_good(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = g1.person("sis")
        await enter(g1, sis)
        look.hset(keys.room_meta("dev"), "kept", "1")
        await enter(g1, sis, room=LOBBY)
        await change(g1, BANNED, room=LOBBY)
        for room in ("dev", LOBBY):
            await leave(g1, sis, room=room)
            assert set(times_left(look, keys, room)) == {-1}


class TestSlow:
    async def test_nobody_posts_again_before_the_time(self, g1: Gateway, g2: Gateway) -> None:
        sis, mom = g1.person("sis"), g2.person("mom")

        async def said(gateway: Gateway, who: Registration, seq: int | None = None) -> Posted:
            slow = Outgoing(message("x", room="dev"), who.origin, seq, who.folded, 3600)
            [posted] = await gateway.backplane.publish("dev", NEVER, [slow])
            return posted

        first = await said(g1, sis, 1)
        assert first.id
        assert not first.wait
        refused = await said(g1, sis, 2)
        assert refused.id == ""
        assert 3500 < refused.wait <= 3600
        assert (await said(g2, sis)).wait
        assert (await said(g2, mom)).id
        # It was not refused because it came again.
        assert await said(g1, sis, 1) == first
        texts = [line for _, line in (await g1.backplane.read_log(Log("dev"), NOTHING, 9)).messages]
        assert len(texts) == 2

    async def test_of_several_in_one_piece_one_is_posted(self, g1: Gateway) -> None:
        slow = [Outgoing(message(n), "0a", i, "sis", 60) for i, n in enumerate("abc")]
        free = Outgoing(message("d"))
        posted = await g1.backplane.publish("dev", NEVER, [*slow, free])
        assert [bool(each.id) for each in posted] == [True, False, False, True]
        assert [each.wait > 0 for each in posted] == [False, True, True, False]

    async def test_it_is_over_by_itself(self, g1: Gateway, look: redis.Redis, keys: Keys) -> None:
        slow = Outgoing(message("x"), "0a", None, "sis", 60)
        await g1.backplane.publish("dev", NEVER, [slow])
        assert 0 < look.pttl(keys.room_slow("dev") + "sis") <= 60_000


class TestLists:
    async def test_all_rooms_are_listed_with_how_many_are_in_each(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        await enter(g1, g1.person("sis"), g1.person("mom"))
        await enter(g2, g2.person("dad"), room="attic")
        await change(g1, [Edit("meta", "topic", "tea"), Edit("meta", "secret", "1")])
        found = {state.room: (state, people) for state, people in await g2.backplane.rooms.all()}
        assert {room: people for room, (_, people) in found.items()} == {
            "dev": 2,
            "attic": 1,
            LOBBY: 0,
        }
        dev = found["dev"][0]
        assert (dev.topic, dev.modes.secret) == ("tea", True)

    async def test_one_that_has_ended_is_listed_no_longer(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, g1.person("sis"))
        look.delete(*keys.room("dev"))
        assert [state.room for state, _ in await g1.backplane.rooms.all()] == [LOBBY]
        assert not look.sismember(keys.rooms, "dev")

    async def test_an_empty_room_is_listed_only_if_it_stays(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = g1.person("sis")
        for room in ("empty", "kept", "owned"):
            await enter(g1, sis, room=room, account=room == "owned")
            await leave(g1, sis, room=room)
        look.hset(keys.room_meta("kept"), "kept", "1")
        listed = {state.room: people for state, people in await g1.backplane.rooms.all()}
        assert listed == {"kept": 0, "owned": 0, LOBBY: 0}
        assert not look.sismember(keys.rooms, "empty")
        await enter(g1, sis, room="empty")
        assert "empty" in [state.room for state, _ in await g1.backplane.rooms.all()]

    async def test_one_that_the_list_has_forgotten_comes_back_by_those_who_know_it(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, g1.person("sis"))
        look.delete(keys.rooms)
        await g1.backplane.rooms.marks(["dev"])
        assert {state.room for state, _ in await g1.backplane.rooms.all()} == {LOBBY, "dev"}


class TestSessions:
    """In which rooms a session is: that is what a resume and a sweep read."""

    async def test_a_session_that_is_resumed_keeps_its_rooms_and_where_they_began(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis = await g1.online("sis")
        began = {**(sis.began or {}), "dev": "7-1"}
        now = msgspec.structs.replace(sis, rooms=[LOBBY, "dev"], began=began)
        await g1.backplane.rooms.keep(now)
        _, claimed = await g2.again(now)
        assert (claimed.outcome, claimed.rooms, claimed.began) == (
            "resumed",
            [LOBBY, "dev"],
            began,
        )
        assert (await g2.everybody())["sis"].registration.rooms == [LOBBY, "dev"]

    @pytest.mark.parametrize("rooms", [[], ["dev", "ätic"]])
    async def test_likewise_after_it_had_left(self, g1: Gateway, rooms: list[str]) -> None:
        sis = await g1.online("sis")
        sis = msgspec.structs.replace(sis, rooms=rooms)
        await g1.backplane.rooms.keep(sis)
        await g1.release(sis, for_good=False)
        _, claimed = await g1.again(sis)
        assert (claimed.outcome, claimed.rooms) == ("returned", rooms)
        assert (await g1.everybody())["sis"].registration.rooms == rooms

    async def test_a_stranger_has_the_rooms_that_it_says(self, g1: Gateway) -> None:
        claimed = await g1.backplane.claim(g1.person("mom", rooms=[]), 0.0, None)
        assert claimed.rooms == []

    async def test_a_sweep_tells_the_rooms(self, g1: Gateway, g2: Gateway, kill: Any) -> None:
        sis = await g1.online("sis")
        await g1.backplane.rooms.keep(msgspec.structs.replace(sis, rooms=["a", "b"]))
        kill(g1)
        (gone,) = await g2.backplane.sweep()
        assert gone.rooms == ["a", "b"]

    async def test_what_a_session_that_lost_its_name_writes_is_ignored(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        new, _ = await g1.again(sis)
        await g1.backplane.rooms.keep(msgspec.structs.replace(sis, rooms=["attic"]))
        assert (await g1.everybody())["sis"].registration.rooms == new.rooms

    @pytest.mark.parametrize("hello", [0, 123_456_789_012_345, 2**53 - 1, 2**53])
    async def test_the_rest_of_the_record_stays_as_it_was(self, g1: Gateway, hello: int) -> None:
        before = await g1.online("Größe", client='a "client"', hello=hello, shown="0b")
        await g1.backplane.rooms.keep(msgspec.structs.replace(before, rooms=["dev"]))
        after = (await g1.everybody())["Größe"].registration
        assert msgspec.structs.replace(after, rooms=before.rooms) == before

    async def test_damaged_rooms_cost_themselves_only(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("sis")
        record = msgspec.json.decode(look.hget(keys.users, "sis"))
        damaged = {**record, "rooms": ["dev", 7], "began": {"dev": "soon", "@": 3}}
        look.hset(keys.users, "sis", msgspec.json.encode(damaged))
        _, claimed = await g1.again(sis)
        assert (claimed.outcome, claimed.rooms) == ("resumed", ["dev"])
        assert set(claimed.began or {}) == {"@"}


class TestManyRooms:
    async def test_each_has_ids_and_times_of_its_own(self, g1: Gateway, g2: Gateway) -> None:
        rooms = [f"room{n}" for n in range(20)]
        for gateway in (g1, g2):
            for room in rooms:
                await say(gateway, room, NEVER, room)
        for room in rooms:
            said = await g1.backplane.read_log(Log(room), NOTHING, 10)
            assert [id.partition(b"-")[2] for id, _ in said.messages] == [b"0", b"1"]
        tails = await g1.backplane.tails([Log(room) for room in rooms])
        assert [tail.partition(b"-")[2] for tail in tails] == [b"1"] * 20

    async def test_one_that_loses_its_log_begins_anew_and_the_others_go_on(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        rooms = ["attic", "cellar", "dev"]
        channels = [await in_room(g1, room) for room in rooms]
        for room in rooms:
            await say(g2, "before", NEVER, room)
        for channel in channels:
            await heard(g1, channel, 1)
        look.delete(keys.room_log("dev"))
        attic, cellar, dev = await g1.backplane.tails([Log(room) for room in rooms])
        assert attic.endswith(b"-0")
        assert cellar.endswith(b"-0")
        assert is_beginning(dev)
        ids = [(await say(g2, "after", NEVER, room)).encode() for room in rooms]
        tails = (attic, cellar, dev)
        assert all(follows(id, tail) for id, tail in zip(ids, tails, strict=True))
        assert epoch_of(ids[2]) > epoch_of(ids[0])

    async def test_what_is_forgotten_in_one_is_not_in_the_others(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        gateway = await start(history_age=3600.0)
        for room in ("dev", "attic"):
            await say(gateway, "new", NEVER, room)
        look.delete(keys.room_log("attic"))
        old = {"d": message("old").decode(), "t": 1}
        look.xadd(keys.room_log("dev"), old, id="9000000000000-0")
        await gateway.backplane.trim([Log("attic")])
        assert look.xlen(keys.room_log("dev")) == 2


class TestTime:
    """The time of a message comes from Redis, and never falls within a log."""

    async def test_live_and_listed_are_equal(self, g1: Gateway) -> None:
        channel = await in_room(g1, "dev")
        id = await say(g1, "hi", NEVER)
        live = decode_event(_line(g1, channel, id, await heard(g1, channel, 1)))
        ((_, line),) = (await g1.backplane.read_log(Log("dev"), NOTHING, 1)).messages
        assert isinstance(live, Msg)
        assert live == decode_event(line)

    async def test_it_comes_from_the_clock_of_redis(self, g1: Gateway, look: redis.Redis) -> None:
        before, _ = await g1.backplane.rooms.state("dev")
        await say(g1, "hi", NEVER)
        after, _ = await g1.backplane.rooms.state("dev")
        ((_, line),) = (await g1.backplane.read_log(Log("dev"), NOTHING, 1)).messages
        assert before <= _ts(line) <= after

    async def test_it_does_not_go_back_with_the_clock(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, g1.person("sis"))
        await say(g1, "a", NEVER)
        look.set(keys.room_clock("dev"), "9000000000000")
        await say(g1, "b", NEVER)
        await change(g1, [])
        found = (await g1.backplane.read_log(Log("dev"), NOTHING, 9)).messages
        times = [_ts(line) for _, line in found]
        assert times[0] < times[1] == times[2] == 9_000_000_000_000

    async def test_all_copies_of_a_private_message_have_one_time(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("sis")
        await g1.online("mom")
        look.set(keys.users_clock, "9000000000000")
        await g1.whisper(sis, ["mom"])
        for reader in ("sis", "mom"):
            ((_, line),) = (await g1.backplane.read_log(Log("@", reader), NOTHING, 9)).messages
            assert _ts(line) == 9_000_000_000_000

    @pytest.mark.parametrize("junk", ["soon", "", "9" * 40, "-1"])
    async def test_what_another_wrote_where_the_last_time_stands_is_ignored(
        self, g1: Gateway, look: redis.Redis, keys: Keys, junk: str
    ) -> None:
        look.set(keys.room_clock("dev"), junk)
        await say(g1, "a", NEVER)
        ((_, line),) = (await g1.backplane.read_log(Log("dev"), NOTHING, 9)).messages
        assert 1_700_000_000_000 < _ts(line) < 9_000_000_000_000


class TestALongList:
    async def test_all_of_them_are_listed(self, g1: Gateway, look: redis.Redis, keys: Keys) -> None:
        names = [f"room-{number}" for number in range(2 * ROOMS_AT_ONCE + 1)]
        with look.pipeline() as pipeline:
            pipeline.sadd(keys.rooms, *names, "ended")
            for name in names:
                pipeline.hset(keys.room_meta(name), mapping={"created": 1, "kept": 1})
            pipeline.execute()
        found = await g1.backplane.rooms.all()
        assert sorted(state.room for state, _ in found) == sorted([LOBBY, *names])
        assert not look.sismember(keys.rooms, "ended")


class TestInvitations:
    async def test_the_gateway_of_the_person_is_told(self, g1: Gateway, g2: Gateway) -> None:
        sis = await g2.online("Sis")
        await g1.backplane.order("sis", "invited", "dev Mom")
        await g2.heard.until(lambda heard: heard.told == [f"invited {sis.session} dev Mom"])
        assert g1.heard.told == []

    async def test_nobody_is_told_if_nobody_has_the_name(self, g1: Gateway, g2: Gateway) -> None:
        await g1.backplane.order("sis", "invited", "dev Mom")
        mom = await g2.online("Mom")
        await g1.backplane.order("mom", "invited", "dev Dad")
        await g2.heard.until(lambda heard: heard.told == [f"invited {mom.session} dev Dad"])


class TestLookingUp:
    async def test_who_is_here_who_may_come_back_and_who_has_an_account(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, mom = await g1.online("Sis"), await g1.online("Mom")
        await g1.release(mom, for_good=False)
        account = {"name": "Dana", "hash": "$argon2", "since": 1}
        look.hset(keys.accounts, "dana", msgspec.json.encode(account))
        look_up = g1.backplane.look_up
        assert await look_up("sis") == ("Sis", sis.origin, False, "")
        assert await look_up("mom") == ("Mom", mom.origin, False, "")
        assert await look_up("dana") == ("Dana", "", True, "dana")
        assert await look_up("nobody") is None


def _line(gateway: Gateway, channel: str, id: str, _: Any = None) -> bytes:
    (line,) = [each for each in gateway.heard.lines(channel) if f'"id":"{id}"' in each]
    return line.encode()


def _ts(line: bytes) -> int:
    event = decode_event(line)
    assert isinstance(event, Msg | Changed)
    return event.ts


class TestTogether:
    """Two busy gateways, each often with an outdated picture."""

    @pytest.mark.parametrize("seed", range(4))
    async def test_both_hear_the_same_story_as_redis(
        self, g1: Gateway, g2: Gateway, seed: int
    ) -> None:
        chance = random.Random(seed)
        channels = [await in_room(gateway, "dev") for gateway in (g1, g2)]
        await g1.backplane.rooms.attend("dev", NEVER, [arrival(g1.person("host"))], create=True)
        people = [gateway.person(f"user{n}") for n in range(8) for gateway in (g1, g2)]

        async def act(gateway: Gateway) -> None:
            rooms, version = gateway.backplane.rooms, (await state_of(gateway)).version
            who = chance.sample(people, chance.randrange(1, 4))
            what = chance.randrange(5)
            with suppress(RoomChanged):
                if what == 0:
                    come = [arrival(each, told=chance.random() < 0.7) for each in who]
                    await rooms.attend("dev", version, come, create=False)
                elif what == 1:
                    await leave(gateway, *who)
                elif what == 2:
                    out = departure(who[0], "kicked", session="")
                    await rooms.change("dev", version, [], BAN, removed=out)
                else:
                    await say(gateway, f"by {version}", version)

        for _ in range(25):
            await asyncio.gather(*(act(chance.choice((g1, g2))) for _ in range(6)))
        last = await change(g1, [Edit("meta", "topic", "the end")])
        version, names = (await state_of(g1)).version, set(await people_in(g2))

        end = f"={version} {last}"
        for gateway, channel in zip((g1, g2), channels, strict=True):
            await gateway.heard.until(lambda _, g=gateway, c=channel: payloads(g, c)[-1][0] == end)
        one, other = (payloads(g, c) for g, c in zip((g1, g2), channels, strict=True))
        assert one == other
        roster, moves, at = set[str](), 0, ""
        for head, events in one:
            first, upto = head.split(" ")
            if first[0] in "+~":
                assert int(first[1:]) == moves + len(events)
                moves += len(events)
            elif first[0] != "=":
                assert first == at or not at
            at = upto
            for event in events:
                if isinstance(event, Joined):
                    roster.add(event.name)
                elif isinstance(event, Left):
                    roster.remove(event.name)
        assert roster == names
        assert moves == (await g1.backplane.rooms.marks(["dev"]))[0].moves

    async def test_after_the_answer_to_a_ban_nothing_is_stored_that_was_allowed_before(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        await enter(g2, g2.person("mallory"))
        old = (await state_of(g2)).version
        answered = asyncio.Event()
        stored: list[tuple[str, bool]] = []

        async def post(number: int) -> None:
            late = answered.is_set()
            with suppress(RoomChanged):
                stored.append((await say(g2, f"{number}", old), late))

        async def ban() -> str:
            id = await change(g1, BANNED, BAN)
            answered.set()
            return id

        banning = asyncio.ensure_future(ban())
        for number in range(40):
            await post(number)
        banned = await banning
        await asyncio.gather(*(post(number) for number in range(40)))
        assert not [id for id, late in stored if late]
        said = await g1.backplane.read_log(Log("dev"), NOTHING, 200)
        events = [decode_event(line) for _, line in said.messages]
        assert isinstance(events[-1], Changed)
        assert events[-1].id == banned
