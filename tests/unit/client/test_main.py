import asyncio
import os
import sys

from client import ClientSettings, run
from tests.unit.client.terminal import client
from wire.frames import Bye, Error, Hello
from wire.reasons import IDLE


async def pipe(port, name, text, **env):
    """A client in a pipe; gives the running process."""
    process = await asyncio.create_subprocess_exec(
        *client(port, name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **env},
    )
    process.stdin.write(text.encode())
    process.stdin.close()
    return process


async def ended(process):
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_echo_hi_in_a_pipe(gateway):
    process = await pipe(gateway.port, "bob", "hi\n")
    peer = await gateway.peer()
    assert (await peer.welcome()).name == "bob"
    peer.say("hello bob")
    assert (await peer.acknowledge()).text == "hi"
    await peer.farewell()
    code, out, err = await ended(process)
    assert (code, err) == (0, "")
    assert out.endswith(" sis: hello bob\n")


async def test_a_terminal_without_our_characters_gets_others(gateway):
    process = await pipe(gateway.port, "bob", "hi\n", PYTHONIOENCODING="ascii")
    peer = await gateway.peer()
    await peer.welcome()
    peer.say("grüße", to=["bob"])
    await peer.acknowledge()
    await peer.farewell()
    code, out, _ = await ended(process)
    assert code == 0
    assert out.endswith(" sis ? you: gr??e\n")


async def test_a_goodbye_for_idleness(gateway):
    process = await asyncio.create_subprocess_exec(
        *client(gateway.port, "bob"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    peer = await gateway.peer()
    await peer.welcome()
    peer.tell(Bye(*IDLE))
    assert await process.stdout.read() == b"Bye!\n"
    assert await process.wait() == 0


async def test_a_name_that_is_taken_is_not_asked_for_in_a_pipe(gateway):
    process = await pipe(gateway.port, "bob", "hi\n")
    peer = await gateway.peer()
    await peer.expect(Hello)
    peer.tell(Error(code="name_taken", text="somebody is bob already"))
    assert await ended(process) == (1, "", "chatctl: somebody is bob already\n")


async def test_no_gateway(gateway):
    await gateway.close()
    process = await pipe(gateway.port, "bob", "hi\n")
    code, out, err = await ended(process)
    assert (code, out) == (1, "")
    assert err.startswith("chatctl: nobody answers at 127.0.0.1:")
    assert err.count("\n") == 1


async def test_plain_mode_does_without_prompt_toolkit(gateway):
    script = "import sys, client, client.plain; sys.exit('prompt_toolkit' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0


def test_no_name_and_nobody_to_ask(monkeypatch, capsys):
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert run(ClientSettings(servers=(("127.0.0.1", 1),), name=None, color=False)) == 2
    assert "no name" in capsys.readouterr().err
