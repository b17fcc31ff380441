import asyncio
import io
import os
import sys

from client import ClientSettings, run
from client.errors import CannotConnect
from tests.unit.client.terminal import client
from wire.frames import Bye, Error, Hello
from wire.reasons import CROWDED, IDLE


async def pipe(port, name, text, settings=None, **env):
    """A client in a pipe; gives the running process."""
    process = await asyncio.create_subprocess_exec(
        *client(port, name, **(settings or {})),
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


async def test_a_terminal_that_lacks_our_characters_gets_replacements(gateway):
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


async def test_in_a_pipe_a_taken_name_is_an_error_and_no_question(gateway):
    process = await pipe(gateway.port, "bob", "hi\n")
    peer = await gateway.peer()
    await peer.expect(Hello)
    peer.tell(Error(code="name_taken", text="somebody is bob already"))
    assert await ended(process) == (1, "", "chatctl: somebody is bob already\n")


async def test_in_a_pipe_a_missing_password_is_an_error_and_no_question(gateway):
    process = await pipe(gateway.port, "bob", "hi\n")
    peer = await gateway.peer()
    await peer.expect(Hello)
    peer.tell(Error(code="password_required", text="bob is registered"))
    why = "bob is registered: set CHATCTL_PASSWORD, or use --password-file FILE"
    assert await ended(process) == (1, "", f"chatctl: {why}\n")


async def test_a_given_password_is_in_the_hello(gateway):
    process = await pipe(gateway.port, "bob", "hi\n", {"password": "s3cret"})
    peer = await gateway.peer()
    assert (await peer.welcome()).password == "s3cret"
    await peer.acknowledge()
    await peer.farewell()
    assert await ended(process) == (0, "", "")


async def test_a_refusal_says_when_to_try_again(gateway):
    process = await pipe(gateway.port, "bob", "hi\n")
    (await gateway.peer()).tell(Bye(*CROWDED, after=11.6))
    assert await ended(process) == (1, "", f"chatctl: {CROWDED.text} Try again in 12 s.\n")


def test_sending_a_password_without_tls_brings_one_warning(monkeypatch, capsys):
    async def nobody(*_):
        raise CannotConnect("nobody there")

    monkeypatch.setattr("client.main._Entrance._chat", nobody)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    servers = (("127.0.0.1", 1), ("10.0.0.5", 1), ("chat.example.org", 1))

    def said(**more):
        settings = {"servers": servers, "name": "bob", "color": False, **more}
        assert run(ClientSettings(**settings)) == 1
        return capsys.readouterr().err.removesuffix("chatctl: nobody there\n")

    hosts = "10.0.0.5, chat.example.org"
    warning = f"chatctl: without --tls the password can be read on its way to {hosts}\n"
    assert said(password="s3cret") == warning
    assert said(password="s3cret", tls=True) == ""
    assert said(password="s3cret", servers=servers[:1]) == ""
    assert said() == ""


async def test_no_gateway(gateway):
    await gateway.close()
    process = await pipe(gateway.port, "bob", "hi\n")
    code, out, err = await ended(process)
    assert (code, out) == (1, "")
    assert err.startswith("chatctl: nobody answers at 127.0.0.1:")
    assert err.count("\n") == 1


async def test_plain_mode_does_not_load_prompt_toolkit(gateway):
    script = "import sys, client, client.plain; sys.exit('prompt_toolkit' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0


def test_no_name_and_nobody_to_ask(monkeypatch, capsys):
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert run(ClientSettings(servers=(("127.0.0.1", 1),), name=None, color=False)) == 2
    assert "no name" in capsys.readouterr().err
