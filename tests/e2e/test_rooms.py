"""Rooms as people have them: the client on terminals, on two gateways, with Redis behind."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from tests.e2e.processes import CHATCTL, Chat, GatewayProcess, StartGateway
from tests.unit.client.terminal import SHELL, Terminal

Open = Callable[..., contextlib.AbstractAsyncContextManager[Terminal]]


@pytest.fixture
async def one(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway("--idle", "off")


@pytest.fixture
async def two(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway("--idle", "off")


@pytest.fixture
def registered(chat: Chat) -> Callable[[str], dict[str, str]]:
    """Registers a name; returns what the client needs in its environment to have it."""

    def registered(name: str) -> dict[str, str]:
        password = {"CHATCTL_PASSWORD": f"{name} has a very long password"}
        before = ["env", *(f"{variable}={value}" for variable, value in password.items())]
        done = chat.run("account", "add", name, *chat.options, before=before)
        assert done.returncode == 0, done.stderr
        return password

    return registered


@pytest.fixture
def window(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a terminal in which a shell runs the client."""
    for name in list(os.environ):
        if name.startswith("CHATCTL_"):
            monkeypatch.delenv(name)

    @contextlib.asynccontextmanager
    async def window(
        gateways: list[GatewayProcess], name: str, *options: str, prompt: str = "", **env: str
    ) -> AsyncIterator[Terminal]:
        servers = ",".join(each.address for each in gateways)
        command = [*CHATCTL, "client", name, "--server", servers, "--color", "never", *options]
        async with Terminal([*SHELL, *command], **chat.environment, **env) as terminal:
            terminal.type("\n")
            await terminal.shows(prompt or f"{name}>")
            yield terminal

    return window


async def sees(terminal: Terminal, text: str) -> None:
    """Wait until a line ends so."""
    await terminal.until(lambda lines: any(line.endswith(text) for line in lines))


