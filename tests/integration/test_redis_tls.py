"""TLS to Redis: a real gateway and real commands, with a Redis that has a certificate."""

import asyncio
import contextlib
import subprocess

import pytest

from gateway.backplane.operators.users import list_users
from gateway.backplane.redis import address, connection
from gateway.backplane.redis.address import reaching
from gateway.backplane.redis.connection import Connection, connect
from gateway.errors import RedisUnreachable
from tests.support import certificates, servers
from tests.support.network import names
from tests.support.tls_front import tls_front
from tests.unit.gateway.backplane.scripted import ScriptedRedis, array, usual


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return certificates.authority(tmp_path_factory.mktemp("stranger"), "Somebody else")


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue()


@pytest.fixture(scope="module")
def ours(authority, tmp_path_factory):
    """A client certificate and its key; it is its own authority."""
    folder = tmp_path_factory.mktemp("ours")
    chain, key = folder / "ours.pem", folder / "ours.key"
    subject = ("-subj", "/CN=gateway", "-keyout", key, "-out", chain)
    subprocess.run(
        ["openssl", "req", "-x509", *certificates.ECDSA, *subject], check=True, capture_output=True
    )
    return chain, key


@pytest.fixture
def front(valkey, certificate):
    with tls_front(*certificate, valkey.url.removeprefix("unix://")) as front:
        yield front


async def by_the_gateway(url):
    """Connects like a gateway."""
    lost = asyncio.Event()
    opened = Connection(on_lost=lost.set)
    try:
        await connect(url, opened, "test")
        assert await opened.call("PING") == b"PONG"
    finally:
        if opened.alive:
            opened.abort()
            await lost.wait()


async def by_a_command(url):
    """Connects like a command of chatctl."""

    def ask():
        with reaching(url) as there:
            assert there.ping()

    await asyncio.to_thread(ask)


both = pytest.mark.parametrize("reach", [by_the_gateway, by_a_command])


async def refusal(reach, url):
    with pytest.raises(RedisUnreachable) as caught:
        await reach(url)
    assert "geheim" not in str(caught.value)
    return str(caught.value)


@both
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_redis_signed_by_the_given_authority_is_accepted(front, authority, reach, host):
    await reach(f"rediss://{host}:{front.port}?ssl_ca_certs={authority.ca}")
    assert front.accepted


@both
async def test_a_path_may_start_with_a_tilde(front, authority, reach, monkeypatch):
    monkeypatch.setenv("HOME", str(authority.ca.parent))
    await reach(f"rediss://localhost:{front.port}?ssl_ca_certs=~/{authority.ca.name}")


@both
async def test_a_dot_at_the_end_of_the_host_is_not_part_of_its_name(
    front, authority, reach, monkeypatch
):
    names(monkeypatch, localhost=[None], other=[None])
    await reach(f"rediss://localhost.:{front.port}?ssl_ca_certs={authority.ca}")
    url = f"rediss://other.:{front.port}?ssl_ca_certs={authority.ca}"
    assert "certificate is for another host name" in await refusal(reach, url)


@both
async def test_a_redis_without_a_trusted_certificate_is_refused(front, stranger, reach):
    for query in ("", f"?ssl_ca_certs={stranger.ca}"):
        text = await refusal(reach, f"rediss://:geheim@localhost:{front.port}{query}")
        assert "not signed by an authority" in text
        assert "?ssl_ca_certs=/PATH/ca.pem" in text


@both
async def test_a_certificate_for_another_name_is_refused(valkey, authority, reach):
    other = authority.issue("redis.example.org", ["192.0.2.1"])
    with tls_front(*other, valkey.url.removeprefix("unix://")) as front:
        for host in ("localhost", "127.0.0.1"):
            url = f"rediss://{host}:{front.port}?ssl_ca_certs={authority.ca}"
            assert "certificate is for another host name" in await refusal(reach, url)
            await reach(f"{url}&ssl_check_hostname=false")


@both
async def test_an_expired_certificate_is_refused(valkey, authority, reach):
    old = authority.issue(days=-1)
    with tls_front(*old, valkey.url.removeprefix("unix://")) as front:
        url = f"rediss://localhost:{front.port}?ssl_ca_certs={authority.ca}"
        assert "has expired" in await refusal(reach, url)


@both
async def test_the_check_can_be_switched_off(front, reach):
    await reach(f"rediss://localhost:{front.port}?ssl_cert_reqs=none")


