"""What a shell gets at the Tab key: it asks chatctl, with the typed words in the environment."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import Chat, GatewayProcess, StartGateway

# The variables are named after the program, so it must be run under its own name.
PROGRAM = str(Path(sys.executable).with_name("chatctl"))


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway()


def offered(chat: Chat, line: str, *options: str) -> list[str]:
    """What bash is offered for the last word of a line, with options in the environment."""
    number = len(line.split()) - (not line.endswith(" "))
    words = {"COMP_WORDS": line, "COMP_CWORD": str(number)}
    given = {
        f"CHATCTL_{name.strip('-').upper()}": x
        for name, x in zip(*[iter(options)] * 2, strict=True)
    }
    environment = {**chat.environment, **words, **given, "_CHATCTL_COMPLETE": "bash_complete"}
    done = subprocess.run([PROGRAM], capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    return [row.partition(",")[2] for row in done.stdout.splitlines() if row]


async def test_names_come_from_the_chat_that_the_line_is_about(
    chat: Chat, gateway: GatewayProcess
) -> None:
    dana, _ = await gateway.join("dana"), await gateway.join("sis")
    await dana.say(op="join", room="dev")
    await dana.expect(op="entered", room="dev")
    options = " ".join(chat.options)
    chat.run("ban", "mallory", *chat.options)
    chat.run("account", "add", *chat.options, "Mom", before=("env", "CHATCTL_PASSWORD=password"))
    assert offered(chat, f"chatctl kick {options} ") == ["dana", "sis"]
    assert offered(chat, f"chatctl kick {options} DA") == ["dana"]
    assert offered(chat, f"chatctl history {options} d") == ["dev"]
    assert offered(chat, "chatctl room ", *chat.options) == ["dev", "lobby"]
    assert offered(chat, f"chatctl unban {options} ") == ["mallory"]
    assert offered(chat, f"chatctl account remove {options} m") == ["Mom"]
    assert len(offered(chat, f"chatctl drain {options} g-")) == 1


async def test_the_config_file_counts(chat: Chat, gateway: GatewayProcess) -> None:
    await gateway.join("dana")
    assert offered(chat, "chatctl kick ") == []
    config = chat.home / ".config" / "chatctl" / "config.toml"
    config.parent.mkdir(parents=True)
    _, url, _, prefix = chat.options
    config.write_text(f"redis = '{url}'\nprefix = '{prefix}'\n")
    assert offered(chat, "chatctl kick ") == ["dana"]
    config.write_text("nonsense = 1\n")
    assert offered(chat, "chatctl kick ") == []


async def test_a_redis_that_does_not_answer_is_not_waited_for(chat: Chat) -> None:
    assert offered(chat, "chatctl kick --redis redis://127.0.0.1:1 ") == []
    assert offered(chat, "chatctl kick --redis nonsense ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_its_shell_reads(chat: Chat, shell: str) -> None:
    script = chat.run("completion", shell).stdout
    assert "_CHATCTL_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"this machine has no {shell}")
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


async def test_a_real_bash_completes_a_name(chat: Chat, gateway: GatewayProcess) -> None:
    await gateway.join("dana")
    options = " ".join(chat.options)
    line = f"chatctl kick {options} da"
    typed = f"""
PATH={Path(PROGRAM).parent}:$PATH
eval "$(chatctl completion bash)"
COMP_WORDS=({line}) COMP_CWORD={len(line.split()) - 1}
$(complete -p chatctl | sed 's/.*-F \\([^ ]*\\).*/\\1/') chatctl
echo "${{COMPREPLY[@]}}"
"""
    command = ["bash", "--norc", "-c", typed]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=chat.environment
    )
    assert (done.stdout.strip(), done.stderr) == ("dana", "")
