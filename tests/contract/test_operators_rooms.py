"""What `chatctl room` does to rooms in Redis, whatever server that is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

from gateway.backplane.contract import Arrival, Log, Outgoing
from gateway.backplane.keys import Keys
from gateway.backplane.operators import accounts, announce, rooms
from gateway.backplane.operators.rooms import KEEP_ALL
from gateway.backplane.records import Member, Registration
from gateway.chat.room_records import Edit
from gateway.errors import NoSuchRoom, RoomChanged
from tests.contract.household import Gateway, in_room, message
from tests.support.servers import Server
from wire.codec import encode_body
from wire.frames import Changed, Moderate, Modes, SetModes, SetTopic
from wire.reasons import WireError


@pytest.fixture
def at(server: Server, prefix: str) -> tuple[str, str]:
    """Which chat it is."""
    return server.url, prefix


def aside(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """A function of a command, which has no loop of its own, beside the loop of the test."""

    def run(*given: Any) -> Awaitable[Any]:
        return asyncio.to_thread(function, *given)

    return run


list_rooms = aside(rooms.list_rooms)
read_room = aside(rooms.read_room)
change_room = aside(rooms.change_room)
create_room = aside(rooms.create_room)
delete_room = aside(rooms.delete_room)
publish_announcement = aside(announce.publish_announcement)
put_account = aside(accounts.put_account)

TOPIC = SetTopic(room="dev", topic="größe")


async def enter(gateway: Gateway, user: Registration, room: str = "dev") -> None:
    """Somebody comes into a room."""
    member = Member(
        name=user.name,
        session=user.session,
        gateway=user.gateway,
        origin=user.origin,
        account=user.account,
    )
    _, state = await gateway.backplane.rooms.state(room)
    arrival = Arrival(user.folded, member, told=True)
    await gateway.backplane.rooms.attend(room, state.version, [arrival], create=True)


class TestList:
    async def test_all_rooms_by_name_and_always_a_lobby(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        assert [each.state.room for each in await list_rooms(*at)] == ["lobby"]
        dana, sis = await g1.online("dana", account="dana"), await g1.online("sis")
        await enter(g1, dana)
        await enter(g1, sis)
        await enter(g1, sis, "art")
        await change_room(*at, TOPIC)
        art, dev, lobby = await list_rooms(*at)
        assert [art.state.room, dev.state.room, lobby.state.room] == ["art", "dev", "lobby"]
        assert (dev.people, dev.operators, dev.state.topic) == (2, 1, TOPIC.topic)
        assert (art.people, art.operators, art.last, lobby.people) == (1, 0, None, 0)
        assert dev.last is not None

    async def test_a_room_that_has_ended_is_not_listed(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        look.sadd(keys.rooms, "gone")
        assert [each.state.room for each in await list_rooms(*at)] == ["lobby"]


class TestRead:
    async def test_everything_that_is_known(self, g1: Gateway, at: tuple[str, str]) -> None:
        await enter(g1, await g1.online("Dana", account="dana"))
        await enter(g1, await g1.online("Sis"))
        await change_room(*at, SetModes(room="dev", slow=10, key="sesame"))
        await change_room(*at, Moderate(room="dev", action="ban", name="mallory", reason="adverts"))
        found = await read_room(*at, "dev")
        assert found.state.modes == Modes(slow=10, key=True)
        assert (found.state.key, found.kept) == ("sesame", False)
        assert {name: [each.name for each in some] for name, some in found.members.items()} == {
            "dana": ["Dana"],
            "sis": ["Sis"],
        }
        ban = found.state.bans["name:mallory"]
        assert (ban.by, ban.reason, ban.until) == ("*", "adverts", None)

    async def test_there_is_no_such_room(self, at: tuple[str, str]) -> None:
        assert await read_room(*at, "dev") is None
        assert (await read_room(*at, "lobby")).state.exists


class TestChange:
    async def test_it_is_told_to_all_gateways_and_has_its_place_in_the_log(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str]
    ) -> None:
        await enter(g1, await g1.online("sis"))
        channels = [await in_room(gateway, "dev") for gateway in (g1, g2)]
        [before] = await g1.publish("dev", [message("hi", room="dev")])
        id = await change_room(*at, TOPIC)
        [after] = await g1.publish("dev", [message("ho", room="dev")])
        epoch = before.partition("-")[0]
        assert [before, id, after] == [f"{epoch}-{n}" for n in range(3)]
        for gateway, channel in zip((g1, g2), channels, strict=True):
            await gateway.heard.until(lambda heard, on=channel: len(heard.lines(on)) >= 3)
            event = json.loads(gateway.heard.lines(channel)[1])
            assert (event["op"], event["by"], event["topic"]) == ("changed", "*", TOPIC.topic)
        said = await g1.backplane.read_log(Log("dev"), b"0-0", 10)
        assert len(said.messages) == 3

    async def test_what_was_decided_by_an_older_state_is_refused_from_then_on(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        await enter(g1, await g1.online("sis"))
        _, old = await g1.backplane.rooms.state("dev")
        await change_room(*at, Moderate(room="dev", action="ban", name="sis"))
        with pytest.raises(RoomChanged):
            await g1.backplane.publish("dev", old.version, [Outgoing(message("hi", room="dev"))])

    async def test_a_room_that_changes_meanwhile_is_read_and_decided_again(
        self, g1: Gateway, at: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await enter(g1, await g1.online("sis"))
        decide, changes = rooms.plan, []

        def plan(state: Any, *args: Any, **given: Any) -> Any:
            planned = decide(state, *args, **given)
            if not changes:
                changes.append(state.version)
                edits = [Edit("meta", "secret", "1")]
                event = encode_body(Changed(room="dev", by="sis", change="modes"))
                call = rooms.room_change(
                    Keys(at[1]),
                    "dev",
                    state.version,
                    edits,
                    event,
                    removed=None,
                    invite_members=False,
                    known=b"0-0",
                    history=KEEP_ALL,
                    kept_ms=1000,
                )
                with rooms.reaching(at[0]) as client:
                    rooms.run(client, *call)
            return planned

        monkeypatch.setattr(rooms, "plan", plan)
        await change_room(*at, SetModes(room="dev", read_only=True))
        found = await read_room(*at, "dev")
        assert found.state.modes == Modes(secret=True, read_only=True)

    async def test_nothing_to_change(self, g1: Gateway, at: tuple[str, str]) -> None:
        await enter(g1, await g1.online("sis"))
        assert await change_room(*at, TOPIC)
        assert await change_room(*at, TOPIC) is None

    async def test_the_rules_of_rooms_hold_for_operators_too(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        await enter(g1, await g1.online("sis"))
        for action in ("kick", "op", "invite", "unban"):
            with pytest.raises(WireError):
                await change_room(*at, Moderate(room="dev", action=action, name="nobody"))

    async def test_a_registered_name_becomes_an_operator_also_while_away(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        await enter(g1, await g1.online("sis"))
        await put_account(*at, "add", "Dana", "hash", "")
        await change_room(*at, Moderate(room="dev", action="op", name="DANA"))
        assert (await read_room(*at, "dev")).state.operators == {"dana": "Dana"}

    async def test_an_invitation_of_a_guest_is_bound_to_the_session(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        mom, sis = await g1.online("mom"), await g1.online("Sis")
        await enter(g1, mom)
        await change_room(*at, Moderate(room="dev", action="invite", name="sis"))
        [invitation] = (await read_room(*at, "dev")).state.invited.values()
        assert (invitation.name, invitation.origin) == ("Sis", sis.origin)

    async def test_a_member_who_is_kicked_is_out_and_all_are_told(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        await enter(g1, await g1.online("Sis"))
        channel = await in_room(g1, "dev")
        await change_room(*at, Moderate(room="dev", action="kick", name="sis"))
        await g1.heard.until(lambda heard: len(heard.lines(channel)) == 2)
        changed, left = map(json.loads, g1.heard.lines(channel))
        assert (changed["change"], changed["name"], changed["by"]) == ("kick", "Sis", "*")
        assert (left["op"], left["name"], left["code"]) == ("left", "Sis", "kicked")
        assert (await read_room(*at, "dev")).members == {}

    async def test_there_is_no_such_room(self, at: tuple[str, str]) -> None:
        with pytest.raises(NoSuchRoom):
            await change_room(*at, TOPIC)


class TestCreate:
    async def test_it_is_there_and_stays_when_the_last_has_left(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        assert await create_room(*at, "dev")
        assert (await read_room(*at, "dev")).kept
        assert [each.state.room for each in await list_rooms(*at)] == ["dev", "lobby"]
        assert look.pttl(keys.room_meta("dev")) == -1

    async def test_one_that_exists_is_kept_from_now_on(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, await g1.online("sis"))
        await change_room(*at, TOPIC)
        await change_room(*at, Moderate(room="dev", action="kick", name="sis"))
        assert look.pttl(keys.room_meta("dev")) > 0
        assert not await create_room(*at, "dev")
        found = await read_room(*at, "dev")
        assert (found.kept, found.state.topic) == (True, TOPIC.topic)
        for key in (keys.room_meta("dev"), keys.room_log("dev")):
            assert look.pttl(key) == -1


class TestDelete:
    async def test_nothing_of_it_is_left_and_its_gateways_see_that_it_was_deleted(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        await enter(g1, await g1.online("sis"))
        await enter(g1, await g1.online("mom"))
        await change_room(*at, TOPIC)
        channel = await in_room(g1, "dev")
        _, old = await g1.backplane.rooms.state("dev")
        assert await delete_room(*at, "dev") == 2
        await g1.heard.until(
            lambda heard: any(on == channel and head.startswith("=") for on, head in heard.heads)
        )
        _, state = await g1.backplane.rooms.state("dev")
        assert (state.exists, state.topic) == (False, "")
        assert int(state.version) > int(old.version)
        assert left_of(look, keys) == [keys.room_meta("dev")]
        assert not look.sismember(keys.rooms, "dev")
        assert look.pttl(keys.room_meta("dev")) > 0
        assert [each.state.room for each in await list_rooms(*at)] == ["lobby"]
        with pytest.raises(RoomChanged):
            await g1.backplane.publish("dev", old.version, [Outgoing(message("hi", room="dev"))])

    async def test_a_new_room_of_that_name_has_nothing_of_the_old_one(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        sis = await g1.online("sis")
        await enter(g1, sis)
        await change_room(*at, TOPIC)
        await delete_room(*at, "dev")
        await enter(g1, sis)
        found = await read_room(*at, "dev")
        assert (found.state.topic, found.last, list(found.members)) == ("", None, ["sis"])
        assert [each.state.room for each in await list_rooms(*at)] == ["dev", "lobby"]

    async def test_there_is_no_such_room(
        self, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        assert await delete_room(*at, "dev") is None
        assert left_of(look, keys) == []


class TestAnnounce:
    async def test_in_a_room(self, g1: Gateway, at: tuple[str, str]) -> None:
        await enter(g1, await g1.online("sis"))
        await change_room(*at, SetModes(room="dev", read_only=True))
        channel = await in_room(g1, "dev")
        id = await publish_announcement(*at, "dev", "hear, hear")
        await g1.heard.until(lambda heard: heard.lines(channel))
        told = json.loads(g1.heard.lines(channel)[0])
        assert (told["id"], told["from"], told["room"]) == (id, "*", "dev")

    async def test_where_there_is_no_such_room(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        with pytest.raises(NoSuchRoom):
            await publish_announcement(*at, "dev", "hear, hear")
        assert left_of(look, keys) == []


def left_of(look: redis.Redis, keys: Keys) -> list[str]:
    """The keys that the room dev has in Redis."""
    found: Any = look.keys(keys.room_meta("dev").replace("meta", "*"))
    return sorted(found)
