"""People on two gateways and a real server: sessions, mail, and what they do with messages."""

import asyncio
from typing import Any

import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.operators.audit import read
from gateway.backplane.operators.erase import erase
from tests.integration.rooms import PASSWORD, JoinWithAccount, enter, join_with_account
from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway, Told
from tests.support.servers import Server

__all__ = ["join_with_account"]


@pytest.fixture
async def phone(one: Running, join_with_account: JoinWithAccount) -> Peer:
    return await join_with_account(one, "Dana")


@pytest.fixture
async def laptop(two: Running, phone: Peer, join: Join) -> Peer:
    """The same person on the other gateway."""
    return await join(two, "Dana", password=PASSWORD)


@pytest.fixture
async def sis(two: Running, phone: Peer, join: Join) -> Peer:
    return await join(two, "sis")


@pytest.fixture
def at(valkey: Server, prefix: str) -> tuple[str, str]:
    return valkey.url, prefix


async def says(peer: Peer, text: str, **fields: Any) -> Told:
    """Say something; returns the message as the speaker has it."""
    await peer.say(op="send", text=text, **fields)
    return await peer.expect(op="msg", text=text)


async def does(peer: Peer, op: str, seq: int, **fields: Any) -> Told:
    """Make a request; returns the answer."""
    await peer.say(op=op, seq=seq, **fields)
    return await peer.expect(op={"ack", "error"}, seq=seq)


async def history(peer: Peer, seq: int = 900, **fields: Any) -> Told:
    await peer.say(op="history", seq=seq, **fields)
    return await peer.expect(op="earlier", seq=seq)


def texts(found: Told) -> list[str]:
    return [event["text"] for event in found["events"] if event["op"] == "msg"]


