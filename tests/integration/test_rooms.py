"""Many rooms, on two gateways: who is in them, what is said there, and who may do what."""

import asyncio
from typing import Any

import pytest
import redis

from gateway.backplane.keys import Keys
from tests.integration.rooms import (
    JoinWithAccount,
    about,
    boss,
    deaf,
    enter,
    guest,
    join_with_account,
    leave,
    list_rooms,
    members,
    moderate,
    say,
    set_modes,
    set_topic,
    texts,
)
from tests.support.deadlines import eventually
from tests.support.fixtures import Join, Peer, Running, StartGateway

__all__ = ["boss", "deaf", "guest", "join_with_account"]


class TestTalking:
    async def test_a_message_to_a_room_reaches_its_members_only(
        self, boss: Peer, guest: Peer, two: Running, join: Join
    ) -> None:
        outside = await join(two, "outside")
        await say(boss, "in the lobby", "lobby")
        await say(boss, "hello")
        await say(guest, "hi")
        for peer in (boss, guest):
            await peer.expect(op="msg", room="dev", text="hello")
            await peer.expect(op="msg", room="dev", text="hi")
        await outside.expect(op="msg", text="in the lobby")
        await outside.caught_up()
        assert texts(outside) == []
        ids = [msg["id"] for msg in boss.told(op="msg", room="dev")]
        assert ids == [msg["id"] for msg in guest.told(op="msg", room="dev")]
        times = [msg["ts"] for msg in guest.told(op="msg", room="dev")]
        assert times == sorted(times)

    async def test_only_members_can_send_to_a_room(self, boss: Peer, guest: Peer) -> None:
        await leave(guest)
        assert (await say(guest, "still here"))["code"] == "not_in_room"

    async def test_a_name_of_a_room_is_folded(self, boss: Peer, guest: Peer) -> None:
        assert (await enter(guest, "DEV"))["room"] == "dev"
        assert (await say(guest, "hello", "Dev"))["op"] == "ack"
        assert (await boss.expect(op="msg", text="hello"))["room"] == "dev"


