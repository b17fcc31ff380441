"""Connections break and messages get lost on the way: nothing is missed or comes twice."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from gateway import core
from gateway.backplane.keys import Keys
from gateway.backplane.redis import connection
from tests.support import servers
from tests.support.deadlines import within
from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway
from tests.support.servers import Server
from wire.codec import encode_body
from wire.frames import Msg


@pytest.fixture
async def sis(two: Running, join: Join) -> Peer:
    return await join(two, "sis")


@pytest.fixture
async def dana(one: Running, join: Join, sis: Peer) -> Peer:
    dana = await join(one, "dana")
    await sis.expect(op="joined", name="dana")
    await dana.caught_up()
    return dana


def texts(peer: Peer, **fields: Any) -> list[str]:
    """The texts that a peer got, in order."""
    return [msg["text"] for msg in peer.told(op="msg", **fields)]


def private(peer: Peer) -> list[str]:
    return [msg["text"] for msg in peer.told(op="msg") if "to" in msg]


async def say_all(peer: Peer, *said: str, first: int = 0) -> None:
    """Send these, and wait until they are stored."""
    for seq, text in enumerate(said, first):
        await peer.say(op="send", text=text, seq=seq)
    await peer.collect(len(said), op="ack")


class TestResume:
    @pytest.mark.parametrize("left", [True, False])
    async def test_a_client_learns_that_it_was_forgotten_even_if_the_first_welcome_was_lost(
        self,
        one: Running,
        two: Running,
        join: Join,
        dana: Peer,
        sis: Peer,
        look: redis.Redis,
        keys: Keys,
        left: bool,
    ) -> None:
        await say_all(sis, "had", "had too @dana")
        await dana.collect(2, op="msg")
        dana.vanish()
        await sis.expect(op="left", name="dana")
        look.delete(keys.resume("dana"))
        await say_all(sis, "missed", first=2)
        unheard = await join(one, "dana", **dana.way_back, seq=1)
        await say_all(sis, "since", "since @dana", first=3)
        if left:
            unheard.vanish()
            await sis.expect(op="left", name="dana")
        again = await join(two, "dana", **dana.way_back, seq=2)
        await again.collect(2, op="msg")
        await again.caught_up()
        assert not again.told(op="welcome")[0].get("resumed")
        assert [gap["room"] for gap in again.told(op="gap")] == ["lobby"]
        assert sorted(texts(again)) == ["since", "since @dana"]

    @pytest.mark.parametrize("on_the_same_gateway", [True, False])
    async def test_after_a_hang_everything_missed_is_delivered_in_order_and_once(
        self, one: Running, two: Running, join: Join, dana: Peer, sis: Peer, on_the_same_gateway
    ) -> None:
        await say_all(sis, "had", "had too @dana")
        await dana.collect(2, op="msg")
        await say_all(sis, *(f"{n}" + " @dana" * (n % 3 == 0) for n in range(20)), first=2)
        gateway = one if on_the_same_gateway else two
        again = await join(gateway, "dana", **dana.way_back)
        assert again.told(op="welcome")[0]["resumed"] is True
        await dana.ended(code="replaced", reconnect=False)
        await say_all(sis, "live", "live too @dana", first=22)
        await again.collect(22, op="msg")
        await again.caught_up()
        assert texts(again, room="lobby") == [f"{n}" for n in range(20) if n % 3] + ["live"]
        expected = [f"{n} @dana" for n in range(0, 20, 3)] + ["live too @dana"]
        assert private(again) == expected
        assert again.told(op="gap") == []
        assert sis.told(op="left") == []

    async def test_after_leaving_the_rooms_messages_are_delivered_on_return(
        self, two: Running, join: Join, dana: Peer, sis: Peer
    ) -> None:
        dana.vanish()
        await sis.expect(op="left", name="dana", code="connection_lost")
        await say_all(sis, "one", "two", "when you are back @dana")
        again = await join(two, "dana", **dana.way_back)
        await again.collect(3, op="msg")
        await sis.expect(op="joined", name="dana")
        assert texts(again, room="lobby") == ["one", "two"]
        assert private(again) == ["when you are back @dana"]
        assert again.told(op="gap") == []

    @pytest.mark.parametrize("left", [True, False])
    @pytest.mark.parametrize("seen", ["0-0", "1-0"])
    async def test_a_newcomer_never_gets_messages_of_an_earlier_holder_of_the_name(
        self, one: Running, two: Running, join: Join, dana: Peer, sis: Peer, left: bool, seen: str
    ) -> None:
        await say_all(sis, "in public", "my pin is 1234 @dana")
        await say_all(dana, "mine is 9876 @sis")
        await sis.expect(op="msg", text="mine is 9876 @sis")
        await dana.say(op="quit")
        await sis.expect(op="left", name="dana")
        mallory = await join(two, "Dana")
        await say_all(sis, "hello, stranger", "for you @dana", first=2)
        await mallory.collect(2, op="msg")
        if left:
            mallory.vanish()
            await sis.expect(op="left", name="Dana")
        way_back = {**mallory.way_back, "seen": {"@": "0-0", "lobby": seen}}
        again = await join(one, "Dana", **way_back)
        await again.collect(2, op="msg")
        await again.caught_up()
        assert texts(again) == ["for you @dana", "hello, stranger"]
        assert again.told(op="gap") == []

    async def test_nor_messages_of_an_earlier_holder_who_was_evicted(
        self, start_gateway: StartGateway, join: Join
    ) -> None:
        gateway = await start_gateway(idle=0.6)
        mom = await join(gateway, "Mom")
        await mom.say(op="send", text="pin 77 @mom", seq=1)
        await mom.expect(op="msg", text="pin 77 @mom")
        await mom.ended(code="idle")
        mallory = await join(gateway, "mom")
        mallory.vanish()
        again = await join(gateway, "mom", **{**mallory.way_back, "seen": {"@": "0-0"}})
        await again.say(op="send", text="mine @mom", seq=1)
        await again.expect(op="msg", text="mine @mom")
        assert texts(again) == ["mine @mom"]

    async def test_it_works_again_and_again_during_traffic(
        self, one: Running, two: Running, join: Join, dana: Peer, sis: Peer
    ) -> None:
        said = [f"{n}" + " @dana" * (n % 4 == 0) for n in range(400)]

        async def talk() -> None:
            for seq, text in enumerate(said):
                await sis.say(op="send", text=text, seq=seq)
                if seq % 10 == 0:
                    await asyncio.sleep(0.005)
            await sis.collect(len(said), op="ack")

        talking, here, connections = asyncio.create_task(talk()), dana, [dana]
        while not talking.done():
            await here.expect(op="msg")
            here = await join((one, two)[len(connections) % 2], "dana", **here.way_back)
            connections.append(here)
        await talking
        await sis.say(op="send", text="the end")
        await sis.say(op="send", text="the end @dana")
        await here.expect(op="msg", text="the end")
        await here.expect(op="msg", text="the end @dana")
        assert len(connections) > 3
        heard = [text for each in connections for text in texts(each, room="lobby")]
        assert heard == [*(text for text in said if "@" not in text), "the end"]
        heard = [text for each in connections for text in private(each)]
        assert heard == [*(text for text in said if "@" in text), "the end @dana"]
        assert sis.told(op="left") == []

    async def test_many_pages_are_replayed_while_others_talk(
        self, two: Running, join: Join, dana: Peer, sis: Peer
    ) -> None:
        dana.vanish()
        await sis.expect(op="left", name="dana")
        await say_all(sis, *(str(n) for n in range(900)))
        again = await join(two, "dana", **dana.way_back)
        await say_all(sis, *(str(n) for n in range(900, 950)), first=900)
        await again.collect(950, op="msg")
        assert texts(again) == [str(n) for n in range(950)]

    async def test_a_message_without_an_ack_can_be_sent_again(
        self, two: Running, join: Join, dana: Peer, sis: Peer
    ) -> None:
        await dana.say(op="send", text="hi", seq=1)
        await dana.say(op="send", text="psst @sis", seq=2)
        await sis.collect(2, op="msg")
        again = await join(two, "dana", **dana.way_back)
        await again.say(op="send", text="hi", seq=1)
        await again.say(op="send", text="psst @sis", seq=2)
        await again.say(op="send", text="and on", seq=3)
        acks = await again.collect(3, op="ack")
        assert [ack["seq"] for ack in acks] == [1, 2, 3]
        await sis.expect(op="msg", text="and on")
        await sis.caught_up()
        assert sorted(texts(sis)) == ["and on", "hi", "psst @sis"]
        ids = {msg["text"]: msg["id"] for msg in sis.told(op="msg")}
        assert [acks[0]["id"], acks[2]["id"]] == [ids["hi"], ids["and on"]]
        own = {msg["text"]: msg["id"] for msg in dana.told(op="msg") + again.told(op="msg")}
        assert acks[1]["id"] == own["psst @sis"]

    async def test_a_seq_out_of_turn_is_refused(self, sis: Peer) -> None:
        await say_all(sis, "seven", first=7)
        await sis.say(op="send", text="five", seq=5)
        await sis.expect(op="error", code="stale_seq", seq=5)
        await sis.caught_up()
        assert texts(sis) == ["seven"]

    async def test_a_slow_reader_who_was_cut_misses_nothing(
        self, start_gateway: StartGateway, two: Running, join: Join, sis: Peer
    ) -> None:
        narrow = await start_gateway(limits={"backlog": 256 * 1024})
        slow = await join(narrow, "slow")
        said = []
        while not sis.told(op="left", name="slow", code="slow"):
            said.append(f"{len(said)} " + "💬" * 3000)
            await sis.say(op="send", text=said[-1], seq=len(said))
            await sis.expect(op="ack", seq=len(said))
            assert len(said) < 3000
        await slow.ended(code="slow", reconnect=True)
        had = len(slow.told(op="msg"))
        assert had < len(said)
        again = await join(narrow, "slow", **slow.way_back)
        await again.collect(len(said) - had, op="msg")
        await again.caught_up()
        assert texts(slow) + texts(again) == said


class TestGaps:
    async def test_a_gap_is_told_if_the_log_no_longer_reaches_back(
        self, two: Running, join: Join, dana: Peer, sis: Peer, valkey: Server, keys: Keys
    ) -> None:
        await say_all(sis, "had", "had @dana")
        await dana.collect(2, op="msg")
        had = {room: dana.way_back["seen"][room] for room in ("lobby", "@")}
        await say_all(sis, "lost", "lost @dana", "kept", "kept @dana", first=2)
        with valkey.client() as client:
            for log in (keys.room_log("lobby"), keys.user_log("dana")):
                client.xtrim(log, maxlen=1, approximate=False)
        again = await join(two, "dana", **dana.way_back)
        await again.collect(2, op="msg")
        for room, text in {"lobby": "kept", "@": "kept @dana"}.items():
            (gap,) = again.told(op="gap", room=room)
            assert (gap["after"], bool(gap["text"])) == (had[room], True)
            (msg,) = again.told(op="msg", text=text)
            assert again.seen.index(gap) < again.seen.index(msg)

    @pytest.mark.parametrize("why", ["wrong", "for good", "too late"])
    async def test_a_bad_token_makes_an_ordinary_hello_with_gaps(
        self, start_gateway: StartGateway, join: Join, sis: Peer, why: str
    ) -> None:
        brief = await start_gateway(resume_within=0.1 if why == "too late" else 60.0)
        dana = await join(brief, "dana")
        await dana.caught_up()
        if why == "for good":
            await dana.say(op="quit")
            await dana.ended()
        else:
            dana.vanish()
        await sis.expect(op="left", name="dana")
        await say_all(sis, "missed")
        if why == "too late":
            await asyncio.sleep(0.2)
        token = {"resume": "guess"} if why == "wrong" else {}
        again = await join(brief, "dana", **{**dana.way_back, **token})
        assert "resumed" not in again.told(op="welcome")[0]
        for room, after in dana.way_back["seen"].items():
            await again.expect(op="gap", room=room, after=after)
        await say_all(sis, "live", first=1)
        await again.expect(op="msg", text="live")
        assert texts(again) == ["live"]

    @pytest.mark.parametrize(
        "seen",
        [{"lobby": "?"}, {"lobby": "1-"}, {"lobby": "07-01"}, {"lobby": "\u0667-1"}, {"@": "-1"}],
        ids=str,
    )
    async def test_an_invalid_id_is_ignored(
        self, two: Running, join: Join, dana: Peer, sis: Peer, seen: dict[str, str]
    ) -> None:
        token = dana.way_back["resume"]
        again = await join(two, "dana", resume=token, seen=seen)
        (welcome,) = again.told(op="welcome")
        assert welcome["resumed"] is True
        assert sorted(welcome["seen"]) == ["@", "lobby"]
        await say_all(sis, "live")
        await again.expect(op="msg", text="live")

    async def test_an_id_that_was_never_given_makes_a_gap(
        self, two: Running, join: Join, dana: Peer, sis: Peer
    ) -> None:
        never = {"lobby": "999999999999999-0", "@": "999999999999999-0"}
        again = await join(two, "dana", resume=dana.way_back["resume"], seen=never)
        for room, after in never.items():
            await again.expect(op="gap", room=room, after=after)
        await say_all(sis, "live", "psst @dana")
        await again.collect(2, op="msg")


class TestLostOnTheWay:
    """A message is in the log, but the channel never carried it."""

    @pytest.fixture
    def lose(self, valkey: Server, keys: Keys):
        def entry(text: str, **where: Any) -> dict[str, str]:
            message = Msg(from_="ghost", text=text, **where)
            return {"d": encode_body(message).decode(), "t": str(round(time.time() * 1000))}

        def lose(text: str, reader: str | None = None) -> None:
            log, where = keys.room_log("lobby"), {"room": "lobby"}
            if reader is not None:
                log, where = keys.user_log(reader), {"to": [reader]}
            with valkey.client() as client:
                ((last, _),) = client.xrevrange(log, count=1)
                client.xadd(log, entry(text, **where), id=f"{str(last).partition('-')[0]}-*")

        return lose

    async def test_it_is_delivered_in_its_place(self, dana: Peer, sis: Peer, lose) -> None:
        await say_all(sis, "before")
        lose("lost"), lose("also lost")
        await say_all(sis, "after", "and on", first=1)
        for peer in (dana, sis):
            await peer.collect(5, op="msg")
            assert texts(peer) == ["before", "lost", "also lost", "after", "and on"]

    async def test_a_private_message_is_delivered_in_its_place(
        self, dana: Peer, sis: Peer, lose
    ) -> None:
        await say_all(sis, "before @dana")
        lose("lost", "dana")
        await say_all(sis, "after @dana", first=1)
        await dana.collect(3, op="msg")
        assert texts(dana) == ["before @dana", "lost", "after @dana"]

    async def test_more_than_a_page_is_delivered(self, dana: Peer, sis: Peer, lose) -> None:
        await say_all(sis, "before")
        for number in range(600):
            lose(str(number))
        await say_all(sis, "after", first=1)
        for peer in (dana, sis):
            await peer.collect(602, op="msg")
            assert texts(peer) == ["before", *(str(number) for number in range(600)), "after"]

    async def test_the_last_message_is_found_even_if_nothing_follows(
        self, monkeypatch: pytest.MonkeyPatch, start_gateway: StartGateway, join: Join, lose
    ) -> None:
        monkeypatch.setattr(core, "CHECK_EVERY", 0.05)
        mom = await join(await start_gateway(), "mom")
        await say_all(mom, "before", "before @mom")
        await mom.collect(2, op="msg")
        lose("lost")
        lose("lost too", "mom")
        await mom.expect(op="msg", text="lost")
        await mom.expect(op="msg", text="lost too")
        await mom.caught_up()
        assert len(texts(mom)) == 4


class TestOrder:
    async def test_a_private_message_does_not_overtake_the_senders_earlier_messages(
        self, one: Running, join: Join, dana: Peer, sis: Peer
    ) -> None:
        # Somebody keeps the room busy, so that Dana's messages there have to wait.
        talker = await join(one, "talker")
        talking = asyncio.create_task(self.talk_forever(talker))
        for number in range(30):
            await dana.say(op="send", text=f"public {number}", seq=2 * number)
            await dana.say(op="send", text=f"private {number} @sis", seq=2 * number + 1)
            acks = await dana.collect(2, op="ack")
            assert [ack["seq"] for ack in acks] == [2 * number, 2 * number + 1]
        talking.cancel()
        await sis.collect(60, op="msg", **{"from": "dana"})
        heard = texts(sis, **{"from": "dana"})
        for number in range(30):
            assert heard.index(f"public {number}") < heard.index(f"private {number} @sis")

    async def talk_forever(self, peer: Peer) -> None:
        while True:
            await peer.say(op="send", text="blah")
            await asyncio.sleep(0)


class TestFrozenRedis:
    @pytest.fixture
    def frozen(self) -> Iterator[Server]:
        """A separate server that the test may harm."""
        with servers.running(servers.valkey()) as server:
            yield server
            server.thaw()

    @pytest.fixture(autouse=True)
    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "PING_AFTER", within(0.1))
        monkeypatch.setattr(connection, "DEAD_AFTER", within(0.5))
        monkeypatch.setattr(connection, "CHECK_EVERY", within(0.05))

    async def test_messages_wait_and_are_delivered_in_order_and_once(
        self, start_gateway: StartGateway, join: Join, frozen: Server
    ) -> None:
        one, two = [await start_gateway(redis=frozen.url) for _ in range(2)]
        sis, mom = await join(one, "sis"), await join(two, "mom")
        frozen.freeze()
        await sis.say(op="send", text="0", seq=0)
        await sis.caught_up()  # now it is under way
        for seq in range(1, 10):
            await sis.say(op="send", text=str(seq), seq=seq)
        for peer in (sis, mom):
            await peer.expect(op="notice", code="redis_away")
        for seq in range(10, 20):
            await sis.say(op="send", text=str(seq), seq=seq)
        await sis.say(op="send", text="psst @mom", seq=20)
        await sis.say(op="send", text="21", seq=21)
        # Long enough for one more failed attempt.
        await asyncio.sleep(within(0.7))
        assert sis.told(op="ack") == []
        frozen.thaw()
        acks = await sis.collect(22, op="ack")
        assert [ack["seq"] for ack in acks] == list(range(22))
        for peer in (sis, mom):
            await peer.collect(22, op="msg")
            await peer.expect(op="notice", code="redis_back")
            await peer.caught_up()
            assert texts(peer, room="lobby") == [*(str(seq) for seq in range(20)), "21"]
            assert private(peer) == ["psst @mom"]
            assert len(peer.told(op="notice", code="redis_away")) == 1
            assert len(peer.told(op="notice", code="redis_back")) == 1
            assert peer.told(op="gap") == peer.told(op="left") == []

    async def test_messages_beyond_the_outbox_are_refused(
        self, start_gateway: StartGateway, join: Join, frozen: Server
    ) -> None:
        gateway = await start_gateway(redis=frozen.url, outbox=20_000)
        sis = await join(gateway, "sis")
        frozen.freeze()
        await sis.expect(op="notice", code="redis_away")
        for seq in range(8):
            await sis.say(op="send", text="x" * 2000, seq=seq)
        refused = [each["seq"] for each in await sis.collect(4, op="error", code="outbox_full")]
        assert refused == [4, 5, 6, 7]
        frozen.thaw()
        assert [ack["seq"] for ack in await sis.collect(4, op="ack")] == [0, 1, 2, 3]
        # A refusal is not an ack: the same message may be sent again.
        await sis.say(op="send", text="fits now", seq=4)
        await sis.expect(op="ack", seq=4)


class TestLease:
    async def test_a_session_that_lost_its_name_sends_nothing_more_in_it(
        self, one: Running, two: Running, join: Join, valkey: Server, keys: Keys, sis: Peer
    ) -> None:
        old = await join(one, "dana")
        with valkey.client() as client:
            client.delete(keys.lease(one.gateway.id))
        new = await join(two, "dana")
        one.gateway.presence.doubt()  # as after a long sleep
        await old.say(op="send", text="impostor", seq=1)
        await old.caught_up()
        await old.say(op="send", text="impostor @sis", seq=2)
        await one.gateway.presence.verify()
        await old.ended(code="name_lost", reconnect=True)
        await say_all(new, "myself")
        await sis.expect(op="msg", text="myself")
        await sis.caught_up()
        assert texts(sis) == ["myself"]


class TestDrain:
    async def test_names_are_kept_and_people_move_to_another_gateway_unnoticed(
        self, start_gateway: StartGateway, two: Running, join: Join, connect: Connect, sis: Peer
    ) -> None:
        draining = await start_gateway(drain=0.2)
        here = [await join(draining, f"user{number}") for number in range(10)]
        for peer in here:
            await sis.expect(op="joined", name=peer.name)
        await draining.stop()
        byes = [await peer.ended(code="shutdown", reconnect=True) for peer in here]
        # One at a time, so that nobody has to wait.
        assert [bye["after"] for bye in byes] == [0.0] * 10
        await say_all(sis, "meanwhile", "psst @user0")
        thief = await connect(two)
        await thief.say(op="hello", v=1, name="user0")
        await thief.expect(op="error", code="name_taken")
        for peer in here:
            again = await join(two, peer.name, **peer.way_back)
            await again.expect(op="msg", text="meanwhile")
            if peer.name == "user0":
                await again.expect(op="msg", text="psst @user0")
        await sis.caught_up()
        assert sis.told(op="left") == []
        assert len(sis.told(op="joined")) == 10

    async def test_messages_sent_before_are_posted_and_acknowledged(
        self, start_gateway: StartGateway, join: Join, sis: Peer
    ) -> None:
        draining = await start_gateway(drain=0.1)
        dana = await join(draining, "dana")
        for seq in range(50):
            await dana.say(op="send", text=str(seq), seq=seq)
        await dana.expect(op="ack", seq=0)
        await draining.stop()
        await dana.ended(code="shutdown")
        acked = [ack["seq"] for ack in dana.told(op="ack")]
        assert acked == list(range(len(acked)))
        await say_all(sis, "the end")
        await sis.expect(op="msg", text="the end")
        # Everything posted was acknowledged, so it is not sent again.
        assert texts(sis) == [*(str(seq) for seq in acked), "the end"]