class TestSeveralSessions:
    async def test_both_get_what_is_private_and_what_the_person_says(
        self, phone: Peer, laptop: Peer, sis: Peer
    ) -> None:
        await says(sis, "psst @dana")
        for each in (phone, laptop):
            await each.expect(op="msg", text="psst @dana")
        await says(phone, "from the phone @sis")
        await laptop.expect(op="msg", text="from the phone @sis", to=["sis"])
        await sis.expect(op="msg", text="from the phone @sis")
        assert len(sis.told(op="msg")) == 2

    async def test_others_see_a_person_once(self, phone: Peer, laptop: Peer, sis: Peer) -> None:
        await sis.say(op="who", seq=1)
        users = (await sis.expect(op="users", seq=1))["users"]
        assert [(user["name"], user.get("sessions", 1)) for user in users] == [
            ("Dana", 2),
            ("sis", 1),
        ]
        await phone.say(op="quit")
        await phone.ended(code="quit")
        await laptop.say(op="send", text="still here")
        await sis.expect(op="msg", text="still here")
        assert sis.told(op="left") == sis.told(op="joined") == []
        await laptop.say(op="quit")
        await sis.expect(op="left", name="Dana")

    async def test_rooms_are_entered_and_left_together(
        self, phone: Peer, laptop: Peer, sis: Peer
    ) -> None:
        await enter(phone, "dev")
        entered = await laptop.expect(op="entered", room="dev")
        assert entered["role"] == "operator"
        await enter(sis, "dev")
        await says(sis, "hello", room="dev")
        for each in (phone, laptop):
            await each.expect(op="msg", text="hello", room="dev")
        await laptop.say(op="leave", room="dev", seq=7)
        await laptop.expect(op="out", room="dev", seq=7)
        await phone.expect(op="out", room="dev", code="left")
        await sis.expect(op="left", room="dev", name="Dana")

    async def test_a_new_session_is_in_the_rooms_of_the_person(
        self, phone: Peer, two: Running, join: Join
    ) -> None:
        await enter(phone, "dev")
        again = await join(two, "Dana", password=PASSWORD)
        assert again.told(op="welcome")[0]["rooms"] == ["lobby", "dev"]
        await again.expect(op="entered", room="dev")

    async def test_who_is_put_out_is_put_out_with_all(
        self, phone: Peer, laptop: Peer, two: Running, join_with_account: JoinWithAccount
    ) -> None:
        boss = await join_with_account(two, "Boss")
        await enter(boss, "dev")
        await enter(phone, "dev")
        await laptop.expect(op="entered", room="dev")
        assert (await does(boss, "moderate", 1, room="dev", action="kick", name="dana"))[
            "op"
        ] == "ack"
        for each in (phone, laptop):
            await each.expect(op="out", room="dev", code="kicked")

    async def test_each_resumes_for_itself(
        self, phone: Peer, laptop: Peer, sis: Peer, one: Running, connect: Connect
    ) -> None:
        phone.vanish()
        await says(sis, "meanwhile @dana")
        await laptop.expect(op="msg", text="meanwhile @dana")
        again = await connect(one)
        assert (await again.hello("Dana", **phone.way_back))["resumed"]
        await again.expect(op="msg", text="meanwhile @dana")
        await says(laptop, "both of me")
        await again.expect(op="msg", text="both of me")
        assert sis.told(op="left") == []

    async def test_the_one_that_was_idle_longest_makes_room(
        self,
        start_gateway: StartGateway,
        join_with_account: JoinWithAccount,
        join: Join,
        look: redis.Redis,
        keys: Keys,
    ) -> None:
        gateway = await start_gateway(limits={"sessions": 2})
        first = await join_with_account(gateway, "Dana")
        second = await join(gateway, "Dana", password=PASSWORD)
        one, other = list(gateway.gateway.online)
        # What somebody does is written down each second.
        while look.get(keys.alive(one)) <= look.get(keys.alive(other)):
            await first.say(op="active")
            await first.caught_up()
        third = await join(gateway, "Dana", password=PASSWORD)
        await second.ended(code="replaced", reconnect=False)
        await says(third, "me too")
        await first.expect(op="msg", text="me too")

    async def test_each_is_idle_for_itself(
        self, start_gateway: StartGateway, join_with_account: JoinWithAccount, join: Join
    ) -> None:
        gateway = await start_gateway(idle=1.0)
        sis = await join(gateway, "sis")
        first = await join_with_account(gateway, "Dana")
        second = await join(gateway, "Dana", password=PASSWORD)

        async def stay(peer: Peer) -> None:
            while True:
                await peer.say(op="active")
                await asyncio.sleep(0.1)

        staying = [asyncio.create_task(stay(peer)) for peer in (sis, second)]
        await first.ended(code="idle")
        await says(second, "still here")
        await sis.expect(op="msg", text="still here")
        assert sis.told(op="left") == []
        staying[1].cancel()
        await sis.expect(op="left", name="Dana", code="idle")
        staying[0].cancel()

    async def test_one_that_reads_too_slowly_is_sent_away_alone(
        self, start_gateway: StartGateway, join_with_account: JoinWithAccount, join: Join
    ) -> None:
        gateway = await start_gateway(limits={"backlog": 70_000})
        slow = await join_with_account(gateway, "Dana")
        quick, sis = await join(gateway, "Dana", password=PASSWORD), await join(gateway, "sis")
        text, said = "x" * 4000, 0
        while len(gateway.gateway.online) == 3:
            for _ in range(50):
                await sis.say(op="send", text=text)
            said += 50
            await quick.collect(50, op="msg")
            await sis.collect(50, op="msg")
        await slow.ended(code="slow", reconnect=True)
        await says(quick, "I am here")
        assert sis.told(op="left") == []


class TestMail:
    async def test_it_waits_for_a_registered_name_over_a_whole_evening(
        self, phone: Peer, sis: Peer, two: Running, join: Join
    ) -> None:
        await phone.say(op="quit")
        await sis.expect(op="left", name="Dana")
        for seq, text in enumerate(("one @dana", "two @dana")):
            await sis.say(op="send", text=text, seq=seq)
            ack = await sis.expect(op="ack", seq=seq)
            assert (ack["later"], ack["to"]) == (["Dana"], [])
        again = await join(two, "Dana", password=PASSWORD)
        await again.collect(2, op="msg")
        assert [event["text"] for event in again.told(op="msg")] == ["one @dana", "two @dana"]
        third = await join(two, "Dana", password=PASSWORD)
        await third.caught_up()
        assert third.told(op="msg") == []

    async def test_its_sender_is_told_when_no_more_can_wait(self, phone: Peer, sis: Peer) -> None:
        await phone.say(op="quit")
        await sis.expect(op="left", name="Dana")
        for seq in range(100):
            await sis.say(op="send", text="hi", to=["dana"], seq=seq)
        await sis.collect(100, op="ack")
        refused = await does(sis, "send", 100, text="one more", to=["dana"])
        assert refused["code"] == "mailbox_full"

    async def test_only_what_was_said_with_one_person_is_read(
        self, phone: Peer, sis: Peer, one: Running, join: Join
    ) -> None:
        mom = await join(one, "mom")
        for number in range(3):
            await says(sis, f"s{number} @dana")
            await says(mom, f"m{number} @dana")
            await says(phone, f"d{number} @sis")
        await phone.collect(6, op="msg")
        found = await history(phone, **{"with": "SIS"})
        assert texts(found) == [
            f"{who}{n} @{to}" for n in range(3) for who, to in (("s", "dana"), ("d", "sis"))
        ]
        assert found["complete"]