@both
async def test_the_error_for_tls_to_a_plain_port_says_so(reach):
    async def answer(reader, writer):
        await reader.read(1)
        writer.write(b"-ERR what?\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert "does not speak TLS" in await refusal(reach, url)
    server.close()


@both
async def test_the_error_for_a_plain_connection_to_a_tls_port_says_so(front, reach):
    text = await refusal(reach, f"redis://localhost:{front.port}")
    assert "if that port speaks TLS, write rediss://" in text


@both
@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile"])
async def test_the_error_for_a_bad_file_names_it(front, reach, tmp_path, option):
    (tmp_path / "text").write_text("hello")
    for file in ("text", "missing"):
        url = f"rediss://localhost:{front.port}?{option}={tmp_path}/{file}"
        assert f"{option} in the URL must be PEM files" in await refusal(reach, url)


@both
async def test_a_redis_that_asks_for_a_client_certificate_gets_it(
    valkey, authority, certificate, ours, reach
):
    ours, key = ours
    with tls_front(*certificate, valkey.url.removeprefix("unix://"), clients=ours) as front:
        url = f"rediss://localhost:{front.port}?ssl_ca_certs={authority.ca}"
        assert "ssl_certfile=" in await refusal(reach, url)
        await reach(f"{url}&ssl_certfile={ours}&ssl_keyfile={key}")


@both
async def test_sentinels_and_their_master_are_reached_over_tls(
    front, authority, certificate, reach
):
    async with ScriptedRedis().running() as sentinel:
        told = array(
            "name", "chat", "ip", "127.0.0.1", "port", str(front.port), "flags", "master",
            "num-other-sentinels", "0", "num-slaves", "0", "quorum", "1",
        )  # fmt: skip
        sentinel.answer = lambda client, command: (
            b"*1\r\n" + told if command[0].upper() == "SENTINEL" else usual(client, command)
        )
        behind = ("127.0.0.1", int(sentinel.url.rpartition(":")[2]))
        with tls_front(*certificate, behind) as watcher:
            url = f"rediss+sentinel://127.0.0.1:{watcher.port}/chat"
            await reach(f"{url}?ssl_ca_certs={authority.ca}")
            assert watcher.accepted and front.accepted
            assert "not signed by an authority" in await refusal(reach, url)


async def test_a_gateway_works_with_tls_to_its_redis(front, authority, start_gateway, join, prefix):
    url = f"rediss://localhost:{front.port}?ssl_ca_certs={authority.ca}"
    gateways = [await start_gateway(redis=url) for _ in range(2)]
    sis, mom = await join(gateways[0], "sis"), await join(gateways[1], "mom")
    await sis.say(op="send", text="x" * 3000)
    assert (await mom.expect(op="msg"))["text"] == "x" * 3000
    listed = await asyncio.to_thread(list_users, url, prefix)
    assert [each.registration.name for [each] in listed] == ["mom", "sis"]


@pytest.fixture(scope="module")
def redis_with_tls(certificate, authority):
    """A real redis-server with its own TLS port, if it was built with TLS."""
    binary = servers.redis_server()
    if binary is None:
        pytest.skip("this machine has no redis-server >= 7")
    chain, key = certificate
    chain, key = certificate
    port, tls_port = servers.free_ports(2)
    options = {
        "tls-port": tls_port, "tls-cert-file": chain, "tls-key-file": key,
        "tls-ca-cert-file": authority.ca, "tls-auth-clients": "no",
    }  # fmt: skip
    given = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(servers.running(binary, *given, port=port))
        except AssertionError as error:
            if "tls" not in str(error).lower():
                raise
            pytest.skip("this redis-server was built without TLS")
        yield port, tls_port


@both
async def test_a_redis_that_speaks_tls_itself_is_reached(redis_with_tls, authority, reach):
    plain, tls = redis_with_tls
    query = f"?ssl_ca_certs={authority.ca}"
    await reach(f"redis://localhost:{plain}")
    await reach(f"rediss://localhost:{tls}{query}")
    assert "write rediss://" in await refusal(reach, f"redis://localhost:{tls}")
    assert "not signed by an authority" in await refusal(reach, f"rediss://localhost:{tls}")


@both
async def test_the_error_for_a_plain_redis_that_stays_silent_mentions_tls(
    redis_with_tls, monkeypatch, reach
):
    monkeypatch.setattr(address, "PATIENCE", 0.5)
    monkeypatch.setattr(connection, "DEAD_AFTER", 0.5)
    plain, _ = redis_with_tls
    assert "write redis://" in await refusal(reach, f"rediss://localhost:{plain}")
