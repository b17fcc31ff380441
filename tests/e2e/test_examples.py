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