class TestHistory:
    async def test_one_reads_back_and_on(self, phone: Peer, sis: Peer) -> None:
        ids = [(await says(sis, f"{number}"))["id"] for number in range(30)]
        newest = await history(phone, room="lobby", limit=10)
        assert texts(newest) == [str(number) for number in range(20, 30)]
        assert not newest.get("complete")
        before = await history(phone, room="lobby", limit=25, before=ids[20])
        assert texts(before) == [str(number) for number in range(20)]
        assert before["complete"]
        after = await history(phone, room="lobby", limit=5, after=ids[9])
        assert texts(after) == ["10", "11", "12", "13", "14"]
        between = await history(phone, room="lobby", limit=50, after=ids[9], before=ids[12])
        assert texts(between) == ["10", "11"]

    async def test_one_reads_from_one_time_to_another(self, phone: Peer, sis: Peer) -> None:
        said = [await says(sis, f"{number}") for number in range(20)]
        for deleted in (said.pop(7), said.pop(12)):
            await does(sis, "delete", 3, id=deleted["id"], room="lobby")
        times = sorted({each["ts"] for each in said})
        for time in (0, *times, times[-1] + 1):
            later = [each["text"] for each in said if each["ts"] >= time]
            earlier = [each["text"] for each in said if each["ts"] < time]
            assert texts(await history(phone, room="lobby", since=time, limit=24)) == later
            assert texts(await history(phone, room="lobby", until=time, limit=24)) == earlier
        span = {"since": times[0], "until": times[-1]}
        inside = [each["text"] for each in said if each["ts"] < times[-1]]
        assert texts(await history(phone, room="lobby", **span)) == inside
        assert texts(await history(phone, room="lobby", limit=1, **span)) == inside[-1:]
        backwards = {"since": times[-1], "until": times[0]}
        assert texts(await history(phone, room="lobby", **backwards)) == []
        first = await history(phone, room="lobby", limit=1, since=times[0])
        assert texts(first) == inside[:1]
        assert not first.get("complete")

    async def test_one_message_is_read_by_its_id_or_its_key(self, phone: Peer, sis: Peer) -> None:
        said = [await says(sis, text) for text in ("one", "two", "psst @dana", "again @dana")]
        heard = [await phone.expect(op="msg", text=each["text"]) for each in said]
        for here, reader in ((heard, phone), (said, sis)):
            one = await history(reader, room="lobby", id=here[1]["id"])
            assert texts(one) == ["two"]
            assert one["complete"]
            for reference in ("id", "key"):
                assert texts(await history(reader, id=here[2][reference])) == ["psst @dana"]
        assert heard[2]["key"] == said[2]["key"]
        for reference in ("1-1", "nonsense", heard[2]["key"]):
            assert texts(await history(phone, room="lobby", id=reference)) == []
        assert texts(await history(phone, id="nonsense")) == []
        # What is private can be deleted by its key, too.
        await does(sis, "delete", 7, id=said[2]["key"])
        await phone.expect(op="deleted", targets=[said[2]["key"]])
        assert texts(await history(phone, id=said[2]["key"])) == []

    async def test_of_a_room_that_hides_it_one_reads_what_one_was_there_for(
        self, phone: Peer, sis: Peer
    ) -> None:
        await enter(phone, "dev")
        await does(phone, "set", 1, room="dev", history="joined")
        before = await says(phone, "before", room="dev")
        await enter(sis, "dev")
        await says(phone, "after", room="dev")
        await sis.expect(op="msg", text="after")
        assert texts(await history(sis, room="dev")) == ["after"]
        assert texts(await history(sis, room="dev", id=before["id"])) == []
        assert texts(await history(phone, room="dev", id=before["id"])) == ["before"]
        assert texts(await history(phone, room="dev")) == ["before", "after"]

    async def test_a_guest_reads_nothing_of_who_had_the_name_before(
        self, phone: Peer, sis: Peer, two: Running, join: Join
    ) -> None:
        secret = await says(phone, "a secret @sis")
        await sis.expect(op="msg", text="a secret @sis")
        sis.vanish()
        await phone.expect(op="left", name="sis")
        another = await join(two, "sis")
        assert texts(await history(another)) == []
        assert texts(await history(another, id=secret["key"])) == []

    @pytest.mark.parametrize("fields", [{"before": "0-0"}, {"until": 2**53}, {"since": 1}, {}])
    async def test_where_nothing_was_said_there_is_nothing(
        self, sis: Peer, fields: dict[str, Any]
    ) -> None:
        await enter(sis, "dev")
        for where in ({"room": "dev"}, {}):
            found = await history(sis, **where, **fields)
            assert (found["events"], found["complete"]) == ([], True)

    @pytest.mark.parametrize(
        "fields", [{"room": "dev"}, {"before": "x"}, {"limit": 0}, {"limit": 101}]
    )
    async def test_what_cannot_be_asked(self, sis: Peer, fields: dict[str, Any]) -> None:
        assert (await does(sis, "history", 5, **{"room": "lobby", **fields}))["op"] == "error"

    async def test_a_long_one_comes_in_parts(self, phone: Peer, sis: Peer) -> None:
        for number in range(20):
            await sis.say(op="send", text=f"{number:04}" * 900)
        await phone.collect(20, op="msg")
        await phone.say(op="history", room="lobby", seq=5)
        parts = [await phone.expect(op="earlier", seq=5)]
        while parts[-1].get("more"):
            parts.append(await phone.expect(op="earlier", seq=5))
        assert len(parts) > 3
        assert [text[:4] for part in parts for text in texts(part)] == [
            f"{n:04}" for n in range(20)
        ]


