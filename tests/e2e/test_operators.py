"""Operators' commands on real gateways, and what people notice."""

import asyncio
import json
import signal
import subprocess
from typing import Any

import pytest

from tests.e2e.processes import CHATCTL, Chat, GatewayProcess, StartGateway
from tests.support.deadlines import within
from tests.support.peer import Peer


@pytest.fixture
async def two(start_gateway: StartGateway) -> list[GatewayProcess]:
    return [await start_gateway(), await start_gateway()]


def done(chat: Chat, *words: str) -> str:
    """Run a command that must succeed; returns its output."""
    found = chat.run(*words, *chat.options)
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


async def knock(gateway: GatewayProcess, name: str, **fields: Any) -> Peer:
    """Connect and say hello, which may be refused."""
    peer = await Peer.connect(gateway.host, gateway.port)
    gateway.peers.append(peer)
    await peer.say(op="hello", v=1, name=name, **fields)
    return peer


async def let_in(gateway: GatewayProcess, name: str) -> Peer:
    """Log in as soon as the gateway has learnt that it is allowed."""
    async with asyncio.timeout(within()):
        while True:
            peer = await knock(gateway, name)
            if (await peer.expect(op={"welcome", "bye"}))["op"] == "welcome":
                return peer


def id_of(peer: Peer) -> str:
    return str(peer.told(op="welcome")[0]["gateway"])


async def test_a_kicked_person_is_told_why_and_the_room_that_they_left(
    two: list[GatewayProcess], chat: Chat
) -> None:
    one, other = two
    sis, mom = await one.join("Sis"), await other.join("mom")
    assert "Sis was disconnected" in done(chat, "kick", "sis", "--reason", "too loud")
    bye = await sis.ended(code="kicked", reconnect=False)
    assert bye["text"].endswith("too loud")
    await mom.expect(op="left", name="Sis", code="kicked")
    again = chat.run("kick", "sis", *chat.options)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "chatctl: nobody named sis is here\n"
    await other.join("sis")


async def test_a_banned_name_is_kept_out_everywhere_until_the_ban_is_lifted(
    two: list[GatewayProcess], chat: Chat
) -> None:
    one, other = two
    sis, mom = await one.join("Sis"), await other.join("mom")
    assert "is banned for 2h" in done(chat, "ban", "SIS", "--for", "2h", "--reason", "too loud")
    bye = await sis.ended(code="banned", reconnect=False)
    assert "too loud" in bye["text"]
    await mom.expect(op="left", name="Sis", code="banned")
    for gateway in two:
        await (await knock(gateway, "sis")).ended(code="banned")
    [ban] = json.loads(done(chat, "bans", "--json"))
    assert (ban["subject"], ban["kind"], ban["reason"]) == ("SIS", "name", "too loud")
    done(chat, "unban", "sis")
    await let_in(one, "sis")
    await mom.expect(op="joined", name="sis")


async def test_a_banned_address_is_kept_out_and_people_from_it_are_sent_away(
    two: list[GatewayProcess], chat: Chat
) -> None:
    sis, mom = await two[0].join("sis"), await two[1].join("mom")
    done(chat, "ban", "127.0.0.0/8")
    for peer in (sis, mom):
        await peer.ended(code="banned", reconnect=False)
    done(chat, "unban", "127.0.0.0/8")
    for gateway, name in zip(two, ("sis", "mom"), strict=True):
        await let_in(gateway, name)


async def test_an_announcement_reaches_everybody_and_is_in_the_history(
    two: list[GatewayProcess], chat: Chat
) -> None:
    people = [await two[0].join("sis"), await two[1].join("mom"), await two[1].join("dad")]
    id = json.loads(done(chat, "announce", "back at six", "--json"))["id"]
    for peer in people:
        told = await peer.expect(op="msg", text="back at six")
        assert (told["from"], told["room"], told["id"]) == ("*", "lobby", id)
    await people[0].say(op="send", text="fine", seq=1)
    assert (await people[0].expect(op="ack"))["id"] == id.replace("-0", "-1")
    shown = done(chat, "history").splitlines()
    assert [line.split(" ", 1)[1] for line in shown] == [
        "*** announcement: back at six",
        "sis: fine",
    ]
    assert await (await knock(two[0], "*")).expect(op="error", code="bad_name")


async def test_people_of_a_drained_gateway_move_to_another_and_miss_nothing(
    start_gateway: StartGateway, chat: Chat
) -> None:
    one, other = await start_gateway("--drain", "1s"), await start_gateway()
    people = [await one.join(name) for name in ("sis", "dad", "ann")]
    mom = await other.join("mom")
    await mom.say(op="send", text="before", seq=1)
    for peer in people:
        await peer.expect(op="msg", text="before")
    said = asyncio.create_task(asyncio.to_thread(done, chat, "drain", id_of(people[0])[:-1]))
    back = []
    for number, peer in enumerate(people, 2):
        bye = await peer.ended(code="shutdown", reconnect=True)
        assert bye["after"] == 0
        await mom.say(op="send", text=f"n{number}", seq=number)
        back.append(await other.join(peer.name, **peer.way_back))
    assert f"{id_of(people[0])} drains" in await said
    assert await one.exit_code() == 0
    await mom.say(op="send", text="after", seq=9)
    for old, new in zip(people, back, strict=True):
        await new.expect(op="msg", text="after")
        heard = [msg["text"] for peer in (old, new) for msg in peer.told(op="msg")]
        assert heard == ["before", "n2", "n3", "n4", "after"]
    assert mom.told(op="left") == []
    states = {each["id"]: each["state"] for each in json.loads(done(chat, "gateways", "--json"))}
    assert states[id_of(mom)] == "up"
    assert states.get(id_of(people[0]), "draining") == "draining"