async def test_two_people_talk_in_a_room_while_others_talk_in_the_lobby(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    dad = await two.join("dad")
    async with window([one], "sis") as sis, window([two], "mom") as mom:
        sis.type("/join #Garden\r")
        await sees(sis, "· you are in #garden (only you)")
        await sis.shows("sis #garden>")
        sis.type("first\r")
        await sees(sis, " sis: first")
        mom.type("/join garden\r")
        await sees(mom, "· you are in #garden (2 people)")
        await sees(mom, " sis: first")  # said before mom came
        await sees(sis, "· mom joined")
        mom.type("roses?\r")
        await sees(sis, " mom: roses?")
        await dad.say(op="send", text="anybody here?")
        await sees(sis, " #lobby dad: anybody here?")
        sis.type("/names\r")
        await sees(sis, "· 2 in #garden:")
        await sees(sis, "  mom        sis (you)")
        sis.type("/rooms\r")
        await sees(sis, " * #lobby   3")
        await sees(sis, " * #garden  2")
        sis.type("/leave\r")
        await sees(sis, "· you left #garden")
        await sis.shows("sis>")
        await sees(mom, "· sis left")
        await dad.expect(op="msg", text="anybody here?")
        assert len(dad.told(op="msg")) == 1


async def test_an_operator_runs_a_room(
    one: GatewayProcess,
    two: GatewayProcess,
    window: Open,
    registered: Callable[[str], dict[str, str]],
) -> None:
    async with window([one], "mom", **registered("mom")) as mom, window([two], "eve") as eve:
        mom.type("/join garden\r")
        await sees(mom, "· you are in #garden (only you, you are an operator)")
        mom.type("/topic roses only\r")
        await sees(mom, "· you changed the topic of #garden: roses only")
        eve.type("/join garden\r")
        await sees(eve, "· you are in #garden (2 people): roses only")
        mom.type("/mute eve 5m\r")
        await eve.until(lambda lines: any("mom muted you in #garden until" in x for x in lines))
        eve.type("buy tulips\r")
        await sees(eve, "· not sent: buy tulips")
        mom.type("/unmute eve\r")
        await sees(eve, "· mom let you talk in #garden again")
        mom.type("/kick eve tulips\r")
        await sees(mom, "· you kicked eve out of #garden: tulips")
        await sees(eve, "· mom kicked you out of #garden: tulips")
        await sees(eve, "· what you type goes to #lobby now")
        eve.type("/join garden\r")
        await eve.shows("eve #garden>")
        eve.type("half a li")
        await eve.shows("eve #garden> half a li")
        mom.type("/ban eve 2h\r")
        await eve.until(lambda lines: any("mom banned you from #garden until" in x for x in lines))
        await eve.shows("eve> half a li")
        eve.type("ne\r")
        await sees(eve, "· not sent: you are not in #garden. Enter sends it to #lobby.")
        await eve.shows("eve> half a line")
        eve.type("\x15/join garden\r")
        await eve.until(lambda lines: any("! you are banned from" in line for line in lines))
        mom.type("/unban eve\r")
        await sees(mom, "· you let eve into #garden again")
        mom.type("/set invite-only on\r")
        await sees(mom, "· you made #garden invite-only")
        eve.type("/join garden\r")
        await eve.until(lambda lines: any("is invite-only: ask mom" in line for line in lines))
        mom.type("/invite eve\r")
        await sees(mom, "· you invited eve to #garden")
        await eve.until(lambda lines: any("mom invites you to" in line for line in lines))
        eve.type("/join gar\t")
        await eve.shows("eve> /join garden")
        eve.type("\r")
        await eve.shows("eve #garden>")
        mom.type("/set\r")
        await sees(mom, "· modes: invite-only")
        await sees(mom, "· operators: mom")


async def test_a_slip_of_a_command_is_not_said(one: GatewayProcess, window: Open) -> None:
    dad = await one.join("dad")
    async with window([one], "sis") as sis:
        sis.type("!kick dad\r")
        await sees(sis, "· did you mean /kick? If not, begin the line with another word")
        await sis.shows("sis> !kick dad")
        sis.type("\x15hello\r")
        assert (await dad.expect(op="msg"))["text"] == "hello"


async def test_after_a_broken_connection_one_is_in_the_same_rooms(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    mom = await two.join("mom")
    await mom.say(op="join", room="garden", seq=1)
    await mom.expect(op="entered")
    async with window([one, two], "sis") as sis:
        sis.type("/join garden\r")
        await sis.shows("sis #garden>")
        sis.type("half a sen")
        await sis.shows("sis #garden> half a sen")
        one.signal(signal.SIGKILL)
        await mom.say(op="send", room="garden", text="meanwhile")
        await sees(sis, " mom: meanwhile")
        await sis.shows("sis #garden> half a sen")
        sis.type("tence\r")
        said = await mom.expect(op="msg", **{"from": "sis"})
        assert (said["room"], said["text"]) == ("garden", "half a sentence")
        assert sum("you are in #garden" in line for line in sis.lines) == 1


async def test_the_lines_of_a_pipe_go_to_a_room(
    one: GatewayProcess, two: GatewayProcess, chat: Chat
) -> None:
    mom = await two.join("mom")
    await mom.say(op="join", room="builds", seq=1)
    await mom.expect(op="entered")
    client = ("client", "bob", "--server", one.address, "--room", "#Builds")
    done = await asyncio.to_thread(chat.run, *client, input="red\nstill red @mom\n")
    assert (done.returncode, done.stderr) == (0, "")
    await mom.expect(op="msg", room="builds", text="red")
    await mom.expect(op="msg", to=["mom"], text="still red @mom")


async def test_a_pipe_into_a_room_that_lets_nobody_in_says_nothing_elsewhere(
    one: GatewayProcess,
    chat: Chat,
    registered: Callable[[str], dict[str, str]],
) -> None:
    mom = await one.join("mom", password=registered("mom")["CHATCTL_PASSWORD"])
    await mom.say(op="join", room="builds", seq=1)
    await mom.expect(op="entered")
    await mom.say(op="set", room="builds", invite_only=True, seq=2)
    await mom.expect(op="ack", seq=2)
    client = ("client", "bob", "--server", one.address, "--room", "builds")
    done = await asyncio.to_thread(chat.run, *client, input="red\n")
    assert done.returncode == 1
    assert "chatctl: #builds: the room builds is invite-only: ask mom" in done.stderr
    assert mom.told(op="msg") == []
