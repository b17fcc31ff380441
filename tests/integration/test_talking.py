"""People on two gateways talk: in the room, and in private."""

import asyncio
import json

import pytest

from tests.support.fixtures import Join, Peer, Running, StartGateway

AT = "2026-11-23T10:00:00+02:00"


@pytest.fixture
async def sis(one: Running, join: Join) -> Peer:
    return await join(one, "Sis")


@pytest.fixture
async def mom(two: Running, join: Join, sis: Peer) -> Peer:
    mom = await join(two, "Mom")
    await sis.expect(op="joined", name="Mom")
    return mom


@pytest.fixture
async def dad(two: Running, join: Join, mom: Peer) -> Peer:
    dad = await join(two, "Dad")
    await mom.expect(op="joined", name="Dad")
    return dad


class TestTheRoom:
    async def test_everyone_gets_a_message_including_its_sender(self, sis: Peer, mom: Peer) -> None:
        await sis.say(op="send", text="hi", seq=1, at=AT)
        ack = await sis.expect(op="ack", seq=1, room="lobby")
        for peer in (sis, mom):
            msg = await peer.expect(op="msg")
            assert isinstance(msg.pop("ts"), int)
            assert msg == {
                "id": ack["id"],
                "op": "msg",
                "from": "Sis",
                "room": "lobby",
                "text": "hi",
                "at": AT,
            }
        assert ack.keys() == {"op", "seq", "id", "room"}

    async def test_the_senders_time_is_passed_on_unchanged(self, sis: Peer, mom: Peer) -> None:
        for at in ("1969-07-20T20:17:40-05:00", "2099-01-01T00:00:00+14:00"):
            await sis.say(op="send", text=at, at=at)
            assert (await mom.expect(op="msg"))["at"] == at

    async def test_a_send_without_a_seq_is_not_acknowledged(self, sis: Peer) -> None:
        await sis.say(op="send", text="hi")
        await sis.expect(op="msg", text="hi")
        await sis.caught_up()
        assert sis.told(op="ack") == []

    @pytest.mark.parametrize(
        "text",
        ["größe 💬 שלום 日本", 'he said "no" \\ and\nleft\tat 5', "{}", "a" * 4000, "👩‍👩‍👧"],
    )
    async def test_a_text_arrives_unchanged(self, sis: Peer, mom: Peer, text: str) -> None:
        await sis.say(op="send", text=text)
        assert (await mom.expect(op="msg"))["text"] == text

    async def test_joining_and_leaving_is_announced_on_all_gateways(
        self, one: Running, two: Running, sis: Peer, mom: Peer, join: Join
    ) -> None:
        dad = await join(two, "Dad")
        await sis.expect(op="joined", name="Dad", room="lobby")
        await mom.expect(op="joined", name="Dad", room="lobby")
        await dad.say(op="quit")
        assert await dad.ended(code="quit", text="Bye!", reconnect=False)
        await sis.expect(op="left", name="Dad", room="lobby", code="quit")
        await mom.expect(op="left", name="Dad", room="lobby", code="quit")

    async def test_a_lost_connection_is_announced(self, sis: Peer, mom: Peer) -> None:
        mom.vanish()
        await sis.expect(op="left", name="Mom", code="connection_lost")

    async def test_nobody_can_talk_in_a_room_without_being_in_it(self, sis: Peer) -> None:
        await sis.say(op="send", text="hi", room="attic", seq=1)
        await sis.expect(op="error", code="not_in_room", seq=1)

    async def test_everyone_sees_the_same_order_including_the_senders(
        self, one: Running, two: Running, join: Join
    ) -> None:
        peers = [await join((one, two)[n % 2], f"user{n}") for n in range(4)]

        async def talk(peer: Peer) -> list[str]:
            for number in range(50):
                await peer.say(op="send", text=f"{peer.name} {number}", seq=number)
                if number % 10 == 0:
                    await asyncio.sleep(0)
            return [msg["id"] for msg in await peer.collect(200, op="msg")]

        first, *others = await asyncio.gather(*(talk(peer) for peer in peers))
        assert all(ids == first for ids in others)
        epoch = first[0].partition("-")[0]
        assert first == [f"{epoch}-{number}" for number in range(200)]
        for peer in peers:
            # Each sender's messages stay in the order in which they were sent, and the acks say
            # where they are in the room's order.
            own = [msg for msg in peer.told(op="msg") if msg["from"] == peer.name]
            assert [msg["text"] for msg in own] == [f"{peer.name} {n}" for n in range(50)]
            acks = await peer.collect(50, op="ack")
            assert [ack["id"] for ack in acks] == [msg["id"] for msg in own]

    async def test_order_is_kept_when_one_call_is_not_enough(self, sis: Peer, mom: Peer) -> None:
        lines = [json.dumps({"op": "send", "text": str(n), "seq": n}) for n in range(2000)]
        talking = asyncio.create_task(sis.throw("\n".join([*lines, ""]).encode()))
        heard = [int(msg["text"]) for msg in await mom.collect(2000, op="msg")]
        assert heard == list(range(2000))
        await talking
        acks = await sis.collect(2000, op="ack")
        assert [ack["seq"] for ack in acks] == heard
        ids = [int(ack["id"].partition("-")[2]) for ack in acks]
        assert ids == list(range(ids[0], ids[0] + 2000))

    async def test_the_list_has_everybody(
        self, one: Running, sis: Peer, mom: Peer, dad: Peer
    ) -> None:
        await sis.say(op="who", seq=5)
        users = (await sis.expect(op="users", seq=5))["users"]
        assert sorted(user["name"] for user in users) == ["Dad", "Mom", "Sis"]
        by_name = {user["name"]: user for user in users}
        assert by_name["Sis"]["gateway"] == one.gateway.id != by_name["Mom"]["gateway"]
        assert all(0 <= user["idle"] < 30 and user["since"] > 0 for user in users)

    async def test_the_list_has_everybody_even_if_there_are_many(
        self, one: Running, join: Join
    ) -> None:
        names = [f"user-{number:03}-{'x' * 20}" for number in range(120)]
        first, *_ = [await join(one, name) for name in names]
        await first.say(op="who", seq=1)
        found, more = [], True
        while more:
            users = await first.expect(op="users", seq=1)
            found += [user["name"] for user in users["users"]]
            more = users.get("more", False)
        assert sorted(found) == names


