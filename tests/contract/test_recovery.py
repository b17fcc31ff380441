"""What lets nothing be lost and nothing come twice: `gateway.backplane.contract.Backplane`."""

import asyncio
import json
import time
from typing import Any

import pytest
import redis

from gateway.backplane.contract import ABSENT, Found, Log, Outgoing, Touch, Whispered
from gateway.backplane.ids import NOTHING, epoch_of, is_beginning, parse_id
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.errors import BackplaneDown
from tests.contract.household import (
    Gateway,
    StartBackplane,
    begun,
    in_room,
    message,
    nowhere,
    parsed,
    sealed,
)
from tests.support import servers
from tests.support.deadlines import eventually
from wire.frames import PRIVATE

LOBBY = Log("lobby")
SIS = Log(PRIVATE, "sis")


def texts(pairs: list[tuple[bytes, bytes]]) -> list[str]:
    """What messages of a log say; each says which one it is."""
    messages = parsed([line.decode() for _, line in pairs])
    assert [msg.id.encode() for msg in messages] == [id for id, _ in pairs]
    return [msg.text for msg in messages]


async def said(gateway: Gateway, log: Log = LOBBY) -> list[tuple[bytes, bytes]]:
    return (await gateway.backplane.read_log(log, NOTHING, 100)).messages


async def say(gateway: Gateway, *said: str, room: str = "lobby") -> list[bytes]:
    ids = await gateway.publish(room, [message(text, room=room) for text in said])
    return [id.encode() for id in ids]


