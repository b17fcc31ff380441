"""Who gets in, as all gateways know it: accounts, bans, and passwords that were tried."""

import asyncio
import json
from typing import Any, Literal

import msgspec
import pytest
import redis

from gateway.backplane.contract import KNOWN, Claimed, Log, Proof
from gateway.backplane.keys import Keys
from gateway.backplane.operators import accounts
from gateway.backplane.records import Account, Ban
from gateway.backplane.redis.admission import Attempts
from gateway.errors import BackplaneDown
from tests.contract.household import Gateway
from tests.support.servers import Server
from wire.frames import PRIVATE

OPEN, REQUIRED = Proof("open"), Proof("required")
LOCKED = Claimed("locked", hash="$argon2id$1")
HERE, THERE = "192.0.2.7", "2001:db8::/64"


@pytest.fixture
def register(look: redis.Redis, keys: Keys) -> Any:
    def register(name: str, hash: str = "$argon2id$1") -> None:
        account = Account(name=name, hash=hash, since=1)
        look.hset(keys.accounts, name.casefold(), msgspec.json.encode(account))

    return register


@pytest.fixture
def at(server: Server, prefix: str) -> tuple[str, str]:
    return server.url, prefix


@pytest.fixture
def everything(look: redis.Redis, keys: Keys) -> Any:
    """What Redis knows of users, but for leases."""

    def everything() -> dict[str, Any]:
        found = {}
        for key in look.keys(f"{keys.users}*"):
            if ":lease:" not in key:
                found[key] = look.dump(key) or look.type(key)
        return found

    return everything


