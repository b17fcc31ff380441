"""`chatctl history` and `chatctl tail` through a gateway: what a person may read, unseen."""

import asyncio
import json
import signal

import pytest

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.support.deadlines import within
from tests.support.peer import Peer


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway("--rate", "off")


@pytest.fixture
async def sis(gateway: GatewayProcess) -> Peer:
    sis = await gateway.join("sis")
    await sis.say(op="join", room="dev")
    await sis.expect(op="entered", room="dev")
    return sis


def texts(found: str) -> list[str]:
    return [each["text"] for each in json.loads(found)]


async def says(peer: Peer, text: str, **fields: object) -> None:
    await peer.say(op="send", text=text, **fields)
    await peer.expect(op="msg", text=text)


async def test_history_of_a_room_page_after_page(
    chat: Chat, gateway: GatewayProcess, sis: Peer
) -> None:
    for number in range(130):
        await says(sis, f"{number}", room="dev")
    reader = ("--server", gateway.address, "--name", "reader", "--room", "dev", "--json")
    assert texts(chat.run("history", *reader).stdout) == [str(n) for n in range(80, 130)]
    everything = chat.run("history", *reader, "--since", "1h")
    assert texts(everything.stdout) == [str(n) for n in range(130)]
    messages = json.loads(everything.stdout)
    assert all(each["ts"].endswith("Z") for each in messages)
    middle = messages[70]["ts"]
    one_side = chat.run("history", *reader, "--since", "1h", "--until", middle)
    other_side = chat.run("history", *reader, "--since", middle)
    assert texts(one_side.stdout) + texts(other_side.stdout) == [str(n) for n in range(130)]
    assert (
        texts(chat.run("history", *reader, "--last", "2", "--until", middle).stdout)
        == (texts(one_side.stdout)[-2:])
    )
    # Operators get the same from Redis.
    for when in (("--since", "1h", "--until", middle), ("--since", middle)):
        theirs = chat.run("history", "--room", "dev", "--json", *when, *chat.options)
        assert theirs.stdout == chat.run("history", *reader, *when).stdout
    await says(sis, "end", room="dev")
    assert not sis.told(op="joined", name="reader")


async def test_private_messages_of_a_registered_name_which_go_on_waiting(
    chat: Chat, gateway: GatewayProcess, sis: Peer
) -> None:
    chat.run("account", "add", *chat.options, "mom", before=("env", "CHATCTL_PASSWORD=password"))
    await sis.say(op="send", text="dinner at six", to=["mom"], seq=1)
    await sis.expect(op="ack", seq=1)
    await says(sis, "public")
    reader = ("--server", gateway.address, "--name", "mom", "--private")
    refused = chat.run("history", *reader)
    assert refused.returncode == 1
    assert "needs its password" in refused.stderr
    with_password = ("env", "CHATCTL_PASSWORD=password")
    for _ in range(2):
        found = chat.run("history", *reader, before=with_password)
        assert found.stdout.endswith(" sis → you: dinner at six\n")
        assert found.stdout.count("\n") == 1
    mom = await gateway.join("mom", password="password")
    await mom.expect(op="msg", text="dinner at six")


@pytest.mark.parametrize("private", [False, True])
async def test_tail_shows_what_was_said_and_what_is_said(
    chat: Chat, gateway: GatewayProcess, sis: Peer, private: bool
) -> None:
    where = ("--private",) if private else ("--room", "dev")
    to = {"to": ["reader"]} if private else {"room": "dev"}
    other = {"room": "dev"} if private else {"room": "lobby"}
    if not private:
        await says(sis, "before", **to)
    with chat.running(
        "tail", "--server", gateway.address, "--name", "reader", "--json", *where
    ) as tail:
        assert tail.stdout is not None

        async def line() -> dict[str, object]:
            assert tail.stdout is not None
            async with asyncio.timeout(within(10)):
                return json.loads(await asyncio.to_thread(tail.stdout.readline))

        if private:
            while "reader" not in (await asyncio.to_thread(chat.users)).stdout:
                pass
        else:
            assert (await line())["text"] == "before"
        await says(sis, "elsewhere", **other)
        await says(sis, "live", **to)
        assert (await line())["text"] == "live"
        if not private:
            live = sis.told(op="msg", text="live")[0]
            await sis.say(op="delete", id=live["id"], room="dev")
            assert (await line())["op"] == "deleted"
        tail.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(tail.wait, within(5)) in (0, 130)
    assert not sis.told(op="joined", name="reader")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["--private"], 2, "no name: add --name NAME"),
        (["--name", "sis"], 1, "the name sis is taken"),
        (["--name", "reader", "--room", "family"], 1, "invite-only"),
    ],
)
@pytest.mark.parametrize("command", ["history", "tail"])
async def test_who_cannot_read_is_told_why(
    chat: Chat,
    gateway: GatewayProcess,
    sis: Peer,
    command: str,
    arguments: list[str],
    code: int,
    why: str,
) -> None:
    for change in (["create"], ["set", "invite-only=on"]):
        assert chat.run("room", "family", *change, *chat.options).returncode == 0
    found = chat.run(command, "--server", gateway.address, *arguments)
    assert (found.returncode, found.stdout) == (code, "")
    assert why in found.stderr
