"""Rooms on two gateways: what their operators can do, and what nobody else can."""

import asyncio
from typing import Any

import msgspec
import pytest
import redis
from argon2 import PasswordHasher

from gateway.backplane.keys import Keys
from gateway.backplane.records import Account
from tests.support.fixtures import Connect, Join, Peer, Running, Told

PASSWORD = "correct horse"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
REGISTERED = ("Mom", "Dad")


@pytest.fixture(autouse=True)
def accounts(look: redis.Redis, keys: Keys) -> None:
    """Mom's and Dad's names are registered."""
    for name in REGISTERED:
        account = Account(name=name, hash=HASH, since=1)
        look.hset(keys.accounts, name.casefold(), msgspec.json.encode(account))


@pytest.fixture
async def mom(one: Running, join: Join) -> Peer:
    """The operator of the room dev, on the first gateway."""
    mom = await join(one, "Mom", password=PASSWORD)
    entered = await enter(mom, "dev")
    assert entered["role"] == "operator"
    return mom


@pytest.fixture
async def dad(two: Running, join: Join) -> Peer:
    return await join(two, "Dad", password=PASSWORD)


@pytest.fixture
async def sis(two: Running, join: Join) -> Peer:
    """A guest, on the second gateway."""
    return await join(two, "Sis")


async def enter(peer: Peer, room: str, **fields: Any) -> Told:
    await peer.say(op="join", room=room, **fields)
    return await peer.expect(op="entered", room=room.casefold())


async def asks(peer: Peer, op: str, **fields: Any) -> Told:
    """Ask for something with a seq; returns the answer."""
    seq = len(peer.seen) + 1000
    await peer.say(op=op, seq=seq, **fields)
    return await peer.expect(seq=seq)


async def does(peer: Peer, action: str, name: str, room: str = "dev", **fields: Any) -> Told:
    """Moderate somebody; returns the ack."""
    ack = await asks(peer, "moderate", room=room, action=action, name=name, **fields)
    assert ack["op"] == "ack", ack
    return ack


async def sets(peer: Peer, room: str = "dev", **modes: Any) -> Told:
    """Set modes; returns the ack."""
    ack = await asks(peer, "set", room=room, **modes)
    assert ack["op"] == "ack", ack
    return ack


async def says(peer: Peer, text: str, room: str = "dev") -> Told:
    """Send with a seq; returns the answer."""
    return await asks(peer, "send", room=room, text=text)


async def refused(peer: Peer, code: str, op: str, **fields: Any) -> str:
    """Ask for something that is refused with this code; returns the text."""
    answer = await asks(peer, op, **fields)
    assert (answer["op"], answer.get("code")) == ("error", code), answer
    text: str = answer["text"]
    return text


async def about(peer: Peer, room: str = "dev") -> Told:
    return await asks(peer, "about", room=room)


class TestTalking:
    async def test_joining_again_shows_the_room_again(self, mom: Peer, sis: Peer) -> None:
        await enter(sis, "dev")
        await mom.expect(op="joined", room="dev")
        again = await asks(sis, "join", room="dev", history=5)
        assert (again["op"], again["people"]) == ("entered", 2)
        await says(mom, "marker")
        await sis.expect(op="msg", text="marker")
        assert len(mom.told(op="joined", room="dev", name="Sis")) == 1

    async def test_a_private_message_that_finds_nobody_goes_to_the_room_it_was_typed_in(
        self, mom: Peer, sis: Peer
    ) -> None:
        await enter(sis, "dev")
        ack = await says(sis, "hi @mmo")
        assert (ack["room"], ack["absent"]) == ("dev", ["mmo"])
        await mom.expect(op="msg", room="dev", text="hi @mmo")


class TestRights:
    async def test_only_operators_change_a_room_and_others_are_told_who_to_ask(
        self, mom: Peer, sis: Peer
    ) -> None:
        await enter(sis, "dev")
        for op, fields in (
            ("topic", {"topic": "x"}),
            ("set", {"secret": True}),
            ("moderate", {"action": "kick", "name": "Mom"}),
            ("moderate", {"action": "op", "name": "Sis"}),
        ):
            assert "Mom" in await refused(sis, "not_operator", op, room="dev", **fields)
        assert (await about(mom))["operators"] == ["Mom"]

    async def test_rights_can_be_given_to_accounts_and_taken_back(
        self, mom: Peer, dad: Peer, sis: Peer
    ) -> None:
        await enter(dad, "dev")
        await does(mom, "op", "Dad")
        changed = await dad.expect(op="changed", change="op")
        assert (changed["by"], changed["name"], changed["room"]) == ("Mom", "Dad", "dev")
        assert (await asks(dad, "topic", room="dev", topic="news"))["op"] == "ack"
        await does(dad, "deop", "Mom")
        await refused(mom, "not_operator", "topic", room="dev", topic="old")
        await refused(dad, "no_such_person", "moderate", room="dev", action="op", name="Sis")

    async def test_a_change_that_is_not_needed_is_acknowledged_without_an_event(
        self, mom: Peer
    ) -> None:
        ack = await sets(mom, secret=False)
        assert ack["id"] == ""
        await says(mom, "marker")
        await mom.expect(op="msg", text="marker")
        assert mom.told(op="changed") == []


