"""Every command, started the ways that scripts, services and other shells start it."""

import os
import subprocess

import click
import msgspec
import pytest
import redis

from chatctl.cli import main
from chatctl.configfile import leaves
from gateway.backplane.keys import Keys
from gateway.backplane.records import Account
from tests.e2e.processes import CHATCTL, Chat, StartGateway
from tests.support.deadlines import within
from tests.support.servers import Server
from wire.codec import encode_body
from wire.frames import Msg

COMMANDS = {name.replace(".", " "): command for name, command in leaves(main.commands).items()}

ANSWERING = [name for name in COMMANDS if name not in ("client", "send", "gateway")]
"""The commands that are run for their output."""

WITHOUT_REDIS = ("config show", "completion")

NOWHERE = {"CHATCTL_REDIS": "redis://127.0.0.1:1/0", "CHATCTL_SERVER": "127.0.0.1:1"}

PASSWORD = {"CHATCTL_PASSWORD": "correct horse"}


def words(command: str) -> list[str]:
    """A command with its required arguments."""
    arguments = [each for each in COMMANDS[command].params if isinstance(each, click.Argument)]
    given = {"room set": "secret=on", "completion": "bash"}.get(command, "dana")
    some = [given for each in arguments if each.required or command == "client"]
    name = command.replace("room ", "room dev ", 1)
    options = {"top": ["--count", "1"], "erase": ["--from", "sis"], "send": ["--name", "a", "hi"]}
    return [*name.split(), *some, *options.get(command, [])]


def run(
    chat: Chat, command: list[str], redirections: str = "", *, input: str = "", **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command behind a shell's redirections."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", *CHATCTL, *command],
        input=input,
        capture_output=True,
        text=True,
        timeout=within(30),
        env={**chat.environment, **variables},
    )


@pytest.fixture
def there(chat: Chat, valkey: Server, prefix: str) -> dict[str, str]:
    """Variables that name a chat that has messages and an account."""
    with redis.Redis.from_url(valkey.url, protocol=2) as server:
        body = encode_body(Msg(from_="sis", room="lobby", text="hi"))
        server.xadd(Keys(prefix).room_log("lobby"), {"d": body, "t": 1}, id="1-0")
        account = Account(name="mom", hash="$argon2id$1", since=1)
        server.hset(Keys(prefix).accounts, "mom", msgspec.json.encode(account))
    return {"CHATCTL_REDIS": valkey.url, "CHATCTL_PREFIX": prefix, **PASSWORD}


@pytest.mark.parametrize("command", ANSWERING)
def test_output_that_cannot_be_written_is_an_error_of_one_line(
    chat: Chat, there: dict[str, str], command: str
) -> None:
    for redirections in ("<&- >&-", ">/dev/full"):
        done = run(chat, words(command), redirections, **there, PYTHONUNBUFFERED="1")
        assert done.returncode == 1
        assert done.stderr.startswith("chatctl: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_strange_surroundings_are_not_an_error(chat: Chat, command: str) -> None:
    closed = chat.home / "closed"
    closed.mkdir(mode=0)
    strange = {
        "HOME": "nowhere",
        "XDG_CONFIG_HOME": str(closed / "config"),
        "XDG_RUNTIME_DIR": "~/run",
        "LC_ALL": "C",
        "PYTHONIOENCODING": "latin-1",
        "COLUMNS": "0",
        "TERM": "",
        "NO_COLOR": "",
    }
    done = run(chat, words(command), **strange, **NOWHERE, **PASSWORD)
    assert done.returncode == (0 if command in WITHOUT_REDIS else 1)
    said = done.stderr or done.stdout
    assert "Traceback" not in said
    if command not in (*WITHOUT_REDIS, "doctor"):
        assert said.splitlines()[-1].startswith("chatctl: ")
    assert os.listdir(chat.home) == ["closed"]


@pytest.mark.parametrize(
    ("redirections", "code"),
    [(">&-", 0), ("2>&-", 0), (">/dev/full", 1), ("2>/dev/full", 0), (">&- 2>&-", 0)],
)
async def test_a_client_that_cannot_show_anything_still_sends(
    chat: Chat, start_gateway: StartGateway, redirections: str, code: int
) -> None:
    gateway = await start_gateway()
    mom = await gateway.join("mom")
    client = ["client", "bob", "--server", gateway.address]
    done = run(chat, client, redirections, input="one @nobody\ntwo\nthree\n")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    for text in ("one @nobody", "two", "three"):
        await mom.expect(op="msg", text=text)


@pytest.mark.parametrize(
    ("redirections", "code"), [("<&-", 0), ("0>/dev/null", 1), ("<&- >&- 2>&-", 0)]
)
async def test_a_client_without_input_leaves(
    chat: Chat, start_gateway: StartGateway, redirections: str, code: int
) -> None:
    gateway = await start_gateway()
    mom = await gateway.join("mom")
    done = run(chat, ["client", "bob", "--server", gateway.address], redirections)
    assert done.returncode == code
    await mom.expect(op="left", name="bob", code="quit")
    assert done.stderr == ("! cannot read the input: Bad file descriptor\n" if code else "")
