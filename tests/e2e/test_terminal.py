"""`chatctl client` in a terminal and in a pipe, with real gateways."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from tests.e2e.processes import CHATCTL, Chat, GatewayProcess, StartGateway
from tests.support import leash
from tests.support.deadlines import within
from tests.unit.client.terminal import SHELL, Terminal, children

LONG = "日本語 👍 a line that is long and wide enough to wrap at the edge of the window ünd so on"

Open = Callable[..., contextlib.AbstractAsyncContextManager[Terminal]]


@pytest.fixture
def window(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a terminal whose shell runs the client."""
    for name in list(os.environ):
        if name.startswith("CHATCTL_"):
            monkeypatch.delenv(name)

    @contextlib.asynccontextmanager
    async def window(
        gateway: GatewayProcess, name: str, *others: GatewayProcess, options: Sequence[str] = ()
    ) -> AsyncIterator[Terminal]:
        servers = ",".join(each.address for each in (gateway, *others))
        command = [*CHATCTL, "client", name, "--server", servers, "--color", "never", *options]
        async with Terminal([*SHELL, *command], **chat.environment) as terminal:
            terminal.attributes_before = terminal.attributes
            terminal.type("\n")
            await terminal.shows(f"{name}>")
            yield terminal

    return window


async def sees(terminal: Terminal, text: str) -> None:
    """Wait until a line on the screen ends with this."""
    await terminal.until(lambda lines: any(line.endswith(text) for line in lines))


async def left(terminal: Terminal, code: int = 0) -> None:
    """Wait for the client's end, which must restore the terminal."""
    await terminal.until(lambda lines: f"exit code {code}" in lines)
    assert terminal.attributes == terminal.attributes_before