async def test_the_doctor_finds_a_healthy_chat_healthy(
    two: list[GatewayProcess], chat: Chat
) -> None:
    sis = await two[0].join("sis")
    await two[1].join("mom")
    text = done(chat, "doctor")
    assert "FAIL" not in text
    findings = {each["what"]: each for each in json.loads(done(chat, "doctor", "--json"))}
    for what in (f"gateway {id_of(sis)}", f"frame through {id_of(sis)}", "scripts", "leftovers"):
        assert findings[what]["level"] == "ok", findings[what]


async def test_the_doctor_says_how_far_a_chat_is_from_its_limits(
    two: list[GatewayProcess], chat: Chat
) -> None:
    await two[0].join("sis")
    found = await asyncio.to_thread(chat.run, "doctor", "--capacity", "--json", *chat.options)
    levels = {each["what"]: each["level"] for each in json.loads(found.stdout)}
    assert levels.keys() >= {"connections", "lines", "Redis: CPU", "Redis: memory"}
    assert levels["connections"] == "ok"


async def test_the_doctor_finds_a_gateway_that_hangs(two: list[GatewayProcess], chat: Chat) -> None:
    sis = await two[0].join("sis")
    two[0].signal(signal.SIGSTOP)
    try:
        found = await asyncio.to_thread(chat.run, "doctor", *chat.options)
    finally:
        two[0].signal(signal.SIGCONT)
    assert found.returncode == 1
    [line] = [each for each in found.stdout.splitlines() if each.startswith("FAIL")]
    assert f"frame through {id_of(sis)}: no answer" in line
    assert found.stdout.count("ok    frame through ") == 1


async def test_the_doctor_says_what_is_wrong_if_there_is_no_redis(chat: Chat) -> None:
    found = chat.run("doctor", *chat.options)
    assert found.returncode == 1
    assert "FAIL  gateways: none is alive" in found.stdout
    nowhere = chat.run("doctor", "--redis", "redis://:secret@127.0.0.1:1")
    assert (nowhere.returncode, nowhere.stderr) == (1, "")
    assert nowhere.stdout.startswith("FAIL  Redis: ")
    assert "secret" not in nowhere.stdout


class TestAccounts:
    @pytest.fixture
    def password(self, chat: Chat) -> str:
        """Registers a name; returns the content of the password file."""
        (chat.home / "secret").write_text("correct horse\n")
        return "correct horse"

    async def test_without_a_terminal_no_password_is_asked_for(self, chat: Chat) -> None:
        found = await asyncio.to_thread(
            subprocess.run,
            [*CHATCTL, "account", "add", "dana", *chat.options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within(15),
            env=chat.environment,
            start_new_session=True,  # it must not use the terminal that the tests run in
        )
        assert found.returncode == 1
        assert found.stderr.startswith("chatctl: no password was given")
        assert found.stderr.count("\n") == 1

    def register(self, chat: Chat, name: str, how: str = "add") -> str:
        return done(chat, "account", how, name, "--password-file", str(chat.home / "secret"))

    async def test_a_registered_name_needs_its_password_on_all_gateways(
        self, two: list[GatewayProcess], chat: Chat, password: str
    ) -> None:
        one, other = two
        before = await one.join("Sis")
        assert "was disconnected" in self.register(chat, "sis")
        bye = await before.ended(code="kicked")
        assert "password" in bye["text"]
        for gateway in two:
            await (await knock(gateway, "SIS")).expect(op="error", code="password_required")
            wrong = await knock(gateway, "SIS", password="wrong horse")
            await wrong.expect(op="error", code="bad_password")
        stranger = await knock(other, "sis", **before.way_back)
        await stranger.expect(op="error", code="password_required")
        sis = await other.join("sis", password=password)
        back = await one.join("sis", **sis.way_back)
        (chat.home / "secret").write_text("another horse\n")
        self.register(chat, "sis", "passwd")
        await back.ended(code="kicked")
        await (await knock(one, "sis", password=password)).expect(op="error", code="bad_password")
        await one.join("sis", password="another horse")
        done(chat, "account", "remove", "sis")
        done(chat, "kick", "sis")
        await other.join("sis")

    async def test_with_auth_required_only_registered_names_are_let_in(
        self, start_gateway: StartGateway, chat: Chat, password: str
    ) -> None:
        gateway = await start_gateway("--auth", "required")
        self.register(chat, "sis")
        assert [each["name"] for each in json.loads(done(chat, "account", "list", "--json"))] == [
            "sis"
        ]
        await gateway.join("Sis", password=password)
        await (await knock(gateway, "mom")).expect(op="error", code="password_required")
        refused = await knock(gateway, "mom", password=password)
        await refused.expect(op="error", code="bad_password")


async def test_top_shows_the_gateways(two: list[GatewayProcess], chat: Chat) -> None:
    sis = await two[0].join("sis")
    with chat.running("top", "--json", "--every", "100ms", *chat.options) as top:
        assert top.stdout is not None
        async with asyncio.timeout(within(20)):
            while True:
                looked = json.loads(await asyncio.to_thread(top.stdout.readline))
                mine = {each["id"]: each for each in looked["gateways"]}[id_of(sis)]
                if mine["sessions"] == 1 and mine["per_second"]:
                    break
        top.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(top.wait, within(5)) in (0, 130)
