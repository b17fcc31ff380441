"""The client on the terminals that people have: small, dumb, light, without colour."""

import contextlib
import re
from collections.abc import AsyncIterator

import pytest

from tests.e2e.processes import CHATCTL, Chat, GatewayProcess, StartGateway
from tests.unit.client.terminal import SHELL, Terminal

KINDS = {
    "small": (["--color", "never"], {"rows": 12, "columns": 40}, {}),
    "plain": (["--theme", "plain"], {}, {}),
    "light": (["--theme", "light", "--color", "always"], {}, {"TERM": "xterm-256color"}),
    "dark": (["--theme", "dark", "--color", "always"], {}, {"TERM": "xterm-256color"}),
    "no colour": ([], {}, {"NO_COLOR": "1"}),
    "dumb": ([], {}, {"TERM": "dumb"}),
}

COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[;m]")

HEBREW = "שלום לכולם"


@contextlib.asynccontextmanager
async def client(chat: Chat, gateway: GatewayProcess, kind: str) -> AsyncIterator[Terminal]:
    options, size, variables = KINDS[kind]
    command = [*CHATCTL, "client", "dana", "--server", gateway.address, *options]
    async with Terminal([*SHELL, *command], **size, **chat.environment | variables) as terminal:
        terminal.type("\n")
        yield terminal


async def has(terminal: Terminal, *texts: str) -> None:
    """Wait until all of these are on the screen, perhaps broken at the end of a row."""

    def shown(lines: list[str]) -> bool:
        whole = " ".join(" ".join(lines).split())
        return all(text in whole for text in texts)

    await terminal.until(shown)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_conversation_can_be_read_and_written(
    chat: Chat, start_gateway: StartGateway, kind: str
) -> None:
    gateway = await start_gateway()
    sis = await gateway.join("sis")
    await sis.say(op="send", text="said before")
    await sis.expect(op="msg", text="said before")
    async with client(chat, gateway, kind) as dana:
        await sis.expect(op="joined", name="dana")
        if kind != "dumb":  # in which nothing is shown that was not asked for
            await has(
                dana, "sis: said before", "earlier messages end here", "2 here: dana (you), sis"
            )
        await sis.say(op="send", text=f"{HEBREW} 日本語 👩‍👩‍👧 é")
        await has(dana, f"sis: {HEBREW}")
        await sis.say(op="send", text="psst", to=["dana"])
        await has(dana, "sis → you: psst")
        dana.type("half a")
        await sis.say(op="send", text="dana: are you there? " + "word " * 15)
        await has(dana, "dana: are you there? word word word word word word word")
        dana.type(" line\r")
        await sis.expect(op="msg", text="half a line")
        await has(dana, "dana: half a line")
        await sis.say(op="join", room="dev")
        await sis.expect(op="entered", room="dev")
        dana.type("/join dev\r")
        await sis.expect(op="joined", name="dana", room="dev")
        await sis.say(op="send", text="in dev", room="dev")
        await has(dana, "sis: in dev")
        dana.type("/quit\r")
        await has(dana, "exit code 0")


@pytest.mark.parametrize("kind", ["light", "dark"])
async def test_a_theme_has_colours_and_the_others_have_none(
    chat: Chat, start_gateway: StartGateway, kind: str
) -> None:
    gateway = await start_gateway()
    sis = await gateway.join("sis")
    pictures = []
    for each in (kind, "plain", "no colour"):
        async with client(chat, gateway, each) as dana:
            await sis.expect(op="joined", name="dana")
            await sis.say(op="send", text="psst", to=["dana"])
            await has(dana, "sis → you: psst")
            pictures.append(dana.raw)
            dana.type("/quit\r")
            await has(dana, "exit code 0")
            await sis.expect(op="left", name="dana")
    assert [COLOUR.search(each) is not None for each in pictures] == [True, False, False]
