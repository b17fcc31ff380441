"""What `chatctl doctor` finds in the rooms of a chat, whatever server it is in."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.contract import Arrival, Departure
from gateway.backplane.keys import Keys
from gateway.backplane.operators import doctor, room_contents
from gateway.backplane.operators.room_contents import RoomContents
from gateway.backplane.operators.rooms import create_room, delete_room
from gateway.backplane.records import Member, Registration
from gateway.backplane.redis.address import reaching
from tests.contract.household import Gateway, message, sealed
from tests.support.servers import Server


@pytest.fixture
def at(server: Server, prefix: str) -> tuple[str, str]:
    return server.url, prefix


@pytest.fixture
def contents(at: tuple[str, str], keys: Keys) -> Any:
    """Read the rooms; dev is one of those that have keys."""

    def contents() -> RoomContents:
        with reaching(at[0]) as client:
            return room_contents.look(client, keys, ["dev"])

    return lambda: asyncio.to_thread(contents)


def member(user: Registration) -> Member:
    return Member(
        name=user.name,
        session=user.session,
        gateway=user.gateway,
        origin=user.origin,
        account=user.folded,
    )


async def enter(gateway: Gateway, user: Registration) -> None:
    _, state = await gateway.backplane.rooms.state("dev")
    arrival = Arrival(user.folded, member(user), told=True)
    await gateway.backplane.rooms.attend("dev", state.version, [arrival], create=True)


async def leave(gateway: Gateway, user: Registration) -> None:
    departure = Departure(user.folded, user.name, user.session, "left")
    await gateway.backplane.rooms.attend("dev", "", [departure], create=False)


async def test_what_a_chat_makes_itself_is_right(
    g1: Gateway, at: tuple[str, str], contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PROBE_WITHIN", 0.0)
    sis, mom = await g1.online("sis"), await g1.online("mom")
    await enter(g1, sis)
    await enter(g1, mom)
    await leave(g1, mom)
    await g1.publish("dev", [sealed(sis.origin, 1, message("hi", room="dev"))])
    assert await contents() == RoomContents(1, [], [], [], [])
    await leave(g1, sis)
    await asyncio.to_thread(create_room, *at, "art")
    await asyncio.to_thread(create_room, *at, "bin")
    await asyncio.to_thread(delete_room, *at, "bin")
    findings = await asyncio.to_thread(doctor.examine, *at)
    assert [each for each in findings if each.what in ("contents", "rooms")] == [
        ("ok", "rooms", "2 rooms")
    ]


async def test_a_room_that_no_list_shows(
    g1: Gateway, contents: Any, look: redis.Redis, keys: Keys
) -> None:
    await enter(g1, await g1.online("sis"))
    look.delete(keys.rooms)
    assert (await contents()).unlisted == ["dev"]


async def test_an_empty_room_without_an_end(
    g1: Gateway, contents: Any, look: redis.Redis, keys: Keys
) -> None:
    look.sadd(keys.rooms, "dev")
    look.hset(keys.room_meta("dev"), "created", "1")
    assert (await contents()).endless == ["dev"]
    look.pexpire(keys.room_meta("dev"), 60_000)
    assert (await contents()).endless == []


async def test_members_who_are_not_in_the_chat(
    g1: Gateway, contents: Any, look: redis.Redis, keys: Keys
) -> None:
    sis, mom, dad = [await g1.online(name) for name in ("sis", "mom", "dad")]
    for user in (sis, mom, dad):
        await enter(g1, user)
    await g1.release(sis)
    newer = msgspec.structs.replace(member(mom), session="another")
    look.hset(keys.room_members("dev"), "mom", msgspec.json.encode(newer))
    found = await contents()
    assert sorted(found.absent) == [("dev", "mom"), ("dev", "sis")]
    assert found.unreadable == []


@pytest.mark.parametrize("record", ["no JSON", "{}", "[]"])
async def test_a_member_whose_record_cannot_be_read(
    g1: Gateway, contents: Any, look: redis.Redis, keys: Keys, record: str
) -> None:
    await enter(g1, await g1.online("sis"))
    look.hset(keys.room_members("dev"), "mom", record)
    found = await contents()
    assert (found.unreadable, found.absent) == ([("dev", "mom")], [])
