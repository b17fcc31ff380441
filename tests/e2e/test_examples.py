"""The examples in the docs do what the docs say."""

import json
import re
import sys
from pathlib import Path

from tests.e2e.processes import Chat, StartGateway
from tests.support import leash
from tests.support.peer import Peer

ROOT = Path(__file__).parents[2]


async def test_the_bot_of_the_page_answers_in_the_room_and_in_private(
    chat: Chat, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway()
    page = (ROOT / "docs/bots.md").read_text()
    [bot] = [code for code in re.findall(r"```python\n(.*?)```", page, re.S) if "main()" in code]
    dana = await gateway.join("dana")
    process = leash.start(
        [sys.executable, "-c", bot.replace("2428", str(gateway.port))], env=chat.environment
    )
    try:
        await dana.expect(op="joined", name="echo")
        await dana.say(op="send", text="!ping")
        await dana.expect(op="msg", **{"from": "echo"}, text="pong", room="lobby")
        await dana.say(op="send", text="!ping", to=["echo"])
        await dana.expect(op="msg", **{"from": "echo"}, text="pong", to=["dana"])
    finally:
        leash.end(process)


async def test_the_conversation_by_hand_goes_as_the_page_shows(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway()
    page = (ROOT / "docs/bots.md").read_text()
    peer = await Peer.connect(gateway.host, gateway.port)
    gateway.peers.append(peer)
    for arrow, line in re.findall(r"^(->|<-) (\{.*\})$", page, re.M):
        if arrow == "->":
            request = json.loads(line)
            await peer.say(**request)
        else:
            op = re.search(r'"op":"(\w+)"', line)
            assert op is not None
            await peer.expect(op=op[1])


JSON = (ROOT / "docs/json.md").read_text()


def fields(heading: str) -> set[str]:
    """The fields that the page names below a heading."""
    [text] = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", JSON, re.M | re.S)
    rows = re.findall(r"^\| (`.*?) \|", text, re.M)
    return {field for row in rows for field in re.findall(r"`(\w+)`", row)}


async def test_json_has_the_fields_of_the_page(chat: Chat, start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    await gateway.join("dana")
    chat.run("account", "add", *chat.options, "mom", before=("env", "CHATCTL_PASSWORD=password"))
    for command, heading in {
        "users": "users",
        "gateways": "gateways, top",
        "doctor": "doctor",
        "ban sis --reason spam": "bans, ban, unban",
        "bans": "bans, ban, unban",
        "account list": "account list",
    }.items():
        answer = json.loads(chat.run(*command.split(), "--json", *chat.options).stdout)
        assert answer
        only_top = {"per_second"} if command == "gateways" else set()
        for each in answer if isinstance(answer, list) else [answer]:
            assert set(each) == fields(heading) - only_top
    look = json.loads(chat.run("top", "--json", "--count", "1", *chat.options).stdout)
    assert set(look) == {"at", "gateways"}
    assert set(look["gateways"][0]) == fields("gateways, top")
    for setting in json.loads(chat.run("config", "show", "gateway", "--json").stdout):
        assert set(setting) == fields("config show")
