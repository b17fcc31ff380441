"""TLS with real certificates: who is trusted, and what is said where nobody is."""

import asyncio
import contextlib
import ssl

import pytest

from client import join
from client.dial import Dialer, connect
from client.errors import CannotConnect, Untrusted
from client.tls import in_the_clear, trusting
from tests.support.certificates import authority
from tests.support.network import names
from tests.unit.client.fake_gateway import FakeGateway
from wire.frames import Bye, Hello
from wire.reasons import QUIT, SHUTDOWN

ALERT = b"\x15\x03\x03\x00\x02\x02\x46"
"""What a server answers if it does not speak our version of TLS, or no TLS at all."""


@pytest.fixture
def trust(ca):
    return trusting(ca.ca)


@pytest.fixture
async def serve():
    """Starts fake gateways, in TLS with a context for it."""
    # In debug mode asyncio reports to its loop each client that does not come through to a server.
    asyncio.get_running_loop().set_debug(False)
    async with contextlib.AsyncExitStack() as stack:

        async def serve(tls=None):
            return await stack.enter_async_context(FakeGateway(tls))

        yield serve


@pytest.fixture
async def secure(serve, ca):
    return await serve(ca.server())


async def refused(gateway, tls, **arguments):
    """Try to connect; gives the error."""
    with pytest.raises(CannotConnect) as error:
        await connect(
            gateway.host,
            gateway.port,
            **{"name": "dana", "password": "s3cret", **arguments},
            tls=tls,
        )
    assert "s3cret" not in str(error.value)
    return error.value


async def test_a_dot_at_the_end_of_a_host_is_no_part_of_its_name(secure, trust, monkeypatch):
    names(monkeypatch, localhost=[None], other=[None])
    connecting = asyncio.create_task(connect("localhost.", secure.port, name="dana", tls=trust))
    peer = await secure.peer()
    await peer.welcome()
    (await connecting).end(QUIT)
    with pytest.raises(Untrusted, match=r"certificate of other\.:\d+ is refused"):
        await connect("other.", secure.port, name="dana", tls=trust)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_gateway_with_a_trusted_certificate_for_its_name_is_accepted(secure, trust, host):
    connecting = asyncio.create_task(
        connect(host, secure.port, name="dana", password="s3cret", tls=trust)
    )
    peer = await secure.peer()
    assert (await peer.welcome()).password == "s3cret"
    chat = await connecting
    text = "long " * 700
    sending = asyncio.create_task(chat.send(text))
    assert (await peer.acknowledge()).text == text
    await sending
    peer.say(text)
    assert (await anext(chat)).text == text
    leaving = asyncio.create_task(chat.quit())
    await peer.farewell()
    await leaving
    assert chat.ended == QUIT


async def test_it_comes_back_over_tls_with_the_same_password(secure, trust):
    async with asyncio.TaskGroup() as tasks:

        async def stay():
            servers = [(secure.host, secure.port)]
            async with join(servers, name="dana", password="s3cret", tls=trust) as chat:
                async for _ in chat.events():
                    pass

        staying = tasks.create_task(stay())
        first = await secure.peer()
        assert (await first.welcome(resume="token-1")).password == "s3cret"
        first.tell(Bye(*SHUTDOWN, after=0.0))
        second = await secure.peer()
        hello = await second.welcome()
        assert (hello.resume, hello.password) == ("token-1", "s3cret")
        second.tell(Bye(*QUIT))
        await staying


async def test_a_certificate_of_an_authority_that_is_not_trusted_is_refused(secure, tmp_path):
    other = trusting(authority(tmp_path, "Another authority").ca)
    error = await refused(secure, other)
    assert isinstance(error, Untrusted)
    assert f"{secure.host}:{secure.port} is refused: unable to get local issuer" in str(error)
    assert "--ca FILE" in str(error)


async def test_the_system_does_not_trust_our_own_authority(secure):
    assert isinstance(await refused(secure, trusting()), Untrusted)


