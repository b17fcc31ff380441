"""`chatctl client` with TLS, and with a registered name."""

import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.records import Account
from gateway.door.passwords import hash_password
from tests.e2e.processes import CHATCTL, Chat, GatewayProcess, StartGateway
from tests.support.certificates import Authority, authority
from tests.support.servers import Server
from tests.unit.client.terminal import SHELL, Terminal

StartSecure = Callable[..., Awaitable[GatewayProcess]]


@pytest.fixture
def start_secure(start_gateway: StartGateway, ca: Authority) -> StartSecure:
    """Starts gateways with TLS; their certificates are for localhost and 127.0.0.1."""
    chain, key = ca.issue()

    async def start(*options: str) -> GatewayProcess:
        return await start_gateway("--tls-cert", str(chain), "--tls-key", str(key), *options)

    return start


@pytest.fixture
def register(valkey: Server, prefix: str) -> Callable[[str, str], None]:
    """Registers a name with a password."""

    def register(name: str, password: str) -> None:
        account = Account(name=name, hash=hash_password(password), since=0)
        with redis.Redis.from_url(valkey.url, protocol=2) as there:
            there.hset(Keys(prefix).accounts, name.casefold(), msgspec.json.encode(account))

    return register


@contextlib.asynccontextmanager
async def window(chat: Chat, gateway: GatewayProcess, *options: str) -> AsyncIterator[Terminal]:
    """Opens a terminal with Dana's client."""
    command = [*CHATCTL, "client", "dana", "--color", "never", *options]
    command += ["--server", gateway.address]
    async with Terminal([*SHELL, *command], **chat.environment) as terminal:
        terminal.type("\n")
        yield terminal


async def sees(terminal: Terminal, text: str) -> None:
    """Wait until a line on the screen ends with this."""
    await terminal.until(lambda lines: any(line.endswith(text) for line in lines))


class TestTls:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    async def test_with_a_trusted_certificate_people_can_chat(
        self,
        start_secure: StartSecure,
        start_gateway: StartGateway,
        chat: Chat,
        ca: Authority,
        host: str,
    ) -> None:
        secure = await start_secure()
        mom = await (await start_gateway()).join("mom")
        server = f"{host}:{secure.port}"
        done = chat.run("client", "bob", "--server", server, "--ca", str(ca.ca), input="hi @mom\n")
        assert (done.returncode, done.stderr) == (0, "")
        await mom.expect(op="msg", to=["mom"], text="hi @mom")

    async def test_it_reconnects_with_tls(
        self, start_secure: StartSecure, start_gateway: StartGateway, chat: Chat, ca: Authority
    ) -> None:
        secure = await start_secure()
        mom = await (await start_gateway()).join("mom")
        async with window(chat, secure, "--ca", str(ca.ca)) as dana:
            await dana.shows("dana>")
            dana.type("before\r")
            await mom.expect(op="msg", text="before")
            secure.signal(signal.SIGKILL)
            await sees(dana, "Reconnecting...")
            await mom.say(op="send", text="meanwhile")
            await start_secure("--listen", secure.address)
            await sees(dana, "mom: meanwhile")
            dana.type("after\r")
            await mom.expect(op="msg", text="after")

    async def test_a_certificate_that_is_not_trusted_is_refused(
        self, start_secure: StartSecure, chat: Chat
    ) -> None:
        secure = await start_secure()
        done = chat.run("client", "bob", "--server", secure.address, "--tls", input="hi\n")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"the certificate of {secure.address} is refused: unable to get" in done.stderr
        assert done.stderr.count("\n") == 1

    async def test_a_certificate_of_another_host_is_refused(
        self, start_gateway: StartGateway, chat: Chat, ca: Authority
    ) -> None:
        chain, key = ca.issue(name="other.example", addresses=())
        other = await start_gateway("--tls-cert", str(chain), "--tls-key", str(key))
        server = f"localhost:{other.port}"
        done = chat.run("client", "bob", "--server", server, "--ca", str(ca.ca), input="hi\n")
        assert done.returncode == 1
        assert "certificate is not valid for 'localhost'" in done.stderr

    async def test_it_does_not_reconnect_to_a_gateway_with_another_certificate(
        self,
        start_secure: StartSecure,
        start_gateway: StartGateway,
        chat: Chat,
        ca: Authority,
        tmp_path: Path,
    ) -> None:
        secure = await start_secure()
        async with window(chat, secure, "--ca", str(ca.ca)) as dana:
            await dana.shows("dana>")
            secure.signal(signal.SIGKILL)
            await secure.exit_code()
            chain, key = authority(tmp_path).issue()
            options = ("--tls-cert", str(chain), "--tls-key", str(key))
            await start_gateway("--listen", secure.address, *options)
            await dana.until(lambda lines: any("is refused: unable to get" in x for x in lines))
            await dana.shows("dana (reconnecting)>")

    async def test_without_tls_to_a_gateway_that_wants_it(
        self, start_secure: StartSecure, chat: Chat
    ) -> None:
        secure = await start_secure()
        done = chat.run("client", "bob", "--server", secure.address, input="hi\n")
        assert done.returncode == 1
        assert "--tls" in done.stderr

    async def test_with_tls_to_a_gateway_without_it(
        self, start_gateway: StartGateway, chat: Chat
    ) -> None:
        plain = await start_gateway()
        done = chat.run("client", "bob", "--server", plain.address, "--tls", input="hi\n")
        assert done.returncode == 1
        assert f"{plain.address} does not answer in TLS" in done.stderr


