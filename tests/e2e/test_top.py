"""`chatctl top` in a shell with job control."""

import os
import shlex
import signal

import pytest

from tests.e2e.processes import CHATCTL, Chat
from tests.unit.client.terminal import JOB_CONTROL, SHELL, Terminal, children


def command(chat: Chat) -> list[str]:
    return [*CHATCTL, "top", "--every", "100ms", *chat.options]


async def looks(terminal: Terminal) -> None:
    await terminal.until(lambda lines: "GATEWAY" in lines[-1] and terminal.screen.cursor.hidden)


async def test_stopping_it_shows_the_cursor_and_continuing_it_shows_the_gateways(
    chat: Chat,
) -> None:
    async with Terminal(JOB_CONTROL, columns=100, **chat.environment) as shell:
        await shell.shows("$")
        shell.type(f"clear; {shlex.join(command(chat))}\n")
        await looks(shell)
        for again in ("fg", "bg; fg"):
            shell.type("\x1a")
            await shell.until(lambda lines: any("Stopped" in line for line in lines))
            await shell.shows("$")
            assert not shell.screen.cursor.hidden
            shell.type(f"clear; {again}\n")
            await looks(shell)
        (running,) = children(shell.pid)
        os.kill(running, signal.SIGSTOP)
        await shell.until(lambda lines: any("Stopped" in line for line in lines))
        shell.type("clear; fg\n")
        await looks(shell)
        shell.type("\x03")
        await shell.until(lambda lines: lines[-1].endswith("$"))
        assert not shell.screen.cursor.hidden


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP])
async def test_a_signal_ends_it_and_shows_the_cursor(chat: Chat, number: int) -> None:
    async with Terminal([*SHELL, *command(chat)], columns=100, **chat.environment) as terminal:
        terminal.type("\n")
        await looks(terminal)
        (running,) = children(terminal.pid)
        os.kill(running, number)
        await terminal.until(lambda lines: lines[-1] == f"exit code {128 + number}")
        assert not terminal.screen.cursor.hidden


async def test_it_does_not_draw_on_a_dumb_terminal(chat: Chat) -> None:
    environment = chat.environment | {"TERM": "dumb"}
    async with Terminal([*SHELL, *command(chat), "--count", "2"], **environment) as terminal:
        terminal.type("\n")
        await terminal.shows("exit code 0")
        assert b"\x1b" not in terminal.raw
