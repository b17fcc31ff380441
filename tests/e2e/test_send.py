"""`chatctl send`: a script says something, and nobody sees it come and go."""

import json
from pathlib import Path

import pytest

from tests.e2e.processes import Chat, GatewayProcess, StartGateway


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway()


async def test_a_message_arrives_and_nobody_is_seen(chat: Chat, gateway: GatewayProcess) -> None:
    dana = await gateway.join("dana")
    sis = await gateway.join("sis")
    await dana.expect(op="joined", name="sis")
    server = ("--server", gateway.address, "--name", "cron")
    done = chat.run("send", *server, "the backup is done @sis")
    assert (done.stdout, done.stderr) == ("", "")
    for each in (dana, sis):
        public = {"text": "the backup is done @sis", "room": "lobby"}
        await each.expect(op="msg", **{"from": "cron"}, **public)
    chat.run("send", *server, "--to", "sis", "psst")
    await sis.expect(op="msg", text="psst", to=["sis"])
    await sis.say(op="send", text="end")
    await dana.expect(op="msg", text="end")
    for op in ("joined", "left"):
        assert not dana.told(op=op, name="cron")


async def test_each_line_of_the_input_is_a_message_or_all_are_one(
    chat: Chat, gateway: GatewayProcess, tmp_path: Path
) -> None:
    dana = await gateway.join("dana")
    server = ("--server", gateway.address, "--name", "cron")
    chat.run("send", *server, "-", input="one\n\n/two\n")
    for text in ("one", "/two"):
        await dana.expect(op="msg", text=text)
    chat.run("send", *server, "--multiline", input="three\n  four\n")
    await dana.expect(op="msg", text="three\n  four")
    (tmp_path / "text").write_text("five\n")
    chat.run("send", *server, "--file", str(tmp_path / "text"))
    await dana.expect(op="msg", text="five")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["--name", "cron", "--to", "ghost", "hi"], 1, "not sent: nobody named @ghost is here"),
        (["--name", "dana", "hi"], 1, "not sent: the name dana is taken"),
        (["--name", "cron", " "], 1, "there is nothing to send"),
        (["hi"], 2, "no name: add --name NAME"),
        (["--name", "cron", "--to", "dana", "--room", "dev", "hi"], 2, "exclude each other"),
        (["--name", "cron", "--server", "127.0.0.1:1", "hi"], 1, "nobody answers at 127.0.0.1:1"),
    ],
)
async def test_what_cannot_be_sent_is_an_error_that_says_why(
    chat: Chat, gateway: GatewayProcess, arguments: list[str], code: int, why: str
) -> None:
    await gateway.join("dana")
    done = chat.run("send", "--server", gateway.address, *arguments)
    assert done.returncode == code
    assert why in done.stderr


async def test_the_rules_of_rooms_hold_for_it(chat: Chat, gateway: GatewayProcess) -> None:
    for change in (["create"], ["set", "read-only=on"]):
        assert chat.run("room", "dev", *change, *chat.options).returncode == 0
    done = chat.run("send", "--server", gateway.address, "--name", "cron", "--room", "dev", "hi")
    assert done.returncode == 1
    assert "may send to the room dev" in done.stderr


async def test_operators_see_it_while_it_is_there(chat: Chat, gateway: GatewayProcess) -> None:
    await gateway.join("cron", quiet=True)
    [person] = json.loads(chat.run("users", "--json", *chat.options).stdout)
    assert person["name"] == "cron"
    assert person["sessions"][0]["quiet"] is True
