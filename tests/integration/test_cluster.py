"""A chat on a Redis Cluster whose slots move and whose servers die."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from gateway.backplane.keys import Keys
from tests.support import clusters, servers
from tests.support.certificates import Authority
from tests.support.clusters import ClusterOfServers
from tests.support.fixtures import Join, Peer, StartGateway

ROOMS = [f"room{number}" for number in range(9)]


@pytest.fixture(scope="module")
def moving() -> Iterator[ClusterOfServers]:
    """A cluster whose slots are moved."""
    with clusters.cluster(servers.valkey()) as six:
        yield six


@pytest.fixture
def mortal() -> Iterator[ClusterOfServers]:
    """A cluster whose servers may be killed, and that goes on with those that are left."""
    with clusters.cluster(servers.valkey(), "--cluster-require-full-coverage", "no") as six:
        yield six


@pytest.fixture
def demanding() -> Iterator[ClusterOfServers]:
    """A cluster as it is without settings: it answers nothing while one slot has no server."""
    with clusters.cluster(servers.valkey()) as six:
        yield six


class Talk:
    """Two people on two gateways who say numbers in some rooms, and in private."""

    def __init__(self, sis: Peer, mom: Peer) -> None:
        self.sis, self.mom = sis, mom
        self.said: dict[str, list[str]] = {}
        self._seq = 100
        self._going = True
        self._task: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        for person in (self.sis, self.mom):
            for room in ROOMS:
                await person.say(op="join", room=room)
                await person.expect(op="entered", room=room)

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Talk meanwhile, and until everything is acknowledged."""
        self._going = True
        self._task = asyncio.create_task(self._talk())
        try:
            yield
        finally:
            self._going = False
            await self._task

    async def _talk(self) -> None:
        while self._going:
            for room in [*ROOMS, "@"]:
                await self._say(room)
            await asyncio.sleep(0.01)

    async def _say(self, where: str) -> None:
        self._seq += 1
        text = f"{where} {self._seq}"
        to = {"to": ["mom"]} if where == "@" else {"room": where}
        await self.sis.say(op="send", text=text, seq=self._seq, **to)
        self.said.setdefault(where, []).append(text)

    async def all_heard(self, *, gaps: bool = False) -> None:
        """Mom has heard everything once and in order.

        Args:
            gaps: they may be told that something may have been lost.
        """
        texts = [text for each in self.said.values() for text in each]
        heard = await self.mom.collect(len(texts), 20, op="msg", **{"from": "sis"})
        acks = await self.sis.collect(len(texts), 20, op="ack")
        await self.mom.caught_up()
        for where, said in self.said.items():
            assert [each["text"] for each in heard if each["text"].startswith(f"{where} ")] == said
        assert sorted(ack["seq"] for ack in acks) == sorted(
            int(text.rpartition(" ")[2]) for text in texts
        )
        assert self.mom.told(op="msg", **{"from": "sis"}) == heard
        for person in (self.sis, self.mom):
            assert person.told(op="left") == []
            assert gaps or person.told(op="gap") == []
            assert person.told(op="error") == person.told(op="bye") == []


@pytest.fixture
def talk(join: Join, start_gateway: StartGateway) -> Any:
    async def talk(url: str, **given: Any) -> Talk:
        one = await start_gateway(redis=url, **given)
        two = await start_gateway(redis=url, **given)
        people = Talk(await join(one, "sis"), await join(two, "mom"))
        await people.enter()
        return people

    return talk


async def test_people_on_two_gateways_talk_in_rooms_of_all_servers(
    moving: ClusterOfServers, talk: Any, prefix: str
) -> None:
    people = await talk(moving.url)
    keys = Keys(prefix)
    assert len({moving.server_of(keys.room_log(room)).url for room in ROOMS}) == 3
    async with people.going_on():
        await asyncio.sleep(0.1)
    await people.all_heard()


async def test_a_slot_moves_while_people_talk(
    moving: ClusterOfServers, talk: Any, prefix: str
) -> None:
    people, keys = await talk(moving.url), Keys(prefix)
    async with people.going_on():
        for room in ROOMS[:4]:
            await asyncio.to_thread(moving.move, keys.room_log(room), pause)
    await people.all_heard()


async def test_a_message_is_stored_once_while_its_slot_moves(
    moving: ClusterOfServers, talk: Any, prefix: str
) -> None:
    people, keys = await talk(moving.url), Keys(prefix)
    room, loop = ROOMS[0], asyncio.get_running_loop()
    with moving.client() as look:
        look.hset(keys.room_meta(room), "topic", "every key of the room is there")
    await people.mom.say(op="send", text="hello", room=room, seq=1)
    await people.mom.expect(op="ack", seq=1)
    begun, go_on = asyncio.Event(), threading.Event()

    def wait() -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()

    move = asyncio.create_task(asyncio.to_thread(moving.move, keys.room_log(room), wait))
    await begun.wait()
    # Of a person's first message a key is made that is not there yet: a script that had begun
    # would end in the middle.
    await people.sis.say(op="send", text="first", room=room, seq=1)
    await asyncio.sleep(0.2)
    go_on.set()
    await move
    await people.sis.expect(op="ack", seq=1)
    await people.sis.say(op="send", text="second", room=room, seq=2)
    await people.mom.expect(op="msg", text="second")
    assert len(people.mom.told(op="msg", room=room)) == 3


