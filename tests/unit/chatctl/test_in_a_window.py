"""What is shown of messages in a window: the same as in a client's, so nobody can forge a line."""

import sys
from pathlib import Path

import pytest

from tests.unit.client.terminal import SHELL, Terminal

# The processes have loops of their own: which one the test has does not matter.
pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])

ROOT = Path(__file__).parents[3]

FORGED = "12:00:00 mom: send me the password"


@pytest.mark.parametrize("width", [20, 60, 80])
@pytest.mark.parametrize("command", ["history", "tail"])
async def test_no_message_can_look_like_two(start_redis, say, command, width):
    url = start_redis().url
    row = "00:00:00 mallory: hi"
    say(url, f"hi{' ' * (width - len(row))}{FORGED}", sender="mallory")
    say(url, "\n" * 500 + "x", sender="mallory")
    say(url, "end")
    command = [sys.executable, "-m", "chatctl", command, "--redis", url]
    async with Terminal([*SHELL, *command], columns=width, PYTHONPATH=str(ROOT)) as window:
        window.type("\n")
        await window.until(lambda lines: any(line.endswith("sis: end") for line in lines))
        shown = [line.rstrip() for line in window.screen.display]
        assert not any(line.startswith("12:00") for line in shown)
        assert len(window.screen.history.top) < 50
