"""Logs that go back, or lose what they gave ids to: `gateway.backplane.contract.Backplane`."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from gateway.backplane.contract import Log
from gateway.backplane.ids import NOTHING, before, epoch_of, follows, is_beginning, parse_id
from gateway.backplane.keys import Keys
from gateway.errors import BackplaneRefused
from tests.contract.household import Gateway, in_room, message, parsed, sealed
from tests.support.servers import Server
from wire.frames import PRIVATE

LOBBY = Log("lobby")
SIS, MOM = Log(PRIVATE, "sis"), Log(PRIVATE, "mom")


async def say(gateway: Gateway, *said: str) -> list[bytes]:
    ids = await gateway.publish("lobby", [message(text, room="lobby") for text in said])
    return [id.encode() for id in ids]


async def texts(gateway: Gateway, log: Log, after: bytes = NOTHING) -> list[str]:
    said = await gateway.backplane.read_log(log, after, 100)
    return [msg.text for msg in parsed([line.decode() for _, line in said.messages])]


async def heard(gateway: Gateway, channel: str, *said: str) -> list[tuple[str, str]]:
    """Waits until it was heard; returns what each delivery said it follows, and up to where."""

    def found(_: Any) -> bool:
        return [m.text for m in parsed(gateway.heard.lines(channel))] == list(said)

    await gateway.heard.until(found)
    return gateway.heard.follows(channel)


async def write(gateway: Gateway, log: Log, text: str) -> bytes:
    """Say something that is stored in a log."""
    if log == LOBBY:
        return (await say(gateway, text))[0]
    sender = (await gateway.everybody())["sis"].registration
    return ((await gateway.whisper(sender, ["sis"], text)).id or "").encode()


LOGS = pytest.mark.parametrize("log", [LOBBY, SIS], ids=["a room's", "a person's"])


@pytest.fixture
async def listening(g1: Gateway) -> Callable[[Log], str]:
    """A gateway that hears what is written to the logs; says where."""
    await g1.online("sis")
    await in_room(g1)
    backplane = g1.backplane

    def channel(log: Log) -> str:
        return backplane.room("lobby").name if log == LOBBY else backplane.user("sis").name

    return channel


@pytest.fixture
def real(server: Server) -> Server:
    if server.drop is not None:
        pytest.skip("fakeredis ends a connection after each error")
    return server


class TestBeginning:
    @LOGS
    async def test_a_log_that_is_not_there_has_said_nothing(
        self, g1: Gateway, listening: Callable[[Log], str], log: Log
    ) -> None:
        [start] = await g1.backplane.tails([log])
        assert is_beginning(start)
        assert await g1.backplane.read_log(log, start, 9) == (start, start, False, [], True)
        first = await write(g1, log, "a")
        assert follows(first, start)
        assert await heard(g1, listening(log), "a") == [(start.decode(), first.decode())]

    @LOGS
    async def test_a_log_that_was_only_trimmed_goes_on(
        self, g1: Gateway, listening: Callable[[Log], str], log: Log, look: redis.Redis, keys: Keys
    ) -> None:
        last = await write(g1, log, "a")
        look.xtrim(keys.log(log), maxlen=0, approximate=False)
        assert await g1.backplane.tails([log]) == [last]
        assert follows(await write(g1, log, "b"), last)

    @LOGS
    async def test_a_log_whose_last_message_was_erased_goes_on(
        self, g1: Gateway, listening: Callable[[Log], str], log: Log, look: redis.Redis, keys: Keys
    ) -> None:
        await write(g1, log, "a")
        last = await write(g1, log, "b")
        look.xdel(keys.log(log), last)
        assert await g1.backplane.tails([log]) == [last]
        assert follows(await write(g1, log, "c"), last)
        assert await heard(g1, listening(log), "a", "b", "c")

    @LOGS
    async def test_one_that_is_gone_begins_a_new_epoch(
        self, g1: Gateway, listening: Callable[[Log], str], log: Log, look: redis.Redis, keys: Keys
    ) -> None:
        [start] = await g1.backplane.tails([log])
        for text in "abc":
            last = await write(g1, log, text)
        look.delete(keys.log(log))
        # Who comes now stands where those did who came first.
        first = await write(g1, log, "d")
        assert (await g1.backplane.read_log(log, start, 9)).start == start
        assert parse_id(first) > parse_id(last)
        assert not follows(first, last)
        *_, (previous, _) = await heard(g1, listening(log), "a", "b", "c", "d")
        assert previous == start.decode()
        assert follows(await write(g1, log, "e"), first)

    @LOGS
    async def test_also_where_nothing_is_said(
        self, g1: Gateway, listening: Callable[[Log], str], log: Log, look: redis.Redis, keys: Keys
    ) -> None:
        last = await write(g1, log, "a")
        await heard(g1, listening(log), "a")
        look.delete(keys.log(log))
        [tail] = await g1.backplane.tails([log])
        assert is_beginning(tail)
        assert parse_id(tail) > parse_id(last)
        assert await g1.backplane.tails([log]) == [tail]
        assert follows(await write(g1, log, "b"), tail)

    @LOGS
    async def test_ids_are_new_though_everything_was_forgotten_and_the_clock_went_back(
        self, g1: Gateway, listening: Callable[[Log], str], log: Log, look: redis.Redis, keys: Keys
    ) -> None:
        # As if it had been later then.
        last = b"9999999999999-5"
        await write(g1, log, "a")
        await heard(g1, listening(log), "a")
        look.xadd(keys.log(log), {"d": message("z").decode(), "t": 1}, id=last)
        [at] = await g1.backplane.tails([log])
        g1.heard.knows[listening(log)] = at
        for key in (keys.users_epoch, keys.room_epoch("lobby"), keys.log(log)):
            look.delete(key)
        assert parse_id(await write(g1, log, "b")) > parse_id(last)

    @LOGS
    async def test_a_log_that_went_back_is_noticed_by_a_gateway_that_knows_more(
        self,
        g1: Gateway,
        g2: Gateway,
        listening: Callable[[Log], str],
        log: Log,
        look: redis.Redis,
        keys: Keys,
    ) -> None:
        await write(g1, log, "a")
        older = look.dump(keys.log(log))
        for text in "bc":
            last = await write(g1, log, text)
        await heard(g1, listening(log), "a", "b", "c")
        look.restore(keys.log(log), 0, older, replace=True)
        again = await write(g1, log, "d")
        assert parse_id(again) > parse_id(last)
        assert epoch_of(again) > epoch_of(last)
        assert await texts(g2, log) == ["a", "d"]

    @LOGS
    async def test_one_that_went_back_is_noticed_where_nothing_is_said(
        self, g1: Gateway, listening: Callable[[Log], str], log: Log, look: redis.Redis, keys: Keys
    ) -> None:
        await write(g1, log, "a")
        older = look.dump(keys.log(log))
        last = await write(g1, log, "b")
        await heard(g1, listening(log), "a", "b")
        look.restore(keys.log(log), 0, older, replace=True)
        [tail] = await g1.backplane.tails([log])
        assert parse_id(tail) > parse_id(last)

    @LOGS
    @pytest.mark.parametrize("how", ["lost", "of another run", "no string", "no epoch"])
    async def test_the_run_of_redis_that_began_it_must_be_known(
        self,
        g1: Gateway,
        g2: Gateway,
        listening: Callable[[Log], str],
        log: Log,
        look: redis.Redis,
        keys: Keys,
        how: str,
    ) -> None:
        last = await write(g1, log, "a")
        key = keys.epoch(log)
        kept = look.get(key)
        match how:
            case "of another run":
                look.set(key, str(kept).replace(g1.backplane.run_id, "another"))
            case "no epoch":
                look.set(key, "x")
            case _:
                look.delete(key)
        if how == "no string":
            look.lpush(key, "x")
        first = await write(g1, log, "b")
        assert parse_id(first) > parse_id(last)
        assert parse_id(first)[1] == 0
        assert await g2.backplane.tails([log]) == [first]
        assert follows(await write(g1, log, "c"), first)

    async def test_one_persons_log_that_is_lost_is_nobody_elses_matter(
        self, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, _ = await g1.online("sis"), await g1.online("mom")
        await g1.whisper(sis, ["mom"], "a")
        [at] = await g1.backplane.tails([MOM])
        look.delete(keys.log(SIS))
        await g1.whisper(sis, ["mom"], "b")
        [now] = await g1.backplane.tails([MOM])
        assert follows(now, at)

    @LOGS
    async def test_a_key_of_another_type_refuses_what_is_said_and_nothing_counts_as_posted(
        self,
        real: Server,
        g1: Gateway,
        listening: Callable[[Log], str],
        log: Log,
        look: redis.Redis,
        keys: Keys,
    ) -> None:
        sis = (await g1.everybody())["sis"].registration

        async def send() -> Any:
            if log == LOBBY:
                line = sealed(sis.origin, 1, message("once", room="lobby"))
                return (await g1.publish("lobby", [line]))[0]
            return (await g1.whisper(sis, ["sis"], "once", seq=1)).id

        look.set(keys.log(log), "x")
        with pytest.raises(BackplaneRefused, match=r"WRONGTYPE|wrong kind of value"):
            await send()
        assert await g1.backplane.tails([log]) == [NOTHING]
        look.delete(keys.log(log))
        assert await send()
        assert await send()
        assert await texts(g1, log) == ["once"]

    async def test_a_recipients_log_of_another_type_refuses_the_whole(
        self, real: Server, g1: Gateway, look: redis.Redis, keys: Keys
    ) -> None:
        sis, _ = await g1.online("sis"), await g1.online("mom")
        look.set(keys.log(MOM), "x")
        with pytest.raises(BackplaneRefused, match=r"WRONGTYPE|wrong kind of value"):
            await g1.whisper(sis, ["mom"], seq=1)
        assert not look.exists(keys.log(SIS))

    async def test_before_an_epoch_is_no_message(self, g1: Gateway) -> None:
        sis = await g1.online("sis")
        await g1.whisper(sis, ["sis"], "a")
        assert await texts(g1, SIS) == ["a"]
        assert (await g1.backplane.read_log(SIS, before(1), 10)).messages