async def test_a_certificate_for_another_host_is_refused(serve, ca, trust):
    gateway = await serve(ca.server(name="other.example", addresses=()))
    error = await refused(gateway, trust)
    assert isinstance(error, Untrusted)
    assert "certificate is not valid for '127.0.0.1'" in str(error)
    assert "Name the gateway to --server as its certificate does" in str(error)


async def test_an_expired_certificate_is_refused(serve, ca, trust):
    error = await refused(await serve(ca.server(days=-1)), trust)
    assert isinstance(error, Untrusted)
    assert "certificate has expired" in str(error)
    assert "clock" in str(error)


async def test_a_server_that_is_not_trusted_is_told_nothing(ca, tmp_path):
    asyncio.get_running_loop().set_debug(False)  # as in `serve`
    heard = asyncio.get_running_loop().create_future()

    async def listen(reader, writer):
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            heard.set_result(await reader.read())

    context = authority(tmp_path).server()
    async with await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        dial = Dialer([("127.0.0.1", port)] * 2, "dana", tls=trusting(ca.ca), password="s3cret")
        with pytest.raises(Untrusted):
            await dial()
    assert not heard.done()


async def test_an_untrusted_server_is_reported_and_not_skipped(serve, secure, tmp_path, ca):
    bad = await serve(authority(tmp_path).server())
    servers = [(each.host, each.port) for each in (bad, secure)]
    with pytest.raises(Untrusted, match=str(bad.port)):
        await Dialer(servers, "dana", tls=trusting(ca.ca))()


async def test_a_gateway_without_tls_that_waits_for_a_hello_is_recognized(gateway, trust):
    error = await refused(gateway, trust, within=0.5)
    assert not isinstance(error, Untrusted)
    assert f"{gateway.host}:{gateway.port} does not answer in TLS" in str(error)
    assert "Without --tls" in str(error)


@pytest.mark.parametrize("answer", [b'{"op":"error","code":"bad_json"}\n', b""])
async def test_a_gateway_without_tls_that_answers_at_once_is_recognized(gateway, trust, answer):
    trying = asyncio.create_task(refused(gateway, trust))
    peer = await gateway.peer()
    peer.write(answer)
    peer.hang_up()
    assert "does not answer in TLS" in str(await trying)


async def test_a_server_with_another_version_of_tls_is_refused(gateway, trust):
    trying = asyncio.create_task(refused(gateway, trust))
    (await gateway.peer()).write(ALERT)
    error = str(await trying)
    assert error.startswith(f"no TLS with 127.0.0.1:{gateway.port}: tlsv1 alert protocol version")


def test_tls_older_than_1_2_is_refused(trust):
    assert trust.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_without_tls_a_tls_port_is_recognized(secure):
    error = await refused(secure, None)
    assert "--tls" in str(error)


async def test_without_tls_a_port_that_sends_an_alert_is_recognized(gateway):
    trying = asyncio.create_task(refused(gateway, None))
    peer = await gateway.peer()
    assert isinstance(await peer.request(), Hello)
    peer.write(ALERT)
    assert str(await trying) == f"127.0.0.1:{gateway.port}: it speaks TLS: add --tls"


def test_a_file_without_a_certificate_is_an_error(tmp_path):
    (tmp_path / "ca").write_text("hello")
    with pytest.raises(CannotConnect, match="ca holds no certificate"):
        trusting(tmp_path / "ca")
    with pytest.raises(CannotConnect, match="none cannot be read: No such file"):
        trusting(tmp_path / "none")


def test_only_connections_to_other_machines_can_be_read_by_others():
    hosts = ["localhost", "127.0.0.1", "127.1.2.3", "::1", "LOCALHOST."]
    assert in_the_clear(hosts) == []
    others = ["chat.example.org", "10.0.0.5", "0.0.0.0", "localhost.example.org"]
    assert in_the_clear([*hosts, *others]) == others
