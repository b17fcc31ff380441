"""Gateways as processes: how they end, and what happens to the people on them."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import redis

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.support.deadlines import eventually, within
from tests.support.peer import Peer


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_after_a_signal_people_move_to_another_gateway_unnoticed(
    start_gateway: StartGateway, loop: str, number: signal.Signals
) -> None:
    one, two = await start_gateway("--loop", loop), await start_gateway()
    mom, sis = await two.join("mom"), await one.join("sis")
    await mom.expect(op="joined", name="sis")
    one.signal(number)
    bye = await sis.ended(code="shutdown", reconnect=True)
    assert 0 <= bye["after"] <= 5
    assert await one.exit_code() == 0
    await mom.say(op="send", text="where are you? @sis", seq=1)
    assert (await mom.expect(op="ack"))["to"] == ["sis"]
    again = await two.join("sis", **sis.way_back)
    await again.expect(op="msg", text="where are you? @sis")
    await again.say(op="send", text="here", seq=1)
    await mom.expect(op="msg", text="here")
    assert mom.told(op="left") == []
    assert len(mom.told(op="joined", name="sis")) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_without_a_drain_the_names_are_released(
    start_gateway: StartGateway, number: signal.Signals
) -> None:
    one, two = await start_gateway("--drain", "off"), await start_gateway()
    mom, sis = await two.join("mom"), await one.join("sis")
    await mom.expect(op="joined", name="sis")
    one.signal(number)
    bye = await sis.ended(code="shutdown", reconnect=True)
    assert "after" not in bye
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
async def test_users_of_a_killed_gateway_are_removed_after_a_while(
    start_gateway: StartGateway, chat: Chat
) -> None:
    one, two, three = [await start_gateway() for _ in range(3)]
    sis, mom, dad = await one.join("sis"), await two.join("mom"), await three.join("dad")
    one.signal(signal.SIGKILL)
    await sis.disconnected()
    for peer in (mom, dad):
        # The ten seconds of the lease, and three until the next check.
        await peer.expect(op="left", name="sis", code="gateway_lost", _within=20)
    assert [user["name"] for user in json.loads(chat.users("--json").stdout)] == ["dad", "mom"]
    again = await two.join("sis")
    await again.say(op="send", text="it works again")
    for peer in (mom, dad):
        await peer.expect(op="msg", text="it works again")
        assert len(peer.told(op="left")) == 1


class TestEmbedded:
    """A gateway with an embedded Redis."""

    def its_redis(self, chat: Chat) -> redis.Redis:
        (word,) = (chat.home / "chatctl").glob("*.json")
        return redis.Redis.from_url(json.loads(word.read_text())["redis"], protocol=2)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    async def test_it_ends_with_its_gateway(
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
        await eventually(lambda: not list((chat.home / "chatctl").glob("redis-*")), 5)
        with pytest.raises(redis.ConnectionError):
            client.ping()

    async def test_it_is_restarted_after_it_was_killed_and_people_go_on(
        self, start_gateway: StartGateway, chat: Chat
    ) -> None:
        gateway = await start_gateway(embedded=True)
        sis, mom = await gateway.join("sis"), await gateway.join("mom")
        with self.its_redis(chat) as client:
            os.kill(client.info("server")["process_id"], signal.SIGKILL)
        for peer in (sis, mom):
            await peer.expect(op="notice", code="redis_back", _within=10)
        await mom.say(op="send", text="still here?", seq=7)
        await sis.expect(op="msg", text="still here?")
        await mom.expect(op="ack", seq=7)
        found = chat.run("users")
        assert (found.returncode, found.stderr) == (0, "")
        assert "sis" in found.stdout and "mom" in found.stdout
        assert "dad" in (await gateway.join("dad")).told(op="welcome")[0]["name"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    async def test_with_a_folder_what_was_said_is_there_after_a_restart(
        self, start_gateway: StartGateway, chat: Chat, number: signal.Signals, tmp_path: Path
    ) -> None:
        keeping = ("--data", str(tmp_path / "data"))
        gateway = await start_gateway(*keeping, embedded=True)
        done = chat.run("account", "add", "mom", before=("env", "CHATCTL_PASSWORD=password"))
        assert done.returncode == 0, done.stderr
        sis, mom = await gateway.join("sis"), await gateway.join("mom", password="password")
        for text in ("one", "two"):
            await sis.say(op="send", text=text, seq=1 if text == "one" else 2)
            await sis.expect(op="ack")
        await mom.say(op="join", room="dev")
        await mom.expect(op="entered", room="dev")
        gateway.signal(number)
        await sis.disconnected()
        await asyncio.to_thread(gateway.process.wait, within(5))
        gateway = await start_gateway(*keeping, embedded=True)
        said = json.loads(chat.run("history", "--json").stdout)
        assert [each["text"] for each in said] == ["one", "two"]
        assert "mom" in chat.run("account", "list").stdout
        assert "dev" in chat.run("rooms").stdout
        back = await gateway.join("sis", **sis.way_back)
        if number == signal.SIGTERM:
            assert back.told(op="welcome")[0]["resumed"]
        await back.say(op="send", text="three", seq=3)
        await back.expect(op="msg", text="three")
        ids = [each["id"] for each in json.loads(chat.run("history", "--json").stdout)]
        assert ids == sorted(set(ids))
        assert len(ids) == 3

    async def test_a_folder_is_for_one_gateway_and_for_its_user(
        self, start_gateway: StartGateway, chat: Chat, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        await start_gateway("--data", str(data), embedded=True)
        assert data.stat().st_mode & 0o777 == 0o700
        other = ("gateway", "--listen", "127.0.0.1:0")
        found = chat.run(*other, "--data", str(data))
        assert (found.returncode, found.stdout) == (1, "")
        assert "is in use by another gateway" in found.stderr
        open_to_all = tmp_path / "open"
        open_to_all.mkdir(mode=0o755)
        found = chat.run(*other, "--data", str(open_to_all))
        assert found.returncode == 1
        assert f"the data directory {open_to_all} is open to other users" in found.stderr
        broken = tmp_path / "broken"
        (broken / "lock").mkdir(parents=True)
        broken.chmod(0o700)
        found = chat.run(*other, "--data", str(broken))
        assert found.returncode == 1
        assert "cannot be used (Is a directory): choose another folder with --data" in found.stderr
        found = chat.run(*other, "--data", str(data), "--redis", "redis://127.0.0.1:1")
        assert found.returncode == 2
        assert "--data is for the gateway's own Redis" in found.stderr

    async def test_commands_find_it_again_after_its_file_was_removed(
        self, start_gateway: StartGateway, chat: Chat
    ) -> None:
        await start_gateway(embedded=True)
        (word,) = (chat.home / "chatctl").glob("*.json")
        word.unlink()
        await eventually(word.exists, 15)
        assert chat.run("users").returncode == 0

    async def test_a_command_that_cannot_see_its_process_does_not_remove_its_file(
        self, start_gateway: StartGateway, chat: Chat
    ) -> None:
        gateway = await start_gateway(embedded=True)
        await gateway.join("sis")
        apart = ["unshare", "--pid", "--fork", "--mount-proc"]
        if await asyncio.to_thread(subprocess.call, [*apart, "true"], stderr=subprocess.DEVNULL):
            pytest.skip("this user may make no namespaces")
        for before in (apart, []):
            found = await asyncio.to_thread(chat.run, "users", before=before)
            assert (found.returncode, found.stderr) == (0, "")
            assert "sis" in found.stdout

    async def test_a_drain_that_ends_it_and_its_gateway_succeeds(
        self, start_gateway: StartGateway, chat: Chat
    ) -> None:
        gateway = await start_gateway(embedded=True)
        found = await asyncio.to_thread(chat.run, "drain", "g")
        assert found.returncode == 0, found.stderr
        assert " drains" in found.stdout
        assert "is the only gateway" in found.stderr
        assert await gateway.exit_code() == 0

    async def test_commands_find_it(self, start_gateway: StartGateway, chat: Chat) -> None:
        gateway = await start_gateway(embedded=True)
        await gateway.join("sis")
        found = chat.run("users")
        assert "sis" in found.stdout

    async def test_another_gateway_can_join_its_chat(
        self, start_gateway: StartGateway, chat: Chat
    ) -> None:
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
        assert head == ["NAME", "GATEWAY", "ADDRESS", "SINCE", "IDLE", "LEFT", "SESSION"]
        assert [row[0] for row in rows] == ["größe", "Sis"]
        for row, (_, peer) in zip(rows, reversed(people), strict=True):
            assert row[1] == peer.told(op="welcome")[0]["gateway"]
            assert row[2].startswith("127.0.0.1:")
        assert rows[0][-2:] == ["never", "-"]

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
    async def test_redis_cannot_be_reached(self, chat: Chat, url: str) -> None:
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


class TestReadingAlong:
    """`chatctl history` and `chatctl tail` need Redis, but no gateway."""

    async def test_history_shows_the_rooms_messages(
        self, start_gateway: StartGateway, chat: Chat
    ) -> None:
        gateway = await start_gateway()
        sis = await gateway.join("sis")
        for seq, text in enumerate(["one", "größe 💬", "in private @sis", "three"]):
            await sis.say(op="send", text=text, seq=seq)
        await sis.collect(4, op="ack")
        gateway.signal(signal.SIGKILL)
        found = chat.run("history", *chat.options)
        assert (found.returncode, found.stderr) == (0, "")
        lines = found.stdout.splitlines()
        assert [line.rpartition("sis: ")[2] for line in lines] == ["one", "größe 💬", "three"]
        messages = json.loads(chat.run("history", "--last", "2", "--json", *chat.options).stdout)
        assert [msg["text"] for msg in messages] == ["größe 💬", "three"]

    async def test_tail_follows_the_room(self, start_gateway: StartGateway, chat: Chat) -> None:
        sis = await (await start_gateway()).join("sis")
        await sis.say(op="send", text="before")
        await sis.expect(op="msg", text="before")
        with chat.running("tail", "--json", *chat.options) as tail:
            assert tail.stdout is not None
            for text in ("before", "live", "and on"):
                if text != "before":
                    await sis.say(op="send", text=text)
                async with asyncio.timeout(within(10)):
                    line = await asyncio.to_thread(tail.stdout.readline)
                assert json.loads(line)["text"] == text
            tail.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(tail.wait, within(5)) in (0, 130)


class TestCannotStart:
    async def test_the_port_is_in_use(self, start_gateway: StartGateway, chat: Chat) -> None:
        one = await start_gateway()
        found = chat.run("gateway", "--listen", one.address, *chat.options)
        assert found.returncode == 1
        assert "is in use" in found.stderr
        assert "Traceback" not in found.stderr

    async def test_redis_cannot_be_reached(self, chat: Chat) -> None:
        found = chat.run("gateway", "--listen", "127.0.0.1:0", "--redis", "redis://127.0.0.1:1")
        assert found.returncode == 1
        assert "nothing listens there" in found.stderr
        assert "Traceback" not in found.stderr
