"""Hidden questions on real terminals, in a real shell with job control."""

import os
import shlex
import signal
import sys
import termios
from pathlib import Path

import pytest

from tests.support.deadlines import eventually
from tests.unit.client.terminal import JOB_CONTROL, SHELL, Terminal, children

# The process has a loop of its own: which one the test has does not matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

ASK = (
    "import asyncio; from client.ask import ask\n"
    "print('it was', asyncio.run(ask('secret? ', hidden=True)))"
)
COMMAND = [sys.executable, "-c", ASK]


def shows_what_is_typed(terminal):
    return bool(terminal.attributes[3] & termios.ECHO)


def is_stopped(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def stopped(shell):
    await shell.until(lambda lines: any("Stopped" in line for line in lines))


@pytest.fixture
async def shell():
    async with Terminal(JOB_CONTROL) as terminal:
        await terminal.shows("$")
        yield terminal


@pytest.fixture
async def question(shell):
    """The shell, in which the question was asked."""
    shell.type(shlex.join(COMMAND) + "\n")
    await shell.shows("secret?")
    return shell


async def answer(shell, text="hunter2222"):
    assert not shows_what_is_typed(shell)
    shell.type(f"{text}\n")
    await shell.shows(f"it was {text}", "$")
    assert shell.raw.count(text.encode()) == 1  # what we print ourselves


async def test_after_ctrl_z_the_question_is_asked_again_and_the_answer_hidden(question):
    for _ in range(3):
        question.type("half of it\x1a")
        await stopped(question)
        question.type("clear; echo $((40 + 2))\n")
        await question.shows("42", "$")
        question.type("fg\n")
        await question.shows("secret?")
    await answer(question)
    assert b"half of it" not in question.raw


async def test_after_a_stop_by_another_process_too(question):
    (asking,) = children(question.pid)
    os.kill(asking, signal.SIGSTOP)
    await stopped(question)
    question.type("clear; fg\n")
    await question.shows("secret?")
    await answer(question)


async def test_in_the_background_the_question_waits_for_the_foreground(question):
    question.type("\x1a")
    await stopped(question)
    question.type("bg\n")
    await question.until(lambda lines: lines[-1] == "$" and any(x.endswith("&") for x in lines))
    await eventually(lambda: is_stopped(*children(question.pid)))
    question.type("clear; echo $((40 + 2))\n")
    await question.shows("42", "$")
    question.type("fg\n")
    await question.shows("secret?")
    await answer(question)


async def test_a_question_begun_in_the_background_waits_for_the_foreground(shell):
    shell.type(shlex.join(COMMAND) + " &\n")
    await shell.until(lambda lines: any(line.startswith("[1] ") for line in lines))
    await eventually(lambda: is_stopped(*children(shell.pid)))
    shell.type("clear; fg\n")
    await shell.shows("secret?")
    await answer(shell)
    shell.type("stty -a | grep -o ' icanon'; stty -a | grep -o ' echo '\n")
    await shell.until(lambda lines: lines[-3:] == [" icanon", " echo", "$"])


async def test_the_terminal_is_put_back_while_it_is_stopped():
    # A shell that does not put it back itself.
    async with Terminal([*SHELL, "/bin/sh", "-mc", '"$@"; read end; fg', "sh", *COMMAND]) as shell:
        before = shell.attributes
        shell.type("\n")
        await shell.shows("secret?")
        assert shell.attributes != before
        shell.type("\x1a")
        await shell.until(lambda _: shell.attributes == before)
        shell.type("\n")
        await shell.until(lambda lines: lines.count("secret?") == 2)
        shell.type("hunter2222\n")
        await shell.until(lambda lines: "it was hunter2222" in lines)
        assert shell.attributes == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
async def test_a_signal_ends_it_and_the_terminal_is_put_back(number):
    async with Terminal([*SHELL, *COMMAND]) as terminal:
        before = terminal.attributes
        terminal.type("\n")
        await terminal.shows("secret?")
        (asking,) = children(terminal.pid)
        os.kill(asking, number)
        await terminal.until(lambda lines: lines[-1] == f"exit code {128 + number}")
        assert terminal.attributes == before


async def test_a_signal_ends_it_while_it_is_stopped(question):
    question.type("\x1a")
    await stopped(question)
    question.type("clear; kill %1; fg\n")
    await question.until(lambda lines: lines[-1] == "$" and not children(question.pid))
    question.type("stty -a | grep -o ' echo '\n")
    await question.until(lambda lines: lines[-2:] == [" echo", "$"])


async def test_ctrl_c_still_works_after_all_that(question):
    question.type("\x1a")
    await stopped(question)
    question.type("bg\nclear; fg\n")
    await question.shows("secret?")
    question.type("\x03")
    await question.until(lambda lines: any("EOFError" in line for line in lines))


async def test_an_answer_that_is_not_text_is_asked_for_again():
    async with Terminal([*SHELL, *COMMAND]) as terminal:
        terminal.type("\n")
        await terminal.shows("secret?")
        os.write(terminal.fd, b"caf\xe9\n")
        await terminal.until(lambda lines: lines.count("secret?") == 2)
        terminal.type("hunter2222\n")
        await terminal.until(lambda lines: "it was hunter2222" in lines)


async def test_an_answer_in_latin_1_is_read_in_such_a_locale():
    async with Terminal([*SHELL, *COMMAND], PYTHONIOENCODING="latin-1") as terminal:
        terminal.type("\n")
        await terminal.shows("secret?")
        os.write(terminal.fd, b"caf\xe9\n")
        await terminal.until(lambda lines: any(line.startswith("it was caf") for line in lines))


async def test_without_a_shell_to_wake_us_ctrl_z_does_nothing():
    # As with `ssh -t HOST chatctl ...`: the system does not stop who has no shell of its own.
    async with Terminal(COMMAND) as terminal:
        await terminal.shows("secret?")
        for count in (2, 3):
            terminal.type("\x1a")
            await terminal.until(lambda lines, count=count: lines.count("secret?") == count)
            await eventually(lambda: not shows_what_is_typed(terminal))
        terminal.type("hunter2222\n")
        await terminal.until(lambda lines: "it was hunter2222" in lines)
        assert terminal.raw.count(b"hunter2222") == 1
