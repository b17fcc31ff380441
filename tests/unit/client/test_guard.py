"""What `guarded` passes on; that it saves the terminal is in test_terminal.py, on a real one."""

import sys

import pytest

from tests.unit.client.terminal import SHELL, Terminal

# What is tested runs in a process of its own: the loop of the test makes no difference.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

SCRIPT = """
import os, signal, sys, time
from client.guard import guarded
def main():
    {main}
sys.exit(guarded(main))
"""


@pytest.mark.parametrize(
    ("main", "code"),
    [
        ("return 0", 0),
        ("return 7", 7),
        ("raise RuntimeError('a bug')", 1),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 139),
        ("os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)", 143),
        ("os.kill(os.getppid(), signal.SIGHUP); time.sleep(60)", 129),
        ("os.kill(os.getppid(), signal.SIGINT); return 5", 5),
    ],
)
async def test_the_exit_code_is_the_clients(main, code):
    async with Terminal([*SHELL, sys.executable, "-c", SCRIPT.format(main=main)]) as terminal:
        terminal.type("\n")
        await terminal.until(lambda lines: any(line == f"exit code {code}" for line in lines))


async def test_colors_and_cursor_are_put_back_after_a_crash():
    main = r"print('\x1b[31m\x1b[?25l', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    async with Terminal([*SHELL, sys.executable, "-c", SCRIPT.format(main=main)]) as terminal:
        terminal.type("\n")
        await terminal.until(lambda lines: "exit code 137" in lines)
        assert not terminal.screen.cursor.hidden
        assert terminal.screen.cursor.attrs.fg == "default"
