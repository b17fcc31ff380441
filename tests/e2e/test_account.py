"""`chatctl account` asks for a password, in a shell with job control."""

import shlex

from tests.e2e.processes import CHATCTL, Chat
from tests.unit.client.terminal import JOB_CONTROL, Terminal

SECRET = "hunter2222"


async def test_a_password_is_typed_twice_and_never_shown(chat: Chat) -> None:
    async with Terminal(JOB_CONTROL, **chat.environment) as shell:
        await shell.shows("$")
        shell.type(shlex.join([*CHATCTL, "account", "add", "dana", *chat.options]) + "\n")
        await shell.shows("Password for dana:")
        shell.type("\x1a")
        await shell.until(lambda lines: any("Stopped" in line for line in lines))
        shell.type("clear; fg\n")
        await shell.shows("Password for dana:")
        shell.type(f"{SECRET}\n")
        await shell.shows("The same again:")
        shell.type(f"{SECRET} or so\n")
        await shell.until(lambda lines: any("the two differ" in line for line in lines))
        await shell.shows("Password for dana:")
        shell.type(f"{SECRET}\n")
        await shell.until(lambda lines: lines[-1] == "The same again:")
        shell.type(f"{SECRET}\n")
        await shell.until(lambda lines: "dana is registered" in lines)
        assert SECRET.encode() not in shell.raw
