"""What is done with messages that were said: deleted, reacted to, read again; and mail."""

import asyncio
import json
from functools import partial
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.contract import Log, Outgoing, Proof, author_of
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.operators import audit, erase
from gateway.backplane.records import Audited, Registration
from gateway.channels.reading import read_on
from gateway.errors import NoSuchRoom, RoomChanged, TooMuchWaits
from tests.contract.household import Gateway, StartBackplane, in_room, message
from tests.contract.test_sessions import HASH
from tests.support.servers import Server
from wire.codec import decode_event, encode_body
from wire.frames import PRIVATE, Deleted, Gap, Msg, Reacted
from wire.reasons import WireError

LOBBY = Log("lobby")
erased = partial(asyncio.to_thread, erase.erase)
audited = partial(asyncio.to_thread, audit.read)


@pytest.fixture
def at(server: Server, prefix: str) -> tuple[str, str]:
    return server.url, prefix


async def say(
    gateway: Gateway, sender: Registration, *texts: str, room: str = "lobby"
) -> list[str]:
    outgoing = [
        Outgoing(message(text, room=room, from_=sender.name), sender.origin, account=sender.account)
        for text in texts
    ]
    return await gateway.publish(room, list(outgoing))


async def version(gateway: Gateway, room: str = "lobby") -> str:
    return (await gateway.backplane.rooms.state(room))[1].version


async def delete(gateway: Gateway, ids: list[str], by: Registration, **fields: Any) -> str:
    return await gateway.backplane.erase("lobby", await version(gateway), ids, by.name, **fields)


async def told(gateway: Gateway, log: Log, after: bytes = NOTHING) -> list[Any]:
    """What a reader of a log is told who was there from the beginning."""
    if after == NOTHING:
        after = (await gateway.backplane.read_log(log, NOTHING, 1)).start
    events, more = [], True
    while more:
        after, lines, more = await read_on(gateway.backplane, log, after)  # type: ignore[arg-type]
        events += [decode_event(line) for line in lines]
    return events


def texts(events: list[Any]) -> list[str]:
    return ["gap" if isinstance(e, Gap) else e.text if isinstance(e, Msg) else "-" for e in events]


async def heard(gateway: Gateway, channel: str, kind: type) -> Any:
    """The first event of a kind that a channel brings."""

    def found(heard: Any) -> list[Any]:
        events = [decode_event(line.encode()) for line in heard.lines(channel)]
        return [event for event in events if isinstance(event, kind)]

    await gateway.heard.until(found)
    return found(gateway.heard)[0]