class TestWithAMessage:
    async def test_what_somebody_does_and_answers(self, phone: Peer, sis: Peer) -> None:
        asked = await says(sis, "lunch?")
        await phone.say(op="send", text="yes", re=asked["id"], seq=1)
        answer = await sis.expect(op="msg", text="yes")
        assert answer["re"] == asked["id"]
        await sis.say(op="send", text="waves", kind="me")
        assert (await phone.expect(op="msg", text="waves"))["kind"] == "me"
        found = (await history(phone, room="lobby"))["events"]
        assert [(e["text"], e.get("re"), e.get("kind")) for e in found] == [
            ("lunch?", None, None),
            ("yes", asked["id"], None),
            ("waves", None, "me"),
        ]

    async def test_what_is_deleted_is_gone_from_every_way_of_reading(
        self, phone: Peer, sis: Peer, one: Running, connect: Connect, join: Join
    ) -> None:
        kept, gone = await says(sis, "kept"), await says(sis, "gone")
        await phone.collect(2, op="msg")
        phone.vanish()
        ack = await does(sis, "delete", 1, room="lobby", id=gone["id"])
        assert ack["op"] == "ack"
        assert texts(await history(sis, room="lobby")) == ["kept"]
        mom = await join(one, "mom")
        await mom.say(op="leave", room="lobby", seq=1)
        await mom.say(op="join", room="lobby", history=50, seq=2)
        await mom.expect(op="entered", room="lobby", seq=2)
        await mom.caught_up()
        assert [event["text"] for event in mom.told(op="msg")] == ["kept"]
        # Who was away is told about the deletion, and about no hole.
        again = await connect(one)
        seen = {**phone.way_back["seen"], "lobby": kept["id"]}
        await again.hello("Dana", **{**phone.way_back, "seen": seen})
        deleted = await again.expect(op="deleted")
        assert (deleted["targets"], deleted["by"], deleted["id"]) == (
            [gone["id"]],
            "sis",
            ack["id"],
        )
        assert again.told(op="gap") == again.told(op="msg") == []

    async def test_only_ones_own_or_as_an_operator(
        self, phone: Peer, sis: Peer, at: tuple[str, str]
    ) -> None:
        await enter(phone, "dev")
        await enter(sis, "dev")
        hers, mine = await says(sis, "hers", room="dev"), await says(phone, "mine", room="dev")
        refused = await does(sis, "delete", 1, room="dev", id=mine["id"])
        assert refused["code"] == "not_yours"
        assert (await does(phone, "delete", 2, room="dev", id=hers["id"]))["op"] == "ack"
        await sis.expect(op="deleted", room="dev", by="Dana", **{"from": "sis"})
        entries = await asyncio.to_thread(read, *at, last=9, since=0, by="", room="")
        [entry] = [each for each in entries if each.act == "delete"]
        assert (entry.by, entry.room, entry.target) == ("Dana", "dev", hers["id"])

    @pytest.mark.parametrize("id", ["7-7", "x", "", "9" * 49])
    async def test_what_is_not_there(self, sis: Peer, id: str) -> None:
        for op, more in (("delete", {}), ("react", {"emoji": "👍"})):
            for room in ({"room": "lobby"}, {}):
                answer = await does(sis, op, 5, id=id, **more, **room)
                assert answer["code"] in ("no_such_message", "bad_field")

    async def test_reactions_are_told_and_read(self, phone: Peer, sis: Peer) -> None:
        said = await says(sis, "cake!")
        await phone.expect(op="msg", text="cake!")
        assert (await does(phone, "react", 1, room="lobby", id=said["id"], emoji="🎉"))[
            "op"
        ] == "ack"
        told = await sis.expect(op="reacted", target=said["id"])
        assert (told["from"], told["emoji"], told["count"]) == ("Dana", "🎉", 1)
        found = await history(sis, room="lobby")
        assert found["reactions"] == {said["id"]: {"🎉": ["Dana"]}}
        for seq, emoji in enumerate(("two words", " ", "\u200b", "x" * 33, "")):
            answer = await does(phone, "react", 10 + seq, room="lobby", id=said["id"], emoji=emoji)
            assert answer["op"] == "error"

    async def test_a_private_one_is_deleted_and_reacted_to_by_its_own_id(
        self, phone: Peer, laptop: Peer, sis: Peer
    ) -> None:
        said = await says(sis, "psst @dana")
        copy = await phone.expect(op="msg", text="psst @dana")
        await laptop.expect(op="msg", text="psst @dana")
        assert (copy["key"], copy["id"] != said["id"]) == (said["key"], True)
        await does(phone, "react", 1, id=copy["id"], emoji="👍")
        for each in (phone, laptop, sis):
            assert (await each.expect(op="reacted"))["target"] == said["key"]
        await does(sis, "delete", 1, id=said["id"])
        for each in (phone, laptop, sis):
            assert (await each.expect(op="deleted"))["targets"] == [said["key"]]
        assert texts(await history(phone)) == texts(await history(sis)) == []

    async def test_operators_of_the_chat_erase_and_people_are_told(
        self, phone: Peer, sis: Peer, at: tuple[str, str]
    ) -> None:
        await says(sis, "spam"), await says(phone, "ham")
        assert await asyncio.to_thread(erase, *at, "lobby", ids=[], name="sis") == 1
        for each in (phone, sis):
            await each.expect(op="deleted", by="*", **{"from": "sis"})
        assert texts(await history(phone, room="lobby")) == ["ham"]


