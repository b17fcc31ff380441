"""Who is written down for a gateway: in a full Redis, one that forgot, and after a sweep."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from gateway.backplane.contract import Proof, Touch
from gateway.backplane.keys import Keys
from gateway.backplane.records import Registration
from gateway.errors import BackplaneRefused, ProbeFailed
from tests.contract.household import Gateway, StartBackplane, message, sealed
from tests.support.servers import Server


async def own_users(gateway: Gateway) -> list[Registration]:
    found, cursor = [], "0"
    while True:
        cursor, some = await gateway.backplane.own_users(cursor)
        found += some
        if cursor == "0":
            return sorted(found, key=lambda user: user.name)


class TestOwnUsers:
    async def test_they_are_those_whose_records_name_the_gateway(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        mom, sis = await g1.online("Mom"), await g1.online("Šis")
        dad = await g2.online("Dad")
        look.sadd(keys.held(g1.id), "dad", "nobody")  # as an older memory has it
        assert await own_users(g1) == [mom, sis]
        assert await own_users(g2) == [dad]
        assert look.smembers(keys.held(g1.id)) == {"mom", "šis"}

    async def test_many_come_page_by_page(self, g1: Gateway) -> None:
        people = [g1.person(f"User{number}") for number in range(450)]
        await asyncio.gather(*(g1.backplane.claim(user, 0.0, None) for user in people))
        found = await own_users(g1)
        assert {user.name for user in found} == {user.name for user in people}

    async def test_a_record_that_cannot_be_read_is_nobodys(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        mom, _ = await g1.online("Mom"), await g1.online("Sis")
        look.hset(keys.users, "sis", "no JSON")
        assert await own_users(g1) == [mom]

    async def test_whose_activity_is_written_down_is_held_even_if_redis_forgot_it(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("Sis")
        look.delete(keys.held(g1.id))
        await g1.backplane.touch([Touch("sis", sis.session, 0.0)])
        assert look.smembers(keys.held(g1.id)) == {"sis"}


class TestForgotten:
    async def test_one_who_was_released_and_is_here_returns(
        self, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        sis = await g1.online("Sis")
        kill(g1)
        assert await g2.backplane.sweep() == [sis]
        await g1.backplane.renew_lease()
        claimed = await g1.backplane.claim(sis, 0.0, None)
        assert (claimed.outcome, claimed.origin) == ("returned", sis.origin)
        assert (await g2.everybody())["Sis"].registration == sis

    async def test_a_stranger_with_the_same_session_id_does_not(self, g1: Gateway) -> None:
        # What a gateway knows of its own people is no proof for a peer's.
        sis = await g1.online("Sis")
        await g1.release(sis, for_good=False)
        another = g1.person("Sis", session=sis.session)
        claimed = await g1.backplane.claim(another, 0.0, None, Proof("open"))
        assert claimed.outcome == "granted"

    async def test_a_gateway_that_redis_forgot_is_known_again_with_the_next_renewal(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        look.delete(keys.gateways)
        assert await g1.backplane.renew_lease()
        assert look.hkeys(keys.gateways) == [g1.id]


class TestLeftBehind:
    async def test_a_gateway_that_ends_with_names_is_swept_like_a_dead_one(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("Sis")
        await g1.backplane.close()
        assert await g2.backplane.sweep() == [sis]
        assert look.hkeys(keys.gateways) == [g2.id]

    @pytest.mark.parametrize("idle", [60.0, None])
    async def test_after_a_sweep_only_what_may_be_taken_up_again_is_left_and_ends_by_itself(
        self,
        start: StartBackplane,
        look: redis.Redis,
        prefix: str,
        keys: Keys,
        kill: Any,
        idle: float | None,
    ) -> None:
        dead, sweeper = await start(idle=idle), await start(idle=idle)
        before = set(look.scan_iter(f"{prefix}:*")) - {keys.lease(dead.id)}
        await dead.online("Sis")
        kill(dead)
        await sweeper.backplane.sweep()
        left = set(look.scan_iter(f"{prefix}:*")) - before
        assert keys.resume("sis") in left
        assert keys.alive("sis") not in left
        assert all(0 < look.pttl(key) <= 60_000 for key in left)

    async def test_what_waits_is_kept_for_as_long_as_one_may_come_back(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys, kill: Any
    ) -> None:
        mom, _ = await g1.online("Mom"), await g2.online("Sis")
        kill(g2)
        await g1.whisper(mom, ["sis"])
        for key in (keys.waiting("sis"), keys.user_log("sis")):
            look.pexpire(key, 9000)
        await g1.backplane.sweep()
        for key in (keys.resume("sis"), keys.waiting("sis"), keys.user_log("sis")):
            assert look.pttl(key) > 9000

    async def test_the_token_it_was_got_with_stays_good_after_a_sweep(
        self, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        sis = await g1.online("Sis")
        # The welcome with the new token never arrives, and the gateway dies.
        unheard, _ = await g1.again(sis, hello=1)
        kill(g1)
        await g2.backplane.sweep()
        again, claimed = await g2.again(unheard, sis.resume, hello=2)
        assert (claimed.outcome, again.origin) == ("returned", sis.origin)

    async def test_a_count_of_hellos_as_high_as_any_is_kept_exactly(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        highest = 2**53 - 1
        sis = await g1.online("Sis")
        unheard, _ = await g1.again(sis, hello=highest - 1)
        await g1.release(unheard, for_good=False)
        assert (await g2.again(unheard, sis.resume, hello=highest))[1].outcome == "returned"

    async def test_a_sweep_passes_over_what_cannot_be_read(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys, kill: Any
    ) -> None:
        mom, _ = await g1.online("Mom"), await g1.online("Sis")
        look.hset(keys.users, "sis", '{"v":2}')
        kill(g1)
        assert await g2.backplane.sweep() == [mom]
        assert look.hkeys(keys.gateways) == [g2.id]

    async def test_a_gateway_that_cannot_be_swept_after_does_not_keep_the_others(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys, kill: Any, server: Server
    ) -> None:
        if server.drop:
            pytest.skip("the imitation ends a connection after each error")
        mom = await g1.online("Mom")
        look.set(keys.held("g-bad"), "no set")
        look.delete(keys.gateways)
        look.hset(keys.gateways, mapping={"g-bad": "{}", b"\xff": "{}", g1.id: "{}"})
        kill(g1)
        assert await g2.backplane.sweep() == [mom]
        with pytest.raises(BackplaneRefused, match="WRONGTYPE"):
            await g2.backplane.sweep()

    async def test_what_is_no_text_is_passed_over(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        mom = await g1.online("Mom")
        for bad in (b"\xff", b'{"listen":"\xff"}'):
            look.hset(keys.users, b"\xff", bad)
            look.set(keys.lease("g-bad"), bad)
            look.hset(keys.gateways, mapping={b"\xff": bad, "g-bad": bad})
            assert await g1.backplane.neighbours() == {}
            assert await own_users(g1) == [mom]
            assert list(await g1.everybody()) == ["Mom"]


class TestKeysOfAnotherType:
    @pytest.fixture(autouse=True)
    def real(self, server: Server) -> None:
        if server.drop:
            pytest.skip("the imitation ends a connection after each error")

    async def test_nothing_is_half_done_where_the_names_of_a_gateway_are_kept(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("Sis")
        await g1.release(await g1.online("Mom"), for_good=False)
        look.set(keys.held(g1.id), "no set")
        everything = {key: look.dump(key) for key in look.scan_iter(f"{keys.users}*")}
        for call in (
            g1.backplane.touch([Touch("sis", sis.session, 0.0)]),
            g1.backplane.release([sis], for_good=False),
            g1.backplane.claim(g1.person("Mom"), 0.0, None),
            g1.backplane.claim(g1.person("Dana"), 0.0, None),
        ):
            with pytest.raises(BackplaneRefused, match="WRONGTYPE"):
                await call
        assert {key: look.dump(key) for key in look.scan_iter(f"{keys.users}*")} == everything

    async def test_leases_go_on_where_gateways_are_kept(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        look.set(keys.gateways, "no hash")
        assert await g1.backplane.renew_lease()

    async def test_who_left_comes_back_where_it_is_kept_what_waits(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("Sis")
        await g1.release(sis, for_good=False)
        look.set(keys.waiting("sis"), "no hash")
        claimed = await g1.backplane.claim(g1.person("Sis"), 0.0, sis.resume, Proof("open"))
        assert (claimed.outcome, claimed.waiting) == ("returned", False)

    async def test_one_of_what_somebody_posted_keeps_nobody_from_speaking(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, mom = await g1.online("Sis"), await g1.online("Mom")
        look.lpush(keys.room_posted("lobby") + sis.origin, "x")
        look.lpush(f"{keys.users}:posted:{sis.origin}", "x")
        lines = [sealed(who.origin, 1, message("hi")) for who in (mom, sis)]
        ids = await g1.publish("lobby", lines)
        assert await g1.publish("lobby", lines) == ids
        assert "" not in ids
        assert (await g1.whisper(sis, ["mom"], seq=1)).id


class TestFull:
    """A Redis that takes nothing more (maxmemory, noeviction)."""

    @pytest.fixture(params=["valkey", "redis_server"])
    def server(self, request: pytest.FixtureRequest) -> Server:
        """Those that have a limit."""
        return request.getfixturevalue(request.param)

    @pytest.fixture
    def full(self, look: redis.Redis) -> Iterator[Any]:
        """Fills it; it is emptied again at the end."""
        yield lambda: look.config_set("maxmemory", 1)
        look.config_set("maxmemory", 0)

    async def test_leases_go_on_and_nobody_is_swept(
        self, g1: Gateway, g2: Gateway, full: Any, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("Sis")
        full()
        with pytest.raises(redis.OutOfMemoryError):
            look.set("x", "y")
        look.pexpire(keys.lease(g1.id), 1000)
        assert await g1.backplane.renew_lease()
        assert look.pttl(keys.lease(g1.id)) > 5000
        assert await g1.backplane.touch([Touch("sis", sis.session, 30.0)]) == []
        assert 25 < await g1.backplane.idle_left(sis.session) <= 30
        assert await g2.backplane.sweep() == []
        assert list(await g2.everybody()) == ["Sis"]

    async def test_a_lease_that_had_run_out_is_taken_again(
        self, g1: Gateway, full: Any, kill: Any
    ) -> None:
        full()
        kill(g1)
        assert not await g1.backplane.renew_lease()
        assert await g1.backplane.renew_lease()

    async def test_names_are_given_back_and_swept(
        self, g1: Gateway, g2: Gateway, full: Any, kill: Any
    ) -> None:
        mom, sis = await g1.online("Mom"), await g1.online("Sis")
        full()
        assert await g1.release(mom, for_good=False) == [mom.session]
        kill(g1)
        assert await g2.backplane.sweep() == [sis]
        assert (await g2.again(sis))[1].outcome == "returned"

    async def test_a_gateway_is_not_ready_and_says_why(self, g1: Gateway, full: Any) -> None:
        full()
        with pytest.raises(ProbeFailed, match="Redis' memory is full"):
            await g1.backplane.probe()

    async def test_what_is_said_is_refused(self, g1: Gateway, full: Any) -> None:
        sis = await g1.online("Sis")
        full()
        with pytest.raises(BackplaneRefused, match="OOM"):
            await g1.whisper(sis, ["sis"], seq=1)
