"""Several sessions of one registered name: they come, act and go as one person."""

import asyncio
import json
from functools import partial
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.contract import KNOWN, Arrival, Departure, Log, Proof, Rename, Touch
from gateway.backplane.keys import Keys
from gateway.backplane.operators import accounts, kick
from gateway.backplane.records import Account, Member, Registration
from tests.contract.household import Gateway, StartBackplane, in_room, message
from tests.support.servers import Server
from wire.codec import decode_event
from wire.frames import PRIVATE, Joined, Left, Renamed
from wire.names import fold
from wire.reasons import OutCode, WireError

kick_user = partial(asyncio.to_thread, kick.kick_user)
put_account = partial(asyncio.to_thread, accounts.put_account)
remove_account = partial(asyncio.to_thread, accounts.remove_account)

HASH = "$argon2id$1"
OPEN = Proof("open")
SHOWN = Proof("open", HASH)


@pytest.fixture
def account(look: redis.Redis, keys: Keys) -> Any:
    """Registers a name, or a further name of an account."""

    def account(name: str, of: str = "") -> None:
        record = Account(name=name, hash="" if of else HASH, since=1, owner=of)
        look.hset(keys.accounts, fold(name), msgspec.json.encode(record))
        if of:
            owner = msgspec.json.decode(look.hget(keys.accounts, of) or "", type=Account)
            owner = msgspec.structs.replace(owner, names=[*owner.names, fold(name)])
            look.hset(keys.accounts, of, msgspec.json.encode(owner))

    return account


@pytest.fixture
def at(server: Server, prefix: str) -> tuple[str, str]:
    return server.url, prefix


async def log_in(gateway: Gateway, name: str, **fields: Any) -> Registration:
    """Somebody shows the password of a name."""
    person = gateway.person(name, **fields)
    await gateway.backplane.subscribe(gateway.backplane.user(person.folded).name)
    claimed = await gateway.backplane.claim(person, 0.0, None, SHOWN)
    assert claimed.outcome in ("granted", "joined", "taken_over"), claimed
    return msgspec.structs.replace(
        person, began=claimed.began, account=claimed.account, rooms=claimed.rooms
    )


async def sessions(gateway: Gateway, folded: str) -> list[str]:
    return [each.registration.session for each in await gateway.backplane.people.sessions(folded)]


def member(person: Registration, **fields: Any) -> Member:
    given = {"name": person.name, "session": person.session, "gateway": person.gateway}
    return Member(**{**given, "origin": person.origin, "account": person.account, **fields})


async def attend(gateway: Gateway, *moves: Any, room: str = "dev") -> None:
    _, state = await gateway.backplane.rooms.state(room)
    await gateway.backplane.rooms.attend(room, state.version, list(moves), create=True)


def comes(person: Registration) -> Arrival:
    return Arrival(person.folded, member(person), told=True)


def goes(person: Registration) -> Departure:
    return Departure(person.folded, person.name, person.session, "left")


async def told(gateway: Gateway, channel: str, count: int) -> list[Any]:
    """The first joins, leaves and new names that a room was told."""
    await gateway.heard.until(lambda heard: len(heard.lines(channel)) >= count)
    return [decode_event(line.encode()) for line in gateway.heard.lines(channel)]