class TestPostingOnce:
    """A send with a seq is in the log once, however often it comes."""

    def sealed(self, sis: Registration, seq: int, text: str = "hi") -> Outgoing:
        return sealed(sis.origin, seq, message(text, room="lobby"))

    async def test_the_same_seq_again_has_the_same_id_and_is_not_heard_again(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, channel = g1.person("sis"), await in_room(g2)
        (id,) = await g1.publish("lobby", [self.sealed(sis, 1)])
        for gateway in (g1, g2):
            assert await gateway.publish("lobby", [self.sealed(sis, 1)]) == [id]
        await say(g1, "the end")
        await g2.heard.until(lambda heard: "the end" in "".join(heard.lines(channel)))
        assert [msg.text for msg in parsed(g2.heard.lines(channel))] == ["hi", "the end"]

    async def test_also_within_one_batch(self, g1: Gateway) -> None:
        sis, mom = g1.person("sis"), g1.person("mom")
        lines = [self.sealed(who, seq) for seq in (1, 2) for who in (sis, mom)]
        ids = await g1.publish("lobby", [*lines, message("between"), *lines])
        assert ids[5:] == ids[:4]
        assert len(set(ids)) == 5
        assert len(await said(g1)) == 5

    async def test_a_batch_of_old_and_new_posts_the_new(self, g1: Gateway) -> None:
        sis, channel = g1.person("sis"), await in_room(g1)
        first = await g1.publish("lobby", [self.sealed(sis, n, str(n)) for n in (1, 2)])
        again = [self.sealed(sis, n, str(n)) for n in (1, 2, 3)]
        *old, new = await g1.publish("lobby", again)
        assert old == first
        await g1.heard.until(lambda heard: len(heard.lines(channel)) == 3)
        assert [msg.text for msg in parsed(g1.heard.lines(channel))] == ["1", "2", "3"]
        assert g1.heard.follows(channel)[-1] == (first[-1], new)

    async def test_a_batch_of_old_ones_alone_is_not_published(self, g1: Gateway) -> None:
        sis, channel = g1.person("sis"), await in_room(g1)
        await g1.publish("lobby", [self.sealed(sis, 1)])
        await g1.publish("lobby", [self.sealed(sis, 1)])
        await say(g1, "the end")
        await g1.heard.until(lambda heard: len(heard.lines(channel)) == 2)
        assert len(g1.heard.delivered) == 2

    async def test_a_lower_seq_that_never_came_is_refused(self, g1: Gateway) -> None:
        sis = g1.person("sis")
        await g1.publish("lobby", [self.sealed(sis, 7)])
        assert await g1.publish("lobby", [self.sealed(sis, 5)]) == [""]
        assert len(await said(g1)) == 1

    async def test_seqs_are_each_persons_own(self, g1: Gateway) -> None:
        sis, mom = g1.person("sis"), g1.person("mom")
        (first,) = await g1.publish("lobby", [self.sealed(sis, 1)])
        (second,) = await g1.publish("lobby", [self.sealed(mom, 1)])
        assert first != second

    async def test_whatever_others_have_said_since(self, g1: Gateway) -> None:
        sis = g1.person("sis")
        first = await g1.publish("lobby", [self.sealed(sis, 1)])
        for _ in range(4):
            await say(g1, *("x" for _ in range(500)))
        assert await g1.publish("lobby", [self.sealed(sis, 1)]) == first

    async def test_of_some_that_were_posted_last_the_ids_are_known(self, g1: Gateway) -> None:
        sis = g1.person("sis")
        seqs = range(2**53 - 300, 2**53)
        ids = []
        for seq in seqs:
            ids += await g1.publish("lobby", [self.sealed(sis, seq)])
        again = await g1.publish("lobby", [self.sealed(sis, seq) for seq in seqs])
        assert again[-32:] == ids[-32:]
        assert all(known in ("", id) for known, id in zip(again, ids, strict=True))
        assert again[0] == ""

    async def test_what_is_known_of_it_has_an_end(
        self, g1: Gateway, look: redis.Redis, prefix: str
    ) -> None:
        sis = await g1.online("sis")
        await g1.publish("lobby", [self.sealed(sis, 1)])
        await g1.whisper(sis, ["sis"], seq=2)
        await g1.whisper(sis, ["nobody"], seq=3)
        kept = look.keys(f"{prefix}:*:posted:*")
        assert len(kept) == 2
        assert all(0 < look.pttl(key) <= 60_000 for key in kept)

    async def test_up_to_the_greatest_there_can_be(self, g1: Gateway) -> None:
        sis = g1.person("sis")
        lines = [self.sealed(sis, 2**53 - 1), self.sealed(sis, 2**53)]
        ids = await g1.publish("lobby", lines)
        assert len(set(ids)) == 2
        assert await g1.publish("lobby", lines) == ids

    async def test_who_comes_back_is_known_by_it(self, g1: Gateway, g2: Gateway) -> None:
        sis = await g1.online("sis")
        (id,) = await g1.publish("lobby", [self.sealed(sis, 1)])
        again, _ = await g2.again(sis)
        assert await g2.publish("lobby", [self.sealed(again, 1)]) == [id]

    async def test_a_text_that_looks_like_a_seal_is_a_text(self, g1: Gateway) -> None:
        sis = g1.person("sis")
        (id,) = await g1.publish("lobby", [self.sealed(sis, 1, f"{sis.origin} 2 x\n")])
        ((logged, line),) = await said(g1)
        assert logged.decode() == id
        assert texts([(logged, line)]) == [f"{sis.origin} 2 x\n"]


class TestWhisperingOnce:
    async def test_the_same_seq_again_has_the_same_answer_and_is_not_heard_again(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, _ = await g1.online("sis"), await g2.online("Mom")
        first = await g1.whisper(sis, ["dad", "mom"], seq=1)
        assert first.found == [ABSENT, Found("Mom", "here")]
        assert await g1.whisper(sis, ["dad", "mom"], seq=1) == first
        await g1.whisper(sis, ["mom"], "the end", seq=2)
        own = g1.backplane.user("mom").name
        await g2.heard.until(lambda heard: "the end" in "".join(heard.lines(own)))
        assert [msg.text for msg in parsed(g2.heard.lines(own))] == ["psst", "the end"]

    async def test_people_who_have_come_or_gone_meanwhile(self, g1: Gateway, g2: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g2.online("Mom")
        first = await g1.whisper(sis, ["mom", "dad"], seq=1)
        await g2.release(mom)
        await g2.online("Dad")
        assert await g1.whisper(sis, ["mom", "dad"], seq=1) == first
        await g1.whisper(sis, ["dad"], "only this", seq=2)
        dad = g2.backplane.user("dad").name
        await g2.heard.until(lambda heard: heard.lines(dad))
        assert [msg.text for msg in parsed(g2.heard.lines(dad))] == ["only this"]

    async def test_what_found_nobody_finds_nobody_again_though_somebody_has_come(
        self, g1: Gateway
    ) -> None:
        sis = await g1.online("sis")
        nobody = Whispered(None, [ABSENT])
        assert await g1.whisper(sis, ["mom"], seq=1) == nobody
        await g1.online("mom")
        assert await g1.whisper(sis, ["mom"], seq=1) == nobody
        assert (await g1.whisper(sis, ["mom"], seq=2)).found == [Found("mom", "here")]

    async def test_who_comes_back_is_known_by_it(self, g1: Gateway, g2: Gateway) -> None:
        sis = await g1.online("sis")
        await g1.online("mom")
        first = await g1.whisper(sis, ["mom"], seq=1)
        again, _ = await g2.again(sis)
        assert await g2.whisper(again, ["mom"], seq=1) == first

    async def test_a_lower_seq_that_never_came_is_refused(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        await g1.whisper(sis, ["sis"], seq=7)
        assert (await g1.whisper(sis, ["sis"], seq=5)).id == ""

    async def test_seqs_are_each_persons_own(self, g1: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        await g1.whisper(sis, ["mom"], "from sis", seq=1)
        assert (await g1.whisper(mom, ["sis"], "from mom", seq=1)).found == [Found("sis", "here")]
        assert texts(await said(g1, SIS)) == ["from sis", "from mom"]

    async def test_without_a_seq_it_comes_twice(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        first, second = [await g1.whisper(sis, ["sis"]) for _ in range(2)]
        assert first.id != second.id


class TestTooLate:
    """What reaches Redis after its gateway's lease is posted in nobody's name."""

    @pytest.fixture
    async def dana(self, g1: Gateway) -> Registration:
        return await g1.online("dana")

    @pytest.fixture
    async def late(self, g1: Gateway, dana: Registration, look: redis.Redis, keys: Keys) -> Gateway:
        """As far as it knows it has its lease; as if the network had held it up."""
        await g1.backplane.renew_lease(0.01)
        await eventually(lambda: not look.exists(keys.lease(g1.id)))
        return g1

    async def test_a_message_to_the_room(self, late: Gateway, g2: Gateway) -> None:
        with pytest.raises(BackplaneDown, match="after the lease"):
            await say(late, "in whose name?")
        assert await said(g2) == []

    async def test_a_private_message(self, late: Gateway, dana: Registration, g2: Gateway) -> None:
        await g2.online("sis")
        with pytest.raises(BackplaneDown, match="after the lease"):
            await late.whisper(dana, ["sis"], seq=1)
        assert await said(g2, SIS) == []

    async def test_it_looks_again_who_it_is_and_then_it_can_be_said(self, late: Gateway) -> None:
        with pytest.raises(BackplaneDown, match="after the lease"):
            await say(late, "too late")
        await late.heard.until(lambda heard: heard.told == ["away", "back"])
        assert not await late.backplane.renew_lease()
        await say(late, "in time")
        log = await said(late)
        assert texts(log) == ["in time"]


class TestComingBack:
    async def test_who_had_left_may_return(self, g1: Gateway, g2: Gateway) -> None:
        sis = await g1.online("sis")
        await g1.release(sis, for_good=False)
        assert await g2.everybody() == {}
        _, claimed = await g2.again(sis)
        assert (claimed.outcome, claimed.origin) == ("returned", sis.origin)

    async def test_not_for_good(self, g1: Gateway, g2: Gateway) -> None:
        sis = await g1.online("sis")
        await g1.release(sis, for_good=True)
        _, claimed = await g2.again(sis)
        assert claimed == begun(await nowhere(g2))

    async def test_who_came_back_and_then_left_for_good_may_not(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis = await g1.online("sis")
        await g1.release(sis, for_good=False)
        again, _ = await g2.again(sis)
        await g2.release(again, for_good=True)
        for token in (sis.resume, again.resume):
            newcomer, claimed = await g1.again(again, token, hello=9)
            assert claimed.outcome == "granted"
            await g1.release(newcomer, for_good=True)

    async def test_in_time(
        self, start: StartBackplane, g2: Gateway, look: redis.Redis, prefix: str
    ) -> None:
        quick = await start(resume_within=0.05)
        before = set(look.scan_iter(f"{prefix}:*"))
        sis = await quick.online("sis")
        await quick.release(sis, for_good=False)
        deadline = time.monotonic() + 5
        while set(look.scan_iter(f"{prefix}:*")) != before:  # and nothing of it stays
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert (await g2.again(sis))[1].outcome == "granted"

    async def test_what_is_kept_for_those_who_left_ends_by_itself(
        self, g1: Gateway, look: redis.Redis, prefix: str
    ) -> None:
        before = set(look.scan_iter(f"{prefix}:*"))
        await g1.release(await g1.online("sis"), for_good=False)
        kept = set(look.scan_iter(f"{prefix}:*")) - before
        assert kept
        assert all(0 < look.pttl(key) <= 60_000 for key in kept)

    async def test_a_swept_gateways_users_may_return(
        self, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        sis = await g1.online("sis")
        kill(g1)
        assert await g2.backplane.sweep() == [sis]
        _, claimed = await g2.again(sis)
        assert (claimed.outcome, claimed.origin) == ("returned", sis.origin)

    @pytest.mark.parametrize("left", [True, False])
    async def test_the_token_it_was_got_with_stays_good_for_a_later_hello(
        self, g1: Gateway, g2: Gateway, left: bool
    ) -> None:
        sis = await g1.online("sis")
        # The welcome with the new token never arrives.
        unheard, _ = await g1.again(sis, hello=1)
        if left:
            await g1.release(unheard, for_good=False)
        again, claimed = await g2.again(unheard, sis.resume, hello=2)
        assert claimed.outcome == ("returned" if left else "resumed")
        assert again.origin == sis.origin

    @pytest.mark.parametrize("hello", [0, 1])
    async def test_but_not_for_one_that_was_late_on_its_way(
        self, g1: Gateway, g2: Gateway, hello: int
    ) -> None:
        sis = await g1.online("sis")
        again, _ = await g1.again(sis, hello=1)
        _, claimed = await g2.again(again, sis.resume, hello=hello)
        assert claimed.outcome == "taken"

    async def test_and_not_once_the_newer_one_is_used(self, g1: Gateway, g2: Gateway) -> None:
        first = await g1.online("sis")
        second, _ = await g2.again(first, hello=1)
        third, claimed = await g1.again(second, hello=2)
        assert claimed.outcome == "resumed"
        assert (await g2.again(third, first.resume, hello=3))[1].outcome == "taken"
        assert (await g2.again(third, second.resume, hello=3))[1].outcome == "resumed"

    async def test_a_token_is_worth_nothing_once_another_has_the_name(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis = await g1.online("sis")
        await g1.release(sis, for_good=False)
        impostor = await g2.online("sis")
        assert (await g1.again(sis))[1].outcome == "taken"
        await g2.release(impostor, for_good=False)
        assert (await g1.again(sis))[1].outcome == "granted"

    async def test_it_begins_where_its_private_messages_stood(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        id, _ = await g1.whisper(sis, ["mom"])
        await g1.whisper(mom, ["mom"], "not for sis")
        assert (await g2.again(sis))[1].last.decode() == id

    @pytest.mark.parametrize("for_good", [True, False])
    async def test_a_newcomer_of_the_same_name_begins_behind_what_the_other_was_told(
        self, g1: Gateway, g2: Gateway, for_good: bool
    ) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        await g1.whisper(mom, ["sis"], "a secret")
        [newest] = await g1.backplane.tails([SIS])
        await g1.release(sis, for_good=for_good)
        claimed = await g2.backplane.claim(g2.person("sis"), 0.0, None)
        assert (await g2.backplane.read_log(SIS, claimed.last, 10)).messages == []
        assert claimed == begun(await nowhere(g2) if for_good else newest)

    async def test_so_does_an_heir(self, g1: Gateway, g2: Gateway, kill: Any) -> None:
        sis, mom = await g1.online("sis"), await g2.online("mom")
        await g2.whisper(mom, ["sis"], "a secret")
        [newest] = await g2.backplane.tails([SIS])
        kill(g1)
        claimed = await g2.backplane.claim(g2.person("sis"), 0.0, None)
        assert claimed == begun(newest, "inherited", former=sis)


class TestWhereAnOriginBegan:
    """What one may be told begins there, however one comes back."""

    async def test_it_is_given_at_the_first_claim_and_handed_back_ever_after(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        mom = await g1.online("Mom")
        another = await g1.online("sis")
        await g1.whisper(mom, ["sis"], "not for Sis")
        await g1.release(another, for_good=False)
        [before] = await g1.backplane.tails([SIS])
        began = {"@": before.decode(), "lobby": "7-3"}
        sis = await g1.online("Sis", began={"lobby": "7-3"})
        assert sis.began == began
        await g1.whisper(mom, ["sis"], "for Sis")
        sis, resumed = await g2.again(sis, began={"lobby": "7-9"})
        await g2.release(sis, for_good=False)
        sis, returned = await g1.again(sis, began={"lobby": "8-0"})
        assert (resumed.outcome, returned.outcome) == ("resumed", "returned")
        assert resumed.began == returned.began == sis.began == began
        assert (await g1.everybody())["Sis"].registration == sis

    async def test_a_welcome_that_may_never_have_arrived_is_known(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        mom = g1.person("mom")
        lost, claimed = await g1.again(mom, hello=1)
        assert (claimed.outcome, claimed.unheard) == ("granted", False)
        heard, claimed = await g2.again(mom, hello=2)
        assert (claimed.outcome, claimed.unheard) == ("resumed", True)
        assert claimed.began == lost.began
        await g2.release(heard, for_good=False)
        heard, claimed = await g1.again(mom, hello=3)
        assert (claimed.outcome, claimed.unheard) == ("returned", True)
        assert not (await g2.again(heard, hello=4))[1].unheard

    async def test_a_sweep_keeps_it(self, g1: Gateway, g2: Gateway, kill: Any) -> None:
        sis = await g1.online("Sis", began={"lobby": "7-3"})
        kill(g1)
        await g2.backplane.sweep()
        assert (await g2.again(sis))[1].began == sis.began

    async def test_so_does_a_redis_that_has_forgotten_who_is_here(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("Sis", began={"lobby": "7-3"})
        await g1.whisper(sis, ["sis"])
        look.delete(keys.users)
        assert (await g1.backplane.claim(sis, 0.0, None)).began == sis.began

    async def test_who_knows_only_the_name_begins_anew(self, g1: Gateway, g2: Gateway) -> None:
        mom, sis = await g1.online("Mom"), await g1.online("Sis", began={"lobby": "7-3"})
        await g1.release(sis, for_good=False)
        await g1.whisper(mom, ["sis"])
        [newest] = await g1.backplane.tails([SIS])
        _, claimed = await g2.again(sis, "wrong", began={"lobby": "7-9"})
        assert claimed.began == {"@": newest.decode(), "lobby": "7-9"}


class TestRecordsThatCannotBeRead:
    """Each costs itself, and nothing else."""

    WEIRD = (
        {"hello": "x"},
        {"hello": None},
        {"began": None},
        {"began": []},
        {"began": {"@": 1, "lobby": "x", "den": "1-2-3", "bar": "9-1"}},
        {"shown": 7, "rooms": None},
    )

    @pytest.mark.parametrize("weird", WEIRD)
    async def test_a_field_of_another_type_is_as_good_as_none(
        self, g1: Gateway, look: redis.Redis, keys: Keys, weird: dict[str, Any]
    ) -> None:
        sis = await g1.online("Sis", began={"lobby": "7-3"})
        await g1.release(sis, for_good=False)
        until, _, record = str(look.get(keys.resume("sis"))).partition(" ")
        look.set(keys.resume("sis"), f"{until} {json.dumps(json.loads(record) | weird)}")
        again, claimed = await g1.again(sis, hello=5, began={"lobby": "9-9"})
        assert (claimed.outcome, claimed.origin) == ("returned", sis.origin)
        assert list(await g1.everybody()) == ["Sis"]
        assert await g1.release(again, for_good=True) == [again.session]

    BAD = ("", "no JSON", "[]", "null", "{}", '{"session":1}', '{"v":2,"who":"sis"}', "\xff")

    @pytest.mark.parametrize("bad", BAD)
    async def test_a_users(
        self, g1: Gateway, look: redis.Redis, keys: Keys, bad: str, kill: Any
    ) -> None:
        await g1.online("Mom")
        look.hset(keys.users, "sis", bad.encode("latin-1"))
        assert list(await g1.everybody()) == ["Mom"]
        assert await g1.backplane.touch([Touch("sis", "x", 0.0)]) == ["x"]
        assert await g1.release(g1.person("sis")) == []
        sis = g1.person("sis")
        assert (await g1.backplane.claim(sis, 0.0, None)).outcome == "granted"

    @pytest.mark.parametrize("bad", BAD)
    async def test_what_is_kept_of_one_who_left(
        self, g1: Gateway, look: redis.Redis, keys: Keys, bad: str
    ) -> None:
        look.set(keys.resume("sis"), bad.encode("latin-1"))
        assert (await g1.again(g1.person("sis")))[1].outcome == "granted"

    async def test_one_of_another_type(self, g1: Gateway, look: redis.Redis, keys: Keys) -> None:
        look.hset(keys.resume("sis"), "no", "string")
        assert (await g1.again(g1.person("sis")))[1].outcome == "granted"


class TestHeads:
    """What is published says which message it follows, so that a loss is noticed."""

    async def test_in_a_room_each_names_the_one_before(self, g1: Gateway, g2: Gateway) -> None:
        channel, previous = await in_room(g1), await nowhere(g1, "lobby")
        ids = [await say(g1, "a", "b"), await say(g2, "c"), await say(g1, "d", "e", "f")]
        await g1.heard.until(lambda heard: len(heard.heads) == 3)
        expected = []
        for some in ids:
            expected.append((previous.decode(), some[-1].decode()))
            previous = some[-1]
        assert g1.heard.follows(channel) == expected

    async def test_for_a_reader_the_one_before_of_what_that_reader_may_see(
        self, g1: Gateway
    ) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        start = (await nowhere(g1)).decode()
        one, _ = await g1.whisper(sis, ["mom"])
        two, _ = await g1.whisper(sis, ["sis"])
        own, _ = await g1.whisper(mom, ["sis"])
        await g1.heard.until(lambda heard: len(heard.heads) == 5)
        [tail] = await g1.backplane.tails([SIS])
        first, second, third = g1.heard.follows(g1.backplane.user("sis").name)
        assert [first, second] == [(start, one), (one, two)]
        assert third == (two, tail.decode())
        first, second = g1.heard.follows(g1.backplane.user("mom").name)
        assert first[0] == start
        assert second == (first[1], own)


class TestLogs:
    async def test_tails_are_the_last_ids(self, g1: Gateway, g2: Gateway) -> None:
        sis, _ = await g1.online("sis"), await g1.online("mom")
        *_, last = await say(g1, "a", "b")
        id, _ = await g1.whisper(sis, ["sis"])
        logs = [LOBBY, SIS, Log("attic"), Log(PRIVATE, "mom"), Log(PRIVATE, "nobody")]
        found = await g2.backplane.tails(logs)
        start, attic = await nowhere(g1), await nowhere(g1, "attic")
        assert found == [last, (id or "").encode(), attic, start, start]
        assert all(is_beginning(id) for id in (start, attic))
        assert await g2.backplane.tails([]) == []

    async def test_the_logs_of_many_people(self, g1: Gateway) -> None:
        logs = [Log(PRIVATE, f"user{number}") for number in range(250)]
        assert await g1.backplane.tails(logs) == [await nowhere(g1)] * 250

    async def test_what_was_said_comes_in_pages(self, g1: Gateway, g2: Gateway) -> None:
        ids = await say(g1, *(str(n) for n in range(25)))
        page = await g2.backplane.read_log(LOBBY, NOTHING, 20)
        assert texts(page.messages) == [str(n) for n in range(20)]
        assert (page.more, page.tail) == (True, ids[-1])
        page = await g2.backplane.read_log(LOBBY, ids[19], 5)
        assert texts(page.messages) == [str(n) for n in range(20, 25)]
        assert not page.more
        page = await g2.backplane.read_log(LOBBY, ids[24], 2)
        assert (page.tail, page.more, page.messages) == (ids[24], False, [])
        start = await nowhere(g1, "attic")
        nothing = (start, start, False, [], True)
        assert await g2.backplane.read_log(Log("attic"), start, 2) == nothing

    async def test_a_page_has_some_64_kib_and_no_more(self, g1: Gateway) -> None:
        for _ in range(10):
            await say(g1, *("x" * 10_000 for _ in range(10)))
        at, pages, found = NOTHING, 0, 0
        more = True
        while more:
            page = await g1.backplane.read_log(LOBBY, at, 500)
            more, messages = page.more, page.messages
            assert sum(len(line) for _, line in messages) < 65536 + 8 * 11_000
            at, pages, found = messages[-1][0], pages + 1, found + len(messages)
        assert found == 100
        assert 8 <= pages <= 16

    async def test_what_somebody_else_wrote_into_a_log_has_no_line(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await say(g1, "a")
        id = str(look.xadd(keys.room_log("lobby"), {"x": "y"})).encode()
        assert (await said(g1))[-1] == (id, b"")

    async def test_a_reader_is_given_what_is_for_that_reader_only(self, g1: Gateway) -> None:
        sis, mom, _ = [await g1.online(name) for name in ("sis", "mom", "mo")]
        await g1.whisper(sis, ["mom"], "to mom")
        await g1.whisper(sis, ["mo"], "to mo")
        await g1.whisper(mom, ["sis", "mo"], "to both")
        await g1.whisper(sis, ["sis"], "note")
        for name, expected in {
            "sis": ["to mom", "to mo", "to both", "note"],
            "mom": ["to mom", "to both"],
            "mo": ["to mo", "to both"],
            "o": [],
        }.items():
            assert texts(await said(g1, Log(PRIVATE, name))) == expected


class TestTrim:
    LOGS = (LOBBY, SIS, Log("attic"))

    async def test_what_is_young_stays(self, g1: Gateway) -> None:
        sis, _ = await g1.online("sis"), await say(g1, "a", "b")
        await g1.whisper(sis, ["sis"])
        await g1.backplane.trim([*self.LOGS])
        assert texts(await said(g1)) == ["a", "b"]
        assert texts(await said(g1, SIS)) == ["psst"]

    async def test_what_is_too_old_goes_and_the_ids_go_on(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        two_hours_ago = round(time.time() - 7200) * 1000
        old = {"d": message("old").decode(), "t": two_hours_ago}
        sis = await g1.online("sis")
        await say(g1, "first")
        await g1.whisper(sis, ["sis"], "first")
        for log in (LOBBY, SIS):
            ((first, _),) = await said(g1, log)
            look.xdel(keys.log(log), first)
            with look.pipeline() as many:
                for _ in range(2500):  # more than are forgotten at once
                    many.xadd(keys.log(log), old, id=f"{epoch_of(first)}-*")
                many.execute()
        await say(g1, "young", "younger")
        await g1.backplane.trim([*self.LOGS])
        assert texts(await said(g1)) == ["young", "younger"]
        assert await said(g1, SIS) == []
        id, _ = await g1.whisper(sis, ["sis"])
        assert parse_id((id or "").encode())[1] == 2501

    async def test_a_message_that_was_forgotten_is_known_and_not_posted_again(
        self, start: StartBackplane
    ) -> None:
        forgetful = await start(history_age=0.01)
        line = sealed(forgetful.person("sis").origin, 1, message("once"))
        first = await forgetful.publish("lobby", [line])
        await asyncio.sleep(0.05)
        await forgetful.backplane.trim([LOBBY])
        assert await said(forgetful) == []
        assert await forgetful.publish("lobby", [line]) == first


class TestReplica:
    """The Redis that took orders until now is one that follows another."""

    @pytest.fixture(params=["valkey", "redis_server"])
    def server(self, request: pytest.FixtureRequest) -> Any:
        binary = servers.valkey() if request.param == "valkey" else servers.redis_server()
        if binary is None:
            pytest.skip("this machine has no redis-server >= 7")
        with servers.running(binary) as server:
            yield server

    async def test_it_is_away_until_it_takes_orders_again(
        self, g1: Gateway, look: redis.Redis
    ) -> None:
        channel = await in_room(g1)
        look.replicaof("127.0.0.1", "1")
        with pytest.raises(BackplaneDown):
            await say(g1, "unheard")
        await g1.heard.until(lambda heard: heard.told == ["away"])
        look.replicaof("NO", "ONE")
        await g1.heard.until(lambda heard: heard.told == ["away", "back"])
        await say(g1, "heard")
        await g1.heard.until(lambda heard: heard.lines(channel))
        assert [msg.text for msg in parsed(g1.heard.lines(channel))] == ["heard"]