class TestWithPeople:
    async def test_who_is_away_says_so(self, phone: Peer, sis: Peer) -> None:
        assert (await does(phone, "away", 1, reason="lunch"))["op"] == "ack"
        told = await sis.expect(op="presence", name="Dana")
        assert (told["away"], told["reason"]) == (True, "lunch")
        await sis.say(op="send", text="hi @dana", seq=1)
        assert (await sis.expect(op="ack", seq=1))["away"] == {"Dana": "lunch"}
        await sis.say(op="whois", name="dana", seq=2)
        assert (await sis.expect(op="person", seq=2))["away"] == "lunch"
        await does(phone, "back", 2)
        assert (await sis.expect(op="presence", away=False))["name"] == "Dana"

    async def test_a_guest_takes_another_name(self, phone: Peer, sis: Peer) -> None:
        await sis.say(op="nick", name="Ann", seq=1)
        own = await sis.expect(op="renamed", seq=1)
        assert (own["name"], own["to"]) == ("sis", "Ann")
        assert (await phone.expect(op="renamed", room="lobby"))["to"] == "Ann"
        await says(phone, "hi @ann")
        await sis.expect(op="msg", text="hi @ann")
        await says(sis, "it is me")
        assert (await phone.expect(op="msg", text="it is me"))["from"] == "Ann"
        await sis.say(op="nick", name="ANN", seq=2)
        await sis.expect(op="renamed", seq=2)
        assert (await phone.expect(op="renamed", to="ANN"))["name"] == "Ann"
        assert phone.told(op="left") == []
        for name, code in (("dana", "name_registered"), ("admin", "bad_name"), ("x_", "bad_name")):
            assert (await does(sis, "nick", 9, name=name))["code"] == code

    async def test_a_new_name_survives_a_broken_connection(
        self, phone: Peer, sis: Peer, one: Running, connect: Connect
    ) -> None:
        await sis.say(op="nick", name="Ann", seq=1)
        await sis.expect(op="renamed", seq=1)
        sis.vanish()
        await says(phone, "wait for me @ann")
        again = await connect(one)
        assert (await again.hello("Ann", **sis.way_back))["resumed"]
        await again.expect(op="msg", text="wait for me @ann")

    async def test_another_name_is_no_way_out_of_a_mute(self, phone: Peer, sis: Peer) -> None:
        await enter(phone, "dev")
        await enter(sis, "dev")
        await does(phone, "moderate", 1, room="dev", action="mute", name="sis")
        await sis.expect(op="changed", change="mute")
        assert (await does(sis, "nick", 1, name="ann"))["code"] == "not_allowed"

    async def test_ignored_people_are_kept_with_the_account(
        self, phone: Peer, laptop: Peer, sis: Peer, one: Running, join: Join
    ) -> None:
        await does(phone, "ignore", 1, name="Sis")
        for each in (phone, laptop):
            assert (await each.expect(op="ignored"))["names"] == ["Sis"]
        again = await join(one, "Dana", password=PASSWORD)
        assert (await again.expect(op="ignored"))["names"] == ["Sis"]
        await does(laptop, "unignore", 1, name="sis")
        assert (await phone.expect(op="ignored"))["names"] == []
        assert (await does(sis, "ignore", 1, name="dana"))["code"] == "not_registered"

    async def test_how_far_one_has_read_is_told_to_ones_other_sessions(
        self, phone: Peer, laptop: Peer, sis: Peer, one: Running, join: Join
    ) -> None:
        first, second = await says(sis, "a"), await says(sis, "b")
        await phone.collect(2, op="msg")
        await does(phone, "mark", 1, room="lobby", id=second["id"])
        assert (await laptop.expect(op="marks"))["marks"] == {"lobby": second["id"]}
        await does(laptop, "mark", 1, room="lobby", id=first["id"])
        again = await join(one, "Dana", password=PASSWORD)
        assert (await again.expect(op="marks"))["marks"] == {"lobby": second["id"]}
        ahead = second["id"].partition("-")[0] + "-999"
        assert (await does(phone, "mark", 3, room="lobby", id=ahead))["code"] == "no_such_message"
        assert (await does(sis, "mark", 3, room="lobby", id=first["id"]))[
            "code"
        ] == "not_registered"

    async def test_what_is_known_about_somebody(self, phone: Peer, laptop: Peer, sis: Peer) -> None:
        await sis.say(op="whois", name="DANA", seq=1)
        person = await sis.expect(op="person", seq=1)
        assert (person["name"], person["here"], person["registered"]) == ("Dana", True, True)
        assert (len(person["sessions"]), person["rooms"]) == (2, ["lobby"])
        assert not any("address" in each or "client" in each for each in person["sessions"])
        assert (await does(sis, "whois", 2, name="nobody"))["code"] == "no_such_person"


