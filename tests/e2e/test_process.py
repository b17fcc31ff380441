"""A gateway's surroundings may block, fill up or vanish, and signals come at any moment."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import random
import resource
import signal
import subprocess
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway import signals
from tests.e2e.processes import CHATCTL, Chat, StartGateway
from tests.support import leash
from tests.support.deadlines import eventually, within
from tests.support.http import ask
from tests.support.network import silent
from tests.support.peer import Peer


class Gateway:
    """A gateway in surroundings made by the test."""

    def __init__(self, process: "subprocess.Popen[bytes]", run: Path) -> None:
        self.process = process
        self._run = run

    async def address(self) -> tuple[str, int]:
        """Where it listens, according to the kernel: the gateway may be unable to say."""
        port: int = await eventually(lambda: listening_port(self.process.pid), 15)
        return "127.0.0.1", port

    async def join(self, name: str) -> Peer:
        peer = await Peer.connect(*await self.address())
        await peer.hello(name)
        return peer

    async def exit_code(self) -> int:
        return await asyncio.to_thread(self.process.wait, within(8))


def listening_port(pid: int) -> int | None:
    inodes = set()
    with contextlib.suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            inodes.add(os.readlink(each))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].partition(":")[2], 16)
    return None


@pytest.fixture
async def start(chat: Chat) -> AsyncIterator[Any]:
    """Starts gateways; takes `stdout`, `stderr` and so on like `subprocess`."""
    with contextlib.ExitStack() as stack:

        def start(*options: str, shell: str = "", **given: Any) -> Gateway:
            always = ("--listen", "127.0.0.1:0", "--drain", "off")
            command = [*CHATCTL, "gateway", *always, *chat.options, *options]
            if shell:
                command = ["sh", "-c", f'{shell}\nexec "$@"', "sh", *command]
            process = leash.start(command, env=chat.environment, **given)
            stack.callback(leash.end, process)
            return Gateway(process, chat.home)

        yield start


async def they_talk(one: Peer, other: Peer, text: str) -> None:
    await one.say(op="send", text=text)
    await other.expect(op="msg", text=text)


async def serves_and_ends(gateway: Gateway) -> None:
    """People can talk on it, and it ends when told to."""
    sis, mom = await gateway.join("sis"), await gateway.join("mom")
    await they_talk(sis, mom, "hi")
    gateway.process.send_signal(signal.SIGTERM)
    assert await gateway.exit_code() == 0
    for peer in (sis, mom):
        await peer.close()


# Output.


async def test_if_nobody_reads_the_log_lines_are_lost_but_the_chat_goes_on(start: Any) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    gateway = start("--log-format", "json", stderr=writer)  # JSON makes long lines
    os.close(writer)
    sis = await gateway.join("sis")
    others = [await gateway.join(f"guest{number}") for number in range(60)]
    for number, other in enumerate(others):
        await they_talk(other, sis, f"hi {number}")
    log = b""
    os.set_blocking(reader, False)

    def told_all() -> bool:
        nonlocal log
        with contextlib.suppress(BlockingIOError):
            log += os.read(reader, 65536)
        return b"lines were left out" in log and log.endswith(b"\n")

    await eventually(told_all)
    (told,) = [json.loads(line) for line in log.splitlines() if b"were left out" in line]
    assert told["lines"] > 0
    for other in others:
        await other.close()
    await sis.collect(60, op="left")
    os.set_blocking(reader, True)  # from here on nobody reads
    gateway.process.send_signal(signal.SIGTERM)
    await sis.ended(code="shutdown")
    assert await gateway.exit_code() == 0
    os.close(reader)
    await sis.close()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_it_serves_even_if_its_output_cannot_be_written(start: Any, stream: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    gateway = start(**{"stderr": subprocess.DEVNULL, stream: full})
    os.close(full)
    await serves_and_ends(gateway)


@pytest.mark.parametrize("full", [False, True])
async def test_it_serves_even_if_nobody_reads_its_greeting(start: Any, full: bool) -> None:
    reader, writer = os.pipe()
    if full:
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
    else:
        os.close(reader)
    gateway = start(stdout=writer)
    os.close(writer)
    await serves_and_ends(gateway)
    if full:
        os.close(reader)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_closed_streams_do_not_matter(start: Any, closed: str, loop: str) -> None:
    gateway = start("--loop", loop, shell=f"exec {closed}")
    await serves_and_ends(gateway)


# Signals.


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_a_signal_without_a_meaning_is_a_line_in_the_log(
    start_gateway: StartGateway, chat: Chat, loop: str
) -> None:
    log = chat.home / "log"
    gateway = await start_gateway("--loop", loop, log=log)
    sis, mom = await gateway.join("sis"), await gateway.join("mom")
    for number in (*signals.MEANINGLESS, signal.SIGHUP):
        name = number.name
        gateway.signal(number)
        await eventually(lambda name=name: f"signal={name}" in log.read_text())
        await they_talk(sis, mom, name)
    assert "nothing to reload" in log.read_text()
    assert "drain" not in log.read_text()


async def test_the_signal_of_ctrl_backslash_ends_it_like_the_others(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway()
    sis = await gateway.join("sis")
    gateway.signal(signal.SIGQUIT)
    await sis.ended(code="shutdown", reconnect=True)
    assert await gateway.exit_code() == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
async def test_signals_that_do_not_end_it_are_ignored_while_it_starts(
    start: Any, number: signal.Signals
) -> None:
    gateway = start()
    pid = gateway.process.pid
    # It catches the signal once its bit is set in this mask; the bits count from 1.
    await eventually(lambda: caught(pid) >> (number - 1) & 1)
    async with asyncio.timeout(within(15)):
        while listening_port(pid) is None:
            gateway.process.send_signal(number)
            await asyncio.sleep(0.005)
    await (await gateway.join("sis")).close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_can_be_ended_while_it_starts(start: Any, number: signal.Signals) -> None:
    gateway = start(stderr=subprocess.PIPE)
    pid = gateway.process.pid
    await eventually(lambda: caught(pid) >> (signal.SIGUSR1 - 1) & 1)
    gateway.process.send_signal(number)
    assert await gateway.exit_code() == 0
    assert b"Traceback" not in gateway.process.stderr.read()
    gateway.process.stderr.close()


async def test_it_can_be_ended_while_it_waits_for_a_redis_that_does_not_answer(
    start: Any, chat: Chat
) -> None:
    with silent() as (host, port):
        gateway = start("--redis", f"redis://{host}:{port}/0", stderr=subprocess.PIPE)
        await gateway.address()
        gateway.process.send_signal(signal.SIGTERM)
        assert await gateway.exit_code() == 0
        assert gateway.process.stderr.read() == b""
        gateway.process.stderr.close()


def caught(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("SigCgt:")[2].split()[0], 16)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_signals_at_any_moment_of_the_shutdown_do_no_harm(
    start_gateway: StartGateway, loop: str
) -> None:
    gateway = await start_gateway("--loop", loop)
    sis = await gateway.join("sis")
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    gateway.signal(signal.SIGINT)
    async with asyncio.timeout(within(15)):
        while gateway.process.poll() is None:
            gateway.signal(random.choice(numbers))
            await asyncio.sleep(random.random() / 500)
    await sis.disconnected()
    assert gateway.process.returncode == 0


class Terminal:
    """A gateway in its own terminal."""

    def __init__(self, command: list[str], chat: Chat) -> None:
        self._ours, theirs = pty.openpty()

        def take() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=take,
            env=chat.environment,
            cwd=chat.home,  # `nohup` writes a file
        )
        os.close(theirs)
        self._open = True

    def close(self) -> None:
        if self._open:
            os.close(self._ours)
            self._open = False

    def end(self) -> None:
        self.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def terminal(chat: Chat) -> Any:
    with contextlib.ExitStack() as stack:

        def start(*before: str, options: tuple[str, ...] = ()) -> Terminal:
            listen = ("--listen", "127.0.0.1:0", "--drain", "off")
            command = [*before, *CHATCTL, "gateway", *listen, *chat.options, *options]
            terminal = Terminal(command, chat)
            stack.callback(terminal.end)
            return terminal

        yield start


@pytest.mark.parametrize("tls", [False, True])
async def test_it_ends_when_its_terminal_is_closed(terminal: Any, ca: Any, tls: bool) -> None:
    chain, key = ca.issue()
    options = ("--tls-cert", str(chain), "--tls-key", str(key)) if tls else ()
    inside = terminal(options=options)
    await eventually(lambda: listening_port(inside.process.pid), 15)
    inside.close()
    assert await asyncio.to_thread(inside.process.wait, within(8)) == 0


async def test_under_nohup_it_outlives_its_terminal(terminal: Any, chat: Chat) -> None:
    inside = terminal("nohup")
    port = await eventually(lambda: listening_port(inside.process.pid), 15)
    inside.close()
    peer = await Peer.connect("127.0.0.1", port)
    await peer.hello("sis")
    await peer.close()
    assert inside.process.poll() is None
    inside.process.terminate()
    assert await asyncio.to_thread(inside.process.wait, within(8)) == 0


# Files.


async def test_it_raises_its_limit_of_open_files_as_far_as_possible(start: Any) -> None:
    gateway = start(shell="ulimit -Sn 64")
    await gateway.address()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)


async def test_with_few_open_files_it_warns_and_keeps_some_for_operators(
    start: Any, chat: Chat
) -> None:
    log = chat.home / "log"
    with log.open("wb") as file:
        http = ("--http", "127.0.0.1:0")
        gateway = start(*http, shell="ulimit -n 64", stdout=subprocess.PIPE, stderr=file)
    greeting = [await asyncio.to_thread(gateway.process.stdout.readline) for _ in range(6)]
    port = int(greeting[-1].split(b":")[2].partition(b"/")[0])
    chat_port = int(greeting[0].rpartition(b":")[2])
    assert "few connections are possible" in log.read_text()
    doctor = await asyncio.to_thread(chat.run, "doctor", *chat.options)
    assert "of 48 that its limit of open files allows" in doctor.stdout
    peers = [await Peer.connect("127.0.0.1", chat_port) for _ in range(64)]
    await eventually(lambda: "no connection can be accepted" in log.read_text())
    for _ in range(3):
        assert (await ask(("127.0.0.1", port), "/healthz")).status == 200
    for peer in peers:
        await peer.close()