class TestEntering:
    async def test_a_newcomer_is_told_the_topic_the_modes_and_the_number_of_people(
        self, boss: Peer, two: Running, join: Join
    ) -> None:
        await set_topic(boss, "What we build")
        await set_modes(boss, slow=0, read_only=True)
        entered = await enter(await join(two, "guest"))
        assert entered["topic"] == "What we build"
        assert entered["topic_by"] == "Boss"
        assert entered["modes"] == {"read_only": True}
        assert entered["people"] == 2
        assert "role" not in entered

    async def test_the_others_are_told_who_comes_and_who_leaves(
        self, boss: Peer, guest: Peer
    ) -> None:
        await leave(guest)
        await boss.expect(op="left", room="dev", name="guest", code="left")
        assert await members(boss) == ["Boss"]
        assert guest.told(op="joined", room="dev") == []

    async def test_a_person_who_disconnects_has_left_all_rooms(
        self, boss: Peer, guest: Peer
    ) -> None:
        await enter(guest, "club")
        await guest.say(op="quit")
        await boss.expect(op="left", room="dev", name="guest", code="quit")
        await boss.expect(op="left", room="lobby", name="guest", code="quit")
        async with asyncio.timeout(8):  # the list may be a second old
            while True:
                if "club" not in await list_rooms(boss):
                    break
                await asyncio.sleep(0.1)

    @pytest.mark.parametrize("history", [0, 2])
    async def test_a_newcomer_gets_as_many_earlier_messages_as_it_asks_for(
        self, boss: Peer, two: Running, join: Join, history: int
    ) -> None:
        for text in ("one", "two", "three"):
            await say(boss, text)
        guest = await join(two, "guest")
        await enter(guest, history=history)
        await say(boss, "four")
        await guest.expect(op="msg", text="four")
        assert texts(guest) == ["one", "two", "three", "four"][3 - history :]

    async def test_a_newcomer_gets_no_earlier_messages_if_the_room_hides_them(
        self, boss: Peer, two: Running, join: Join
    ) -> None:
        await set_modes(boss, history="joined")
        await say(boss, "before")
        guest = await join(two, "guest")
        await enter(guest, history=100)
        guest.vanish()
        again = await join(two, "guest", **guest.way_back | {"seen": {"dev": "1-0"}})
        await say(boss, "after")
        await again.expect(op="msg", text="after")
        assert texts(again) == ["after"]

    async def test_a_person_can_be_in_a_limited_number_of_rooms(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        peer = await join(await start_gateway(limits={"rooms": 3}), "guest")
        for room in ("a", "b"):
            assert (await enter(peer, room))["op"] == "entered"
        assert (await enter(peer, "c"))["code"] == "too_many_rooms"
        await leave(peer, "a")
        assert (await enter(peer, "c"))["op"] == "entered"

    async def test_a_registered_person_makes_a_limited_number_of_rooms(
        self, start_gateway: StartGateway, join_with_account: JoinWithAccount
    ) -> None:
        running = await start_gateway(limits={"rooms": 3})
        peer = await join_with_account(running, "anna")
        for room in ("a", "b", "c", "d"):
            answer = await enter(peer, room)
            if answer["op"] == "entered":
                await leave(peer, room)
        assert (answer["code"], room) == ("too_many_rooms", "d")
        assert "tomorrow" in answer["text"]
        assert (await enter(peer, "a"))["op"] == "entered"

    async def test_nobody_is_told_who_comes_into_a_room_of_many(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        one = await start_gateway(limits={"quiet_room": 2})
        two = await start_gateway(limits={"quiet_room": 2})
        first = await join(one, "first")
        for running, name in ((two, "second"), (one, "third"), (two, "fourth")):
            await join(running, name)
        await first.caught_up()
        assert [event["name"] for event in first.told(op="joined")] == ["second"]
        assert await members(first, "lobby") == ["first", "fourth", "second", "third"]


class TestSettingsOfAGateway:
    async def test_rooms_are_not_made_by_entering_them_where_they_are_closed(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        peer = await join(await start_gateway(rooms="closed"), "guest")
        assert (await enter(peer))["code"] == "no_such_room"

    async def test_nothing_stays_in_redis_of_a_room_that_nobody_could_make(
        self, start_gateway: StartGateway, join: Join, look: redis.Redis, keys: Keys
    ) -> None:
        peer = await join(await start_gateway(rooms="closed"), "guest")
        await enter(peer)
        assert list(look.scan_iter(f"{keys.room_meta('dev').removesuffix('meta')}*")) == []

    async def test_without_a_lobby_people_start_in_no_room(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        peer = await join(await start_gateway(lobby=False), "guest")
        assert peer.told(op="welcome")[0]["rooms"] == []
        assert (await say(peer, "hello", "lobby"))["code"] == "not_in_room"
        assert (await enter(peer, "lobby"))["op"] == "entered"
        assert (await say(peer, "hello", "lobby"))["op"] == "ack"


class TestLooking:
    async def test_rooms_are_listed_with_their_people_and_topics(
        self, boss: Peer, guest: Peer
    ) -> None:
        await set_topic(boss, "What we build")
        rooms = await list_rooms(guest)
        assert rooms["dev"] == {
            "room": "dev",
            "people": 2,
            "topic": "What we build",
            "joined": True,
        }
        assert rooms["lobby"]["people"] == 2

    async def test_a_secret_room_is_not_there_for_others(
        self, boss: Peer, two: Running, join: Join
    ) -> None:
        await set_modes(boss, secret=True)
        outside = await join(two, "outside")
        assert set(await list_rooms(outside)) == {"lobby"}
        assert (await about(outside))["code"] == "no_such_room"
        assert set(await list_rooms(boss)) == {"lobby", "dev"}

    async def test_people_outside_a_room_may_ask_about_it(
        self, boss: Peer, guest: Peer, one: Running, join: Join
    ) -> None:
        outside = await join(one, "outside")
        assert (await about(outside))["people"] == 2
        assert (await about(outside, "nowhere"))["code"] == "no_such_room"

    async def test_bans_and_keys_are_told_to_operators_only(self, boss: Peer, guest: Peer) -> None:
        await set_modes(boss, key="sesame")
        await moderate(boss, "ban", "spam", reason="spam")
        await guest.expect(op="changed", change="ban")
        of_boss, of_guest = await about(boss), await about(guest)
        assert of_boss["key"] == "sesame"
        assert [ban["name"] for ban in of_boss["bans"]] == ["spam"]
        assert "key" not in of_guest
        assert "bans" not in of_guest
        assert of_guest["operators"] == ["Boss"]


class TestOperators:
    async def test_a_person_with_an_account_who_makes_a_room_is_its_operator(
        self, boss: Peer, guest: Peer
    ) -> None:
        assert (await moderate(guest, "kick", "Boss"))["code"] == "not_operator"
        assert (await enter(guest, "club")).get("role", "") == ""
        assert (await set_topic(guest, "mine", "club"))["code"] == "not_operator"

    async def test_an_operator_makes_another(
        self, boss: Peer, two: Running, join_with_account: JoinWithAccount
    ) -> None:
        second = await join_with_account(two, "Second")
        await enter(second)
        await moderate(boss, "op", "second")
        await second.expect(op="changed", change="op", name="Second")
        assert (await set_topic(second, "ours"))["op"] == "ack"
        await boss.expect(op="changed", change="topic", topic="ours", by="Second")
        await moderate(boss, "deop", "second")
        assert (await set_topic(second, "mine"))["code"] == "not_operator"

    async def test_a_guest_cannot_become_an_operator(self, boss: Peer, guest: Peer) -> None:
        assert (await moderate(boss, "op", "guest"))["code"] == "no_such_person"

    async def test_changes_are_told_in_the_order_of_messages(self, boss: Peer, guest: Peer) -> None:
        for number in range(5):
            await say(boss, f"text {number}")
            await set_topic(boss, f"topic {number}")
        await guest.expect(op="changed", topic="topic 4")
        told = [e for e in guest.seen if e["op"] in ("msg", "changed") and e["room"] == "dev"]
        numbers = [int(event["id"].partition("-")[2]) for event in told]
        assert numbers == list(range(numbers[0], numbers[0] + 10))


class TestKicks:
    async def test_a_kicked_person_is_out_and_may_come_back(self, boss: Peer, guest: Peer) -> None:
        await moderate(boss, "kick", "guest", reason="enough")
        assert (await guest.expect(op="out", room="dev"))["code"] == "kicked"
        assert guest.told(op="changed", change="kick")[0]["reason"] == "enough"
        await boss.expect(op="left", room="dev", name="guest", code="kicked")
        assert guest.told(op="left") == [], "nobody is told to have left"
        assert (await say(guest, "still here"))["code"] == "not_in_room"
        assert (await enter(guest))["op"] == "entered"

    async def test_no_message_comes_after_a_kick(self, boss: Peer, guest: Peer) -> None:
        await boss.say(op="moderate", room="dev", action="kick", name="guest")
        for number in range(20):
            await boss.say(op="send", room="dev", text=f"{number}")
        await guest.expect(op="out", room="dev")
        await say(boss, "a secret")
        await boss.expect(op="msg", text="a secret")
        await guest.caught_up()
        behind = guest.seen[guest.seen.index(guest.told(op="out")[0]) :]
        assert [event for event in behind if event["op"] == "msg"] == []
        assert "a secret" not in texts(guest)

    async def test_a_kicked_person_does_not_come_back_by_resuming(
        self, boss: Peer, guest: Peer, one: Running, join: Join
    ) -> None:
        guest.vanish()
        await boss.expect(op="left", room="dev", name="guest")
        back = await join(one, "guest", **guest.way_back)
        await back.caught_up()
        assert await members(boss) == ["Boss", "guest"]
        await moderate(boss, "kick", "guest")
        await back.expect(op="out", room="dev", code="kicked")
        back.vanish()
        again = await join(one, "guest", **back.way_back)
        assert again.told(op="welcome")[0]["rooms"] == ["lobby"]

    async def test_only_members_can_be_kicked(self, boss: Peer) -> None:
        assert (await moderate(boss, "kick", "nobody"))["code"] == "no_such_person"


class TestBans:
    async def test_a_banned_person_is_out_and_cannot_come_back(
        self, boss: Peer, guest: Peer
    ) -> None:
        await moderate(boss, "ban", "guest")
        await guest.expect(op="out", room="dev", code="banned")
        assert (await enter(guest))["code"] == "banned_here"
        await moderate(boss, "unban", "guest")
        assert (await enter(guest))["op"] == "entered"

    async def test_a_banned_person_may_come_back_when_the_ban_has_ended(
        self, boss: Peer, guest: Peer
    ) -> None:
        await moderate(boss, "ban", "guest", seconds=1)
        await guest.expect(op="out", room="dev", code="banned")
        refused = await enter(guest)
        assert refused["code"] == "banned_here"
        await asyncio.sleep(1)
        assert (await enter(guest))["op"] == "entered"

    @pytest.mark.parametrize("posted_by", ["message", "many"])
    async def test_a_banned_person_posts_nothing_after_the_answer_even_if_the_gateway_has_not_heard(
        self, deaf: list[Running], boss: Peer, guest: Peer, two: Running, posted_by: str
    ) -> None:
        deaf.append(two)
        assert (await moderate(boss, "ban", "guest"))["op"] == "ack"
        count = 1 if posted_by == "message" else 50
        for number in range(count):
            await guest.say(op="send", room="dev", text=f"{number}", seq=number)
        answers = await guest.collect(count, op={"ack", "error"})
        assert {answer.get("code") for answer in answers} <= {"banned_here", "not_in_room"}
        await guest.expect(op="out", room="dev", code="banned")
        await say(boss, "quiet here")
        await boss.expect(op="msg", text="quiet here")
        assert texts(boss) == ["quiet here"]

    async def test_a_banned_person_posts_nothing_after_the_answer_while_many_post(
        self, boss: Peer, guest: Peer, two: Running, join: Join
    ) -> None:
        other = await join(two, "other")
        await enter(other)

        banned = asyncio.Event()

        async def flood(peer: Peer) -> int:
            number = 0
            while not banned.is_set():
                await peer.say(op="send", room="dev", text=f"{peer.name} {number}", seq=number)
                number += 1
                await asyncio.sleep(0)
            return number

        floods = asyncio.gather(flood(guest), flood(other))
        await boss.expect(op="msg", text="guest 10")
        answer = await moderate(boss, "ban", "guest")
        banned.set()
        _, count = await floods
        await other.collect(count, op="ack")
        await boss.expect(op="msg", text=f"other {count - 1}")
        said = await boss.expect(op="changed", change="ban")
        assert said["id"] == answer["id"]
        behind = boss.seen[boss.seen.index(said) :]
        assert [e["text"] for e in behind if e["op"] == "msg" and e["from"] == "guest"] == []


class TestMutes:
    @pytest.mark.parametrize("old_picture", [False, True])
    async def test_a_muted_person_can_read_but_not_send(
        self, deaf: list[Running], boss: Peer, guest: Peer, two: Running, old_picture: bool
    ) -> None:
        if old_picture:
            deaf.append(two)
        await moderate(boss, "mute", "guest")
        assert (await say(guest, "hm"))["code"] == "muted"
        await say(boss, "hush")
        await guest.expect(op="msg", text="hush")
        await moderate(boss, "unmute", "guest")
        if not old_picture:
            await guest.expect(op="changed", change="unmute")
            assert (await say(guest, "thanks"))["op"] == "ack"


class TestModes:
    @pytest.mark.parametrize("old_picture", [False, True])
    async def test_in_a_read_only_room_people_with_a_voice_can_send(
        self,
        deaf: list[Running],
        boss: Peer,
        guest: Peer,
        two: Running,
        join_with_account: JoinWithAccount,
        old_picture: bool,
    ) -> None:
        speaker = await join_with_account(two, "Speaker")
        await enter(speaker)
        if old_picture:
            deaf.append(two)
        await set_modes(boss, read_only=True)
        await moderate(boss, "voice", "speaker")
        assert (await say(guest, "me too"))["code"] == "read_only"
        assert (await say(speaker, "good morning"))["op"] == "ack"

    @pytest.mark.parametrize("old_picture", [False, True])
    async def test_slow_mode_holds_on_every_gateway(
        self,
        deaf: list[Running],
        boss: Peer,
        guest: Peer,
        two: Running,
        old_picture: bool,
    ) -> None:
        if old_picture:
            deaf.append(two)
        await set_modes(boss, slow=60)
        assert (await say(guest, "first"))["op"] == "ack"
        refused = await say(guest, "second")
        assert refused["code"] == "slow_down"
        assert 50 < refused["retry_after"] <= 60
        for _ in range(2):
            assert (await say(boss, "operators do not wait"))["op"] == "ack"

    async def test_a_room_that_is_less_slow_now_makes_nobody_wait_as_long_as_before(
        self, boss: Peer, guest: Peer
    ) -> None:
        await set_modes(boss, slow=86_400)
        assert (await say(guest, "first"))["op"] == "ack"
        await set_modes(boss, slow=60)
        refused = await say(guest, "second")
        assert refused["code"] == "slow_down"
        assert 50 < refused["retry_after"] <= 60

    async def test_a_key_is_needed_to_enter_and_not_to_resume(
        self, boss: Peer, two: Running, join: Join
    ) -> None:
        await set_modes(boss, key="sesame")
        guest = await join(two, "guest")
        assert (await enter(guest))["code"] == "bad_key"
        assert (await enter(guest, key="Sesame"))["code"] == "bad_key"
        assert (await enter(guest, key="sesame"))["modes"] == {"key": True}
        guest.vanish()
        again = await join(two, "guest", **guest.way_back)
        assert again.told(op="welcome")[0]["rooms"] == ["lobby", "dev"]


class TestInvitations:
    @pytest.mark.parametrize("old_picture", [False, True])
    async def test_nobody_reads_an_invite_only_room_without_an_invitation(
        self,
        deaf: list[Running],
        boss: Peer,
        guest: Peer,
        two: Running,
        join: Join,
        old_picture: bool,
    ) -> None:
        if old_picture:
            deaf.append(two)
        await set_modes(boss, invite_only=True)
        await say(boss, "a secret")
        outside = await join(two, "outside")
        assert (await enter(outside, history=100))["code"] == "invite_only"
        await moderate(boss, "invite", "outside")
        assert (await enter(outside, history=100))["op"] == "entered"
        await outside.expect(op="msg", text="a secret")

    async def test_an_invitation_of_a_guest_is_for_that_guest_only(
        self, boss: Peer, two: Running, join: Join
    ) -> None:
        await set_modes(boss, invite_only=True)
        outside = await join(two, "outside")
        await moderate(boss, "invite", "outside")
        await outside.say(op="quit")
        await outside.ended()
        another = await join(two, "outside")
        assert (await enter(another))["code"] == "invite_only"

    async def test_an_invitation_of_a_registered_name_waits_for_its_owner(
        self, boss: Peer, two: Running, join_with_account: JoinWithAccount
    ) -> None:
        await set_modes(boss, invite_only=True)
        friend = await join_with_account(two, "Friend")
        await moderate(boss, "invite", "friend")
        await friend.say(op="quit")
        await friend.ended()
        again = await join_with_account(two, "Friend")
        assert (await enter(again))["op"] == "entered"

    async def test_a_room_that_is_closed_keeps_its_members(
        self, boss: Peer, guest: Peer, one: Running, join: Join
    ) -> None:
        await set_modes(boss, invite_only=True)
        guest.vanish()
        await boss.expect(op="left", room="dev", name="guest")
        again = await join(one, "guest", **guest.way_back)
        assert again.told(op="welcome")[0]["rooms"] == ["lobby", "dev"]

    async def test_a_person_who_is_uninvited_does_not_come_back(
        self, boss: Peer, guest: Peer, two: Running, join: Join
    ) -> None:
        await set_modes(boss, invite_only=True)
        await moderate(boss, "uninvite", "guest")
        guest.vanish()
        await boss.expect(op="left", room="dev", name="guest")
        await say(boss, "a secret")
        again = await join(two, "guest", **guest.way_back)
        assert (await again.expect(op="out", room="dev"))["code"] == "refused"
        await again.caught_up()
        assert texts(again) == []


class TestTheEndOfARoom:
    async def test_an_empty_room_without_operators_ends_with_its_messages(
        self,
        start_gateway: StartGateway,
        join: Join,
        look: redis.Redis,
        keys: Keys,
    ) -> None:
        running = await start_gateway(resume_within=0.2)
        first = await join(running, "first")
        await enter(first)
        await say(first, "long ago")
        await first.expect(op="msg", text="long ago")
        await leave(first)
        await eventually(lambda: not look.exists(keys.room_log("dev")))
        entered = await enter(first, history=100)
        assert entered.get("people", 1) == 1
        await first.caught_up()
        assert texts(first) == ["long ago"], "only what it said itself, when it was there"

    async def test_a_room_with_an_operator_is_kept(
        self, boss: Peer, look: redis.Redis, keys: Keys
    ) -> None:
        await say(boss, "keep this")
        await leave(boss)
        left: Any = look.ttl(keys.room_log("dev"))
        assert left > 80 * 24 * 3600
        assert (await enter(boss))["role"] == "operator"
        assert look.ttl(keys.room_log("dev")) == -1
