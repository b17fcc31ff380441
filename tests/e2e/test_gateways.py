"""Gateways as processes: how they end, and what becomes of those who were on them."""

import asyncio
import json
import signal

import pytest
import redis

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.support.deadlines import within
from tests.support.peer import Peer

# The processes have loops of their own: which one the test has does not matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_after_everybody_was_told(
    start_gateway: StartGateway, loop: str, number: signal.Signals
) -> None:
    one, two = await start_gateway("--loop", loop), await start_gateway()
    mom, sis = await two.join("mom"), await one.join("sis")
    await mom.expect(op="joined", name="sis")
    one.signal(number)
    await sis.ended(code="shutdown", reconnect=True)
    assert await one.exit_code() == 0
    await mom.expect(op="left", name="sis", code="shutdown")
    await two.join("sis")


async def test_an_impatient_second_signal_does_no_harm(start_gateway: StartGateway) -> None:
    one = await start_gateway()
    sis = await one.join("sis")
    one.signal(signal.SIGINT)
    one.signal(signal.SIGINT)
    await sis.disconnected()
    assert await one.exit_code() == 0


@pytest.mark.timeout(90)
async def test_a_killed_gateways_users_are_gone_after_a_while(
    start_gateway: StartGateway, chat: Chat
) -> None:
    one, two, three = [await start_gateway() for _ in range(3)]
    sis, mom, dad = await one.join("sis"), await two.join("mom"), await three.join("dad")
    one.signal(signal.SIGKILL)
    await sis.disconnected()
    for peer in (mom, dad):
        # The lease's ten seconds, and the three until the next look.
        await peer.expect(op="left", name="sis", code="gateway_lost", _within=20)
    assert [user["name"] for user in json.loads(chat.users("--json").stdout)] == ["dad", "mom"]
    again = await two.join("sis")
    await again.say(op="send", text="it works again")
    for peer in (mom, dad):
        await peer.expect(op="msg", text="it works again")
        assert len(peer.told(op="left")) == 1


class TestEmbedded:
    """A gateway that started a Redis of its own."""

    def its_redis(self, chat: Chat) -> redis.Redis:
        (word,) = (chat.home / "chatctl").glob("*.json")
        return redis.Redis.from_url(json.loads(word.read_text())["redis"], protocol=2)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    async def test_it_dies_with_its_gateway(
        self, start_gateway: StartGateway, chat: Chat, number: signal.Signals
    ) -> None:
        gateway = await start_gateway(embedded=True)
        sis = await gateway.join("sis")
        with self.its_redis(chat) as client:
            assert client.ping()
        gateway.signal(number)
        if number == signal.SIGKILL:
            await sis.disconnected()
        else:
            await sis.ended(code="shutdown")
            assert await gateway.exit_code() == 0
        async with asyncio.timeout(within(5)):
            while list((chat.home / "chatctl").glob("redis-*")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        with pytest.raises(redis.ConnectionError):
            client.ping()

    async def test_it_is_found_by_those_who_ask_who_is_here(
        self, start_gateway: StartGateway, chat: Chat
    ) -> None:
        gateway = await start_gateway(embedded=True)
        await gateway.join("sis")
        found = chat.run("users")
        assert "sis" in found.stdout

    async def test_another_may_join_its_chat(self, start_gateway: StartGateway, chat: Chat) -> None:
        one = await start_gateway(embedded=True)
        with self.its_redis(chat) as client:
            path = client.connection_pool.connection_kwargs["path"]
        two = await start_gateway("--redis", f"unix://{path}", embedded=True)
        sis, mom = await one.join("sis"), await two.join("mom")
        await mom.say(op="send", text="hi @sis")
        await sis.expect(op="msg", text="hi @sis")


class TestUsers:
    """`chatctl users`."""

    @pytest.fixture
    async def people(self, start_gateway: StartGateway) -> list[tuple[GatewayProcess, Peer]]:
        one, two = await start_gateway("--idle", "300s"), await start_gateway("--idle", "off")
        return [(one, await one.join("Sis")), (two, await two.join("größe"))]

    async def test_a_table_of_everybody_on_all_gateways(
        self, people: list[tuple[GatewayProcess, Peer]], chat: Chat
    ) -> None:
        found = chat.users()
        assert (found.returncode, found.stderr) == (0, "")
        head, *rows = [line.split() for line in found.stdout.splitlines()]
        assert head == ["NAME", "GATEWAY", "ADDRESS", "SINCE", "IDLE", "LEFT"]
        assert [row[0] for row in rows] == ["größe", "Sis"]
        for row, (_, peer) in zip(rows, reversed(people), strict=True):
            assert row[1] == peer.told(op="welcome")[0]["gateway"]
            assert row[2].startswith("127.0.0.1:")
        assert rows[0][-1] == "never"

    async def test_the_same_for_programs(
        self, people: list[tuple[GatewayProcess, Peer]], chat: Chat
    ) -> None:
        found = chat.users("--json")
        assert (found.returncode, found.stderr) == (0, "")
        other, sis = json.loads(found.stdout)
        assert (other["name"], other["left"]) == ("größe", None)
        assert sis["name"] == "Sis"
        assert 200 < sis["left"] <= 300
        assert 0 <= sis["idle"] < 100

    async def test_nobody(self, chat: Chat) -> None:
        found = chat.users()
        assert (found.returncode, found.stdout) == (0, "nobody is here\n")
        assert json.loads(chat.users("--json").stdout) == []

    @pytest.mark.parametrize("url", ["redis://user:secret@127.0.0.1:1/0", "unix:///nowhere.sock"])
    async def test_no_redis_there(self, chat: Chat, url: str) -> None:
        found = chat.run("users", "--redis", url)
        assert found.returncode == 1
        assert found.stdout == ""
        assert found.stderr.count("\n") == 1
        assert "Traceback" not in found.stderr
        assert "secret" not in found.stderr

    async def test_no_gateway_on_this_machine(self, chat: Chat) -> None:
        found = chat.run("users")
        assert found.returncode == 1
        assert found.stderr.count("\n") == 1
        assert "chatctl gateway" in found.stderr


class TestCannotStart:
    async def test_the_port_is_taken(self, start_gateway: StartGateway, chat: Chat) -> None:
        one = await start_gateway()
        found = chat.run("gateway", "--listen", one.address, *chat.options)
        assert found.returncode == 1
        assert "is in use" in found.stderr
        assert "Traceback" not in found.stderr

    async def test_redis_is_not_there(self, chat: Chat) -> None:
        found = chat.run("gateway", "--listen", "127.0.0.1:0", "--redis", "redis://127.0.0.1:1")
        assert found.returncode == 1
        assert "nothing listens there" in found.stderr
        assert "Traceback" not in found.stderr
