"""What every backplane does, whichever server is behind it: `gateway.backplane.contract`."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.contract import ABSENT, Claimed, Found, Listed, Log, Proof, Touch, Whispered
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.redis import connection
from gateway.errors import BackplaneDown, NameLost, RedisUnreachable, TooMuchWaits
from tests.contract.heard import Heard
from tests.contract.household import (
    Gateway,
    StartBackplane,
    begun,
    in_room,
    message,
    nowhere,
    parsed,
)
from tests.support import servers
from tests.support.clusters import ClusterOfServers
from tests.support.deadlines import within
from tests.support.servers import Server
from wire.frames import PRIVATE, Msg


class TestClaim:
    async def test_a_free_name_is_granted(self, g1: Gateway) -> None:
        sis = g1.person("Sis", client="test/1")
        claimed = await g1.backplane.claim(sis, 0.0, None)
        assert claimed == begun(await nowhere(g1))
        sis = msgspec.structs.replace(sis, began=claimed.began)
        assert (await g1.everybody())["Sis"].registration == sis

    async def test_a_name_is_taken_however_it_is_written(self, g1: Gateway, g2: Gateway) -> None:
        sis = await g1.online("Straße")
        for again in ("Straße", "STRASSE", "strasse"):
            claimed = await g2.backplane.claim(g2.person(again), 0.0, None, Proof("open"))
            assert claimed == Claimed("taken")
            claimed = await g2.backplane.claim(g2.person(again), 0.0, None)
            assert claimed == Claimed("taken", former=sis), "for one who was let in before"
        assert [user.registration for user in (await g2.everybody()).values()] == [sis]

    async def test_a_refused_claim_does_not_keep_the_holder_alive(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis = g1.person("sis")
        await g1.backplane.claim(sis, 50.0, None)
        await g2.backplane.claim(g2.person("sis"), 0.0, None)
        assert await g1.backplane.idle_left(sis.session) <= 10

    async def test_the_session_that_has_it_may_claim_it_again(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        claimed = await g1.backplane.claim(sis, 20.0, None)
        assert (claimed.outcome, claimed.origin) == ("granted", sis.origin)
        assert 35 < await g1.backplane.idle_left(sis.session) <= 40

    async def test_the_token_takes_it_back_and_the_old_connection_is_told(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        old = await g1.online("sis")
        new = g2.person("SIS")
        claimed = await g2.backplane.claim(new, 0.0, old.resume)
        assert claimed == begun(await nowhere(g1), "resumed", origin=old.origin)
        await g1.heard.until(lambda heard: heard.told == [f"replaced {old.session}"])
        new = msgspec.structs.replace(new, origin=old.origin, began=old.began)
        assert (await g1.everybody())["SIS"].registration == new
        assert g2.heard.told == []

    async def test_the_token_works_on_the_same_gateway_too(self, g1: Gateway) -> None:
        old, new = await g1.online("sis"), g1.person("sis")
        assert (await g1.backplane.claim(new, 0.0, old.resume)).outcome == "resumed"
        await g1.heard.until(lambda heard: heard.told == [f"replaced {old.session}"])

    async def test_a_token_works_once(self, g1: Gateway, g2: Gateway) -> None:
        old = await g1.online("sis")
        await g2.backplane.claim(g2.person("sis"), 0.0, old.resume)
        claimed = await g1.backplane.claim(g1.person("sis"), 0.0, old.resume)
        assert claimed.outcome == "taken"

    @pytest.mark.parametrize("token", ["", "wrong", "00"])
    async def test_a_wrong_token_is_worth_nothing(
        self, g1: Gateway, g2: Gateway, token: str
    ) -> None:
        await g1.online("sis")
        assert (await g2.backplane.claim(g2.person("sis"), 0.0, token)).outcome == "taken"

    async def test_a_token_of_one_name_takes_no_other(self, g1: Gateway, g2: Gateway) -> None:
        sis, _ = await g1.online("sis"), await g1.online("mom")
        assert (await g2.backplane.claim(g2.person("mom"), 0.0, sis.resume)).outcome == "taken"

    async def test_the_name_of_one_whose_gateway_died_is_inherited(
        self, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        old = await g1.online("Sis")
        kill(g1)
        new = g2.person("sis")
        claimed = await g2.backplane.claim(new, 0.0, None)
        assert claimed == begun(await nowhere(g2), "inherited", former=old)
        assert (await g2.everybody())["sis"].registration.session == new.session

    async def test_what_was_inherited_is_not_swept(
        self, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        await g1.online("sis")
        kill(g1)
        new = g2.person("sis")
        await g2.backplane.claim(new, 0.0, None)
        assert await g2.backplane.sweep() == []
        assert (await g2.everybody())["sis"].registration.session == new.session

    async def test_the_token_works_when_the_gateway_died(
        self, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        old = await g1.online("sis")
        kill(g1)
        claimed = await g2.backplane.claim(g2.person("sis"), 0.0, old.resume)
        assert claimed.outcome == "resumed"
        assert await g2.backplane.sweep() == []

    async def test_of_two_who_want_a_name_one_gets_it(self, g1: Gateway, g2: Gateway) -> None:
        for number in range(20):
            claims = [
                gateway.backplane.claim(gateway.person(f"sis{number}"), 0.0, None)
                for gateway in (g1, g2)
            ]
            outcomes = [claimed.outcome for claimed in await asyncio.gather(*claims)]
            assert sorted(outcomes) == ["granted", "taken"]

    async def test_a_long_idle_user_may_still_claim(self, g1: Gateway) -> None:
        sis = g1.person("sis")
        assert (await g1.backplane.claim(sis, 1000.0, None)).outcome == "granted"
        assert await g1.backplane.idle_left(sis.session) < 1


class TestRelease:
    async def test_a_name_is_free_again(self, g1: Gateway, g2: Gateway) -> None:
        sis = await g1.online("sis")
        assert await g1.release(sis) == [sis.session]
        assert await g1.everybody() == {}
        assert (await g2.backplane.claim(g2.person("sis"), 0.0, None)).outcome == "granted"

    async def test_it_is_released_once(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        await g1.release(sis)
        assert await g1.release(sis) == []

    async def test_only_by_its_holder(self, g1: Gateway, g2: Gateway) -> None:
        old = await g1.online("sis")
        new, _ = await g2.again(old)
        assert await g1.release(old) == []
        assert (await g2.everybody())["sis"].registration == new
        assert await g2.backplane.idle_left(new.session) > 0

    async def test_several_at_once(self, g1: Gateway) -> None:
        sis, mom, dad = [await g1.online(name) for name in ("sis", "mom", "dad")]
        await g1.release(mom)
        assert await g1.release(sis, mom, dad) == [sis.session, dad.session]

    async def test_nothing_of_it_stays(self, g1: Gateway, look: redis.Redis, prefix: str) -> None:
        before = set(look.scan_iter(f"{prefix}:*"))
        await g1.release(await g1.online("sis"))
        assert set(look.scan_iter(f"{prefix}:*")) == before


class TestActivity:
    async def test_a_claim_gives_the_whole_time(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        assert 55 < await g1.backplane.idle_left(sis.session) <= 60

    async def test_a_touch_gives_it_again(self, g1: Gateway) -> None:
        sis = g1.person("sis")
        await g1.backplane.claim(sis, 50.0, None)
        assert await g1.backplane.touch([Touch("sis", sis.session, 0.0)]) == []
        assert 55 < await g1.backplane.idle_left(sis.session) <= 60

    async def test_less_what_has_passed_since(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        await g1.backplane.touch([Touch("sis", sis.session, 20.0)])
        assert 35 < await g1.backplane.idle_left(sis.session) <= 40

    async def test_it_counts_on_whatever_gateway_it_reaches(self, g1: Gateway, g2: Gateway) -> None:
        sis = g1.person("sis")
        await g1.backplane.claim(sis, 50.0, None)
        await g2.backplane.touch([Touch("sis", sis.session, 0.0)])
        assert await g1.backplane.idle_left(sis.session) > 55

    async def test_one_who_lost_the_name_is_reported_and_keeps_nobody_alive(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        old, new, mom = await g1.online("sis"), g2.person("sis"), await g1.online("mom")
        await g2.backplane.claim(new, 50.0, old.resume)
        touches = [Touch("sis", old.session, 0.0), Touch("mom", mom.session, 0.0)]
        assert await g1.backplane.touch(touches) == [old.session]
        assert await g2.backplane.idle_left(new.session) <= 10

    async def test_one_who_is_not_there_is_reported(self, g1: Gateway) -> None:
        assert await g1.backplane.touch([Touch("nobody", "s1", 0.0)]) == ["s1"]
        assert await g1.everybody() == {}

    async def test_nothing_is_left_of_another_session_or_of_nobody(self, g1: Gateway) -> None:
        await g1.online("sis")
        assert await g1.backplane.idle_left("another") == 0
        assert await g1.backplane.idle_left("any") == 0

    async def test_nothing_is_left_when_the_time_is_over(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("sis")
        look.delete(keys.alive(sis.session))
        assert await g1.backplane.idle_left(sis.session) == 0

    async def test_the_time_runs_out_by_itself(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        quick = await start(idle=0.2)
        sis = await quick.online("sis")
        assert 0 < look.pttl(keys.alive(sis.session)) <= 200
        assert await quick.backplane.idle_left(sis.session) <= 0.2

    async def test_a_user_without_a_limit_is_never_idle(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        patient = await start(idle=None)
        sis = await patient.online("sis")
        await patient.backplane.touch([Touch("sis", sis.session, 1.0)])
        assert look.pttl(keys.alive(sis.session)) == -1

    async def test_who_is_away_has_a_limit_of_their_own(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        gateway = await start(idle=60.0, away_idle=600.0)
        sis = await gateway.online("sis")
        alive, touch = keys.alive(sis.session), Touch("sis", sis.session, 20.0)
        await gateway.backplane.touch([touch])
        await gateway.backplane.people.set_away(sis, "")
        assert 570_000 < look.pttl(alive) <= 580_000, "to go away is no activity"
        await gateway.backplane.touch([touch])
        assert 570_000 < look.pttl(alive) <= 580_000
        await gateway.release(sis, for_good=False)
        again, claimed = await gateway.again(sis)
        assert claimed.away == ""
        alive = keys.alive(again.session)
        assert 590_000 < look.pttl(alive) <= 600_000
        await gateway.backplane.people.set_away(again, None)
        assert 50_000 < look.pttl(alive) <= 60_000

    async def test_who_is_away_may_never_be_idle(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        gateway = await start(idle=60.0, away_idle=None)
        sis = await gateway.online("sis")
        await gateway.backplane.people.set_away(sis, "lunch")
        assert look.pttl(keys.alive(sis.session)) == -1
        await gateway.backplane.people.set_away(sis, None)
        assert 50_000 < look.pttl(keys.alive(sis.session)) <= 60_000


class TestUsers:
    async def test_nobody(self, g1: Gateway) -> None:
        assert await g1.backplane.users("0") == ("0", [])

    async def test_everybody_of_all_gateways(self, g1: Gateway, g2: Gateway) -> None:
        sis, mom = await g1.online("Sis"), await g2.online("mom")
        for gateway in (g1, g2):
            found = await gateway.everybody()
            assert {name: user.registration for name, user in found.items()} == {
                "Sis": sis,
                "mom": mom,
            }

    async def test_many_come_in_pages(self, g1: Gateway) -> None:
        names = [f"user{number}" for number in range(700)]
        await asyncio.gather(*(g1.backplane.claim(g1.person(name), 0.0, None) for name in names))
        assert sorted(await g1.everybody()) == sorted(names)

    async def test_idle_and_left(self, g1: Gateway) -> None:
        await g1.backplane.claim(g1.person("sis"), 20.0, None)
        sis = (await g1.everybody())["sis"]
        assert 20 <= sis.idle < 25
        assert sis.left is not None
        assert 35 < sis.left <= 40

    async def test_a_touch_shows(self, g1: Gateway) -> None:
        person = g1.person("sis")
        await g1.backplane.claim(person, 50.0, None)
        await g1.backplane.touch([Touch("sis", person.session, 20.0)])
        sis = (await g1.everybody())["sis"]
        assert 20 <= sis.idle < 25

    async def test_no_end_of_idleness(self, start: StartBackplane) -> None:
        patient = await start(idle=None)
        sis = await patient.online("sis")
        assert (await patient.everybody())["sis"] == Listed(sis, pytest.approx(0, abs=5), None)

    async def test_users_of_a_dead_gateway_are_left_out(
        self, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        await g1.online("sis"), await g2.online("mom")
        kill(g1)
        assert list(await g2.everybody()) == ["mom"]

    async def test_those_whose_time_is_over_are_left_out(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, _ = await g1.online("sis"), await g1.online("mom")
        look.delete(keys.alive(sis.session))
        assert list(await g1.everybody()) == ["mom"]


class TestPublish:
    async def test_messages_reach_every_gateway_with_their_ids(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        channel = await in_room(g1)
        await in_room(g2)
        texts = ["hi", 'a "quoted" \\ line\nbreak', "größe 💬 שלום"]
        ids = await g1.publish("lobby", [message(text, room="lobby") for text in texts])
        for heard in (g1.heard, g2.heard):
            await heard.until(lambda heard: len(heard.lines(channel)) == 3)
            found = parsed(heard.lines(channel))
            assert [msg.id for msg in found] == ids
            assert [msg.text for msg in found] == texts
            assert {msg.room for msg in found} == {"lobby"}

    async def test_one_call_is_one_delivery(self, g1: Gateway) -> None:
        channel = await in_room(g1)
        await g1.publish("lobby", [message(str(n)) for n in range(50)])
        await g1.heard.until(lambda heard: heard.delivered)
        ((on, lines),) = g1.heard.delivered
        assert on == channel
        assert lines.count("\n") == 50

    async def test_ids_are_dense(self, g1: Gateway, g2: Gateway) -> None:
        ids = []
        for number in range(30):
            gateway = (g1, g2)[number % 2]
            ids += await gateway.publish("lobby", [message("a"), message("b")])
        epoch = ids[0].partition("-")[0]
        assert ids == [f"{epoch}-{number}" for number in range(60)]

    async def test_they_are_dense_in_each_room(self, g1: Gateway) -> None:
        (first,) = await g1.publish("lobby", [message("a")])
        (other,) = await g1.publish("attic", [message("b")])
        assert [id.partition("-")[2] for id in (first, other)] == ["0", "0"]

    async def test_there_is_one_order_for_all_and_the_log_has_it(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        channel = await in_room(g1)
        await in_room(g2)
        calls = [
            gateway.publish("lobby", [message(f"{gateway.id} {number}")])
            for number in range(40)
            for gateway in (g1, g2)
        ]
        ids = await asyncio.gather(*calls)
        await g1.heard.until(lambda heard: len(heard.lines(channel)) == 80)
        await g2.heard.until(lambda heard: len(heard.lines(channel)) == 80)
        assert g1.heard.lines(channel) == g2.heard.lines(channel)
        log = look.xrange(keys.room_log("lobby"))
        assert g1.heard.lines(channel) == [
            f'{{"id":"{id}","ts":{fields["t"]},{fields["d"][1:]}'.rstrip("\n") for id, fields in log
        ]
        assert {id for (id,) in ids} == {id for id, _ in log}

    async def test_a_gateways_messages_stay_in_their_order(self, g1: Gateway) -> None:
        channel = await in_room(g1)
        texts = [str(number) for number in range(100)]
        await asyncio.gather(*(g1.publish("lobby", [message(text)]) for text in texts))
        await g1.heard.until(lambda heard: len(heard.lines(channel)) == 100)
        assert [msg.text for msg in parsed(g1.heard.lines(channel))] == texts

    async def test_the_log_is_capped(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        short = await start(history=100)
        for _ in range(10):
            ids = await short.publish("lobby", [message("x")] * 50)
        assert 100 <= look.xlen(keys.room_log("lobby")) <= 250
        assert ids[-1].endswith("-499")

    async def test_another_room_hears_nothing(self, g1: Gateway, g2: Gateway) -> None:
        attic = await in_room(g1, "attic")
        await g2.publish("lobby", [message("in the lobby")])
        await g2.publish("attic", [message("in the attic")])
        await g1.heard.until(lambda heard: heard.delivered)
        assert [msg.text for msg in parsed(g1.heard.lines(attic))] == ["in the attic"]
        assert len(g1.heard.delivered) == 1

    async def test_an_unsubscribed_channel_is_no_longer_heard(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        lobby, attic = await in_room(g1), await in_room(g1, "attic")
        g1.backplane.unsubscribe(lobby)
        await in_room(g1, "cellar")  # by when it has had its effect
        await g2.publish("lobby", [message("unheard")])
        await g2.publish("attic", [message("heard")])
        await g1.heard.until(lambda heard: heard.lines(attic))
        assert g1.heard.lines(lobby) == []


async def hear_whisper(heard: Heard, channel: str) -> Msg:
    await heard.until(lambda heard: heard.lines(channel))
    (msg,) = parsed(heard.lines(channel))
    return msg


def here(*names: str) -> list[Found]:
    return [Found(name, "here") if name else ABSENT for name in names]


class TestWhisper:
    async def test_it_reaches_who_was_named_and_its_sender(self, g1: Gateway, g2: Gateway) -> None:
        sis, _, _ = await g1.online("Sis"), await g2.online("Mom"), await g2.online("Dad")
        id, found = await g1.whisper(sis, ["mom"])
        assert found == here("Mom")
        msg = await hear_whisper(g1.heard, g1.backplane.user("sis").name)
        assert msg == Msg(id=id or "", from_="sis", to=["Mom"], text="psst", ts=msg.ts)
        copy = await hear_whisper(g2.heard, g2.backplane.user("mom").name)
        assert msgspec.structs.replace(copy, id=msg.id) == msg
        assert g2.heard.lines(g2.backplane.user("dad").name) == []

    async def test_who_is_not_here_is_told_apart(self, g1: Gateway) -> None:
        sis, _ = await g1.online("sis"), await g1.online("Mom")
        _, found = await g1.whisper(sis, ["dad", "mom", "gran"])
        assert found == here("", "Mom", "")
        msg = await hear_whisper(g1.heard, g1.backplane.user("mom").name)
        assert msg.to == ["Mom"]

    async def test_to_nobody_who_is_here_it_does_nothing(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("sis")
        whispered = await g1.whisper(sis, ["mom", "dad"])
        assert whispered == Whispered(None, [ABSENT, ABSENT])
        assert look.keys(keys.user_log("*")) == []
        await g1.whisper(sis, ["sis"], "note to self")
        msg = await hear_whisper(g1.heard, g1.backplane.user("sis").name)
        assert msg.text == "note to self"

    async def test_named_twice_it_comes_once(self, g1: Gateway) -> None:
        sis, _ = await g1.online("sis"), await g1.online("Mom")
        _, found = await g1.whisper(sis, ["mom", "mom"])
        assert found == here("Mom", "Mom")
        await g1.whisper(sis, ["mom"], "again")
        mom = g1.backplane.user("mom").name
        await g1.heard.until(lambda heard: len(heard.lines(mom)) == 2)
        first, second = parsed(g1.heard.lines(mom))
        assert (first.text, first.to, second.text) == ("psst", ["Mom"], "again")

    async def test_to_oneself_it_comes_once(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        await g1.whisper(sis, ["sis"], "one")
        await g1.whisper(sis, ["sis"], "two")
        own = g1.backplane.user("sis").name
        await g1.heard.until(lambda heard: len(heard.lines(own)) == 2)
        assert [msg.text for msg in parsed(g1.heard.lines(own))] == ["one", "two"]

    async def test_each_reader_has_it_in_a_log_of_their_own(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, _, _ = await g1.online("Sis"), await g1.online("Mom"), await g1.online("Dad")
        id, _ = await g1.whisper(sis, ["mom", "dad", "gran"])
        assert sorted(look.keys(keys.user_log("*"))) == [
            keys.user_log(name) for name in ("dad", "mom", "sis")
        ]
        ((own, _),) = look.xrange(keys.user_log("sis"))
        assert own == id
        for name in ("dad", "mom", "sis"):
            ((_, fields),) = look.xrange(keys.user_log(name))
            assert json.loads(fields["d"])["to"] == ["Mom", "Dad"]

    async def test_ids_are_dense_and_the_log_is_capped(
        self, start: StartBackplane, look: redis.Redis, keys: Keys
    ) -> None:
        short = await start(history=100)
        sis = await short.online("sis")
        calls = [short.whisper(sis, ["sis"], "x") for _ in range(400)]
        ids = [id for id, _ in await asyncio.gather(*calls)]
        assert [int((id or "").partition("-")[2]) for id in ids] == list(range(400))
        assert 100 <= look.xlen(keys.user_log("sis")) <= 250

    async def test_long_ones_are_fewer(self, g1: Gateway, look: redis.Redis, keys: Keys) -> None:
        sis = await g1.online("sis")
        for _ in range(200):
            await g1.whisper(sis, ["sis"], "x" * 16_000)
        assert 64 <= look.xlen(keys.user_log("sis")) <= 80

    async def test_a_flood_to_oneself_costs_nobody_else_a_message(self, g1: Gateway) -> None:
        dana, eve, mallory = [await g1.online(name) for name in ("dana", "eve", "mallory")]
        await g1.release(eve, for_good=False)
        await g1.whisper(dana, ["eve"], "see you")
        for _ in range(1500):
            await g1.whisper(mallory, ["mallory"], "x")
        said = await g1.backplane.read_log(Log(PRIVATE, "eve"), NOTHING, 10)
        assert [m.text for m in parsed([line.decode() for _, line in said.messages])] == ["see you"]

    async def test_names_in_many_scripts(self, g1: Gateway) -> None:
        sis, _, _ = await g1.online("sis"), await g1.online("Größe"), await g1.online("שרה")
        _, found = await g1.whisper(sis, ["grösse", "שרה"])
        assert found == here("Größe", "שרה")

    @pytest.mark.parametrize("lost", ["to another session", "for good"])
    async def test_nothing_is_said_for_a_session_that_has_lost_its_name(
        self, g1: Gateway, look: redis.Redis, keys: Keys, lost: str
    ) -> None:
        sis, _ = await g1.online("sis"), await g1.online("mom")
        if lost == "for good":
            await g1.release(sis)
        else:
            await g1.again(sis)
        with pytest.raises(NameLost):
            await g1.whisper(sis, ["mom"], seq=1)
        assert look.keys(keys.user_log("*")) == []

    async def test_a_record_that_cannot_be_read_is_nobodys(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("sis")
        for number, record in enumerate(["", "{", "7", "[]", '{"name":[]}']):
            look.hset(keys.users, f"bad{number}", record)
        look.hset(keys.resume("gran"), "no", "string")
        names = [*(f"bad{number}" for number in range(5)), "gran"]
        assert await g1.whisper(sis, names) == Whispered(None, [ABSENT] * 6)


class TestWhisperLater:
    """To somebody whose connection broke, and who can still come back."""

    async def texts(self, gateway: Gateway, name: str) -> list[str]:
        said = await gateway.backplane.read_log(Log(PRIVATE, name), NOTHING, 500)
        return [msg.text for msg in parsed([line.decode() for _, line in said.messages])]

    async def test_it_waits(self, g1: Gateway, look: redis.Redis, keys: Keys) -> None:
        sis, mom = await g1.online("Sis"), await g1.online("mom")
        await g1.release(sis, for_good=False)
        id, found = await g1.whisper(mom, ["sis", "mom"])
        assert (found, bool(id)) == ([Found("Sis", "later"), Found("mom", "here")], True)
        assert await self.texts(g1, "sis") == ["psst"]
        for key in (keys.user_log("sis"), keys.waiting("sis")):
            assert 0 < look.pttl(key) <= 60_000
        again, claimed = await g1.again(sis)
        assert claimed.began is not None
        assert await self.texts(g1, again.folded) == ["psst"]
        assert look.pttl(keys.user_log("sis")) == -1
        assert not look.exists(keys.waiting("sis"))

    async def test_for_one_of_a_dead_gateway_too(self, g1: Gateway, g2: Gateway, kill: Any) -> None:
        mom, sis = await g1.online("Mom"), await g2.online("sis")
        kill(g1)
        assert (await g2.whisper(sis, ["mom"])).found == [Found("Mom", "later")]
        assert await g2.backplane.sweep() == [mom]
        assert (await g2.whisper(sis, ["mom"])).found == [Found("Mom", "later")]
        assert await self.texts(g2, "mom") == ["psst", "psst"]

    async def test_the_same_seq_again_has_the_same_answer(self, g1: Gateway) -> None:
        sis, mom = await g1.online("Sis"), await g1.online("mom")
        await g1.release(sis, for_good=False)
        first = await g1.whisper(mom, ["sis"], seq=1)
        assert await g1.whisper(mom, ["sis"], seq=1) == first
        assert await self.texts(g1, "sis") == ["psst"]

    async def test_not_for_one_who_left_for_good(self, g1: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        await g1.release(sis)
        assert (await g1.whisper(mom, ["sis"])).found == [ABSENT]

    async def test_a_newcomer_of_that_name_is_told_nothing_of_it(self, g1: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        await g1.release(sis, for_good=False)
        await g1.whisper(mom, ["sis"], "for the other one")
        impostor = await g1.online("sis")
        [tail] = await g1.backplane.tails([Log(PRIVATE, "sis")])
        assert impostor.began["@"] == tail.decode()

    async def test_one_person_can_leave_some_hundred_messages_and_another_still_can(
        self, g1: Gateway
    ) -> None:
        sis, mom, dad = [await g1.online(name) for name in ("Sis", "mom", "dad")]
        await g1.release(sis, for_good=False)
        for number in range(100):
            await g1.whisper(mom, ["sis"], str(number))
        with pytest.raises(TooMuchWaits, match="Sis"):
            await g1.whisper(mom, ["dad", "sis"], seq=1)
        assert await self.texts(g1, "dad") == []
        await g1.whisper(dad, ["sis"], "and I?")
        assert await self.texts(g1, "sis") == [*map(str, range(100)), "and I?"]
        await g1.again(sis)
        assert (await g1.whisper(mom, ["sis"], seq=1)).found == here("Sis")

    async def test_what_waits_is_bounded_and_nothing_of_it_is_pushed_out(
        self, start: StartBackplane
    ) -> None:
        g1 = await start(history=100)
        sis, senders = await g1.online("sis"), [await g1.online(f"s{n}") for n in range(6)]
        await g1.release(sis, for_good=False)
        sent = 0
        with pytest.raises(TooMuchWaits):
            while sent < 600:
                await g1.whisper(senders[sent % 6], ["sis"], str(sent))
                sent += 1
        assert sent == 500
        assert await self.texts(g1, "sis") == [str(number) for number in range(500)]

    async def test_bounded_in_bytes_too(self, g1: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        await g1.release(sis, for_good=False)
        with pytest.raises(TooMuchWaits):
            for _ in range(90):
                await g1.whisper(mom, ["sis"], "x" * 16_000)


class TestLease:
    async def test_it_lasts_ten_seconds(self, g1: Gateway, look: redis.Redis, keys: Keys) -> None:
        assert await g1.backplane.renew_lease() is True
        assert 8_000 < look.pttl(keys.lease(g1.id)) <= 10_000

    async def test_one_that_had_run_out_is_noticed_and_taken_again(
        self, g1: Gateway, kill: Any
    ) -> None:
        await g1.online("sis")
        kill(g1)
        assert await g1.backplane.renew_lease() is False
        assert await g1.backplane.renew_lease() is True
        assert list(await g1.everybody()) == ["sis"]

    async def test_closing_gives_it_back(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await g1.backplane.close()
        assert not look.exists(keys.lease(g1.id))
        assert look.hkeys(keys.gateways) == [g2.id]


class TestSweep:
    async def test_the_living_are_left_alone(self, g1: Gateway, g2: Gateway) -> None:
        await g1.online("sis"), await g2.online("mom")
        assert await g1.backplane.sweep() == []
        assert sorted(await g1.everybody()) == ["mom", "sis"]

    async def test_it_takes_the_names_of_the_dead(
        self, g1: Gateway, g2: Gateway, kill: Any, look: redis.Redis, keys: Keys
    ) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        await g2.online("dad")
        kill(g1)
        swept = await g2.backplane.sweep()
        assert sorted(swept, key=lambda user: user.name) == [mom, sis]
        assert (await g2.backplane.claim(g2.person("sis"), 0.0, None)).outcome == "granted"
        assert look.hkeys(keys.gateways) == [g2.id]
        assert look.keys(keys.held("*")) == [keys.held(g2.id)]

    async def test_once(self, g1: Gateway, g2: Gateway, kill: Any) -> None:
        await g1.online("sis")
        kill(g1)
        assert len(await g2.backplane.sweep()) == 1
        assert await g2.backplane.sweep() == []

    async def test_of_several_sweepers_one_gets_each_name(
        self, start: StartBackplane, kill: Any
    ) -> None:
        dead, *sweepers = [await start() for _ in range(4)]
        names = [f"user{number}" for number in range(1200)]
        await asyncio.gather(
            *(dead.backplane.claim(dead.person(name), 0.0, None) for name in names)
        )
        kill(dead)
        swept = await asyncio.gather(*(each.backplane.sweep() for each in sweepers))
        assert sorted(user.name for some in swept for user in some) == sorted(names)
        assert await sweepers[0].everybody() == {}

    async def test_a_name_that_moved_on_in_time_is_left_alone(
        self, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        old = await g1.online("sis")
        new, _ = await g2.again(old)
        kill(g1)
        assert await g2.backplane.sweep() == []
        assert (await g2.everybody())["sis"].registration == new

    async def test_it_is_no_longer_counted_among_its_old_gateways(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys, kill: Any
    ) -> None:
        sis = await g1.online("sis")
        await g1.online("mom")
        await g2.backplane.claim(g2.person("sis"), 0.0, sis.resume)
        assert look.smembers(keys.held(g1.id)) == {"mom"}
        kill(g1)
        await g2.backplane.claim(g2.person("mom"), 0.0, None)
        assert look.smembers(keys.held(g1.id)) == set()
        assert look.smembers(keys.held(g2.id)) == {"sis", "mom"}

    async def test_who_holds_a_name_is_what_its_record_says(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys, kill: Any
    ) -> None:
        sis = await g2.online("sis")
        look.sadd(keys.held(g1.id), "sis")  # however that came about
        kill(g1)
        assert await g2.backplane.sweep() == []
        assert (await g2.everybody())["sis"].registration == sis

    async def test_nobody_sweeps_oneself(self, g1: Gateway, kill: Any) -> None:
        await g1.online("sis")
        kill(g1)
        assert await g1.backplane.sweep() == []


def kill_both(server: Server, gateway: Gateway) -> None:
    server.kill_connections(f"chat-{gateway.id}", f"chat-{gateway.id}-sub")


@pytest.mark.usefixtures("url")
class TestTrouble:
    @pytest.fixture
    def real(self, server: Server) -> Server:
        if server.drop is not None:
            pytest.skip("fakeredis ends a connection after each error")
        return server

    async def test_flushed_scripts_are_there_again_at_the_latest_when_it_is_back(
        self, g1: Gateway, look: redis.Redis
    ) -> None:
        look.script_flush()
        try:
            await g1.online("sis")
        except BackplaneDown:
            await g1.heard.until(lambda heard: "back" in heard.told)
            await g1.online("sis")

    async def test_flushed_scripts_are_loaded_again(
        self, real: Server, g1: Gateway, g2: Gateway, look: redis.Redis
    ) -> None:
        channel = await in_room(g2)
        look.script_flush()
        sis = await g1.online("sis")
        look.script_flush()
        await g1.publish("lobby", [message("once")])
        await g2.heard.until(lambda heard: heard.lines(channel))
        look.script_flush()
        assert (await g1.whisper(sis, ["sis"], "x")).found == here("sis")
        look.script_flush()
        assert await g1.backplane.touch([Touch("sis", sis.session, 0.0)]) == []
        look.script_flush()
        assert list(await g2.everybody()) == ["sis"]
        look.script_flush()
        assert await g2.backplane.sweep() == []
        look.script_flush()
        assert await g1.release(sis) == [sis.session]
        assert [msg.text for msg in parsed(g2.heard.lines(channel))] == ["once"]

    async def test_many_calls_at_once_meet_flushed_scripts(
        self, real: Server, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        look.script_flush()
        calls = [g1.publish("lobby", [message(str(n))]) for n in range(50)]
        ids = await asyncio.gather(*calls)
        assert len({id for (id,) in ids}) == 50
        assert look.xlen(keys.room_log("lobby")) == 50

    @pytest.mark.parametrize("which", ["", "-sub"])
    async def test_a_lost_connection_comes_back_with_its_subscriptions(
        self, g1: Gateway, g2: Gateway, server: Server, which: str
    ) -> None:
        lobby = await in_room(g1)
        server.kill_connections(f"chat-{g1.id}{which}")
        await g1.heard.until(lambda heard: heard.told == ["away", "back"])
        await g2.publish("lobby", [message("hi")])
        await g1.heard.until(lambda heard: heard.lines(lobby))
        attic = await in_room(g1, "attic")
        await g1.publish("attic", [message("ho")])
        await g1.heard.until(lambda heard: heard.lines(attic))
        assert g2.heard.told == []

    async def test_one_can_subscribe_again_who_tried_while_it_was_away(
        self, g1: Gateway, g2: Gateway, server: Server
    ) -> None:
        kill_both(server, g1)
        await g1.heard.until(lambda heard: "away" in heard.told)
        with pytest.raises(BackplaneDown):
            await in_room(g1)
        await g1.heard.until(lambda heard: "back" in heard.told)
        lobby = await in_room(g1)
        await g2.publish("lobby", [message("hi")])
        await g1.heard.until(lambda heard: heard.lines(lobby))

    async def test_while_it_is_away_calls_say_so(self, g1: Gateway, server: Server) -> None:
        kill_both(server, g1)
        await g1.heard.until(lambda heard: "away" in heard.told)
        with pytest.raises(BackplaneDown):
            await g1.publish("lobby", [message("x")])
        await g1.heard.until(lambda heard: "back" in heard.told)
        assert await g1.publish("lobby", [message("x")])

    async def test_a_call_that_is_under_way_is_answered_or_says_so(
        self, g1: Gateway, server: Server, look: redis.Redis, keys: Keys
    ) -> None:
        calls = [asyncio.ensure_future(g1.publish("lobby", [message("x")]))]
        for _ in range(20):
            calls.append(asyncio.ensure_future(g1.publish("lobby", [message("x")])))
            await asyncio.sleep(0)
        kill_both(server, g1)
        ids = []
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(answer, list | BackplaneDown)
            ids += answer if isinstance(answer, list) else []
        assert set(ids) <= {id for id, _ in look.xrange(keys.room_log("lobby"))}
        await g1.heard.until(lambda heard: "back" in heard.told)

    async def test_it_can_be_lost_again_and_again(self, g1: Gateway, server: Server) -> None:
        for times in range(1, 4):
            kill_both(server, g1)
            await g1.heard.until(lambda heard: len(heard.told) == 2 * times)  # noqa: B023
        assert g1.heard.told == ["away", "back"] * 3

    async def test_closed_while_away(self, g1: Gateway, server: Server) -> None:
        kill_both(server, g1)
        await g1.heard.until(lambda heard: "away" in heard.told)
        async with asyncio.timeout(within(3)):
            await g1.backplane.close()

    async def test_nothing_listens_there(self, start: StartBackplane) -> None:
        url = "redis://user:secret@127.0.0.1:1/0"
        with pytest.raises(RedisUnreachable, match="nothing listens there") as error:
            await start(redis=url)
        assert "secret" not in str(error.value)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "redis://127.0.0.1:port", ""])
    async def test_no_url_of_redis(self, start: StartBackplane, url: str) -> None:
        with pytest.raises(RedisUnreachable):
            await start(redis=url)

    async def test_a_database_of_its_own(self, start: StartBackplane, server: Server) -> None:
        if isinstance(server, ClusterOfServers):
            with pytest.raises(RedisUnreachable, match="has only database 0"):
                await start(redis=f"{server.url}/3")
            return
        lobby = await start()
        other = await start(redis=f"{server.url}{'/3' if server.drop else '?db=3'}")
        await lobby.online("sis")
        assert await other.everybody() == {}


class TestSilence:
    """A frozen server looks like a quiet one until it is asked."""

    @pytest.fixture
    def server(self) -> Iterator[Server]:
        """One of its own, that may be harmed."""
        with servers.running(servers.valkey()) as server:
            yield server

    @pytest.fixture(autouse=True)
    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "PING_AFTER", within(0.1))
        monkeypatch.setattr(connection, "DEAD_AFTER", within(0.5))
        monkeypatch.setattr(connection, "CHECK_EVERY", within(0.05))

    async def test_a_frozen_server_is_noticed(self, server: Server, g1: Gateway) -> None:
        lobby = await in_room(g1)
        server.freeze()
        waiting = asyncio.ensure_future(g1.publish("lobby", [message("x")]))
        await g1.heard.until(lambda heard: heard.told == ["away"])
        with pytest.raises(BackplaneDown):
            await waiting
        server.thaw()
        await g1.heard.until(lambda heard: heard.told == ["away", "back"])
        await g1.publish("lobby", [message("hi")])
        await g1.heard.until(lambda heard: any("hi" in line for line in heard.lines(lobby)))

    async def test_a_quiet_one_is_not_taken_for_dead(self, g1: Gateway) -> None:
        # Nothing may happen, in twice the time in which it would.
        await asyncio.sleep(within(1.0))
        assert g1.heard.told == []


class TestPassword:
    @pytest.fixture
    def server(self) -> Iterator[Server]:
        with servers.running(servers.valkey(), "--requirepass", "open-sesame") as server:
            yield server

    @pytest.fixture
    def url(self, server: Server) -> str:
        return server.url

    async def test_the_right_one(self, start: StartBackplane, server: Server) -> None:
        gateway = await start(redis=f"{server.url}?password=open-sesame")
        await gateway.online("sis")

    async def test_a_wrong_one_is_not_repeated(self, start: StartBackplane, server: Server) -> None:
        path = server.url.removeprefix("unix://")
        with pytest.raises(RedisUnreachable, match="WRONGPASS") as error:
            await start(redis=f"unix://:swordfish@{path}")
        assert "swordfish" not in str(error.value)

    async def test_none(self, start: StartBackplane, server: Server) -> None:
        with pytest.raises(RedisUnreachable, match=r"NOAUTH|[Aa]uthentication"):
            await start(redis=server.url)
