"""Programs that people use for IRC, as they are: irssi and WeeChat, where they are installed."""

import contextlib
import os
import pty
import shutil
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Chat, StartGateway
from tests.support import leash
from tests.support.deadlines import eventually
from tests.support.servers import free_ports

Write = Callable[[str], None]
Read = Callable[[], str]


@pytest.fixture
def irssi(chat: Chat) -> Iterator[Callable[[int, str], tuple[Write, Read]]]:
    """Starts irssi in a terminal; returns how to type into it, and how to read what it shows."""
    if (program := shutil.which("irssi")) is None:
        pytest.skip("irssi is not installed")
    with contextlib.ExitStack() as stack:

        def start(port: int, nick: str) -> tuple[Write, Read]:
            ours, theirs = pty.openpty()
            termios.tcsetwinsize(theirs, (40, 120))
            home = f"--home={chat.home}/irssi"
            # It ends with its terminal, and that with this process.
            process = subprocess.Popen(
                [program, home, "-c", "127.0.0.1", "-p", str(port), "-n", nick],
                stdin=theirs,
                stdout=theirs,
                stderr=subprocess.DEVNULL,
                env={**chat.environment, "TERM": "xterm"},
                start_new_session=True,
            )
            os.close(theirs)
            stack.callback(process.wait)
            stack.callback(process.kill)
            shown = bytearray()

            def listen() -> None:
                with contextlib.suppress(OSError):
                    while data := os.read(ours, 65536):
                        shown.extend(data)

            threading.Thread(target=listen, daemon=True).start()

            def write(text: str) -> None:
                os.write(ours, f"{text}\r".encode())

            return write, lambda: shown.decode(errors="replace")

        yield start


@pytest.fixture
def weechat(chat: Chat) -> Iterator[Callable[[int, str], tuple[Write, Read]]]:
    """Starts WeeChat without a terminal, in the same way; what it shows is read from its logs."""
    if (program := shutil.which("weechat-headless")) is None:
        pytest.skip("weechat-headless is not installed")
    with contextlib.ExitStack() as stack:

        def start(port: int, nick: str) -> tuple[Write, Read]:
            home = Path(chat.home) / "weechat"
            commands = [
                "/set logger.file.flush_delay 0",
                "/set fifo.file.path ${weechat_data_dir}/fifo",
                "/fifo enable",
                f"/server add chat 127.0.0.1/{port} -notls",
                f"/set irc.server.chat.nicks {nick}",
                "/connect chat",
            ]
            process = leash.start(
                [program, "-d", str(home), *(word for each in commands for word in ("-r", each))],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=chat.environment,
            )
            stack.callback(leash.end, process)

            def write(text: str) -> None:
                with open(home / "fifo", "w") as fifo:
                    fifo.write(f"irc.server.chat *{text}\n")

            def read() -> str:
                logs = sorted((home / "logs").glob("*.weechatlog"))
                return "\n".join(log.read_text(errors="replace") for log in logs)

            return write, read

        yield start


@pytest.mark.parametrize("program", ["irssi", "weechat"])
async def test_people_with_it_talk_to_the_others(
    program: str, start_gateway: StartGateway, request: pytest.FixtureRequest
) -> None:
    start = request.getfixturevalue(program)
    [port] = free_ports(1)
    gateway = await start_gateway("--irc", f"127.0.0.1:{port}")
    sis = await gateway.join("Sis")
    write, read = start(port, "mom")
    await sis.expect(20, op="joined", name="mom")
    if program == "weechat":
        await eventually(lambda: "mom" in read(), 20)
    await sis.say(op="join", room="dev")
    await sis.expect(op="entered", room="dev")
    write("/join #dev")
    await sis.expect(20, op="joined", room="dev", name="mom")
    await sis.say(op="send", room="dev", text="hello from elsewhere", seq=1)
    await eventually(lambda: "hello from elsewhere" in read(), 20)
    write("/msg #dev hello yourself")
    await sis.expect(20, op="msg", room="dev", text="hello yourself")
    write("/msg Sis psst")
    await sis.expect(20, op="msg", text="psst", to=["Sis"])
    write("/nick mum")
    await sis.expect(20, op="renamed", name="mom", to="mum")
    write("/whois Sis")
    await eventually(lambda: "Sis" in read(), 20)
    write("/quit")
    await sis.expect(20, op="left", name="mum")
    assert "nknown command" not in read()