class TestTheTopic:
    async def test_is_told_to_members_and_newcomers(self, mom: Peer, sis: Peer, dad: Peer) -> None:
        await enter(sis, "dev")
        ack = await asks(mom, "topic", room="DEV", topic="release on Friday")
        changed = await sis.expect(op="changed", change="topic")
        assert (changed["topic"], changed["by"], changed["id"]) == (
            "release on Friday",
            "Mom",
            ack["id"],
        )
        entered = await enter(dad, "dev")
        assert (entered["topic"], entered["topic_by"]) == ("release on Friday", "Mom")
        info = await about(sis)
        assert info["topic_at"] <= changed["ts"]
        await asks(mom, "topic", room="dev", topic="")
        assert (await sis.expect(op="changed"))["topic"] == ""
        assert "topic" not in await about(sis)

    async def test_has_its_place_among_the_messages(self, mom: Peer, sis: Peer) -> None:
        await enter(sis, "dev")
        for n in range(5):
            await mom.say(op="send", room="dev", text=str(n))
            await mom.say(op="topic", room="dev", topic=str(n))
        await says(mom, "end")
        for peer in (mom, sis):
            await peer.expect(op="msg", text="end")
        ids = [e["id"] for e in sis.seen if e.get("room") == "dev" and "id" in e]
        assert ids == sorted(ids, key=lambda id: int(id.split("-")[1]))
        assert [e for e in mom.seen if "id" in e and e["op"] != "ack"][-11:] == [
            e for e in sis.seen if "id" in e
        ][-11:]


class TestPuttingOut:
    async def test_a_banned_operator_has_no_rights_left(self, mom: Peer, dad: Peer) -> None:
        await enter(dad, "dev")
        await does(mom, "op", "dad")
        await does(mom, "ban", "dad")
        await dad.expect(op="out", code="banned")
        for action in ("unban", "op"):
            await refused(dad, "not_operator", "moderate", room="dev", action=action, name="dad")

    async def test_operators_of_a_room_cannot_ban_networks(self, mom: Peer) -> None:
        name = "127.0.0.0/8"
        await refused(mom, "not_operator", "moderate", room="dev", action="ban", name=name)


class TestSilence:
    async def test_a_private_message_that_would_fall_back_to_a_read_only_room_is_refused(
        self, mom: Peer, sis: Peer
    ) -> None:
        await enter(sis, "dev")
        await sets(mom, read_only=True)
        await refused(sis, "read_only", "send", room="dev", text="hi @mmo")
        assert (await says(sis, "hi @mom"))["to"] == ["Mom"]


class TestPrivateRooms:
    async def test_an_invite_only_room_lets_in_guests_and_accounts_that_are_invited(
        self, mom: Peer, dad: Peer, sis: Peer
    ) -> None:
        await sets(mom, invite_only=True)
        for peer in (dad, sis):
            assert "Mom" in await refused(peer, "invite_only", "join", room="dev")
        for name in ("dad", "sis"):
            await does(mom, "invite", name)
        for peer in (dad, sis):
            notice = await peer.expect(op="notice", code="invited")
            assert (notice["room"], notice["text"]) == ("dev", "Mom invites you to the room dev")
            await enter(peer, "dev")
        await says(mom, "welcome")
        for peer in (dad, sis):
            await peer.expect(op="msg", text="welcome")

    async def test_nobody_can_be_invited_who_is_not_here_and_not_registered(
        self, mom: Peer
    ) -> None:
        for action, name in (("invite", "gran"), ("uninvite", "gran"), ("op", "gran")):
            await refused(mom, "no_such_person", "moderate", room="dev", action=action, name=name)
        await does(mom, "invite", "Dad")  # registered, and away

    async def test_members_of_a_room_that_becomes_invite_only_may_come_back(
        self, mom: Peer, sis: Peer
    ) -> None:
        await enter(sis, "dev")
        await sets(mom, invite_only=True)
        await asks(sis, "leave", room="dev")
        await enter(sis, "dev")
        await does(mom, "kick", "sis")
        await sis.expect(op="out", code="kicked")
        await refused(sis, "invite_only", "join", room="dev")

    async def test_a_key_opens_the_room_and_is_shown_to_operators_only(
        self, mom: Peer, dad: Peer, sis: Peer
    ) -> None:
        await sets(mom, key="sesame")
        assert "key" in await refused(sis, "bad_key", "join", room="dev")
        await refused(sis, "bad_key", "join", room="dev", key="simsim")
        entered = await enter(sis, "dev", key="sesame")
        assert entered["modes"] == {"key": True}
        assert (await about(mom))["key"] == "sesame"
        assert "key" not in await about(sis)
        await does(mom, "invite", "dad")
        await enter(dad, "dev")
        for peer in (mom, dad, sis):
            assert not [e for e in peer.told(op="changed") if "sesame" in str(e)]

    async def test_a_secret_room_is_seen_by_its_members_only(self, mom: Peer, sis: Peer) -> None:
        await sets(mom, secret=True)
        listed = await asks(sis, "rooms")
        assert [each["room"] for each in listed["rooms"]] == ["lobby"]
        hidden = await refused(sis, "no_such_room", "about", room="dev")
        missing = await refused(sis, "no_such_room", "about", room="nix")
        assert hidden.replace("dev", "nix") == missing
        await enter(sis, "dev")
        async with asyncio.timeout(8):  # the list may be a second old
            while True:
                listed = await asks(sis, "rooms")
                if "dev" in [each["room"] for each in listed["rooms"]]:
                    break
                await asyncio.sleep(0.1)
        assert (await about(sis))["people"] == 2


