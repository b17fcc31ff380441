"""The client as a job of a shell: stopped and brought back, by keys, by ``kill``, in any order."""

import asyncio
import os
import shlex
import signal
import sys

import pytest

from client.terminal import is_whole
from tests.support.deadlines import within
from tests.unit.client.terminal import JOB_CONTROL, Terminal, children, client
from wire.frames import Error, Hello

# The processes have loops of their own: which one the test has does not matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

CTRL_C, CTRL_Z = "\x03", "\x1a"

# What a shell does for one job, without a shell's own lines: starts it in the background, while the
# terminal is as a line editor needs it, says when it stops, and does as it is told.
STAND_IN = """
import os, signal, sys, termios
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
before, editing = termios.tcgetattr(0), termios.tcgetattr(0)
editing[3] &= ~(termios.ECHO | termios.ICANON)
termios.tcsetattr(0, termios.TCSANOW, editing)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    termios.tcsetattr(0, termios.TCSANOW, before)
    print("stopped by", signal.Signals(os.WSTOPSIG(status)).name, flush=True)
    word = sys.stdin.readline().strip()
    if word == "fg":
        os.tcsetpgrp(0, job)
    if word == "end":
        os.killpg(job, signal.SIGTERM)
    os.killpg(job, signal.SIGCONT)
os.tcsetpgrp(0, os.getpgrp())
print("exit code", os.waitstatus_to_exitcode(status), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
async def shell():
    async with Terminal(JOB_CONTROL) as terminal:
        await terminal.shows("$")
        terminal.type("set -b\n")  # the shell tells at once that a job stopped
        await terminal.shows("$ set -b", "$")
        terminal.stops = 0
        yield terminal


@pytest.fixture
async def chatting(shell, gateway):
    """The shell, in which a client runs with a half-typed line."""
    shell.type(shlex.join(client(gateway.port, "dana")) + "\n")
    shell.peer = await gateway.peer()
    await shell.peer.welcome()
    await shell.shows("dana>")
    (shell.guard,) = children(shell.pid)
    (shell.client,) = children(shell.guard)
    shell.type("draft")
    await shell.shows("dana> draft")
    return shell


async def stops(shell):
    """Wait until the shell says once more that the job stopped."""
    shell.stops += 1
    await shell.until(lambda _: shell.raw.count(b"Stopped  ") == shell.stops)


async def back(shell):
    """Bring the job back, and go on typing."""
    shell.type("clear; fg\n")
    await shell.shows("dana> draft")
    assert not is_whole(shell.fd)
    shell.type("ed\r")
    assert (await shell.peer.acknowledge()).text == "drafted"


async def test_ctrl_z_works_again_and_again(chatting):
    for _ in range(3):
        chatting.type(CTRL_Z)
        await stops(chatting)
        chatting.type("clear; fg\n")
        await chatting.shows("dana> draft")
    chatting.type(CTRL_Z)
    await stops(chatting)
    await back(chatting)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
@pytest.mark.parametrize("stopped", ["guard", "client"])
async def test_a_signal_stops_it_as_well(chatting, number, stopped):
    os.kill(getattr(chatting, stopped), number)
    await stops(chatting)
    if stopped == "client":
        assert chatting.raw.rindex(b"\x1b[?2004l") > chatting.raw.rindex(b"dana> ")
    await back(chatting)


async def test_in_the_background_it_stops_and_says_nothing_there(chatting):
    chatting.type(CTRL_Z)
    await stops(chatting)
    chatting.peer.say("meanwhile")
    chatting.type("clear; bg\n")
    await stops(chatting)
    assert not any("meanwhile" in line or "draft" in line for line in chatting.lines)
    await back(chatting)
    assert any("meanwhile" in line for line in chatting.lines)


async def test_a_shell_that_wakes_it_in_the_background_can_end_it(chatting):
    chatting.type(CTRL_Z)
    await stops(chatting)
    chatting.type("clear; bg\n")
    await stops(chatting)
    chatting.type("kill %1\n")
    async with asyncio.timeout(within(5)):
        await chatting.peer.farewell()
    await chatting.until(lambda lines: any("Exit 143" in line for line in lines))
    chatting.type("clear; stty -a | grep -ow 'echo'\n")
    await chatting.until(lambda lines: lines == ["echo", "$"])


async def test_started_in_the_background_it_waits_to_be_brought_to_the_front(shell, gateway):
    shell.type(shlex.join(client(gateway.port, "dana")) + " &\n")
    shell.peer = await gateway.peer()
    await shell.peer.welcome()
    await stops(shell)
    shell.type("clear; fg\n")
    await shell.shows("dana>")
    shell.type("hello\r")
    assert (await shell.peer.acknowledge()).text == "hello"
    shell.type(CTRL_C)
    await shell.peer.farewell()
    shell.type("clear; stty -a | grep -ow 'echo'\n")
    await shell.until(lambda lines: lines[-2:] == ["echo", "$"])


async def test_a_password_is_never_shown(shell, gateway):
    shell.type(shlex.join(client(gateway.port, "dana")) + " &\n")
    peer = await gateway.peer()
    await peer.expect(Hello)
    peer.tell(Error(code="password_required", text="-"))
    await stops(shell)
    for _ in range(2):
        shell.type("clear; fg\n")
        await shell.shows("Password of dana:")
        shell.type(CTRL_Z)
        await stops(shell)
        shell.type("clear; bg\n")
        await stops(shell)
    shell.type("clear; fg\n")
    await shell.shows("Password of dana:")
    shell.type("s3cret\n")
    peer = await gateway.peer()
    assert (await peer.welcome()).password == "s3cret"
    await shell.shows("dana>")
    assert b"s3cret" not in shell.raw


@pytest.fixture
async def background(gateway):
    """A client in the background of something that is no shell."""
    command = [sys.executable, "-c", STAND_IN, *client(gateway.port, "dana")]
    async with Terminal(command) as terminal:
        terminal.peer = await gateway.peer()
        await terminal.peer.welcome()
        await terminal.shows("stopped by SIGTTIN")
        yield terminal


async def test_a_parent_that_waits_for_it_sees_that_it_stopped(background):
    background.type("bg\n")
    await background.until(lambda _: background.raw.count(b"stopped by SIGTTIN") == 2)
    background.type("fg\n")
    await background.shows("dana>")
    background.type("hello\r")
    assert (await background.peer.acknowledge()).text == "hello"
    (guard,) = children(background.pid)
    async with asyncio.timeout(within(5)):
        os.kill(guard, signal.SIGTERM)
        await background.peer.farewell()
        await background.shows("exit code 143")
    assert is_whole(background.fd)


async def test_it_ends_in_the_background_without_touching_the_terminal(background):
    before = background.attributes
    background.type("end\n")
    async with asyncio.timeout(within(5)):
        await background.peer.farewell()
        await background.shows("exit code 143")
    assert background.attributes == before


async def test_at_a_question_ctrl_c_counts_after_it_was_in_the_background(shell, gateway):
    shell.type(shlex.join(client(gateway.port, None)) + "\n")
    await shell.until(lambda lines: lines[-1] == "Your name:")
    for _ in range(2):
        shell.type(CTRL_Z)
        await stops(shell)
        shell.type("bg\n")
        await stops(shell)
        shell.type("clear; fg\n")
        await shell.until(lambda lines: lines[-1] == "Your name:")
    shell.type(CTRL_C)
    await shell.until(lambda lines: lines[-1] == "$")


async def test_a_question_in_the_background_can_be_ended(shell, gateway):
    shell.type(shlex.join(client(gateway.port, None)) + " &\n")
    await stops(shell)
    shell.type("kill %1\n")
    await shell.until(lambda lines: any("Exit 143" in line for line in lines))


async def test_a_hidden_question_in_the_background_can_be_ended_too(shell, gateway):
    shell.type(shlex.join(client(gateway.port, "dana")) + "\n")
    peer = await gateway.peer()
    await peer.expect(Hello)
    peer.tell(Error(code="password_required", text="-"))
    await shell.shows("Password of dana:")
    shell.type(CTRL_Z)
    await stops(shell)
    shell.type("bg\n")
    await stops(shell)
    shell.type("kill %1\n")
    await shell.until(lambda lines: any("Exit 143" in line for line in lines))
    shell.type("clear; stty -a | grep -ow 'echo'\n")
    await shell.until(lambda lines: lines == ["echo", "$"])
