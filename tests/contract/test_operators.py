"""What operators' commands do with a chat in Redis, whatever server that is."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.contract import Log, Proof
from gateway.backplane.keys import Keys
from gateway.backplane.operators import accounts, announce, bans, drain, gateways, kick
from gateway.backplane.records import Ban, GatewayInfo
from gateway.backplane.redis.replies import registration
from gateway.errors import RedisUnreachable
from gateway.outcomes import Put
from tests.contract.household import Gateway, StartBackplane, in_room, message
from tests.support.servers import Server
from wire.frames import PRIVATE

INFO = GatewayInfo(
    listen="127.0.0.1:2428", host="h", version="1", since=1, at=2, connections=3, sessions=2
)


@pytest.fixture
def at(server: Server, prefix: str) -> tuple[str, str]:
    """Which chat it is."""
    return server.url, prefix


@pytest.fixture
def tell_of(look: redis.Redis, keys: Keys) -> Callable[..., None]:
    """A gateway tells of itself."""

    def tell_of(gateway: Gateway, **fields: Any) -> None:
        info = msgspec.structs.replace(INFO, **fields)
        look.set(keys.lease(gateway.id), msgspec.json.encode(info), px=10_000)

    return tell_of


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for who does not answer."""
    monkeypatch.setattr(kick, "CONFIRM_WITHIN", 0.0)
    monkeypatch.setattr(drain, "DRAIN_WITHIN", 0.0)