class TestHistory:
    async def test_is_told_first_and_once_as_much_as_was_asked_for(
        self, mom: Peer, sis: Peer
    ) -> None:
        for n in range(5):
            await says(mom, f"old {n}")
        await sis.say(op="join", room="dev", history=3)
        entered = await sis.expect(op="entered", room="dev")
        await says(mom, "new")
        await sis.expect(op="msg", text="new")
        told = [e for e in sis.seen if e.get("room") == "dev" and e["op"] in ("entered", "msg")]
        assert told[0] == entered
        assert [e["text"] for e in told[1:]] == ["old 2", "old 3", "old 4", "new"]
        assert told[3]["id"] == entered["seen"]

    async def test_has_the_same_time_live_and_later(self, mom: Peer, sis: Peer) -> None:
        ack = await says(mom, "once")
        live = await mom.expect(op="msg", id=ack["id"])
        await enter(sis, "dev", history=1)
        assert await sis.expect(op="msg", id=ack["id"]) == live

    async def test_is_hidden_from_somebody_who_comes_back_and_claims_to_have_seen_nothing(
        self, one: Running, mom: Peer, sis: Peer, connect: Connect
    ) -> None:
        await sets(mom, history="joined")
        await says(mom, "before your time")
        await enter(sis, "dev")
        await says(mom, "in your time")
        await sis.expect(op="msg", text="in your time")
        token = sis.way_back["resume"]
        sis.vanish()
        back = await connect(one)
        welcome = await back.hello("Sis", resume=token, seen={"dev": "0-0", "lobby": "0-0"})
        assert welcome["resumed"]
        await says(mom, "now")
        await back.expect(op="msg", text="now")
        texts = [e["text"] for e in back.told(op="msg", room="dev")]
        assert texts == ["in your time", "now"]

    async def test_of_the_lobby_is_hidden_from_strangers_who_claim_to_have_seen_its_beginning(
        self, one: Running, two: Running, join: Join, look: redis.Redis, keys: Keys
    ) -> None:
        look.hset(keys.room_meta("lobby"), mapping={"history": "joined", "version": "1"})
        sis = await join(one, "Sis")
        await says(sis, "before your time", "lobby")
        stranger = await join(two, "Stranger", seen={"lobby": "1-1"})
        await says(sis, "now", "lobby")
        await stranger.expect(op="msg", text="now")
        assert [e["text"] for e in stranger.told(op="msg")] == ["now"]
        assert stranger.told(op="gap", room="lobby")


class TestLists:
    async def test_members_are_listed_with_their_roles(
        self, mom: Peer, dad: Peer, sis: Peer
    ) -> None:
        for peer in (dad, sis):
            await enter(peer, "dev")
        await does(mom, "voice", "dad")
        answer = await asks(sis, "members", room="dev")
        assert answer["members"] == [
            {"name": "Dad", "role": "voice", "account": "dad"},
            {"name": "Mom", "role": "operator", "account": "mom"},
            {"name": "Sis"},
        ]

    async def test_operators_are_told_who_is_banned_muted_and_invited_and_others_are_not(
        self, mom: Peer, dad: Peer, sis: Peer
    ) -> None:
        await enter(sis, "dev")
        await does(mom, "ban", "bob", reason="spam", seconds=600)
        await does(mom, "mute", "tim")
        await does(mom, "invite", "dad")
        info = await about(mom)
        [ban] = info["bans"]
        assert (ban["name"], ban["by"], ban["reason"]) == ("bob", "Mom", "spam")
        assert ban["until"] > 0
        assert info["muted"] == [{"name": "tim", "by": "Mom"}]
        assert info["invited"] == ["Dad"]
        seen = await about(sis)
        assert not {"bans", "muted", "invited", "key"} & seen.keys()
        assert seen["operators"] == ["Mom"]

    async def test_a_bad_name_of_a_room_is_refused_everywhere(self, sis: Peer) -> None:
        for op, fields in (
            ("join", {}),
            ("leave", {}),
            ("members", {}),
            ("about", {}),
            ("topic", {"topic": "x"}),
            ("set", {"slow": 1}),
            ("moderate", {"action": "kick", "name": "mom"}),
            ("send", {"text": "hi"}),
        ):
            for room in ("#dev", "a b", "@", "*", "x" * 51):
                await refused(sis, "bad_room", op, room=room, **fields)