class TestAccounts:
    async def test_a_registered_name_is_locked_and_nothing_is_done(
        self, g1: Gateway, register: Any, everything: Any
    ) -> None:
        register("Dana")
        before = everything()
        for auth in (OPEN, REQUIRED, Proof("open", "$argon2id$2"), Proof("required", "x")):
            claimed = await g1.backplane.claim(g1.person("DANA"), 0.0, None, auth)
            assert claimed == LOCKED
        assert everything() == before

    @pytest.mark.parametrize("mode", ["open", "required"])
    async def test_a_person_who_shows_its_password_gets_it(
        self, g1: Gateway, register: Any, mode: Literal["open", "required"]
    ) -> None:
        register("Dana")
        entry = Proof(mode, LOCKED.hash)
        claimed = await g1.backplane.claim(g1.person("dana"), 0.0, None, entry)
        assert claimed.outcome == "granted"
        assert list(await g1.everybody()) == ["dana"]

    async def test_a_free_name_needs_none_where_all_are_let_in(
        self, g1: Gateway, register: Any
    ) -> None:
        register("Dana")
        claimed = await g1.backplane.claim(g1.person("sis"), 0.0, None, OPEN)
        assert claimed.outcome == "granted"

    @pytest.mark.parametrize("hash", ["", "$argon2id$1"])
    async def test_only_registered_ones_are_let_in_where_that_is_required(
        self, g1: Gateway, register: Any, everything: Any, hash: str
    ) -> None:
        register("Dana")
        before = everything()
        claimed = await g1.backplane.claim(g1.person("sis"), 0.0, None, Proof("required", hash))
        assert claimed == Claimed("locked")
        assert everything() == before

    @pytest.mark.parametrize("name", ["dana", "sis"])
    async def test_a_person_the_gateway_knows_already_shows_nothing(
        self, g1: Gateway, register: Any, name: str
    ) -> None:
        register("Dana")
        assert (await g1.backplane.claim(g1.person(name), 0.0, None, KNOWN)).outcome == "granted"

    @pytest.mark.parametrize("entry", [OPEN, REQUIRED])
    async def test_a_token_will_do_instead_of_the_password(
        self, g1: Gateway, g2: Gateway, register: Any, entry: Proof
    ) -> None:
        register("Dana")
        old = await g1.online("dana")
        new = g2.person("dana")
        claimed = await g2.backplane.claim(new, 0.0, old.resume, entry)
        assert claimed.outcome == "resumed"
        await g2.release(new, for_good=False)
        newest = g1.person("dana")
        assert (await g1.backplane.claim(newest, 0.0, new.resume, entry)).outcome == "returned"

    @pytest.mark.parametrize("token", ["00", "wrong"])
    async def test_a_wrong_one_will_not(self, g1: Gateway, register: Any, token: str) -> None:
        register("Dana")
        old = await g1.online("dana")
        await g1.release(old, for_good=False)
        assert await g1.backplane.claim(g1.person("dana"), 0.0, token, OPEN) == LOCKED
        # And has not cost the one who has the right one their way back.
        claimed = await g1.backplane.claim(g1.person("dana"), 0.0, old.resume, OPEN)
        assert claimed.outcome == "returned"

    async def test_a_password_that_was_changed_meanwhile_is_not_accepted(
        self, g1: Gateway, register: Any
    ) -> None:
        register("Dana")
        looked = await g1.backplane.claim(g1.person("dana"), 0.0, None, OPEN)
        register("Dana", "$argon2id$2")
        entry = Proof("open", looked.hash)
        again = await g1.backplane.claim(g1.person("dana"), 0.0, None, entry)
        assert again == Claimed("locked", hash="$argon2id$2")
        assert await g1.everybody() == {}

    async def test_an_account_that_was_removed_meanwhile_leaves_a_free_name(
        self, g1: Gateway, register: Any, look: redis.Redis, keys: Keys
    ) -> None:
        register("Dana")
        look.delete(keys.accounts)
        for mode, outcome in (("required", "locked"), ("open", "granted")):
            entry = Proof(mode, LOCKED.hash)  # type: ignore[arg-type]
            claimed = await g1.backplane.claim(g1.person("dana"), 0.0, None, entry)
            assert claimed.outcome == outcome

    async def test_a_dead_gateways_user_is_not_inherited_without_the_password(
        self, g1: Gateway, g2: Gateway, register: Any, kill: Any, everything: Any
    ) -> None:
        register("Dana")
        old = await g1.online("dana")
        kill(g1)
        before = everything()
        assert await g2.backplane.claim(g2.person("dana"), 0.0, None, OPEN) == LOCKED
        assert everything() == before
        entry = Proof("open", LOCKED.hash)
        claimed = await g2.backplane.claim(g2.person("dana"), 0.0, None, entry)
        # The other session is not its own, and leaves when the dead gateway is swept.
        assert (claimed.outcome, claimed.former, claimed.sessions) == ("joined", None, 2)
        assert [user.session for user in await g2.backplane.sweep()] == [old.session]

    @pytest.mark.parametrize("mode", ["open", "required"])
    async def test_that_a_name_is_in_use_is_not_told_to_who_does_not_know_its_password(
        self, g1: Gateway, g2: Gateway, register: Any, mode: Literal["open", "required"]
    ) -> None:
        register("Dana")
        dana = await g1.online("Dana")
        for hash in ("", "x"):
            claim = g2.backplane.claim(g2.person("dana"), 0.0, None, Proof(mode, hash))
            assert await claim == LOCKED
        assert (await g1.everybody())["Dana"].registration == dana
        assert g1.heard.told == []

    @pytest.mark.parametrize("mode", ["open", "required"])
    async def test_who_knows_it_has_the_name_beside_a_connection_that_has_it(
        self, g1: Gateway, g2: Gateway, register: Any, mode: Literal["open", "required"]
    ) -> None:
        register("Dana")
        old, new = await g1.online("Dana"), g2.person("DANA")
        claimed = await g2.backplane.claim(new, 0.0, None, Proof(mode, LOCKED.hash))
        assert (claimed.outcome, claimed.origin, claimed.sessions) == ("joined", "", 2)
        everybody = await g1.everybody()
        assert {name: each.registration.session for name, each in everybody.items()} == {
            "Dana": old.session,
            "DANA": new.session,
        }
        assert await g1.release(old) == [old.session]
        assert await g2.release(new) == [new.session]
        assert g1.heard.told == g2.heard.told == []

    async def test_who_left_and_shows_the_password_is_told_what_waited(
        self, g1: Gateway, g2: Gateway, register: Any
    ) -> None:
        register("Dana")
        mom, dana = await g1.online("Mom"), await g1.online("Dana")
        await g1.whisper(mom, ["dana"], "had")
        await g1.release(dana, for_good=False)
        for text in ("waits", "waits too"):
            await g1.whisper(mom, ["dana"], text)
        entry = Proof("open", LOCKED.hash)
        claimed = await g2.backplane.claim(g2.person("Dana"), 0.0, None, entry)
        assert (claimed.outcome, claimed.waiting) == ("granted", True)
        said = (await g2.backplane.read_log(Log(PRIVATE, "dana"), claimed.last, 10)).messages
        assert [json.loads(line)["text"] for _, line in said] == ["waits", "waits too"]
        assert (claimed.began or {})["@"] == claimed.last.decode()

    async def test_so_is_who_comes_back_before_a_dead_gateway_is_swept(
        self, g1: Gateway, g2: Gateway, register: Any, kill: Any
    ) -> None:
        register("Dana")
        mom, _ = await g1.online("Mom"), await g2.online("Dana")
        kill(g2)
        await g1.whisper(mom, ["dana"], "waits")
        entry = Proof("open", LOCKED.hash)
        claimed = await g1.backplane.claim(g1.person("Dana"), 0.0, None, entry)
        assert (claimed.outcome, claimed.former, claimed.waiting) == ("joined", None, True)
        said = (await g1.backplane.read_log(Log(PRIVATE, "dana"), claimed.last, 10)).messages
        assert [json.loads(line)["text"] for _, line in said] == ["waits"]

    async def test_so_is_who_shows_a_token_and_does_not_say_what_was_seen(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        mom, dana = await g1.online("Mom"), await g1.online("Dana")
        await g1.whisper(mom, ["dana"], "had")
        await g1.release(dana, for_good=False)
        await g1.whisper(mom, ["dana"], "waits")
        claimed = await g2.backplane.claim(g2.person("Dana"), 0.0, dana.resume, OPEN)
        assert (claimed.outcome, claimed.waiting) == ("returned", True)
        said = (await g2.backplane.read_log(Log(PRIVATE, "dana"), claimed.last, 10)).messages
        assert [json.loads(line)["text"] for _, line in said] == ["waits"]

    @pytest.mark.parametrize("why", ["not registered", "registered since", "nothing waits"])
    async def test_nobody_else_is(
        self, g1: Gateway, g2: Gateway, register: Any, at: tuple[str, str], why: str, kill: Any
    ) -> None:
        mom, dana = await g1.online("Mom"), await g2.online("Dana")
        if why == "nothing waits":
            register("Dana")
            await g2.release(dana, for_good=False)
        elif why == "not registered":
            await g2.release(dana, for_good=False)
            await g1.whisper(mom, ["dana"], "a secret")
        else:
            kill(g2)
            await g1.whisper(mom, ["dana"], "a secret")
            await asyncio.to_thread(accounts.put_account, *at, "add", "Dana", LOCKED.hash, "")
            await g1.backplane.sweep()
        entry = Proof("open", LOCKED.hash)
        claimed = await g1.backplane.claim(g1.person("Dana"), 0.0, None, entry)
        assert (claimed.outcome, claimed.waiting) == ("granted", False)
        said = await g1.backplane.read_log(Log(PRIVATE, "dana"), claimed.last, 10)
        assert said.messages == []

    async def test_a_name_that_is_not_registered_is_not_taken_over(
        self, g1: Gateway, g2: Gateway, register: Any
    ) -> None:
        register("Dana")
        await g1.online("Sis")
        entry = Proof("open", LOCKED.hash)
        assert await g2.backplane.claim(g2.person("sis"), 0.0, None, entry) == Claimed("taken")

    @pytest.mark.parametrize(
        "bad", ["", "no JSON", "[]", "null", "{}", '{"hash":""}', '{"hash":null}']
    )
    async def test_an_account_that_cannot_be_read_keeps_its_name_from_everybody(
        self, g1: Gateway, look: redis.Redis, keys: Keys, bad: str
    ) -> None:
        look.hset(keys.accounts, "dana", bad)
        for hash in ("", "x"):
            claim = g1.backplane.claim(g1.person("Dana"), 0.0, None, Proof("open", hash))
            assert await claim == Claimed("locked")
        assert (await g1.backplane.claim(g1.person("Sis"), 0.0, None, OPEN)).outcome == "granted"


class TestBans:
    async def now(self, g1: Gateway) -> int:
        return (await g1.backplane.admission.bans())[0]

    def ban(self, look: redis.Redis, keys: Keys, subject: str, **fields: Any) -> Ban:
        ban = Ban(**{"subject": subject, "kind": "network", "since": 1, **fields})
        look.hset(keys.bans, ban.key, msgspec.json.encode(ban))
        return ban

    async def test_there_are_none_at_first_and_the_time_is_redis_own(
        self, g1: Gateway, look: redis.Redis
    ) -> None:
        before = look.time()
        clock, bans = await g1.backplane.admission.bans()
        after = look.time()
        assert bans == []
        assert before[0] * 1000 <= clock <= (after[0] + 1) * 1000

    async def test_all_gateways_know_them(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        given = [
            self.ban(look, keys, "192.0.2.0/24", reason="a “reason”"),
            self.ban(look, keys, "2001:db8::/32", until=await self.now(g1) + 3_600_000),
            self.ban(look, keys, "Mallory", kind="name"),
        ]
        for gateway in (g1, g2):
            _, found = await gateway.backplane.admission.bans()
            assert sorted(found, key=lambda ban: ban.key) == sorted(given, key=lambda b: b.key)

    async def test_those_that_are_over_are_forgotten(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        self.ban(look, keys, "Mallory", kind="name", until=await self.now(g1))
        holds = self.ban(look, keys, "192.0.2.0/24")
        _, found = await g1.backplane.admission.bans()
        assert found == [holds]
        assert look.hkeys(keys.bans) == [holds.key]

    @pytest.mark.parametrize(
        "written",
        [
            {"subject": "lobby", "kind": "room", "since": 1},
            {"subject": "192.0.2.7/24", "kind": "network", "since": 1},
            {"kind": "name", "since": 1},
            "no JSON at all",
            [],
            None,
        ],
    )
    async def test_one_that_is_not_understood_does_not_hide_the_others(
        self, g1: Gateway, look: redis.Redis, keys: Keys, written: Any, caplog: Any
    ) -> None:
        value = written if isinstance(written, str) else json.dumps(written)
        look.hset(keys.bans, "written by another version", value)
        holds = self.ban(look, keys, "192.0.2.0/24")
        _, found = await g1.backplane.admission.bans()
        assert found == [holds]
        assert "a ban cannot be read" in caplog.text


class TestTries:
    async def tries(self, gateway: Gateway, name: str, where: str, count: int) -> list[float]:
        attempt = gateway.backplane.admission.try_password
        return [await attempt(name, where) for _ in range(count)]

    async def test_a_limit_for_a_name_from_an_address_on_all_gateways_together(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        assert await self.tries(g1, "dana", HERE, 3) == [0.0] * 3
        *some, wait = await self.tries(g2, "dana", HERE, 3)
        assert some == [0.0] * 2
        assert 0 < wait <= Attempts.WINDOW
        assert (await self.tries(g1, "dana", HERE, 1))[0] > 0
        # Another name, and another address, are others.
        assert await self.tries(g1, "sis", HERE, 1) == [0.0]
        assert await self.tries(g1, "dana", THERE, 1) == [0.0]

    async def test_a_limit_from_an_address_for_all_names(self, g1: Gateway, g2: Gateway) -> None:
        for number in range(Attempts.FROM_ADDRESS):
            assert await self.tries(g1, f"n{number}", HERE, 1) == [0.0]
        assert (await self.tries(g2, "another", HERE, 1))[0] > 0
        assert await self.tries(g2, "another", THERE, 1) == [0.0]

    async def test_a_limit_for_a_name_from_all_addresses(self, g1: Gateway, g2: Gateway) -> None:
        for number in range(Attempts.FOR_NAME):
            assert await self.tries(g1, "dana", f"192.0.2.{number}", 1) == [0.0]
        assert (await self.tries(g2, "dana", THERE, 1))[0] > 0
        assert await self.tries(g2, "sis", THERE, 1) == [0.0]

    async def test_who_has_to_wait_is_not_counted(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await self.tries(g1, "dana", HERE, 50)
        counts = [int(look.get(key) or 0) for key in look.keys(keys.attempts("*"))]
        assert counts == [Attempts.FOR_NAME_FROM_ADDRESS] * 3

    async def test_those_who_try_at_once_get_no_more(self, g1: Gateway, g2: Gateway) -> None:
        attempts = [
            gateway.backplane.admission.try_password("dana", HERE)
            for _ in range(10)
            for gateway in (g1, g2)
        ]
        waits = await asyncio.gather(*attempts)
        assert waits.count(0.0) == Attempts.FOR_NAME_FROM_ADDRESS

    async def test_one_that_was_right_is_taken_back(self, g1: Gateway, g2: Gateway) -> None:
        for _ in range(30):
            assert await self.tries(g1, "dana", HERE, 1) == [0.0]
            await g2.backplane.admission.forgive("dana", HERE)

    async def test_it_does_not_forgive_those_that_were_wrong(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        await self.tries(g1, "dana", HERE, Attempts.FOR_NAME_FROM_ADDRESS)
        await g1.backplane.admission.forgive("dana", HERE)
        assert await self.tries(g2, "dana", HERE, 1) == [0.0]
        assert (await self.tries(g2, "dana", HERE, 1))[0] > 0

    async def test_one_who_knows_a_password_gets_no_more_tries_for_another(
        self, g1: Gateway
    ) -> None:
        admission = g1.backplane.admission
        got = 0
        for _ in range(30):
            got += await admission.try_password("victim", HERE) == 0.0
            if await admission.try_password("mallory", HERE) == 0.0:
                await admission.forgive("mallory", HERE)
        assert got == Attempts.FOR_NAME_FROM_ADDRESS

    async def test_many_addresses_of_one_site_are_no_way_around_it(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        site, got = "2001:db8:1::/48", 0
        attempt = g1.backplane.admission.try_password
        for number in range(20):
            for name in ("dana", "sis", "mom", "dad", "eve"):
                got += await attempt(name, f"2001:db8:1:{number:x}::/64", site) == 0.0
        assert got == Attempts.FROM_SITE
        assert await attempt("dana", "2001:db8:2::/64", "2001:db8:2::/48") == 0.0
        for number in range(20):
            at = f"2001:db8:3:{number:x}::/64"
            wait = await g2.backplane.admission.try_password("dana", at, "2001:db8:3::/48")
            assert (wait == 0.0) is (number < Attempts.FOR_NAME_FROM_SITE)

    async def test_from_where_a_name_was_got_before_strangers_use_up_no_tries(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        assert await self.tries(g1, "dana", HERE, 1) == [0.0]
        await g1.backplane.admission.forgive("dana", HERE)
        for number in range(Attempts.FOR_NAME):
            await self.tries(g1, "dana", f"192.0.2.{number + 20}", 1)
        for number in range(Attempts.FROM_ADDRESS):
            await self.tries(g1, f"n{number}", HERE, 1)
        assert (await self.tries(g2, "dana", THERE, 1))[0] > 0
        *some, wait = await self.tries(g2, "dana", HERE, Attempts.FOR_NAME_FROM_ADDRESS + 1)
        assert (set(some), wait > 0) == ({0.0}, True)
        # It is the owner's address for that name only.
        assert (await self.tries(g2, "sis", HERE, 1))[0] > 0

    async def test_it_is_remembered_for_a_while_from_where_a_name_was_got(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await g1.backplane.admission.forgive("dana", HERE)
        left = look.pttl(keys.got_from("dana", HERE))
        assert 0 < left <= Attempts.REMEMBERED * 1000

    async def test_forgiving_what_is_over_leaves_nothing_behind(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await g1.backplane.admission.forgive("dana", HERE)
        assert look.keys(keys.attempts("*")) == []

    async def test_each_counter_ends_by_itself(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        await self.tries(g1, "dana", HERE, 2)
        await g1.backplane.admission.forgive("dana", HERE)
        await self.tries(g1, "dana", HERE, 1)
        found = look.keys(keys.attempts("*"))
        assert len(found) == 3
        for key in found:
            assert 0 < look.pttl(key) <= Attempts.WINDOW * 1000

    async def test_the_window_is_from_the_first_try_and_ends(
        self, g1: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Attempts, "WINDOW", 0.3)
        attempt = g1.backplane.admission.try_password
        while not (wait := await attempt("dana", HERE)):
            pass
        assert wait <= 0.3
        while await attempt("dana", HERE):  # noqa: ASYNC110  Redis' clock cannot be moved
            await asyncio.sleep(0.02)

    async def test_without_redis_nothing_is_known(self, g1: Gateway, server: Server) -> None:
        g1.backplane._store.give_up(g1.backplane._keys.users)
        await g1.heard.until(lambda heard: "away" in " ".join(heard.told))
        admission = g1.backplane.admission
        for ask in (admission.bans, lambda: admission.try_password("dana", HERE)):
            with pytest.raises(BackplaneDown):
                await ask()