@pytest.fixture
async def one(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway()


@pytest.fixture
async def two(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway()


async def test_two_people_talk_through_two_gateways(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    async with window(one, "sis") as sis, window(two, "mom") as mom:
        await sees(sis, "· mom joined")
        sis.type("hi there\r")
        await sees(sis, " sis: hi there")
        await sees(mom, " sis: hi there")
        mom.type("hello ünd 你好\r")
        await sees(sis, " mom: hello ünd 你好")
        mom.type("/who\r")
        await sees(mom, "· 2 here: mom (you), sis")
        sis.type("/quit\r")
        await left(sis)
        await sees(mom, "· sis left")
        await mom.shows("mom>")


async def test_names_at_the_end_make_a_message_private(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    mom, dad = await two.join("mom"), await two.join("dad")
    async with window(one, "dana") as dana, window(two, "sis") as sis:
        dana.type("how are you? @sis @mom\r")
        await sees(dana, " you → sis, mom: how are you? @sis @mom")
        await sees(sis, " dana → you, mom: how are you? @sis @mom")
        await mom.expect(op="msg", to=["sis", "mom"])
        dana.type("and you? @dda\r")
        await sees(dana, "· nobody named @dda is here: sent to everyone")
        await dad.expect(op="msg", room="lobby", text="and you? @dda")
        assert len(dad.told(op="msg")) == 1
        dana.type("/msg dda psst\r")
        await sees(dana, "nobody named @dda is here: not sent")


async def test_arriving_messages_do_not_harm_the_typed_line(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    mom = await two.join("mom")
    async with window(one, "dana") as dana:
        await mom.expect(op="joined", name="dana")
        for start in range(0, len(LONG), 10):
            dana.type(LONG[start : start + 10])
            await mom.say(op="send", text=f"at {start} " + "💬 wide and long " * 12)
            if start == 40:
                dana.resize(20, 50)
            if start == 60:
                dana.resize(30, 100)
        await sees(dana, "ünd so on")
        dana.type("\r")
        await mom.expect(op="msg", **{"from": "dana", "text": LONG})


async def test_a_paste_of_several_lines_is_one_message(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    mom = await two.join("mom")
    async with window(one, "dana") as dana:
        dana.type("\x1b[200~one\ntwo\nthree\x1b[201~")
        await mom.say(op="send", text="meanwhile")
        await sees(dana, "mom: meanwhile")
        dana.type("\r")
        await mom.expect(op="msg", **{"from": "dana", "text": "one\ntwo\nthree"})


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "ctrl-d"])
async def test_leaving(one: GatewayProcess, window: Open, key: str) -> None:
    mom = await one.join("mom")
    async with window(one, "dana") as dana:
        dana.type(key)
        await left(dana)
        await mom.expect(op="left", name="dana", code="quit")


@pytest.mark.parametrize("victim", ["client", "guard"])
async def test_after_kill_9_the_terminal_is_restored(
    one: GatewayProcess, window: Open, victim: str
) -> None:
    async with window(one, "dana") as dana:
        # The last thing that it draws by itself: nothing is written over what the shell says.
        await dana.until(lambda _: "1 here" in (dana.status or ""))
        (guard,) = children(dana.pid)
        (client,) = children(guard)
        os.kill(client if victim == "client" else guard, signal.SIGKILL)
        await dana.until(lambda lines: any("exit code 137" in line for line in lines))
        await dana.until(lambda _: dana.attributes == dana.attributes_before)


async def test_an_idle_person_is_told_bye_and_the_client_ends(
    start_gateway: StartGateway, window: Open
) -> None:
    brief, patient = await start_gateway("--idle", "2s"), await start_gateway()
    mom = await patient.join("mom")
    async with window(brief, "dana") as dana:
        await dana.until(lambda lines: any("will be disconnected" in line for line in lines))
        await left(dana)
        assert any(line.endswith("Bye!") for line in dana.lines)
        await mom.expect(op="left", name="dana", code="idle")


async def test_it_reconnects_by_itself_and_keeps_the_typed_line(
    one: GatewayProcess, start_gateway: StartGateway, two: GatewayProcess, window: Open
) -> None:
    mom = await two.join("mom")
    async with window(one, "dana") as dana:
        dana.type("half a sen")
        one.signal(signal.SIGTERM)
        assert await one.exit_code() == 0
        await sees(dana, "Reconnecting...")
        await start_gateway("--listen", one.address)
        await dana.until(lambda lines: any("back again, on" in line for line in lines))
        dana.type("tence\r")
        await mom.expect(op="msg", **{"from": "dana", "text": "half a sentence"})
        assert mom.told(op="left") == []


class TestKilledGateway:
    """``kill -9``: nobody misses a message, and nobody gets one twice."""

    async def test_the_client_moves_to_another_gateway(
        self, one: GatewayProcess, two: GatewayProcess, window: Open
    ) -> None:
        mom = await two.join("mom")
        async with window(one, "dana", two) as dana:
            dana.type("before\r")
            await mom.expect(op="msg", text="before")
            dana.type("half a sen")
            await dana.shows("dana> half a sen")
            one.signal(signal.SIGKILL)
            await mom.say(op="send", text="meanwhile")
            await mom.say(op="send", text="in private @dana", seq=1)
            assert (await mom.expect(op="ack"))["to"] == ["dana"]
            dana.type("tence\r")
            await sees(dana, "mom: meanwhile")
            await sees(dana, "mom → you: in private @dana")
            await mom.expect(op="msg", text="half a sentence")
            dana.type("the end\r")
            await mom.expect(op="msg", text="the end")
            await sees(dana, "dana: the end")
            said = [msg["text"] for msg in mom.told(op="msg", **{"from": "dana"})]
            assert said == ["before", "half a sentence", "the end"]
            for text in ("mom: meanwhile", "in private @dana", "dana: half a sentence"):
                assert sum(line.endswith(text) for line in dana.lines) == 1
            assert mom.told(op="left") == []
            await dana.shows("dana>")

    async def test_the_client_waits_for_the_gateway_and_then_sends(
        self,
        one: GatewayProcess,
        two: GatewayProcess,
        start_gateway: StartGateway,
        window: Open,
    ) -> None:
        mom = await two.join("mom")
        async with window(one, "dana") as dana:
            one.signal(signal.SIGKILL)
            await sees(dana, "Reconnecting...")
            dana.type("into the dark\r")
            await dana.until(lambda lines: sum("not connected:" in line for line in lines) == 1)
            dana.type("psst @mom\r")
            await dana.until(lambda lines: sum("not connected:" in line for line in lines) == 2)
            dana.type("half a sen")
            await mom.say(op="send", text="where are you?")
            await start_gateway("--listen", one.address)
            await mom.expect(op="msg", room="lobby", text="into the dark")
            await mom.expect(op="msg", to=["mom"], text="psst @mom")
            await sees(dana, "mom: where are you?")
            dana.type("tence\r")
            await mom.expect(op="msg", text="half a sentence")
            said = [msg["text"] for msg in mom.told(op="msg", **{"from": "dana"})]
            assert said == ["into the dark", "psst @mom", "half a sentence"]
            assert sum(line.endswith("where are you?") for line in dana.lines) == 1


async def test_hostile_text_does_not_reach_the_terminal(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    hostile = await two.join("eve")
    async with window(one, "dana") as dana:
        for text in ("\x1b[2J\x1b]0;owned\x07", "\x9b2J", "a\rb", "a\x08b"):
            await hostile.say(op="send", text=text)
            await hostile.expect(op="error", code="bad_text")
        before = len(dana.raw)
        for text in (
            "\u202eevil\u2066 bidi",
            "zero\u200bwidth",
            "line\u2028sep",
            "z" + "\u0301" * 99,
        ):
            await hostile.say(op="send", text=text)
        await hostile.say(op="send", text="a\n10:00:00 mom: I never said that")
        await hostile.say(op="send", text="the end")
        await sees(dana, "eve: the end")
        raw = dana.raw[before:].decode()
        assert not {"\u202e", "\u2066", "\u200b", "\u2028", "\x07", "\x9b"} & set(raw)
        assert "owned" not in raw
        assert not any(line.startswith("10:00:00 mom:") for line in dana.lines)
        await dana.shows("dana>")


class TestPipe:
    """Without a terminal the client is a filter."""

    async def test_input_lines_are_messages(
        self, one: GatewayProcess, two: GatewayProcess, chat: Chat
    ) -> None:
        mom = await two.join("mom")
        done = chat.run("client", "bob", "--server", one.address, input="hi\n\nho @mom\n")
        assert (done.returncode, done.stderr) == (0, "")
        await mom.expect(op="msg", room="lobby", text="hi")
        await mom.expect(op="msg", to=["mom"], text="ho @mom")
        await mom.expect(op="left", name="bob", code="quit")
        assert len(mom.told(op="msg")) == 2

    async def test_nobody_is_asked_for_a_name(self, one: GatewayProcess, chat: Chat) -> None:
        done = chat.run("client", "--server", one.address, input="hi\n")
        assert done.returncode == 2
        assert "no name" in done.stderr

    async def test_a_taken_name_is_an_error(self, one: GatewayProcess, chat: Chat) -> None:
        await one.join("bob")
        done = chat.run("client", "Bob", "--server", one.address, input="hi\n")
        assert done.returncode == 1
        assert "the name Bob is taken" in done.stderr

    @pytest.mark.parametrize("lines", ["blank", "endless"])
    async def test_it_ends_when_told_to_whatever_its_input_is(
        self, one: GatewayProcess, chat: Chat, tmp_path: Path, lines: str
    ) -> None:
        mom = await one.join("mom")
        source = Path("/dev/zero")
        if lines == "blank":
            source = tmp_path / "blank"
            source.write_bytes(b"\n" * 30_000_000)
        reading = ["sh", "-c", 'exec "$@" <"$0"', str(source)]
        command = [*CHATCTL, "client", "bob", "--server", one.address]
        client = leash.start([*reading, *command], stdout=subprocess.PIPE, env=chat.environment)
        try:
            await mom.expect(op="joined", name="bob")
            await mom.say(op="send", text="are you there?")
            assert client.stdout is not None
            await asyncio.to_thread(client.stdout.readline)  # so it reads, and obeys signals
            client.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(client.wait, within(5)) == 128 + signal.SIGTERM
        finally:
            leash.end(client)
            if lines == "blank":
                source.unlink()

    async def test_an_unreachable_gateway_is_an_error(self, chat: Chat) -> None:
        done = chat.run("client", "bob", "--server", "127.0.0.1:1", input="hi\n")
        assert done.returncode == 1
        assert "nobody answers at 127.0.0.1:1" in done.stderr
        assert "Traceback" not in done.stderr


async def test_who_stays_after_a_long_silence_comes_back_with_enter_and_has_missed_nothing(
    start_gateway: StartGateway, window: Open
) -> None:
    gateway = await start_gateway("--idle", "4")
    async with window(gateway, "sis", options=["--stay"]) as sis:
        await sees(sis, "Enter brings you back")
        async with window(gateway, "mom") as mom:
            for number in range(3):
                mom.type(f"message {number}\r")
                await sees(mom, f"mom: message {number}")
            sis.type("\r")
            await sis.until(lambda lines: sum("mom: message" in line for line in lines) == 3)
            mom.type("and now\r")
            await sees(sis, "mom: and now")
            said = [line.split()[-1] for line in sis.lines if "mom: message" in line]
            assert said == ["0", "1", "2"]


async def test_who_is_away_by_itself_stays_where_the_gateway_allows_it(
    start_gateway: StartGateway, window: Open
) -> None:
    gateway = await start_gateway("--idle", "6", "--away-idle", "off")
    peer = await gateway.join("mom")
    async with window(gateway, "sis", options=["--stay"]) as sis:
        await peer.expect(op="presence", name="sis", away=True)
        await peer.ended(code="idle")
        await sees(sis, "· mom left (idle)")
        another = await gateway.join("mom")
        sis.type("still here\r")
        await another.expect(op="presence", name="sis", away=False)
        await another.expect(op="msg", text="still here")


async def test_what_was_seen_is_in_the_log_and_what_was_typed_comes_back(
    one: GatewayProcess, window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    options = ["--log", str(tmp_path / "log")]
    async with window(one, "sis", options=options) as sis:
        sis.type("hello again\r")
        await sees(sis, "sis: hello again")
        sis.type("/quit\r")
        await left(sis)
    async with window(one, "sis", options=options) as sis:
        sis.type("\x1b[A\x1b[A")
        await sees(sis, "sis> hello again")
        sis.type(" and again\r")
        await sees(sis, "sis: hello again and again")
        sis.type("/quit\r")
        await left(sis)
    log = (tmp_path / "log").read_text()
    assert log.count("--- 20") == 2
    assert " sis: hello again and again\n" in log
    typed = (tmp_path / "chatctl" / "typed").read_text()
    assert typed.splitlines() == ["hello again", "/quit", "hello again and again", "/quit"]


async def test_an_option_that_is_set_while_chatting_holds_after_the_next_start(
    one: GatewayProcess, window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with window(one, "sis") as sis:
        sis.type("/set time %H.%M\r")
        await sis.until(lambda lines: any("config.toml" in line for line in lines))
        sis.type("/quit\r")
        await left(sis)
    async with window(one, "sis") as sis:
        sis.type("hello\r")
        await sis.until(lambda lines: any(re.match(r"\d\d\.\d\d sis: hello", x) for x in lines))
