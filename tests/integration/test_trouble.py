"""Redis goes away and comes back; gateways stop. Everybody is told."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import server
from gateway.backplane.contract import Claimed
from gateway.backplane.records import Registration
from gateway.fleet import presence
from tests.support import servers
from tests.support.deadlines import within
from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway
from tests.support.servers import Server


def cut(server: Server, *running: Running) -> None:
    """End the gateways' connections to Redis."""
    names = [f"chat-{each.gateway.id}" for each in running]
    server.kill_connections(*names, *(f"{name}-sub" for name in names))


def forget_everything(server: Server, prefix: str) -> None:
    """Delete everything of this chat from Redis, as if it had come back empty."""
    with server.client() as client:
        client.delete(*client.scan_iter(f"{prefix}:*"))


class TestALostConnection:
    async def test_everybody_is_told_and_then_the_chat_goes_on(
        self, one: Running, two: Running, join: Join, valkey: Server
    ) -> None:
        sis, mom, dad = await join(one, "sis"), await join(one, "mom"), await join(two, "dad")
        cut(valkey, one)
        for peer in (sis, mom):
            assert (await peer.expect(op="notice", code="redis_away"))["text"]
            assert (await peer.expect(op="notice", code="redis_back"))["text"]
        await sis.say(op="send", text="hi", seq=1)
        await sis.expect(op="ack", seq=1)
        for peer in (mom, dad):
            await peer.expect(op="msg", text="hi")
        await dad.say(op="send", text="psst @sis", seq=1)
        assert (await dad.expect(op="ack"))["to"] == ["sis"]
        await sis.expect(op="msg", to=["sis"])
        # The others notice nothing: nobody left and nobody joined.
        await dad.caught_up()
        assert dad.told(op="notice") == dad.told(op="left") == []

    async def test_no_message_is_silently_dropped(
        self, one: Running, join: Join, valkey: Server
    ) -> None:
        sis = await join(one, "sis")
        for seq in range(300):
            await sis.say(op="send", text=str(seq) + " @sis" * (seq % 5 == 0), seq=seq)
            if seq in (50, 150):
                cut(valkey, one)
                await sis.expect(op="notice", code="redis_away")
            elif seq in (100, 200):
                await sis.expect(op="notice", code="redis_back")
        answers = [await sis.expect(op={"ack", "error"}) for _ in range(300)]
        assert sorted(answer["seq"] for answer in answers) == list(range(300))
        refused = [answer for answer in answers if answer["op"] == "error"]
        assert {answer["code"] for answer in refused} <= {"unavailable"}
        for where in ("room", "to"):
            acked = [answer["id"] for answer in answers if where in answer]
            assert acked
            assert len(set(acked)) == len(acked)
            heard = [msg["id"] for msg in sis.told(op="msg") if where in msg]
            assert len(set(heard)) == len(heard)

    async def test_joining_and_leaving_work_right_after(
        self, one: Running, two: Running, join: Join, valkey: Server
    ) -> None:
        sis, mom = await join(one, "sis"), await join(two, "mom")
        cut(valkey, one)
        await sis.say(op="quit")
        await sis.ended(code="quit")
        # As soon as Redis is back, and not at the next periodic check.
        await mom.expect(op="left", name="sis", code="quit", _within=2)
        await join(two, "sis")

    async def test_a_person_who_leaves_meanwhile_is_not_registered_again(
        self,
        one: Running,
        two: Running,
        join: Join,
        connect: Connect,
        valkey: Server,
        prefix: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(presence, "BATCH", 1)
        people = {name: await join(one, name) for name in ("sis", "mom")}
        claim = one.gateway.backplane.claim
        first, asked, going_on = [], asyncio.Event(), asyncio.Event()

        async def slow_claim(user: Registration, *arguments: Any) -> Claimed:
            first.append(user.name)
            asked.set()
            await going_on.wait()
            return await claim(user, *arguments)

        monkeypatch.setattr(one.gateway.backplane, "claim", slow_claim)
        forget_everything(valkey, prefix)
        cut(valkey, one)
        async with asyncio.timeout(within()):
            await asked.wait()
        (stays,) = first
        goes = "mom" if stays == "sis" else "sis"
        await people[goes].say(op="quit")
        await people[goes].ended(code="quit")
        going_on.set()
        await people[stays].expect(op="notice", code="redis_back")
        await join(two, goes)
        thief = await connect(two)
        await thief.say(op="hello", v=1, name=stays)
        await thief.expect(op="error", code="name_taken")


class TestRestart:
    """A separate server that is stopped and restarted empty."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Makes gateways come back at once, and stop without waiting long for Redis."""
        monkeypatch.setattr(presence, "ALL_BACK", 0.5)
        monkeypatch.setattr(server, "PATIENCE", 0.5)

    @pytest.fixture
    def port(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as found:
            return found.getsockname()[1]

    @pytest.fixture
    def own(self, port: int) -> Iterator[contextlib.ExitStack]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(servers.running(servers.valkey(), port=port))
            yield stack

    @pytest.fixture
    async def gateway(
        self, own: contextlib.ExitStack, port: int, start_gateway: StartGateway
    ) -> Running:
        return await start_gateway(redis=f"redis://127.0.0.1:{port}")

    async def test_while_redis_is_away_questions_are_answered_and_messages_wait(
        self,
        gateway: Running,
        own: contextlib.ExitStack,
        port: int,
        join: Join,
        connect: Connect,
    ) -> None:
        sis, mom = await join(gateway, "sis"), await join(gateway, "mom")
        own.close()
        for peer in (sis, mom):
            await peer.expect(op="notice", code="redis_away")
        await sis.say(op="send", text="hi", seq=1)
        await sis.say(op="who", seq=2)
        await sis.expect(op="error", code="unavailable", seq=2)
        await sis.caught_up()
        await sis.say(op="send", text="hi @sis", seq=3)
        await sis.say(op="send", text="and behind it", seq=4)
        late = await connect(gateway)
        await late.say(op="hello", v=1, name="late")
        await late.expect(op="error", code="unavailable")
        await mom.say(op="quit")
        await mom.ended(code="quit")
        assert sis.told(op="ack") == []
        own.enter_context(servers.running(servers.valkey(), port=port))
        acks = await sis.collect(3, op="ack")
        assert [ack["seq"] for ack in acks] == [1, 3, 4]
        await sis.collect(3, op="msg")
        assert [msg["text"] for msg in sis.told(op="msg", room="lobby")] == ["hi", "and behind it"]
        assert len(sis.told(op="notice", code="redis_away")) == 1
        await late.hello("late")

    async def test_when_redis_comes_back_empty_everybody_is_registered_again(
        self, gateway: Running, own: contextlib.ExitStack, port: int, join: Join, connect: Connect
    ) -> None:
        sis, mom, dad = [await join(gateway, name) for name in ("sis", "mom", "dad")]
        own.close()
        for peer in (sis, mom, dad):
            await peer.expect(op="notice", code="redis_away")
        await dad.say(op="quit")
        await dad.ended(code="quit")
        own.enter_context(servers.running(servers.valkey(), port=port))
        for peer in (sis, mom):
            await peer.expect(op="notice", code="redis_back")
        await sis.say(op="who")
        users = (await sis.expect(op="users"))["users"]
        assert sorted(user["name"] for user in users) == ["mom", "sis"]
        await sis.say(op="send", text="hi @mom", seq=1)
        assert (await sis.expect(op="ack"))["to"] == ["mom"]
        await mom.expect(op="msg", to=["mom"])
        await join(gateway, "dad")
        thief = await connect(gateway)
        await thief.say(op="hello", v=1, name="sis")
        await thief.expect(op="error", code="name_taken")

    async def test_a_gateway_can_stop_while_redis_is_away(
        self, gateway: Running, own: contextlib.ExitStack, join: Join
    ) -> None:
        sis = await join(gateway, "sis")
        own.close()
        await sis.expect(op="notice", code="redis_away")
        stopping = asyncio.ensure_future(gateway.stop())
        await sis.ended(code="shutdown", reconnect=True)
        await stopping


class TestStop:
    async def test_everybody_is_told_and_the_names_are_free(
        self, one: Running, two: Running, join: Join
    ) -> None:
        dad = await join(two, "dad")
        here = [await join(one, f"user{number}") for number in range(20)]
        stopping = asyncio.ensure_future(one.stop())
        for peer in here:
            await peer.ended(code="shutdown", reconnect=True)
        await stopping
        for peer in here:
            await dad.expect(op="left", name=peer.name, code="shutdown")
        for peer in here:
            await join(two, peer.name)

    async def test_it_works_after_the_gateway_was_empty(
        self, one: Running, two: Running, join: Join
    ) -> None:
        dad, first = await join(two, "dad"), await join(one, "first")
        await first.say(op="quit")
        await first.ended()
        sis = await join(one, "sis")
        await dad.expect(op="joined", name="sis")  # now nothing is under way
        stopping = asyncio.ensure_future(one.stop())
        await sis.ended(code="shutdown", reconnect=True)
        await stopping
        await dad.expect(op="left", name="sis", code="shutdown")
        await join(two, "sis")

    async def test_requests_sent_before_are_answered(
        self, one: Running, two: Running, join: Join
    ) -> None:
        dad, sis = await join(two, "dad"), await join(one, "sis")
        for seq in range(50):
            await sis.say(op="send", text=str(seq), seq=seq)
        await sis.expect(op="ack", seq=0)
        await one.stop()
        await sis.ended(code="shutdown")
        acked = {ack["seq"] for ack in sis.told(op="ack")}
        # An ack means stored and delivered; the client may send the others again.
        heard = {int(msg["text"]) for msg in await dad.collect(len(acked), op="msg")}
        assert acked <= heard

    async def test_a_client_without_a_hello_is_told_too(
        self, one: Running, connect: Connect
    ) -> None:
        silent = await connect(one)
        await silent.say(op="ping")
        await silent.expect(op="pong")
        await one.stop()
        await silent.ended(code="shutdown", reconnect=True)

    async def test_nobody_new_is_let_in(self, one: Running) -> None:
        await one.stop()
        with pytest.raises(ConnectionRefusedError):
            await Peer.connect(one.host, one.port)

    async def test_a_client_that_never_reads_does_not_delay_it(
        self, one: Running, two: Running, join: Join
    ) -> None:
        deaf, dad = await join(one, "deaf"), await join(two, "dad")
        for seq in range(50):
            await dad.say(op="send", text="x" * 4000, seq=seq)
        await dad.collect(50, op="ack")
        async with asyncio.timeout(5):
            await one.stop()
        await dad.expect(op="left", name="deaf", code="shutdown")
        deaf.vanish()


class TestAClientThatFreezes:
    async def test_is_disconnected_soon_and_can_come_back(
        self,
        start_gateway: StartGateway,
        join: Join,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("gateway.chat.signs_of_life.SILENCE", 0.3)
        gateway = await start_gateway(idle=None)
        dad, sis = await join(gateway, "dad"), await join(gateway, "sis")
        await sis.caught_up()  # it pings, like every client; Dad uses `nc` and does not
        await dad.expect(op="left", name="sis", code="connection_lost")
        await dad.say(op="send", text="where is sis?", seq=1)
        await dad.expect(op="ack")
        again = await connect(gateway)
        await again.hello("sis", **sis.way_back)
        await again.expect(op="msg", text="where is sis?")
