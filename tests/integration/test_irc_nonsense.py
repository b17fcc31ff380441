"""Nonsense at the IRC door: it costs nobody anything, and never makes a fault of ours."""

import logging
import random
from collections.abc import AsyncIterator

import pytest

from gateway.irc.commands import COMMANDS, MORE
from tests.support.fixtures import Running, StartGateway
from tests.support.irc import IrcPeer

WORDS = [
    *("#dev", "#", "#a,#b,,#c", "dana", "DANA", "nobody", "*", "0", "+", "-", "+b", "-k", "+ovb"),
    *("+k", "", " ", ":", "::", "=", "%", "%tcuhnfar,42", "é", "😃", "\u0131", "\ufb03", "a" * 300),
    *("LATEST", "BEFORE", "BETWEEN", "AROUND", "TARGETS", "msgid=", "msgid=dev/1-0", "msgid=@/x"),
    *("timestamp=2026-01-01T00:00:00.000Z", "timestamp=x", "timestamp=9999-99-99", "timestamp="),
    *(
        "LS",
        "302",
        "REQ",
        "END",
        "LIST",
        "PLAIN",
        "=",
        "AA==",
        "\x01ACTION\x01",
        "\x01",
        "\x02\x03,",
    ),
    *("192.0.2.0/24", "dana!*@*", "*!*@192.0.2.0/24", "dev/1-0", "@/1-0", "//", "-1", "9" * 30),
]

KINDS = sorted({*COMMANDS, *MORE, "NOSUCH", "001", "é"} - {"QUIT"})

TAGS = [
    "",
    "@label=x ",
    "@+reply=dev/1-0;+draft/react=x ",
    "@+typing=active ",
    "@;;=;a ",
    "@label= ",
]


def nonsense(dice: random.Random) -> str:
    """A line that a client might send by mistake, or out of malice."""
    words = [dice.choice(WORDS) for _ in range(dice.randrange(6))]
    if words and dice.random() < 0.5:
        words[-1] = f":{words[-1]}"
    source = dice.choice(["", "", ":somebody!x@y "])
    return f"{dice.choice(TAGS)}{source}{dice.choice(KINDS)} {' '.join(words)}"


@pytest.fixture
async def irc(start_gateway: StartGateway) -> Running:
    return await start_gateway(irc=("127.0.0.1", 0), lobby=False, accounts="open")


@pytest.fixture
async def bystander(irc: Running) -> AsyncIterator[IrcPeer]:
    """Somebody who is in the room meanwhile."""
    peer = await IrcPeer.connect(*irc.gateway.irc[0])
    await peer.register("bystander")
    await peer.say("JOIN #dev")
    await peer.caught_up()
    yield peer
    await peer.close()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("capabilities", [(), ("batch", "labeled-response", "echo-message")])
async def test_it_makes_no_fault(
    irc: Running,
    bystander: IrcPeer,
    caplog: pytest.LogCaptureFixture,
    seed: int,
    capabilities: tuple[str, ...],
) -> None:
    dice = random.Random(seed)
    newcomer = await IrcPeer.connect(*irc.gateway.irc[0])
    await newcomer.say(*(nonsense(dice) for _ in range(20)), "CAP END", "QUIT")
    await newcomer.ended()
    await newcomer.close()
    peer = await IrcPeer.connect(*irc.gateway.irc[0])
    await peer.register("dana", *capabilities)
    await peer.say("JOIN #dev")
    for _ in range(10):
        await peer.say(*(nonsense(dice) for _ in range(30)))
        await peer.caught_up()
    await bystander.caught_up()
    faults = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert faults == []
    await peer.close()


@pytest.mark.parametrize("seed", range(4))
async def test_bytes_of_any_kind_are_lines_or_nothing(
    irc: Running, bystander: IrcPeer, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    dice = random.Random(seed)
    peer = await IrcPeer.connect(*irc.gateway.irc[0])
    await peer.register("dana")
    for _ in range(30):
        await peer.throw(dice.randbytes(dice.randrange(2000)))
    await peer.throw(b"\r\n")
    await peer.caught_up()
    await bystander.caught_up()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    await peer.close()
