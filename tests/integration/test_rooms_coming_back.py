"""Rooms, when connections, gateways and Redis' memory are lost."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import redis

from gateway import core
from gateway.backplane.keys import Keys
from gateway.backplane.operators.rooms import delete_room
from gateway.backplane.redis.pair import Pair
from gateway.chat.room_records import PARTS
from gateway.fleet import presence
from tests.integration.rooms import (
    about,
    boss,
    deaf,
    enter,
    guest,
    join_with_account,
    members,
    moderate,
    say,
    set_modes,
    set_topic,
    texts,
)
from tests.integration.test_trouble import forget_everything
from tests.support.deadlines import eventually
from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway
from tests.support.servers import Server

__all__ = ["boss", "deaf", "guest", "join_with_account"]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done every ten seconds is done at once."""
    monkeypatch.setattr(core, "CHECK_EVERY", 0.1)
    monkeypatch.setattr(presence, "SETTLE_EVERY", 0.1)
    monkeypatch.setattr(presence, "LEASE_EVERY", 0.1)


class TestResume:
    async def test_a_person_who_resumes_is_in_all_rooms_and_gets_what_they_missed_in_each(
        self, boss: Peer, guest: Peer, one: Running, join: Join
    ) -> None:
        await enter(guest, "club")
        await enter(boss, "club")
        for room in ("dev", "club", "lobby"):
            await say(boss, f"heard in {room}", room)
            await guest.expect(op="msg", room=room)
        guest.vanish()
        await boss.expect(op="left", room="club", name="guest")
        for room in ("dev", "club", "lobby"):
            await say(boss, f"missed in {room}", room)
        again = await join(one, "guest", **guest.way_back)
        welcome = again.told(op="welcome")[0]
        assert welcome["resumed"]
        assert welcome["rooms"] == ["lobby", "dev", "club"]
        await again.collect(3, op="msg")
        for room in ("dev", "club", "lobby"):
            await say(boss, f"live in {room}", room)
        await again.collect(3, op="msg")
        for room in ("dev", "club", "lobby"):
            assert texts(again, room) == [f"missed in {room}", f"live in {room}"]
        assert again.told(op="gap") == []

    async def test_others_do_not_hear_about_a_person_who_was_never_gone(
        self, boss: Peer, guest: Peer, one: Running, join: Join
    ) -> None:
        await join(one, "guest", **guest.way_back)
        await guest.ended(code="replaced")
        await say(boss, "hello")
        await boss.expect(op="msg", text="hello")
        assert boss.told(op="left") == []
        assert len(boss.told(op="joined", room="dev")) == 1

    async def test_a_person_in_fifty_rooms_resumes_in_one_go(
        self, one: Running, two: Running, join: Join, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        peer = await join(one, "guest")
        for number in range(49):
            await enter(peer, f"room{number}")
        peer.vanish()
        waits: Counter[str] = Counter()
        run = Pair.run

        async def counted(self: Pair, name: str, *args: object) -> object:
            waits[name] += self is two.gateway.backplane._store
            return await run(self, name, *args)

        monkeypatch.setattr(Pair, "run", counted)
        again = await join(two, "guest", **peer.way_back)
        assert len(again.told(op="welcome")[0]["rooms"]) == 50
        await again.collect(49, op="entered")
        assert waits["room_attend"] == 50
        assert waits["log_read"] == 0, "nothing was missed"
        assert await members(again, "room7") == ["guest"]

    async def test_a_hole_in_one_room_is_told_about_that_room_only(
        self, boss: Peer, guest: Peer, one: Running, join: Join, look: redis.Redis, keys: Keys
    ) -> None:
        guest.vanish()
        await boss.expect(op="left", room="dev", name="guest")
        for number in range(3):
            await say(boss, f"dev {number}")
            await say(boss, f"lobby {number}", "lobby")
        look.xtrim(keys.room_log("dev"), maxlen=1, approximate=False)
        again = await join(one, "guest", **guest.way_back)
        await again.collect(4, op="msg")
        assert texts(again) == ["dev 2"]
        assert texts(again, "lobby") == ["lobby 0", "lobby 1", "lobby 2"]
        assert [gap["room"] for gap in again.told(op="gap")] == ["dev"]

    async def test_a_person_who_is_banned_meanwhile_is_told_nothing_of_the_room(
        self, boss: Peer, guest: Peer, two: Running, join: Join
    ) -> None:
        guest.vanish()
        await boss.expect(op="left", room="dev", name="guest")
        await moderate(boss, "ban", "guest")
        await say(boss, "a secret")
        again = await join(two, "guest", **guest.way_back)
        assert again.told(op="welcome")[0]["rooms"] == ["lobby"]
        assert (await again.expect(op="out", room="dev"))["code"] == "refused"
        await again.caught_up()
        assert texts(again) == []

    async def test_a_person_who_is_kicked_during_the_replay_is_told_nothing_further(
        self, boss: Peer, guest: Peer, one: Running, join: Join
    ) -> None:
        guest.vanish()
        await boss.expect(op="left", room="dev", name="guest")
        for number in range(400):
            await boss.say(op="send", room="dev", text="x" * 4000, seq=number)
            await boss.expect(op="ack", seq=number)
        resuming = asyncio.ensure_future(join(one, "guest", **guest.way_back))
        again = await resuming
        await moderate(boss, "kick", "guest")
        await say(boss, "a secret")
        await again.expect(op="out", room="dev", code="kicked")
        await again.caught_up()
        assert "a secret" not in texts(again)


class TestGateways:
    async def test_the_people_of_a_gateway_that_died_leave_all_their_rooms(
        self, soon: None, boss: Peer, guest: Peer, two: Running, look: redis.Redis, keys: Keys
    ) -> None:
        await enter(guest, "club")
        await enter(boss, "club")
        await boss.caught_up()
        await die(two)
        look.delete(keys.lease(two.gateway.id))
        for room in ("dev", "club", "lobby"):
            await boss.expect(op="left", room=room, name="guest", code="gateway_lost")
        assert await members(boss, "club") == ["Boss"]

    async def test_after_a_drain_people_are_in_all_their_rooms_and_nobody_noticed(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        one, two = await start_gateway(drain=0.1), await start_gateway(drain=0.1)
        stays, goes = await join(one, "stays"), await join(two, "goes")
        for peer in (stays, goes):
            await enter(peer)
        await stays.caught_up()
        await two.stop()
        await goes.ended(code="shutdown")
        again = await join(one, "goes", **goes.way_back)
        assert again.told(op="welcome")[0]["rooms"] == ["lobby", "dev"]
        await say(again, "hello")
        await stays.expect(op="msg", text="hello")
        assert stays.told(op="left") == []
        assert len(stays.told(op="joined", room="dev")) == 1


class TestMemory:
    async def test_people_and_rules_are_written_down_again(
        self,
        soon: None,
        boss: Peer,
        guest: Peer,
        valkey: Server,
        prefix: str,
        look: redis.Redis,
        keys: Keys,
        two: Running,
        join: Join,
    ) -> None:
        await set_modes(boss, invite_only=True, key="sesame")
        await moderate(boss, "ban", "spam")
        await guest.expect(op="changed", change="ban")
        await guest.caught_up()
        forget_everything(valkey, prefix)
        bans = keys.room_state("dev")[PARTS.index("bans")]
        await eventually(lambda: look.hlen(keys.room_members("dev")) == 2)
        await eventually(lambda: look.hlen(bans) == 1)
        outside = await join(two, "outside")
        assert (await enter(outside))["code"] == "invite_only"
        info = await about(boss)
        assert info["key"] == "sesame"
        assert info["operators"] == ["Boss"]
        assert (await say(guest, "we are still here"))["op"] == "ack"
        await boss.expect(op="msg", text="we are still here")
        assert [e for e in boss.told(op="left") if e["name"] != "outside"] == []

    async def test_a_person_who_came_in_while_redis_knew_no_rules_is_put_out(
        self,
        boss: Peer,
        guest: Peer,
        valkey: Server,
        prefix: str,
        join: Join,
        start_gateway: StartGateway,
    ) -> None:
        await set_modes(boss, invite_only=True)
        outside = await join(await start_gateway(), "outside")
        assert (await enter(outside))["code"] == "invite_only"
        forget_everything(valkey, prefix)
        await enter(outside)
        assert (await say(boss, "for those who are invited"))["op"] == "ack"
        await guest.expect(op="msg", text="for those who are invited")
        assert (await say(outside, "hello"))["code"] == "not_in_room"
        assert texts(outside) == []

    async def test_a_member_that_redis_has_forgotten_is_written_down_again(
        self, soon: None, boss: Peer, guest: Peer, look: redis.Redis, keys: Keys
    ) -> None:
        look.hdel(keys.room_members("dev"), "guest")
        look.hincrby(keys.room_meta("dev"), "moves", -1)
        await eventually(lambda: look.hexists(keys.room_members("dev"), "guest"))
        await guest.caught_up()
        assert guest.told(op="out") == []
        assert boss.told(op="left") == []

    async def test_a_room_with_nothing_left_but_its_members_exists_again(
        self, soon: None, boss: Peer, guest: Peer, look: redis.Redis, keys: Keys
    ) -> None:
        await set_topic(boss, "roses")
        look.delete(keys.room_meta("dev"))
        await eventually(lambda: look.hget(keys.room_meta("dev"), "topic") == "roses")
        assert (await set_topic(boss, "tulips"))["op"] == "ack"
        await guest.expect(op="changed", topic="tulips")

    async def test_rules_are_written_down_again_once_even_if_the_clock_was_set_back(
        self, soon: None, boss: Peer, guest: Peer, valkey: Server, prefix: str,
        look: redis.Redis, keys: Keys,
    ) -> None:  # fmt: skip
        meta = keys.room_meta("dev")
        ahead = int(time.time() * 1000) + 3_600_000
        look.hset(meta, "version", ahead)
        await set_topic(boss, "roses")
        await guest.expect(op="changed", topic="roses")
        forget_everything(valkey, prefix)
        await eventually(lambda: int(look.hget(meta, "version") or 0) > ahead)
        assert (await moderate(boss, "mute", "guest"))["op"] == "ack"
        assert (await say(guest, "hello"))["code"] == "muted"

    @pytest.mark.parametrize("damaged", [b"\xff", b"", b"yesterday", b"007 ", b"9" * 30])
    async def test_a_damaged_version_does_not_silence_a_room(
        self, soon: None, boss: Peer, guest: Peer, look: redis.Redis, keys: Keys, damaged: bytes
    ) -> None:
        await set_topic(boss, "roses")
        look.hset(keys.room_meta("dev"), "version", damaged)
        assert (await say(guest, "hello"))["op"] == "ack"
        assert (await set_topic(boss, "tulips"))["op"] == "ack"
        await guest.expect(op="changed", topic="tulips")


class TestDeletion:
    """A room is deleted, and another room of the name is made at once."""

    @pytest.fixture
    def delete(self, valkey: Server, prefix: str) -> Callable[[], Awaitable[int | None]]:
        return partial(asyncio.to_thread, delete_room, valkey.url, prefix, "dev")

    async def test_nobody_is_in_the_new_room_because_they_were_in_the_deleted_one(
        self,
        deaf: list[Running],
        two: Running,
        boss: Peer,
        guest: Peer,
        delete: Callable[[], Awaitable[int | None]],
    ) -> None:
        deaf.append(two)
        await delete()
        await boss.expect(op="out", room="dev")
        await enter(boss)
        await say(boss, "not for those who were here before")
        await guest.expect(op="out", room="dev", code="kicked")
        assert texts(guest) == []
        assert (await say(guest, "hello"))["code"] == "not_in_room"
        await enter(guest)
        await say(boss, "welcome")
        await guest.expect(op="msg", text="welcome")

    async def test_nobody_comes_back_into_the_new_room_without_its_key(
        self,
        two: Running,
        boss: Peer,
        guest: Peer,
        connect: Connect,
        delete: Callable[[], Awaitable[int | None]],
    ) -> None:
        way_back = guest.way_back
        guest.vanish()
        await boss.expect(op="left", room="dev")
        await delete()
        await boss.expect(op="out", room="dev")
        await enter(boss)
        await set_modes(boss, key="sesame")
        await say(boss, "for those with the key")
        back = await connect(two)
        assert (await back.hello("guest", **way_back))["rooms"] == ["lobby"]
        await back.expect(op="out", room="dev", code="refused")
        assert (await enter(back))["code"] == "bad_key"
        assert texts(back) == []

    async def test_a_member_of_the_new_room_comes_back_into_it(
        self,
        two: Running,
        boss: Peer,
        guest: Peer,
        connect: Connect,
        delete: Callable[[], Awaitable[int | None]],
    ) -> None:
        await delete()
        await guest.expect(op="out", room="dev")
        await enter(guest)
        way_back = guest.way_back
        guest.vanish()
        back = await connect(two)
        assert sorted((await back.hello("guest", **way_back))["rooms"]) == ["dev", "lobby"]


async def die(running: Running) -> None:
    """A gateway ends without a word to Redis."""
    await running.gateway.tasks.end()
    with contextlib.suppress(Exception):
        running.gateway.backplane._store.stop()