class TestPrivate:
    async def test_only_the_people_named_at_the_end_get_the_message(
        self, sis: Peer, mom: Peer, dad: Peer, one: Running, join: Join
    ) -> None:
        gran = await join(one, "Gran")
        await sis.say(op="send", text="how are you? @mom @dad", seq=1, at=AT)
        ack = await sis.expect(op="ack", seq=1)
        assert ack == {"op": "ack", "seq": 1, "id": ack["id"], "to": ["Mom", "Dad"]}
        for peer in (sis, mom, dad):
            msg = await peer.expect(op="msg")
            assert (msg["id"] == ack["id"]) is (peer is sis)
            assert (msg["from"], msg["to"], msg["at"]) == ("Sis", ["Mom", "Dad"], AT)
            assert msg["text"] == "how are you? @mom @dad"
            assert "room" not in msg
        # This message to everybody comes later: by then Gran would have got the private one.
        await sis.say(op="send", text="all")
        assert (await gran.expect(op="msg"))["text"] == "all"

    async def test_capitals_do_not_matter_in_names(self, sis: Peer, mom: Peer) -> None:
        spellings = ("@mom", "@MOM", "@Mom.", "@mom!", "@\uff4d\uff4f\uff4d")
        for seq, written in enumerate(spellings):
            await sis.say(op="send", text=f"psst {written}", seq=seq)
            assert (await sis.expect(op="ack"))["to"] == ["Mom"]
            assert (await mom.expect(op="msg"))["to"] == ["Mom"]

    async def test_names_elsewhere_than_at_the_end_are_text(self, sis: Peer, mom: Peer) -> None:
        await sis.say(op="send", text="@mom are you there?", seq=1)
        assert (await sis.expect(op="ack"))["room"] == "lobby"
        assert (await mom.expect(op="msg"))["room"] == "lobby"

    async def test_an_escaped_at_sign_is_text(self, sis: Peer, mom: Peer) -> None:
        await sis.say(op="send", text=r"write to \@mom", seq=1)
        assert (await sis.expect(op="ack"))["room"] == "lobby"
        assert (await mom.expect(op="msg"))["text"] == "write to @mom"

    async def test_it_reaches_people_online_and_the_sender_learns_who_is_not(
        self, sis: Peer, mom: Peer
    ) -> None:
        await sis.say(op="send", text="psst @gran @mom", seq=1)
        ack = await sis.expect(op="ack", seq=1)
        assert (ack["to"], ack["absent"]) == (["Mom"], ["gran"])
        assert (await mom.expect(op="msg"))["to"] == ["Mom"]

    async def test_without_a_seq_a_notice_says_who_is_not(self, sis: Peer, mom: Peer) -> None:
        await sis.say(op="send", text="psst @gran @mom")
        notice = await sis.expect(op="notice", code="absent", absent=["gran"])
        assert notice["text"] == "nobody named @gran is here: sent to Mom"

    async def test_if_nobody_named_is_online_it_becomes_public_and_the_sender_is_told(
        self, sis: Peer, mom: Peer
    ) -> None:
        await sis.say(op="send", text="psst @mmo", seq=1)
        ack = await sis.expect(op="ack", seq=1)
        assert (ack["room"], ack["absent"]) == ("lobby", ["mmo"])
        assert "to" not in ack
        msg = await mom.expect(op="msg", text="psst @mmo")
        assert (msg["id"], msg["room"]) == (ack["id"], "lobby")

    async def test_without_a_seq_a_notice_says_that_it_became_public(
        self, sis: Peer, mom: Peer
    ) -> None:
        await sis.say(op="send", text="psst @mmo @dda")
        notice = await sis.expect(op="notice", code="absent", absent=["mmo", "dda"])
        assert notice["text"] == "nobody named @mmo, @dda is here: sent to everyone"
        await mom.expect(op="msg", room="lobby")

    async def test_an_explicit_private_message_never_becomes_public(
        self, sis: Peer, mom: Peer
    ) -> None:
        await sis.say(op="send", text="psst", to=["mmo"], seq=1)
        error = await sis.expect(op="error", code="nobody_here", seq=1)
        assert error["text"] == "nobody named @mmo is here: not sent"
        await sis.say(op="send", text="to all")
        assert (await mom.expect(op="msg"))["text"] == "to all"

    async def test_the_text_of_an_explicit_private_message_is_left_unchanged(
        self, sis: Peer, mom: Peer
    ) -> None:
        await sis.say(op="send", text=r"mail \@ @dad", to=["mom"], seq=1)
        assert (await sis.expect(op="ack"))["to"] == ["Mom"]
        assert (await mom.expect(op="msg"))["text"] == r"mail \@ @dad"

    async def test_with_fallback_refuse_it_does_not_become_public(
        self, start_gateway: StartGateway, join: Join, mom: Peer
    ) -> None:
        strict = await start_gateway(fallback="refuse")
        sis = await join(strict, "sissy")
        await sis.say(op="send", text="psst @mmo", seq=1)
        await sis.expect(op="error", code="nobody_here", seq=1)
        await sis.say(op="send", text="psst @mom @mmo", seq=2)
        ack = await sis.expect(op="ack", seq=2)
        assert (ack["to"], ack["absent"]) == (["Mom"], ["mmo"])
        await sis.say(op="send", text="to all", seq=3)
        await sis.expect(op="ack", seq=3)
        assert [msg["text"] for msg in await mom.collect(2, op="msg")] == [
            "psst @mom @mmo",
            "to all",
        ]

    async def test_a_person_who_has_left_is_not_online(self, sis: Peer, mom: Peer) -> None:
        await mom.say(op="quit")
        await mom.ended()
        await sis.say(op="send", text="psst", to=["mom"], seq=1)
        await sis.expect(op="error", code="nobody_here")

    async def test_a_message_to_oneself_arrives_once(self, sis: Peer) -> None:
        await sis.say(op="send", text="note @sis", seq=1)
        assert (await sis.expect(op="ack"))["to"] == ["Sis"]
        await sis.expect(op="msg", to=["Sis"])
        await sis.caught_up()
        assert len(sis.told(op="msg")) == 1

    async def test_private_and_public_stay_in_the_senders_order(self, sis: Peer, mom: Peer) -> None:
        for number in range(20):
            await sis.say(op="send", text="to mom @mom" if number % 2 else "to all", seq=number)
        acks = await sis.collect(20, op="ack")
        privately = [ack["seq"] for ack in acks if "to" in ack]
        publicly = [ack["seq"] for ack in acks if "room" in ack]
        assert privately == list(range(1, 20, 2))
        assert publicly == list(range(0, 20, 2))
        assert len(await mom.collect(20, op="msg")) == 20