def aside(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """A command's function in a thread of its own, next to the test's loop."""
    return partial(asyncio.to_thread, function)


list_gateways = aside(gateways.list_gateways)
kick_user = aside(kick.kick_user)
publish_announcement = aside(announce.publish_announcement)
drain_gateway = aside(drain.drain_gateway)
put_ban = aside(bans.put_ban)
lift_ban = aside(bans.lift_ban)
list_bans = aside(bans.list_bans)
put_account = aside(accounts.put_account)
remove_account = aside(accounts.remove_account)
list_accounts = aside(accounts.list_accounts)


class TestGateways:
    async def test_each_is_listed_with_its_last_report(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str], tell_of: Any
    ) -> None:
        await g1.online("sis")
        tell_of(g1, draining=True)
        now, found = await list_gateways(*at)
        assert abs(now / 1000 - datetime.now(UTC).timestamp()) < 60
        assert [each.id for each in found] == sorted([g1.id, g2.id])
        by_id = {each.id: each for each in found}
        assert by_id[g1.id].info == msgspec.structs.replace(INFO, draining=True)
        assert by_id[g1.id].draining
        assert by_id[g1.id].names == 1
        assert 0 < (by_id[g1.id].lease or 0) <= 10

    async def test_the_report_of_another_version_is_unknown(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        ((_, [found])) = await list_gateways(*at)
        assert (found.id, found.info, found.draining) == (g1.id, None, False)

    async def test_a_report_that_is_not_text_is_unknown(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        look.set(keys.lease(g1.id), b'{"listen":"\xff"}', px=10_000)
        look.hset(keys.gateways, b"\xff", b"\xff")
        assert [each.info for each in (await list_gateways(*at))[1]] == [None, None]

    async def test_a_person_with_a_key_of_the_wrong_type_does_not_hide_the_others(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        look.hset(keys.gateways, "g-bad", "{}")
        look.rpush(keys.lease("g-bad"), "x")
        look.set(keys.held("g-bad"), "x")
        found = {each.id: each for each in (await list_gateways(*at))[1]}
        assert (found["g-bad"].info, found["g-bad"].names) == (None, 0)
        assert found[g1.id].lease

    async def test_a_dead_gateway_is_listed_until_it_is_swept(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str], kill: Any
    ) -> None:
        await g1.online("sis")
        kill(g1)
        dead = {each.id: each for each in (await list_gateways(*at))[1]}[g1.id]
        assert (dead.lease, dead.names) == (None, 1)
        await g2.backplane.sweep()
        assert [each.id for each in (await list_gateways(*at))[1]] == [g2.id]

    async def test_none(self, at: tuple[str, str]) -> None:
        assert (await list_gateways(*at))[1] == []

    def test_no_redis(self) -> None:
        with pytest.raises(RedisUnreachable):
            gateways.list_gateways("redis://127.0.0.1:1", "chat")


class TestKick:
    async def test_the_gateway_is_asked_and_the_end_of_the_session_awaited(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str]
    ) -> None:
        sis = await g1.online("Sis")
        kicking = asyncio.create_task(kick_user(*at, "sis", "Go. Now."))
        await g1.heard.until(lambda heard: heard.told == [f"kick {sis.session} Go. Now."])
        await g1.release(sis)
        assert await kicking == [("Sis", sis.session, g1.id, True, True)]
        assert g2.heard.told == []

    async def test_a_person_who_came_back_has_another_session(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str]
    ) -> None:
        sis = await g1.online("sis")
        kicking = asyncio.create_task(kick_user(*at, "sis", "Go."))
        await g1.heard.until(lambda heard: heard.told)
        await g2.again(sis)
        [asked] = await kicking
        assert asked.ended

    @pytest.mark.usefixtures("quickly")
    async def test_a_person_who_stays_is_reported(self, g1: Gateway, at: tuple[str, str]) -> None:
        await g1.online("sis")
        [asked] = await kick_user(*at, "sis", "Go.")
        assert (asked.heard, asked.ended) == (True, False)

    async def test_a_gateway_that_does_not_listen_is_reported(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        await g1.backplane.claim(g1.person("sis", gateway="g-deaf"), 0.0, None)
        look.set(keys.lease("g-deaf"), "{}", px=10_000)
        [asked] = await kick_user(*at, "sis", "Go.")
        assert (asked.heard, asked.ended) == (False, False)

    async def test_a_person_that_redis_forgot_on_a_gateway_is_found_there_again(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("Sis")
        look.delete(keys.held(g1.id))
        kicking = asyncio.create_task(kick_user(*at, "sis", "Go."))
        await g1.heard.until(lambda heard: heard.told)
        assert look.smembers(keys.held(g1.id)) == {"sis"}
        await g1.release(sis)
        assert await kicking

    async def test_a_record_that_becomes_unreadable_counts_as_gone(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        await g1.online("Sis")
        kicking = asyncio.create_task(kick_user(*at, "sis", "Go."))
        await g1.heard.until(lambda heard: heard.told)
        look.hset(keys.users, "sis", "{}")
        [asked] = await kicking
        assert asked.ended

    async def test_it_does_not_wait_for_a_gateway_that_does_not_listen(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys, monkeypatch: Any
    ) -> None:
        await g1.backplane.claim(g1.person("sis", gateway="g-deaf"), 0.0, None)
        look.set(keys.lease("g-deaf"), "{}", px=10_000)
        monkeypatch.setattr(kick, "wait_until", lambda *_: pytest.fail("somebody waits"))
        [asked] = await kick_user(*at, "sis", "Go.")
        assert (asked.heard, asked.ended) == (False, False)

    async def test_nobody(self, g1: Gateway, g2: Gateway, at: tuple[str, str], kill: Any) -> None:
        await g1.online("sis")
        kill(g1)
        assert await kick_user(*at, "dad", "Go.") == []
        assert await kick_user(*at, "sis", "Go.") == []


class TestBans:
    NAME = Ban(subject="Größe", kind="name", since=0, reason='a "b" \\ c')
    NETWORK = Ban(subject="192.0.2.0/24", kind="network", since=0)

    async def test_all_gateways_are_told_and_find_it(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str]
    ) -> None:
        given, deaf = await put_ban(*at, self.NAME, 60.0)
        assert deaf == 0
        assert (given.subject, given.kind, given.reason) == ("Größe", "name", 'a "b" \\ c')
        assert (given.until or 0) - given.since == 60_000
        for gateway in (g1, g2):
            await gateway.heard.until(lambda heard: heard.told == ["bans"])
            clock, found = await gateway.backplane.admission.bans()
            assert found == [given]
            assert clock >= given.since

    async def test_they_are_listed_oldest_first_and_a_second_ban_replaces_the_first(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        first, second = (
            (await put_ban(*at, self.NAME, None)).ban,
            (await put_ban(*at, self.NETWORK, None)).ban,
        )
        assert first.until is None
        assert set((await list_bans(*at))[1]) == {first, second}
        again = (
            await put_ban(*at, msgspec.structs.replace(self.NAME, subject="GRÖSSE"), 3600.0)
        ).ban
        assert again.until is not None
        assert look.hlen(keys.bans) == 2
        assert set((await list_bans(*at))[1]) == {again, second}

    async def test_a_ban_that_has_ended_is_removed(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        given = (await put_ban(*at, self.NETWORK, 60.0)).ban
        over = msgspec.structs.replace(given, until=given.since)
        look.hset(keys.bans, over.key, msgspec.json.encode(over))
        assert (await list_bans(*at))[1] == []
        assert look.hlen(keys.bans) == 0

    async def test_a_lifted_ban_is_gone_and_all_gateways_are_told(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        given = (await put_ban(*at, self.NAME, None)).ban
        assert await lift_ban(*at, self.NAME.key) == (given, 0)
        await g1.heard.until(lambda heard: heard.told == ["bans", "bans"])
        assert (await list_bans(*at))[1] == []
        assert await lift_ban(*at, self.NAME.key) is None

    async def test_gateways_that_do_not_hear_of_it_are_counted(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        for id in ("g-deaf", "g-dead"):
            look.hset(keys.gateways, id, "{}")
        look.set(keys.lease("g-deaf"), "{}", px=10_000)
        assert (await put_ban(*at, self.NETWORK, None)).unreached == 1
        assert (await lift_ban(*at, self.NETWORK.key) or (None, 0))[1] == 1
        # One that has drained left its lease behind, and listens no more.
        info = GatewayInfo(listen="", host="", version="", since=0, at=0, draining=True)
        look.set(keys.lease("g-deaf"), msgspec.json.encode(info), px=10_000)
        assert (await put_ban(*at, self.NETWORK, None)).unreached == 0


class TestAnnounce:
    async def test_it_is_a_message_of_the_room_like_any_other(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str]
    ) -> None:
        channels = [await in_room(gateway) for gateway in (g1, g2)]
        [before] = await g1.publish("lobby", [message("hi")])
        id = await publish_announcement(*at, "lobby", "größe\nDinge")
        [after] = await g1.publish("lobby", [message("ho")])
        epoch = before.partition("-")[0]
        assert [before, id, after] == [f"{epoch}-{n}" for n in range(3)]
        for gateway, channel in zip((g1, g2), channels, strict=True):
            await gateway.heard.until(lambda heard, on=channel: len(heard.lines(on)) == 3)
            told = json.loads(gateway.heard.lines(channel)[1])
            assert (told["id"], told["from"], told["room"]) == (id, "*", "lobby")
            assert told["text"] == "größe\nDinge"
            assert abs(datetime.fromisoformat(told["at"]).timestamp() - told["ts"] / 1000) < 60
        assert len((await g1.backplane.read_log(Log("lobby"), b"0-0", 10)).messages) == 3

    async def test_it_makes_no_log_forget(self, start: StartBackplane, at: tuple[str, str]) -> None:
        gateway = await start(history=10_000)
        await gateway.publish("lobby", [message("hi")] * 500)
        await publish_announcement(*at, "lobby", "hear, hear")
        said = await gateway.backplane.read_log(Log("lobby"), b"0-0", 1000)
        assert len(said.messages) == 501

    async def test_it_begins_no_epoch(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        await g1.publish("lobby", [message("hi")])
        epoch = look.get(keys.room_epoch("lobby"))
        await publish_announcement(*at, "lobby", "hear, hear")
        assert look.get(keys.room_epoch("lobby")) == epoch

    async def test_no_gateway_lives(self, g1: Gateway, at: tuple[str, str], kill: Any) -> None:
        kill(g1)
        assert await publish_announcement(*at, "lobby", "hello?") is None

    async def test_a_chat_that_never_existed_stays_empty(
        self, at: tuple[str, str], look: redis.Redis, prefix: str
    ) -> None:
        assert await publish_announcement(*at, "lobby", "hello?") is None
        assert look.keys(f"{prefix}:*") == []


class TestDrain:
    async def test_it_is_told_and_waited_for(
        self, g1: Gateway, g2: Gateway, at: tuple[str, str], tell_of: Any
    ) -> None:
        tell_of(g1)
        draining = asyncio.create_task(drain_gateway(*at, g1.id))
        await g1.heard.until(lambda heard: heard.told == ["drain"])
        tell_of(g1, draining=True)
        assert await draining is True
        assert g2.heard.told == []

    async def test_a_gateway_that_has_ended_has_drained(
        self, g1: Gateway, at: tuple[str, str], kill: Any
    ) -> None:
        draining = asyncio.create_task(drain_gateway(*at, g1.id))
        await g1.heard.until(lambda heard: heard.told)
        kill(g1)
        assert await draining is True

    @pytest.mark.usefixtures("quickly")
    async def test_a_gateway_that_goes_on_is_reported(
        self, g1: Gateway, at: tuple[str, str]
    ) -> None:
        assert await drain_gateway(*at, g1.id) is False

    async def test_a_gateway_that_does_not_listen_is_reported(self, at: tuple[str, str]) -> None:
        assert await drain_gateway(*at, "g-none") is None


class TestAccounts:
    @pytest.fixture
    def put(self, at: tuple[str, str]) -> Any:
        return partial(put_account, *at)

    async def test_a_name_is_registered_once_and_its_password_changed_after_that(
        self, put: Any, at: tuple[str, str]
    ) -> None:
        assert await put("change", "Sis", "h1", "") == (Put.NONE, [])
        assert await put("add", "Sis", "h1", "") == (Put.DONE, [])
        assert await put("add", "SIS", "h2", "") == (Put.EXISTS, [])
        [added] = await list_accounts(*at)
        assert (added.name, added.hash) == ("Sis", "h1")
        assert abs(added.since / 1000 - datetime.now(UTC).timestamp()) < 60
        assert await put("change", "sis", "h2", "") == (Put.DONE, [])
        [changed] = await list_accounts(*at)
        assert changed.changed >= added.changed
        assert changed == msgspec.structs.replace(added, hash="h2", changed=changed.changed)

    async def test_the_record_of_the_holder_stays_readable(
        self, put: Any, look: redis.Redis, keys: Keys, g1: Gateway
    ) -> None:
        dana = msgspec.structs.replace(g1.person("Dana"), hello=2**53)
        await g1.backplane.claim(dana, 0.0, None)
        await put("add", "Dana", "h1", "")
        holder = registration(look.hget(keys.users, "dana"))
        assert holder is not None and holder.session == dana.session

    @pytest.mark.parametrize("written", ["no JSON", "[]", "{}", '{"since":"x","name":1}'])
    async def test_an_unreadable_account_is_left_out_and_can_be_repaired(
        self,
        put: Any,
        at: tuple[str, str],
        look: redis.Redis,
        keys: Keys,
        caplog: pytest.LogCaptureFixture,
        written: str,
    ) -> None:
        look.hset(keys.accounts, "sis", written)
        await put("add", "mom", "h1", "")
        assert [account.name for account in await list_accounts(*at)] == ["mom"]
        assert "an account cannot be read" in caplog.text
        assert await put("change", "sis", "h2", "") == (Put.DONE, [])
        assert [account.name for account in await list_accounts(*at)] == ["mom", "sis"]

    async def test_a_removed_name_is_free(self, put: Any, at: tuple[str, str], g1: Gateway) -> None:
        await put("add", "Sis", "h1", "")
        await put("add", "mom", "h1", "")
        sis = g1.person("sis")
        assert (await g1.backplane.claim(sis, 0.0, None, Proof("open"))).outcome == "locked"
        assert await remove_account(*at, "SIS")
        assert not await remove_account(*at, "SIS")
        assert [account.name for account in await list_accounts(*at)] == ["mom"]
        assert (await g1.backplane.claim(sis, 0.0, None, Proof("open"))).outcome == "granted"

    async def test_nobody_can_resume_a_name_that_was_removed(
        self, put: Any, at: tuple[str, str], g1: Gateway
    ) -> None:
        await put("add", "sis", "h1", "")
        sis = await g1.online("sis")
        await g1.backplane.release([sis], for_good=False)
        assert await remove_account(*at, "sis")
        back = await g1.backplane.claim(g1.person("sis"), 0.0, sis.resume, Proof("required"))
        assert back.outcome == "locked"

    @pytest.mark.parametrize("how", ["add", "change"])
    async def test_the_holder_of_the_name_is_disconnected(
        self, put: Any, g1: Gateway, how: str
    ) -> None:
        if how == "change":
            await put("add", "sis", "h1", "")
        sis = await g1.online("Sis")
        putting = asyncio.create_task(put(how, "sis", "h2", "Come back."))
        await g1.heard.until(lambda heard: heard.told == [f"kick {sis.session} Come back."])
        await g1.release(sis)
        assert await putting == (Put.DONE, [("Sis", sis.session, g1.id, True, True)])

    @pytest.mark.usefixtures("quickly")
    @pytest.mark.parametrize("how", ["add", "change"])
    async def test_its_holders_two_tokens_are_no_longer_good(
        self, put: Any, g1: Gateway, g2: Gateway, how: str
    ) -> None:
        if how == "change":
            await put("add", "sis", "h1", "")
        first = await g1.online("Sis")
        # Whose welcome never arrived would come back with the older one.
        second, _ = await g1.again(first, hello=1)
        await put(how, "sis", "h2", "")
        for token in (first.resume, second.resume):
            new = g2.person("Sis", hello=2)
            assert (await g2.backplane.claim(new, 0.0, token, Proof("open"))).outcome == "locked"

    async def test_a_person_on_a_dead_gateway_does_not_hold_the_name(
        self, put: Any, g1: Gateway, kill: Any
    ) -> None:
        await g1.online("Sis")
        kill(g1)
        assert await put("add", "sis", "h", "") == (Put.DONE, [])
        assert g1.heard.told == []

    @pytest.mark.usefixtures("quickly")
    @pytest.mark.parametrize("how", ["add", "change"])
    @pytest.mark.parametrize("swept", ["before", "afterwards", "never"])
    async def test_a_gateway_that_was_away_meanwhile_does_not_let_its_holder_in_again(
        self, put: Any, g1: Gateway, g2: Gateway, kill: Any, how: str, swept: str
    ) -> None:
        if how == "change":
            await put("add", "sis", "h1", "")
        sis, mom = await g1.online("Sis"), await g1.online("Mom")
        sis = msgspec.structs.replace(sis, since=sis.since - 1000)
        kill(g1)
        if swept == "before":
            await g2.backplane.sweep()
        await put(how, "sis", "h2", "")
        if swept == "afterwards":
            await g2.backplane.sweep()
        await g1.backplane.renew_lease()
        assert (await g1.backplane.claim(sis, 0.0, None)).outcome == "taken"
        assert (await g1.backplane.claim(mom, 0.0, None)).outcome in ("granted", "returned")

    @pytest.mark.usefixtures("quickly")
    @pytest.mark.parametrize("again", [True, False])
    async def test_its_next_owner_gets_no_messages_of_the_last_one(
        self, put: Any, at: tuple[str, str], g1: Gateway, g2: Gateway, again: bool
    ) -> None:
        entry = Proof("open", "h1")
        if again:
            await put("add", "sis", "h1", "")
        mom, sis = await g1.online("Mom"), await g1.online("Sis")
        await g1.whisper(mom, ["sis"], "a secret")
        await g1.release(sis, for_good=False)
        if again:
            await remove_account(*at, "sis")
        await put("add", "sis", "h1", "")
        claimed = await g2.backplane.claim(g2.person("Sis"), 0.0, None, entry)
        began = (claimed.began or {})["@"]
        assert claimed.outcome == "granted"
        assert (await g2.backplane.read_log(Log(PRIVATE, "sis"), began.encode(), 10)).messages == []

    @pytest.mark.usefixtures("quickly")
    async def test_no_older_token_replaces_the_password(
        self, put: Any, g1: Gateway, g2: Gateway, kill: Any
    ) -> None:
        here, left, dead = [await g1.online(name) for name in ("sis", "mom", "dad")]
        dead = msgspec.structs.replace(dead)
        await g1.release(left, for_good=False)
        await put("add", "sis", "h", "")
        await put("add", "mom", "h", "")
        kill(g1)
        await put("add", "dad", "h", "")
        for one in (here, left, dead):
            new = g2.person(one.name, hello=9)
            claimed = await g2.backplane.claim(new, 0.0, one.resume, Proof("open"))
            assert claimed.outcome == "locked", one.name
        assert {user.name for user in await g2.backplane.sweep()} == {"sis", "dad"}
        for one in (here, dead):
            new = g2.person(one.name, hello=9)
            claimed = await g2.backplane.claim(new, 0.0, one.resume, Proof("open"))
            assert claimed.outcome == "locked", one.name
        with_password = Proof("open", "h")
        assert (await g2.backplane.claim(new, 0.0, None, with_password)).outcome == "granted"