class TestComing:
    async def test_a_registered_name_may_be_here_on_several_gateways(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana")
        first, second = await log_in(g1, "Dana"), await log_in(g2, "dana")
        assert await sessions(g1, "dana") == [first.session, second.session]
        assert first.account == second.account == "dana"

    async def test_a_new_one_begins_in_the_rooms_of_the_others(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana")
        first = await log_in(g1, "Dana")
        first = msgspec.structs.replace(first, rooms=["lobby", "dev"])
        await g1.backplane.rooms.keep(first)
        third = await log_in(g2, "Dana", rooms=["lobby"])
        assert third.rooms == ["lobby", "dev"]

    async def test_a_guest_has_one(self, g1: Gateway, g2: Gateway) -> None:
        await g1.online("sis")
        assert (await g2.backplane.claim(g2.person("sis"), 0.0, None, OPEN)).outcome == "taken"

    async def test_a_token_resumes_its_own_session_and_no_other(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana")
        first, second = await log_in(g1, "Dana"), await log_in(g2, "Dana")
        again = g2.person("Dana")
        claimed = await g2.backplane.claim(again, 0.0, first.resume, OPEN)
        assert (claimed.outcome, claimed.origin, claimed.account) == (
            "resumed",
            first.origin,
            "dana",
        )
        assert await sessions(g1, "dana") == [second.session, again.session]
        await g1.heard.until(lambda heard: heard.told == [f"replaced {first.session}"])
        assert g2.heard.told == []

    async def test_those_that_left_are_resumed_one_by_one(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana")
        both = [await log_in(g1, "Dana"), await log_in(g1, "Dana")]
        await g1.release(*both, for_good=False)
        for old in reversed(both):
            claimed = await g2.backplane.claim(g2.person("Dana"), 0.0, old.resume, OPEN)
            assert (claimed.outcome, claimed.origin) == ("returned", old.origin)
        assert len(await sessions(g1, "dana")) == 2

    async def test_with_one_too_many_the_one_that_was_idle_longest_goes(
        self, start: StartBackplane, account: Any
    ) -> None:
        account("Dana")
        small = await start(limits={"sessions": 3})
        three = [await log_in(small, "Dana") for _ in range(3)]
        await small.backplane.touch(
            [Touch("dana", each.session, ago) for each, ago in zip(three, (1, 40, 20), strict=True)]
        )
        claimed = await small.backplane.claim(small.person("Dana"), 0.0, None, SHOWN)
        assert (claimed.outcome, claimed.sessions) == ("taken_over", 3)
        await small.heard.until(lambda heard: heard.told == [f"replaced {three[1].session}"])
        assert three[1].session not in await sessions(small, "dana")
        # And the token of that one is worth nothing.
        again = await small.backplane.claim(small.person("Dana"), 0.0, three[1].resume, OPEN)
        assert again.outcome == "locked"

    async def test_those_on_a_dead_gateway_do_not_count(
        self, start: StartBackplane, account: Any, kill: Any
    ) -> None:
        account("Dana")
        one, other = await start(limits={"sessions": 2}), await start(limits={"sessions": 2})
        for _ in range(2):
            await log_in(one, "Dana")
        kill(one)
        claimed = await other.backplane.claim(other.person("Dana"), 0.0, None, SHOWN)
        assert claimed.outcome == "joined"

    async def test_a_session_known_to_its_gateway_is_written_down_beside_the_others(
        self, g1: Gateway, g2: Gateway, account: Any, look: redis.Redis, keys: Keys
    ) -> None:
        account("Dana")
        first, second = await log_in(g1, "Dana"), await log_in(g2, "Dana")
        look.delete(keys.users)
        for gateway, each in ((g2, second), (g1, first)):
            claimed = await gateway.backplane.claim(each, 0.0, None, KNOWN)
            assert (claimed.account, claimed.outcome) in (("dana", "granted"), ("dana", "joined"))
        assert await sessions(g1, "dana") == [second.session, first.session]

    async def test_a_line_that_cannot_be_read_stays_as_it_is(
        self, g1: Gateway, account: Any, look: redis.Redis, keys: Keys
    ) -> None:
        account("Dana")
        await log_in(g1, "Dana")
        later = json.dumps({"v": 2, "name": "Dana", "of": "a later release"})
        look.hset(keys.users, "dana", f"{look.hget(keys.users, 'dana')}\n{later}")
        second = await log_in(g1, "Dana")
        await g1.release(second)
        await g1.backplane.people.set_away(
            (await g1.backplane.people.sessions("dana"))[0].registration, "lunch"
        )
        assert str(look.hget(keys.users, "dana")).endswith(f"\n{later}")

    async def test_fields_of_a_later_release_are_kept(
        self, g1: Gateway, account: Any, look: redis.Redis, keys: Keys
    ) -> None:
        account("Dana")
        dana = await log_in(g1, "Dana")
        record = json.loads(str(look.hget(keys.users, "dana"))) | {"mood": ["fine"]}
        look.hset(keys.users, "dana", json.dumps(record))
        await g1.backplane.people.set_away(dana, "lunch")
        await g1.backplane.rooms.keep(dana)
        written = json.loads(str(look.hget(keys.users, "dana")))
        assert (written["mood"], written["away"]) == (["fine"], "lunch")

    async def test_an_unreadable_further_name_belongs_to_nobody(
        self, g1: Gateway, account: Any, look: redis.Redis, keys: Keys
    ) -> None:
        account("Dana")
        look.hset(keys.accounts, "ann", json.dumps({"v": 2, "owner": "dana"}))
        claimed = await g1.backplane.claim(g1.person("ann"), 0.0, None, SHOWN)
        assert claimed.outcome == "locked"


class TestFurtherNames:
    async def test_they_need_the_password_of_the_account(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana"), account("ann", of="dana")
        claimed = await g1.backplane.claim(g1.person("ann"), 0.0, None, OPEN)
        assert (claimed.outcome, claimed.hash) == ("locked", HASH)
        assert (await log_in(g1, "ann")).account == "dana"

    async def test_one_changes_between_them_and_mail_is_kept_for_each(
        self, g1: Gateway, account: Any
    ) -> None:
        account("Dana"), account("ann", of="dana")
        dana, mom = await log_in(g1, "Dana"), await g1.online("Mom")
        await g1.whisper(mom, ["ann"], "for ann")
        renamed = await g1.backplane.people.rename(dana, "Ann")
        assert await sessions(g1, "dana") == []
        [ann] = await g1.backplane.people.sessions("ann")
        assert (ann.registration.name, ann.registration.account) == ("Ann", "dana")
        page = await g1.backplane.read_log(Log(PRIVATE, "ann"), renamed.start, 9)
        assert [json.loads(line)["text"] for _, line in page.messages] == ["for ann"]
        found = await g1.whisper(mom, ["dana", "ann"])
        assert [each.how for each in found.found] == ["later", "here"]

    @pytest.mark.parametrize("name", ["Sis", "Mom", "Carol"])
    async def test_no_other_name_can_be_had(self, g1: Gateway, account: Any, name: str) -> None:
        account("Dana"), account("Carol")
        dana = await log_in(g1, "Dana")
        await g1.online("Mom")
        with pytest.raises(WireError):
            await g1.backplane.people.rename(dana, name)
        assert await sessions(g1, "dana") == [dana.session]

    async def test_of_two_guests_who_want_a_name_one_gets_it(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, mom = await g1.online("sis"), await g2.online("mom")
        await g1.backplane.people.rename(sis, "ann")
        with pytest.raises(WireError) as refused:
            await g2.backplane.people.rename(mom, "Ann")
        assert refused.value.code == "name_taken"
        assert sorted(await g1.everybody()) == ["ann", "mom"]

    async def test_a_guest_takes_along_what_was_said(self, g1: Gateway, g2: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g2.online("mom")
        await g2.whisper(mom, ["sis"], "before")
        renamed = await g1.backplane.people.rename(sis, "ann")
        assert renamed.last == renamed.start
        await g2.whisper(mom, ["ann"], "after")
        page = await g1.backplane.read_log(Log(PRIVATE, "ann"), b"0-0", 9)
        assert [json.loads(line)["text"] for _, line in page.messages] == ["before", "after"]
        assert (await g1.whisper(mom, ["sis"])).id is None

    async def test_who_has_a_guests_old_name_later_reads_nothing_of_it(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, mom = await g1.online("sis"), await g2.online("mom")
        await g2.whisper(mom, ["sis"], "before")
        await g1.backplane.people.rename(sis, "ann")
        next_one = await g2.online("sis")
        page = await g2.backplane.read_log(Log(PRIVATE, "sis"), next_one.began["@"].encode(), 9)
        assert page.messages == []

    async def test_removing_an_account_removes_them(
        self, g1: Gateway, account: Any, at: tuple[str, str]
    ) -> None:
        account("Dana"), account("ann", of="dana")
        assert sorted(await remove_account(*at, "dana")) == ["ann", "dana"]
        for name in ("dana", "ann"):
            assert (await g1.backplane.claim(g1.person(name), 0.0, None, OPEN)).outcome == "granted"


class TestInRooms:
    async def test_a_person_comes_with_the_first_and_leaves_with_the_last(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana")
        channel = await in_room(g2, "dev")
        first, second = await log_in(g1, "Dana"), await log_in(g2, "Dana")
        await attend(g1, comes(first))
        await attend(g2, comes(second))
        await attend(g1, goes(first))
        page = await g1.backplane.rooms.members("dev", "0")
        assert [each.session for each in page.members["dana"]] == [second.session]
        await attend(g2, goes(second))
        assert await told(g2, channel, 2) == [
            Joined(room="dev", name="Dana", account="dana"),
            Left(room="dev", name="Dana", code="left"),
        ]

    async def test_departures_of_both_at_once_are_one(self, g1: Gateway, account: Any) -> None:
        account("Dana")
        channel = await in_room(g1, "dev")
        both = [await log_in(g1, "Dana") for _ in range(2)]
        await attend(g1, *map(comes, both))
        await attend(g1, *map(goes, both))
        await attend(g1, comes(both[0]))
        events = await told(g1, channel, 3)
        assert [type(event).__name__ for event in events] == ["Joined", "Left", "Joined"]

    async def test_a_session_twice_is_one(self, g1: Gateway, account: Any) -> None:
        account("Dana")
        dana = await log_in(g1, "Dana")
        for _ in range(3):
            await attend(g1, comes(dana))
        page = await g1.backplane.rooms.members("dev", "0")
        assert [each.session for each in page.members["dana"]] == [dana.session]

    async def test_a_line_of_a_later_release_does_not_keep_anybody_in(
        self, g1: Gateway, account: Any, look: redis.Redis, keys: Keys
    ) -> None:
        account("Dana")
        channel = await in_room(g1, "dev")
        dana = await log_in(g1, "Dana")
        await attend(g1, comes(dana))
        text = str(look.hget(keys.room_members("dev"), "dana"))
        look.hset(keys.room_members("dev"), "dana", text + '\n{"v":2,"session":"x"}')
        await attend(g1, goes(dana))
        events = await told(g1, channel, 2)
        assert events[-1] == Left(room="dev", name="Dana", code="left")

    @pytest.mark.parametrize("name", ["Ann", "DANA"])
    async def test_a_new_name_of_the_only_session_is_a_new_name(
        self, g1: Gateway, account: Any, name: str
    ) -> None:
        channel = await in_room(g1, "dev")
        dana = await g1.online("Dana")
        await attend(g1, comes(dana))
        renamed = member(dana, name=name)
        for _ in range(2):
            # Nobody knows whether the first call got through.
            await attend(g1, Rename(fold(name), renamed, dana))
        events = await told(g1, channel, 2)
        assert events[1] == Renamed("Dana", name, room="dev")
        page = await g1.backplane.rooms.members("dev", "0")
        assert page.members == {fold(name): [renamed]}
        assert not any(isinstance(event, Left | Joined) for event in events[1:])

    async def test_a_new_name_of_one_of_two_sessions_is_somebody_else_who_comes(
        self, g1: Gateway, account: Any
    ) -> None:
        account("Dana"), account("ann", of="dana")
        channel = await in_room(g1, "dev")
        one, two = await log_in(g1, "Dana"), await log_in(g1, "Dana")
        await attend(g1, comes(one), comes(two))
        await attend(g1, Rename("ann", member(one, name="ann"), one))
        await attend(g1, Rename("ann", member(two, name="ann"), two))
        assert await told(g1, channel, 3) == [
            Joined(room="dev", name="Dana", account="dana"),
            Joined(room="dev", name="ann", account="dana"),
            Left(room="dev", name="Dana", code=OutCode.RENAMED),
        ]


class TestTogether:
    async def test_all_get_what_is_private_and_what_the_person_says(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana")
        phone, _ = await log_in(g1, "Dana"), await log_in(g2, "Dana")
        mom = await g1.online("Mom")
        await g1.whisper(mom, ["dana"], "to you")
        await g1.backplane.whisper(phone, ["mom"], message("from you", from_="Dana"), seq=None)
        for gateway in (g1, g2):
            channel = gateway.backplane.user("dana").name
            await gateway.heard.until(lambda heard, on=channel: len(heard.lines(on)) == 2)
            lines = [json.loads(line) for line in gateway.heard.lines(channel)]
            assert [line["text"] for line in lines] == ["to you", "from you"]
            assert len({line["id"] for line in lines}) == 2

    async def test_orders_reach_all_but_one(self, g1: Gateway, g2: Gateway, account: Any) -> None:
        account("Dana")
        first, second = await log_in(g1, "Dana"), await log_in(g2, "Dana")
        await g1.backplane.order("dana", "enter", "dev", but=first.session)
        await g2.heard.until(lambda heard: heard.told == [f"enter {second.session} dev"])
        await g2.backplane.order("dana", "invited", "dev Mom")
        await g1.heard.until(lambda heard: heard.told == [f"invited {first.session} dev Mom"])

    async def test_what_is_kept_with_the_account_is_told_under_all_its_names(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana"), account("ann", of="dana")
        await log_in(g1, "Dana"), await log_in(g2, "ann")
        await g1.backplane.people.tell("dana", b'{"op":"marks","marks":{}}\n')
        for gateway, name in ((g1, "dana"), (g2, "ann")):
            channel = gateway.backplane.user(name).name
            await gateway.heard.until(lambda heard, on=channel: heard.lines(on))

    async def test_a_person_is_away_if_all_are(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana")
        first, second = await log_in(g1, "Dana"), await log_in(g2, "Dana")
        mom = await g1.online("Mom")
        away = g1.backplane.people.set_away
        assert await away(first, "lunch") == (None, None)
        assert (await g1.whisper(mom, ["dana"])).found[0].away is None
        assert await away(second, "") == (None, "")
        assert (await g1.whisper(mom, ["dana"])).found[0].away == ""
        assert await away(first, None) == ("", None)

    async def test_one_can_be_kicked_alone(
        self, g1: Gateway, g2: Gateway, account: Any, at: tuple[str, str]
    ) -> None:
        account("Dana")
        first, second = await log_in(g1, "Dana"), await log_in(g2, "Dana")
        await g2.release(second)
        assert await kick_user(*at, "dana", "Go.", "another") == []
        second = await log_in(g2, "Dana")
        import asyncio

        kicking = asyncio.create_task(kick_user(*at, "dana", "Go.", second.session))
        await g2.heard.until(lambda heard: heard.told == [f"kick {second.session} Go."])
        await g2.release(second)
        [asked] = await kicking
        assert (asked.session, asked.ended) == (second.session, True)
        assert await sessions(g1, "dana") == [first.session]

    async def test_a_new_password_ends_all_but_the_one_that_asked(
        self, g1: Gateway, g2: Gateway, account: Any
    ) -> None:
        account("Dana"), account("ann", of="dana")
        asks, other, third = (
            await log_in(g1, "Dana"),
            await log_in(g2, "Dana"),
            await log_in(g2, "ann"),
        )
        put = await g1.backplane.people.change_password(asks, "$argon2id$2", "Changed.")
        assert put == "DONE"
        ended = {f"kick {other.session} Changed.", f"kick {third.session} Changed."}
        await g2.heard.until(lambda heard: set(heard.told) == ended)
        assert g1.heard.told == []
        # The one that asked stays, also when its gateway writes it down again.
        claimed = await g1.backplane.claim(asks, 0.0, None, KNOWN)
        assert (claimed.outcome, claimed.account) == ("granted", "dana")
        for old in (other, third):
            again = await g2.backplane.claim(g2.person(old.name), 0.0, old.resume, OPEN)
            assert again.outcome == "locked"
        # Its gateway was away meanwhile, and does not know it.
        other = msgspec.structs.replace(other, since=other.since - 1000)
        assert (await g2.backplane.claim(other, 0.0, None, KNOWN)).outcome == "taken"


class TestRegistering:
    async def test_a_guest_registers_its_name_and_goes_on(self, g1: Gateway, g2: Gateway) -> None:
        sis = await g1.online("Sis")
        people = g1.backplane.people
        assert await people.register(sis, "Sis", HASH) == "DONE"
        [listed] = await people.sessions("sis")
        assert (listed.registration.session, listed.registration.account) == (sis.session, "sis")
        assert (await g2.backplane.claim(g2.person("sis"), 0.0, None, OPEN)).outcome == "locked"
        assert (await log_in(g2, "sis")).account == "sis"
        assert g1.heard.told == []

    async def test_what_cannot_be_registered(self, g1: Gateway, g2: Gateway, account: Any) -> None:
        account("Carol"), account("Dana")
        dana, sis = await log_in(g1, "Dana"), await g2.online("Sis")
        register = g1.backplane.people.register
        assert await register(dana, "Carol", "", of="dana") == "EXISTS"
        assert await register(dana, "Sis", "", of="dana") == "TAKEN"
        assert await register(g1.person("Nobody"), "Nobody", HASH) == "GONE"
        for number in range(10):
            assert await register(dana, f"dana{number}", "", of="dana") == "DONE"
        assert await register(dana, "dana10", "", of="dana") == "MANY"
        assert await g2.release(sis) == [sis.session]

    async def test_an_operator_gives_an_account_a_further_name(
        self, g1: Gateway, account: Any, at: tuple[str, str]
    ) -> None:
        account("Dana")
        assert (await put_account(*at, "add", "Ann", "", "", "dana"))[0] == "DONE"
        assert (await put_account(*at, "add", "Eve", "", "", "nobody"))[0] == "NONE"
        assert (await put_account(*at, "change", "Ann", "h2", ""))[0] == "OWNED"
        assert (await log_in(g1, "ann")).account == "dana"

    async def test_of_one_network_few_names_a_day(self, g1: Gateway, g2: Gateway) -> None:
        counts = [await g.backplane.people.count_registered("192.0.2.7") for g in (g1, g2) * 3]
        assert counts == [True] * 5 + [False]
        assert await g1.backplane.people.count_registered("192.0.2.8")


class TestQuiet:
    """A session that is quiet is in a room like any other, and people are not told."""

    async def test_people_are_told_neither_of_its_coming_nor_of_its_leaving(
        self, g1: Gateway
    ) -> None:
        channel = await in_room(g1, "dev")
        cron = await g1.online("cron", quiet=True)
        await attend(g1, Arrival(cron.folded, member(cron, quiet=True), told=False))
        page = await g1.backplane.rooms.members("dev", "0")
        assert list(page.members) == ["cron"]
        await attend(g1, goes(cron))
        events = await told(g1, channel, 2)
        assert [type(each) for each in events] == [Joined, Left]
        assert kinds(g1, channel) == ["~", "~"]

    async def test_beside_a_session_that_is_not_quiet_it_does_not_count(
        self, g1: Gateway, account: Any
    ) -> None:
        account("Dana")
        channel = await in_room(g1, "dev")
        cron, phone = await log_in(g1, "Dana", quiet=True), await log_in(g1, "Dana")
        await attend(g1, Arrival(cron.folded, member(cron, quiet=True), told=False))
        await attend(g1, comes(phone))
        await attend(g1, goes(phone))
        await attend(g1, goes(cron))
        events = await told(g1, channel, 4)
        assert [type(each) for each in events] == [Joined, Joined, Left, Left]
        assert kinds(g1, channel) == ["~", "+", "+", "~"]


def kinds(gateway: Gateway, channel: str) -> list[str]:
    """For each time that something was published: whether people are told (+), or not (~)."""
    return [head[0] for on, head in gateway.heard.heads if on == channel]