class TestRegisteredName:
    async def test_its_password_is_asked_for_and_may_be_typed_again(
        self, start_gateway: StartGateway, chat: Chat, register: Callable[[str, str], None]
    ) -> None:
        one = await start_gateway()
        mom = await one.join("mom")
        register("Dana", "s3cret")
        async with window(chat, one) as dana:
            await dana.shows("Password of dana:")
            dana.type("wrong\n")
            await dana.until(lambda lines: lines.count("Password of dana:") == 2)
            dana.type("s3cret\n")
            await dana.shows("dana>")
            await mom.expect(op="joined", name="dana")
            assert b"s3cret" not in dana.raw
            assert b"wrong" not in dana.raw

    async def test_its_password_can_come_from_a_file_and_serves_to_reconnect(
        self,
        start_gateway: StartGateway,
        chat: Chat,
        register: Callable[[str, str], None],
    ) -> None:
        one = await start_gateway()
        mom = await (await start_gateway()).join("mom")
        register("dana", "s3cret")
        file = chat.home / "password"
        file.write_text("s3cret\n")
        async with window(chat, one, "--password-file", str(file)) as dana:
            await dana.shows("dana>")
            one.signal(signal.SIGKILL)
            await sees(dana, "Reconnecting...")
            await start_gateway("--listen", one.address)
            await dana.until(lambda lines: any("back again, on" in line for line in lines))
            dana.type("here\r")
            await mom.expect(op="msg", text="here")

    async def test_a_wrong_password_from_a_file_ends_it(
        self, start_gateway: StartGateway, chat: Chat, register: Callable[[str, str], None]
    ) -> None:
        one = await start_gateway()
        register("dana", "s3cret")
        file = chat.home / "password"
        file.write_text("wrong\n")
        server = ("--server", one.address)
        done = chat.run("client", "dana", *server, "--password-file", str(file), input="hi\n")
        assert (done.returncode, done.stdout) == (1, "")
        assert "password for dana" in done.stderr
        assert "wrong" not in done.stderr

    async def test_without_a_terminal_the_error_says_how_to_give_a_password(
        self, start_gateway: StartGateway, chat: Chat, register: Callable[[str, str], None]
    ) -> None:
        one = await start_gateway()
        register("dana", "s3cret")
        done = chat.run("client", "dana", "--server", one.address, input="hi\n")
        assert done.returncode == 1
        assert "set CHATCTL_PASSWORD, or use --password-file FILE" in done.stderr
