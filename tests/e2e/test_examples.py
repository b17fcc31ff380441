"""The examples in the docs do what the docs say."""

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.support import leash
from tests.support.deadlines import within
from tests.support.peer import Peer

ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def bot(chat: Chat, gateway: GatewayProcess, name: str) -> AsyncIterator[None]:
    """Run the bot of this name on the page for bots, until the end of the context."""
    page = (ROOT / "docs/bots.md").read_text()
    codes = re.findall(r"```python\n(.*?)```", page, re.S)
    [code] = [each for each in codes if f'Bot("{name}"' in each]
    command = [sys.executable, "-c", code.replace("2428", str(gateway.port))]
    process = leash.start(command, env=chat.environment)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, within(10)) == 0
    finally:
        leash.end(process)


async def test_the_first_bot_answers_in_the_room_and_in_private(
    chat: Chat, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway()
    dana = await gateway.join("dana")
    async with bot(chat, gateway, "echo"):
        await dana.expect(op="joined", name="echo")
        await dana.say(op="send", text="!PING you @nobody")
        # The names in its answer are only text, also where one of them is here.
        answer = {"text": "pong you @nobody", "room": "lobby"}
        await dana.expect(op="msg", **{"from": "echo"}, **answer)
        await dana.say(op="send", text="!ping @dana", to=["echo"])
        await dana.expect(op="msg", **{"from": "echo"}, text="pong @dana", to=["dana"])
    await dana.expect(op="left", name="echo")


async def test_the_second_bot_deploys_for_people_with_an_account(
    chat: Chat, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway()
    chat.run("account", "add", *chat.options, "mom", before=("env", "CHATCTL_PASSWORD=password"))
    dana = await gateway.join("dana")
    mom = await gateway.join("mom", password="password")
    for each in (dana, mom):
        await each.say(op="join", room="dev")
        await each.expect(op="entered", room="dev")
    async with bot(chat, gateway, "deployer"):
        await dana.expect(op="joined", name="deployer", room="dev")
        await dana.say(op="send", text="!deploy web", room="dev")
        await dana.expect(op="msg", text="only in #dev, and only with an account", room="dev")
        await mom.say(op="send", text="!deploy web", room="dev")
        await mom.expect(op="reacted", emoji="\U0001f680", room="dev")
        await mom.expect(op="msg", text="web: deployed", room="dev")


async def test_the_third_bot_greets_counts_and_waves(
    chat: Chat, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway()
    dana = await gateway.join("dana")
    async with bot(chat, gateway, "greeter"):
        await dana.expect(op="joined", name="greeter")
        sis = await gateway.join("sis")
        await sis.expect(op="msg", **{"from": "greeter"}, to=["sis"])
        await dana.say(op="send", text="how many messages?")
        await dana.expect(op="msg", text="the last 100 messages are from 1 people")
        await dana.say(op="send", text="nice, greeter!")
        await dana.expect(op="reacted", emoji="\U0001f44b")


def test_the_bots_of_the_page_pass_a_strict_type_check(tmp_path: Path) -> None:
    page = (ROOT / "docs/bots.md").read_text()
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page, re.S)):
        if "import Bot" in code:
            (tmp_path / f"bot{number}.py").write_text(code)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, tmp_path.glob("bot*.py"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert checked.stdout.startswith("Success: no issues found in 3 source files"), checked.stdout


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