class TestDeleting:
    async def test_all_gateways_are_told_and_nobody_reads_it_again(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        channel = await in_room(g2)
        sis = await g1.online("sis")
        ids = await say(g1, sis, "a", "b", "c")
        id = await delete(g1, [ids[1]], sis, author=author_of(sis), within=60.0)
        event = await heard(g2, channel, Deleted)
        assert (event.id, event.targets, event.from_, event.by) == (id, [ids[1]], "sis", "sis")
        assert texts(await told(g2, LOBBY)) == ["a", "c", "-"]
        lines, _ = await g2.backplane.read_back(LOBBY, None, 9)
        assert not any(b'"b"' in line for line in lines)

    @pytest.mark.parametrize("which", [[0], [1], [4], [0, 1], [0, 2, 4], [0, 1, 2, 3, 4]])
    @pytest.mark.parametrize("after", [-1, 0, 2])
    async def test_no_hole_is_told(self, g1: Gateway, which: list[int], after: int) -> None:
        sis = await g1.online("sis")
        ids = await say(g1, sis, "a", "b", "c", "d", "e")
        for number in which:
            await delete(g1, [ids[number]], sis)
        seen = NOTHING if after < 0 else ids[after].encode()
        left = [c for n, c in enumerate("abcde") if n not in which and n > after]
        assert texts(await told(g1, LOBBY, seen)) == left + ["-"] * len(which)

    async def test_what_was_trimmed_is_still_a_hole(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("sis")
        ids = await say(g1, sis, "a", "b", "c", "d")
        start = (await g1.backplane.read_log(LOBBY, NOTHING, 1)).start
        await delete(g1, [ids[0]], sis)
        look.xtrim(keys.room_log("lobby"), minid=ids[2], approximate=False)
        await delete(g1, [ids[2]], sis)
        assert texts(await told(g1, LOBBY, start)) == ["gap", "d", "-", "-"]
        assert texts(await told(g1, LOBBY, ids[1].encode())) == ["d", "-", "-"]

    async def test_only_its_author_can_and_not_for_long(self, g1: Gateway, g2: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g2.online("mom")
        [id] = await say(g1, sis, "a")
        for by, within, code in ((mom, 60.0, "not_yours"), (sis, 0.0, "too_late")):
            await asyncio.sleep(0.002)
            with pytest.raises(WireError) as refused:
                await delete(g1, [id], by, author=author_of(by), within=within)
            assert refused.value.code == code
        assert texts(await told(g1, LOBBY)) == ["a"]

    async def test_an_account_can_whatever_its_name_and_session(self, g1: Gateway) -> None:
        dana = g1.person("Dana", account="dana")
        other = g1.person("ann", account="dana")
        [id] = await say(g1, dana, "a")
        await delete(g1, [id], other, author=author_of(other), within=60.0)
        assert texts(await told(g1, LOBBY)) == ["-"]

    async def test_the_next_guest_of_that_name_cannot(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        [id] = await say(g1, sis, "a")
        await g1.release(sis)
        another = await g1.online("sis")
        with pytest.raises(WireError) as refused:
            await delete(g1, [id], another, author=author_of(another), within=60.0)
        assert refused.value.code == "not_yours"

    @pytest.mark.parametrize("id", ["1-1", "junk", "", "-", "+", "0-0"])
    async def test_what_is_not_there_cannot_be_deleted(self, g1: Gateway, id: str) -> None:
        sis = await g1.online("sis")
        [there] = await say(g1, sis, "a")
        for ids in ([id], [there, id]):
            with pytest.raises(WireError) as refused:
                await delete(g1, ids, sis)
            assert refused.value.code == "no_such_message"
        assert texts(await told(g1, LOBBY)) == ["a"]

    async def test_a_tombstone_cannot_be_deleted(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        [id] = await say(g1, sis, "a")
        tombstone = await delete(g1, [id], sis)
        for each in (id, tombstone):
            with pytest.raises(WireError):
                await delete(g1, [each], sis)

    async def test_an_outdated_decision_is_refused(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        [id] = await say(g1, sis, "a")
        with pytest.raises(RoomChanged):
            await g1.backplane.erase("lobby", "7", [id], "sis")
        assert texts(await told(g1, LOBBY)) == ["a"]


class TestErase:
    async def test_some_ids(self, g1: Gateway, at: tuple[str, str]) -> None:
        sis = await g1.online("sis")
        ids = await say(g1, sis, "a", "b", "c")
        assert await erased(*at, "lobby", ids=[ids[0], ids[0], "1-1", ids[2]]) == 2
        assert texts(await told(g1, LOBBY)) == ["b", "-"]

    async def test_everything_of_one_person(self, g1: Gateway, at: tuple[str, str]) -> None:
        channel = await in_room(g1)
        sis, mom = await g1.online("Sis"), await g1.online("mom")
        for number in range(120):
            await say(g1, sis, f"s{number}")
            await say(g1, mom, f"m{number}")
        assert await erased(*at, "lobby", ids=[], name="SIS") == 120
        kept = texts(await told(g1, LOBBY))
        assert kept == [f"m{number}" for number in range(120)] + ["-", "-"]
        event = await heard(g1, channel, Deleted)
        assert (event.from_, event.by, len(event.targets)) == ("Sis", "*", 100)
        assert await erased(*at, "lobby", ids=[], name="SIS") == 0

    async def test_everything(self, g1: Gateway, at: tuple[str, str]) -> None:
        channel = await in_room(g1)
        sis = await g1.online("Sis")
        ids = await say(g1, sis, *map(str, range(50)))
        await g1.backplane.react(
            "lobby", await version(g1), Reacted(target=ids[0], from_="Sis", emoji="x"), "sis"
        )
        assert await erased(*at, "lobby", ids=[], everything=True) == 50
        event = await heard(g1, channel, Deleted)
        assert event.upto is not None and event.targets == []
        assert texts(await told(g1, LOBBY)) == ["-"]
        assert await g1.backplane.reactions(LOBBY, ids) == {}
        await say(g1, sis, "after")
        assert texts(await told(g1, LOBBY, event.upto.encode())) == ["-", "after"]

    async def test_a_room_that_is_not_there(self, at: tuple[str, str]) -> None:
        with pytest.raises(NoSuchRoom):
            await erased(*at, "attic", ids=["1-1"])


class TestReactions:
    async def react(
        self, gateway: Gateway, id: str, by: str, emoji: str, *, on: bool = True
    ) -> str:
        reaction = Reacted(room="lobby", target=id, from_=by, emoji=emoji, on=on)
        return await gateway.backplane.react(
            "lobby", await version(gateway), reaction, by.casefold()
        )

    async def test_each_person_counts_once(self, g1: Gateway, g2: Gateway) -> None:
        channel = await in_room(g2)
        sis = await g1.online("sis")
        [id] = await say(g1, sis, "a")
        assert await self.react(g1, id, "Mom", "👍")
        assert await self.react(g2, id, "Mom", "👍") == ""
        assert await self.react(g2, id, "dad", "👍")
        assert await g1.backplane.reactions(LOBBY, [id]) == {id: {"👍": ["Mom", "dad"]}}
        assert await self.react(g1, id, "mom", "👍", on=False)
        assert await self.react(g1, id, "mom", "👍", on=False) == ""
        assert await g1.backplane.reactions(LOBBY, [id]) == {id: {"👍": ["dad"]}}
        await g2.heard.until(lambda heard: len(heard.lines(channel)) == 4)
        events = [decode_event(line.encode()) for line in g2.heard.lines(channel)]
        counts = [event.count for event in events if isinstance(event, Reacted)]
        assert counts == [1, 2, 1]

    async def test_they_go_with_the_message(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        [id] = await say(g1, sis, "a")
        await self.react(g1, id, "mom", "👍")
        await delete(g1, [id], sis)
        assert await g1.backplane.reactions(LOBBY, [id]) == {}
        with pytest.raises(WireError) as refused:
            await self.react(g1, id, "mom", "👍")
        assert refused.value.code == "no_such_message"

    async def test_a_message_has_few_kinds(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        [id] = await say(g1, sis, "a")
        for number in range(20):
            await self.react(g1, id, "mom", f"e{number}")
        with pytest.raises(WireError) as refused:
            await self.react(g1, id, "mom", "one more")
        assert refused.value.code == "too_many_entries"
        assert await self.react(g1, id, "dad", "e3"), "one that is there already"

    @pytest.mark.parametrize("damaged", ["junk", "[]", '{"👍":7}', '{"👍":{"mom":7}}', "null"])
    async def test_what_cannot_be_read_costs_itself(
        self, g1: Gateway, look: redis.Redis, keys: Keys, damaged: str
    ) -> None:
        sis = await g1.online("sis")
        [id, other] = await say(g1, sis, "a", "b")
        await self.react(g1, other, "mom", "👍")
        look.hset(keys.room_reactions("lobby"), id, damaged)
        assert await g1.backplane.reactions(LOBBY, [id, other]) == {other: {"👍": ["mom"]}}
        assert await self.react(g1, id, "dad", "🎉")


class TestPrivate:
    async def copies(self, gateway: Gateway, *names: str) -> list[list[str]]:
        return [texts(await told(gateway, Log(PRIVATE, name))) for name in names]

    async def whisper(self, gateway: Gateway, sender: Registration, *names: str) -> Msg:
        body = message("psst", from_=sender.name, key="k" + sender.origin)
        whispered = await gateway.backplane.whisper(sender, list(names), body, seq=None)
        lines, _ = await gateway.backplane.read_back(Log(PRIVATE, sender.folded), None, 1)
        found = decode_event(lines[0])
        assert isinstance(found, Msg) and found.id == whispered.id
        return found

    async def mark(
        self, gateway: Gateway, by: Registration, id: str, event: Any, *people: str, **fields: Any
    ) -> str:
        given = {"within": 60.0, **fields}
        return await gateway.backplane.mark_private(by, id, event, list(people), **given)

    async def test_a_deleted_one_is_gone_for_all_who_have_it(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, mom = await g1.online("sis"), await g2.online("mom")
        await g1.online("dad")
        said = await self.whisper(g1, sis, "mom", "dad")
        await self.mark(g1, sis, said.id, Deleted(by="sis"), "sis", "mom", "dad")
        assert await self.copies(g1, "sis", "mom", "dad") == [["-"]] * 3
        event = await heard(g2, g2.backplane.user("mom").name, Deleted)
        assert event.targets == [said.key]
        assert mom.session

    async def test_only_its_author_can(self, g1: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g1.online("mom")
        await self.whisper(g1, sis, "mom")
        lines, _ = await g1.backplane.read_back(Log(PRIVATE, "mom"), None, 1)
        copy = decode_event(lines[0])
        assert isinstance(copy, Msg)
        with pytest.raises(WireError) as refused:
            await self.mark(g1, mom, copy.id, Deleted(by="mom"), "sis", "mom")
        assert refused.value.code == "not_yours"
        assert await self.copies(g1, "sis", "mom") == [["psst"], ["psst"]]

    async def test_a_reaction_is_told_to_both(self, g1: Gateway, g2: Gateway) -> None:
        sis, mom = await g1.online("sis"), await g2.online("mom")
        said = await self.whisper(g1, sis, "mom")
        lines, _ = await g2.backplane.read_back(Log(PRIVATE, "mom"), None, 1)
        copy = decode_event(lines[0])
        assert isinstance(copy, Msg) and said.key is not None
        reaction = Reacted(from_="mom", emoji="👍")
        assert await self.mark(g2, mom, copy.id, reaction, "mom", "sis")
        assert await self.mark(g2, mom, copy.id, reaction, "mom", "sis") == ""
        event = await heard(g1, g1.backplane.user("sis").name, Reacted)
        assert (event.target, event.count, event.from_) == (said.key, 1, "mom")
        for name in ("sis", "mom"):
            found = await g1.backplane.reactions(Log(PRIVATE, name), [said.key])
            assert found == {said.key: {"👍": ["mom"]}}

    async def test_the_next_guest_of_a_name_is_told_nothing_of_it(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, mom = await g1.online("sis"), await g2.online("mom")
        said = await self.whisper(g1, sis, "mom")
        await g2.release(mom, for_good=False)
        await g2.online("mom")
        await self.mark(g1, sis, said.id, Deleted(by="sis"), "sis", "mom")
        await heard(g1, g1.backplane.user("sis").name, Deleted)
        lines = g2.heard.lines(g2.backplane.user("mom").name)
        assert [json.loads(line)["op"] for line in lines] == ["msg"]
        # But the message itself is gone.
        assert "psst" not in (await self.copies(g1, "mom"))[0]


class TestMail:
    @pytest.fixture
    def mom(self, look: redis.Redis, keys: Keys) -> None:
        account = {"v": 1, "name": "Mom", "hash": HASH, "since": 1}
        look.hset(keys.accounts, "mom", json.dumps(account))

    @pytest.mark.usefixtures("mom")
    async def test_it_waits_for_a_registered_name_that_was_never_here(
        self, g1: Gateway, g2: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis = await g1.online("sis")
        found = (await g1.whisper(sis, ["mom"], "for you")).found
        assert [(each.name, each.how) for each in found] == [("Mom", "later")]
        assert 3_500_000 < look.pttl(keys.user_log("mom")) <= 3_600_000
        claimed = await g2.backplane.claim(g2.person("Mom"), 0.0, None)
        assert (claimed.outcome, claimed.waiting) == ("granted", False), "not the owner"
        await g2.release(g2.person("Mom", session="x"))

    @pytest.mark.usefixtures("mom")
    @pytest.mark.parametrize("how", ["connection lost", "gateway lost", "spoken"])
    async def test_it_waits_on_if_the_welcome_may_never_have_arrived(
        self, g1: Gateway, g2: Gateway, kill: Any, how: str
    ) -> None:
        sis = await g1.online("sis")
        await g1.whisper(sis, ["mom"], "for you")
        shown = Proof("open", HASH)
        first = g2.person("Mom")
        claimed = await g2.backplane.claim(first, 0.0, None, shown)
        assert claimed.waiting
        first = msgspec.structs.replace(
            first, account="mom", began=claimed.began, mail=claimed.last.decode()
        )
        if how == "gateway lost":
            kill(g2)
            await g1.backplane.sweep()
        else:
            if how == "spoken":
                first = msgspec.structs.replace(first, mail="")
                await g2.backplane.rooms.keep(first)
            await g2.release(first, for_good=False)
        again = await g1.backplane.claim(g1.person("Mom"), 0.0, None, shown)
        assert again.waiting == (how != "spoken")
        lines = (await g1.backplane.read_log(Log(PRIVATE, "mom"), again.last, 9)).messages
        assert [json.loads(line)["text"] for _, line in lines] == ["for you"][: again.waiting]

    @pytest.mark.usefixtures("mom")
    async def test_it_is_for_the_next_session_too_while_nobody_knows_that_it_has_arrived(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, shown = await g1.online("sis"), Proof("open", HASH)
        await g1.whisper(sis, ["mom"], "for you")
        first, second = g2.person("Mom"), g1.person("Mom")
        one = await g2.backplane.claim(first, 0.0, None, shown)
        two = await g1.backplane.claim(second, 0.0, None, shown)
        assert (one.waiting, two.waiting, two.last) == (True, True, one.last)
        for gateway, person in ((g1, second), (g2, first)):
            await gateway.backplane.rooms.keep(msgspec.structs.replace(person, mail=""))
        assert not (await g1.backplane.claim(g1.person("Mom"), 0.0, None, shown)).waiting

    @pytest.mark.usefixtures("mom")
    async def test_a_quiet_session_takes_none_and_what_it_gets_waits_too(
        self, g1: Gateway, g2: Gateway
    ) -> None:
        sis, shown = await g1.online("sis"), Proof("open", HASH)
        await g1.whisper(sis, ["mom"], "before")
        quiet = g2.person("Mom", quiet=True)
        await g2.backplane.subscribe(g2.backplane.user("mom").name)
        claimed = await g2.backplane.claim(quiet, 0.0, None, shown)
        assert not claimed.waiting
        found = (await g1.whisper(sis, ["mom"], "meanwhile")).found
        assert [each.how for each in found] == ["here"]
        await heard(g2, g2.backplane.user("mom").name, Msg)
        again = await g1.backplane.claim(g1.person("Mom"), 0.0, None, shown)
        assert again.waiting
        lines = (await g1.backplane.read_log(Log(PRIVATE, "mom"), again.last, 9)).messages
        assert [json.loads(line)["text"] for _, line in lines] == ["before", "meanwhile"]
        # Beside a session that is not quiet nothing waits.
        await g1.whisper(sis, ["mom"], "heard")
        await g2.release(quiet)
        newest = await g2.backplane.claim(g2.person("Mom"), 0.0, None, shown)
        lines = (await g1.backplane.read_log(Log(PRIVATE, "mom"), newest.tail, 9)).messages
        assert lines == []

    @pytest.mark.usefixtures("mom")
    async def test_a_full_one_says_so_and_nobody_else_suffers(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, dad = await g1.online("sis"), await g1.online("dad")
        for _ in range(100):
            await g1.whisper(sis, ["mom"])
        with pytest.raises(TooMuchWaits) as refused:
            await g1.whisper(sis, ["mom"])
        assert list(refused.value.names) == ["Mom"]
        assert (await g1.whisper(dad, ["mom"])).found[0].how == "later"

    @pytest.mark.usefixtures("mom")
    async def test_what_is_too_old_is_gone(self, start: StartBackplane) -> None:
        quick = await start(history_age=0.3)
        sis = await quick.online("sis")
        await quick.whisper(sis, ["mom"], "old")
        await asyncio.sleep(0.35)
        await quick.whisper(sis, ["mom"], "new")
        assert texts(await told(quick, Log(PRIVATE, "mom")))[-1:] == ["new"]
        lines, _ = await quick.backplane.read_back(Log(PRIVATE, "mom"), None, 9)
        assert len(lines) == 1


class TestKeptWithAnAccount:
    async def test_the_people_that_it_ignores(self, g1: Gateway, g2: Gateway) -> None:
        people = g1.backplane.people
        await people.ignore("dana", "Mallory", on=True)
        await people.ignore("dana", "eve", on=True)
        await people.ignore("dana", "MALLORY", on=True)
        assert await g2.backplane.people.ignored("dana") == ["eve", "MALLORY"]
        await g2.backplane.people.ignore("dana", "mallory", on=False)
        assert await people.ignored("dana") == ["eve"]
        assert await people.ignored("sis") == []

    async def test_not_too_many(self, g1: Gateway) -> None:
        people = g1.backplane.people
        for number in range(100):
            await people.ignore("dana", f"n{number}", on=True)
        with pytest.raises(WireError) as refused:
            await people.ignore("dana", "one-more", on=True)
        assert refused.value.code == "too_many_entries"
        await people.ignore("dana", "N7", on=True)

    async def test_a_mark_only_grows(self, g1: Gateway, g2: Gateway) -> None:
        mark = g1.backplane.people.mark
        moved = [await mark("dana", "dev", id) for id in ("7-3", "7-10", "7-9", "7-10", "8-0")]
        assert moved == [True, True, False, False, True]
        assert await g2.backplane.people.marks("dana") == {"dev": "8-0"}

    async def test_there_are_few_of_them_and_the_oldest_goes(self, g1: Gateway) -> None:
        for number in range(201):
            await g1.backplane.people.mark("dana", f"r{number}", f"{number + 1}-0")
        marks = await g1.backplane.people.marks("dana")
        assert len(marks) == 200
        assert "r0" not in marks


class TestAudit:
    async def test_who_did_what_when_and_from_where(
        self, g1: Gateway, at: tuple[str, str], look: redis.Redis, keys: Keys
    ) -> None:
        note = g1.backplane.audit.note
        await note(Audited(by="Dana", address="192.0.2.7:1", act="ban", room="dev", target="eve"))
        look.xadd(keys.audit, {"d": '{"v":2,"of":"a later release"}'})
        await note(Audited(by="root@host", act="kick", target="eve", reason="adverts"))
        entries = await audited(*at, last=9, since=0, by="", room="")
        assert [(each.by, each.act, each.target) for each in entries] == [
            ("Dana", "ban", "eve"),
            ("root@host", "kick", "eve"),
        ]
        assert all(each.at > 1_700_000_000_000 for each in entries)
        [one] = await audited(*at, last=9, since=0, by="", room="dev")
        assert (one.by, one.address) == ("Dana", "192.0.2.7:1")
        assert [each.act for each in await audited(*at, last=1, since=0, by="", room="")] == [
            "kick"
        ]
        assert await audited(*at, last=9, since=0, by="nobody", room="") == []


async def test_events_without_an_id_are_told_and_kept_nowhere(g1: Gateway, g2: Gateway) -> None:
    channel = await in_room(g2)
    line = encode_body(Reacted(from_="x", emoji="y"))
    await g1.backplane.people.tell_room("lobby", line)
    await g2.heard.until(lambda heard: heard.lines(channel))
    assert g2.heard.heads == [(channel, "!0 0-0")]
    assert await told(g2, LOBBY) == []