class TestRegistering:
    @pytest.fixture
    async def open(self, start_gateway: StartGateway) -> Running:
        return await start_gateway(accounts="open")

    async def test_a_guest_registers_goes_on_and_comes_back(
        self, open: Running, join: Join, connect: Connect
    ) -> None:
        sis, dad = await join(open, "sis"), await join(open, "dad")
        assert (await does(sis, "register", 1, password="correct horse"))["op"] == "ack"
        await says(sis, "me still")
        assert (await dad.expect(op="msg", text="me still"))["account"] == "sis"
        stranger = await connect(open)
        await stranger.say(op="hello", v=1, name="sis")
        assert (await stranger.expect(op="error"))["code"] == "password_required"
        assert (await stranger.hello("sis", password="correct horse"))["sessions"] == 2
        assert (await does(sis, "register", 2, password="x"))["code"] == "name_registered"
        assert (await does(dad, "register", 2, password="x", name="mom"))[
            "code"
        ] == "not_registered"

    async def test_who_has_registered_in_a_room_can_be_given_rights_there(
        self, open: Running, join: Join, join_with_account: JoinWithAccount
    ) -> None:
        boss = await join_with_account(open, "Boss")
        sis = await join(open, "sis")
        await enter(boss, "dev")
        await enter(sis, "dev")
        refused = await does(boss, "moderate", 1, room="dev", action="op", name="sis")
        assert refused["code"] == "no_such_person"
        await does(sis, "register", 1, password="correct horse")
        assert (await does(boss, "moderate", 2, room="dev", action="op", name="sis"))["op"] == "ack"
        assert (await does(sis, "topic", 2, room="dev", topic="mine too"))["op"] == "ack"
        await boss.say(op="members", room="dev", seq=3)
        members = (await boss.expect(op="member_list", seq=3))["members"]
        assert {each["name"]: each.get("account") for each in members} == {
            "Boss": "boss",
            "sis": "sis",
        }

    async def test_an_account_has_further_names(self, open: Running, join: Join) -> None:
        sis = await join(open, "sis")
        await does(sis, "register", 1, password="correct horse")
        wrong = await does(sis, "register", 2, password="wrong", name="ann")
        assert wrong["code"] == "bad_password"
        assert (await does(sis, "register", 3, password="correct horse", name="ann"))["op"] == "ack"
        await sis.say(op="nick", name="ann", seq=4)
        await sis.expect(op="renamed", seq=4)
        await says(sis, "as ann")
        assert sis.told(op="msg")[-1]["account"] == "sis"

    async def test_a_new_password_ends_the_other_sessions(
        self, phone: Peer, laptop: Peer, two: Running, join: Join, connect: Connect
    ) -> None:
        assert (await does(phone, "password", 1, old="wrong", new="x"))["code"] == "bad_password"
        assert (await does(phone, "password", 2, old=PASSWORD, new="battery staple"))["op"] == "ack"
        await laptop.ended(code="kicked")
        await says(phone, "still me")
        again = await connect(two)
        await again.say(op="hello", v=1, name="Dana", password=PASSWORD)
        assert (await again.expect(op="error"))["code"] == "bad_password"
        await join(two, "Dana", password="battery staple")

    async def test_where_only_operators_register(self, sis: Peer) -> None:
        assert (await does(sis, "register", 1, password="correct horse"))["code"] == "not_allowed"
        assert (await does(sis, "password", 2, old="x", new="y"))["code"] == "not_registered"


class TestAudit:
    async def test_what_operators_of_a_room_and_owners_of_accounts_do_is_written_down(
        self, phone: Peer, sis: Peer, at: tuple[str, str]
    ) -> None:
        await enter(phone, "dev")
        await enter(sis, "dev")
        await does(phone, "set", 1, room="dev", slow=10)
        await does(phone, "topic", 2, room="dev", topic="tea")
        await does(phone, "moderate", 3, room="dev", action="kick", name="sis", reason="adverts")
        await does(phone, "password", 4, old=PASSWORD, new="battery staple")
        entries = await asyncio.to_thread(read, *at, last=9, since=0, by="", room="")
        acts = [(each.act, each.room, each.target, each.reason) for each in entries]
        assert ("kick", "dev", "sis", "adverts") in acts
        assert any(act == "password" and target == "dana" for act, _, target, _ in acts)
        assert any(room == "dev" and "slow" in reason for _, room, _, reason in acts)
        for entry in entries:
            assert (entry.by, entry.account) == ("Dana", "dana")
            assert entry.address.startswith("127.0.0.1:")
            assert entry.gateway
            assert "battery staple" not in str(entry)