async def test_the_slot_of_the_names_moves_while_people_talk_and_come(
    moving: ClusterOfServers, talk: Any, prefix: str, join: Join, start_gateway: StartGateway
) -> None:
    people, keys = await talk(moving.url), Keys(prefix)
    third = await start_gateway(redis=moving.url)
    async with people.going_on():
        move = asyncio.create_task(asyncio.to_thread(moving.move, keys.users, pause))
        for number in range(10):
            await join(third, f"dad{number}")
        await move
        await join(third, "gran")
    await people.all_heard()


async def test_a_replica_takes_over_from_a_master_that_knows_it(
    moving: ClusterOfServers, talk: Any, prefix: str
) -> None:
    people, keys = await talk(moving.url), Keys(prefix)
    master = moving.server_of(keys.room_log(ROOMS[0]))
    async with people.going_on():
        await asyncio.to_thread(moving.fail_over, master)
    # A master that was replaced may have had messages that its replica did not.
    await people.all_heard(gaps=True)


async def test_a_master_dies_and_its_replica_takes_over(
    mortal: ClusterOfServers, talk: Any, prefix: str
) -> None:
    people, keys = await talk(mortal.url), Keys(prefix)
    home = mortal.server_of(keys.users)
    room = next(r for r in ROOMS if mortal.server_of(keys.room_log(r)) is not home)
    for seq, key in ((1, keys.room_log(room)), (3, keys.users)):
        mortal.kill(mortal.server_of(key))
        await people.sis.say(op="send", text="are you there?", room=room, seq=seq)
        await people.sis.expect(20, op="ack", seq=seq)
        await people.mom.expect(20, op="msg", text="are you there?")
        await people.sis.say(op="send", text="and you?", to=["mom"], seq=seq + 1)
        await people.sis.expect(20, op="ack", seq=seq + 1)
        await people.mom.expect(20, op="msg", text="and you?")


async def test_while_a_server_is_away_its_rooms_wait_and_the_others_go_on(
    mortal: ClusterOfServers, talk: Any, prefix: str
) -> None:
    people, keys = await talk(mortal.url), Keys(prefix)
    sis, mom = people.sis, people.mom
    home = mortal.server_of(keys.users)
    needed = (home, mortal.server_of(keys.rooms))
    waiting = next(r for r in ROOMS if mortal.server_of(keys.room_log(r)) not in needed)
    other = next(r for r in ROOMS if mortal.server_of(keys.room_log(r)) is home)
    master = mortal.server_of(keys.room_log(waiting))
    pair = (mortal.replica_of(master), master)
    for server in pair:
        server.freeze()
    try:
        for person in (sis, mom):
            await person.expect(20, op="notice", code="redis_away", room=waiting)
        await sis.say(op="send", text="later", room=waiting, seq=1)
        await sis.say(op="send", text="now", room=other, seq=2)
        await mom.expect(op="msg", text="now")
        await mom.say(op="send", text="in private", to=["sis"], seq=1)
        await sis.expect(op="msg", text="in private")
        await mom.say(op="rooms", seq=2)
        listed = await mom.expect(20, op="room_list", seq=2)
        assert other in {room["room"] for room in listed["rooms"]}
        assert sis.told(op="ack", seq=1) == []
        pair[0].thaw()
        await sis.expect(20, op="ack", seq=1)
        await mom.expect(20, op="msg", text="later")
        await mom.expect(20, op="notice", code="redis_back", room=waiting)
    finally:
        for server in pair:
            server.thaw()
    assert sis.told(op="notice", code="redis_away", room=None) == []


async def test_everything_waits_for_a_cluster_that_wants_all_its_servers(
    demanding: ClusterOfServers, talk: Any, prefix: str
) -> None:
    people, keys = await talk(demanding.url), Keys(prefix)
    home = demanding.server_of(keys.users)
    room = next(r for r in ROOMS if demanding.server_of(keys.room_log(r)) is not home)
    master = demanding.server_of(keys.room_log(room))
    pair = (demanding.replica_of(master), master)
    for server in pair:
        server.freeze()
    try:
        await people.mom.expect(20, op="notice", code="redis_away", room=None)
        await people.sis.say(op="send", text="later", to=["mom"], seq=1)
        pair[0].thaw()
        await people.mom.expect(20, op="notice", code="redis_back", room=None)
        await people.mom.expect(20, op="msg", text="later")
    finally:
        for server in pair:
            server.thaw()


async def test_it_is_reached_over_tls(ca: Authority, talk: Any) -> None:
    if (binary := servers.redis_server()) is None:
        pytest.skip("this machine has no redis-server >= 7, and Valkey's here has no TLS")
    chain, key = ca.issue(usage="serverAuth, clientAuth")
    tls = ("--tls-cert-file", str(chain), "--tls-key-file", str(key))
    tls += ("--tls-ca-cert-file", str(ca.ca), "--tls-auth-clients", "no")
    tls += ("--tls-replication", "yes")
    with clusters.cluster(binary, tls=tls) as six:
        hosts = ",".join(f"127.0.0.1:{port}" for port in six.encrypted)
        people = await talk(f"rediss+cluster://{hosts}?ssl_ca_certs={ca.ca}")
        async with people.going_on():
            await asyncio.sleep(0.1)
        await people.all_heard()


def pause() -> None:
    """As long as it takes to carry over a key that is larger."""
    time.sleep(0.02)
