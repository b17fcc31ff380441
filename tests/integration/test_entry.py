"""Getting in: limits per address, balancers, and TLS."""

import asyncio
import contextlib
import json
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from gateway.backplane.records import Ban
from gateway.config import AddressLimits, Certificate
from tests.support.certificates import Authority
from tests.support.deadlines import eventually, within
from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway

LOOPBACK = (ip_network("127.0.0.0/8"),)
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def limits(**given: Any) -> AddressLimits:
    return AddressLimits(**{"connections": None, "connects": None, "exempt": (), **given})


def proxied(host: str, port: int = 4711) -> bytes:
    """A balancer's header, as another implementation would write it."""
    address = ip_address(host)
    family, zero = (0x11, bytes(4)) if address.version == 4 else (0x21, bytes(16))
    body = address.packed + zero + struct.pack("!HH", port, 2428)
    return SIGNATURE + struct.pack("!BBH", 0x21, family, len(body)) + body


def hello(name: str) -> bytes:
    return json.dumps({"op": "hello", "v": 1, "name": name}).encode() + b"\n"


class TestLimitsOfAnAddress:
    async def test_connections_at_the_same_time(
        self, start_gateway: StartGateway, join: Join, connect: Connect
    ) -> None:
        gateway = await start_gateway(address_limits=limits(connections=2))
        dana, _ = await join(gateway, "dana"), await join(gateway, "sis")
        for _ in range(3):
            await (await connect(gateway)).ended(code="crowded", reconnect=True, after=60.0)
        assert gateway.gateway.meters.doorstep["crowded"] == 3
        assert len(gateway.gateway.peers) == 2
        await dana.say(op="quit")
        await dana.ended(code="quit")
        await dana.close()
        # Its place is free once its connection is gone, which only the gateway can see.
        await eventually(lambda: len(gateway.gateway.peers) + self.visits(gateway) <= 2)
        await (await connect(gateway)).caught_up()

    async def test_connections_per_minute(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        gateway = await start_gateway(address_limits=limits(connects=3))
        for _ in range(3):
            peer = await connect(gateway)
            await peer.caught_up()
            peer.vanish()
        bye = await (await connect(gateway)).ended(code="crowded", reconnect=True)
        assert 0 < bye["after"] <= 20

    async def test_exempt_networks_have_no_limits(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        gateway = await start_gateway(
            address_limits=limits(connections=1, connects=1, exempt=LOOPBACK)
        )
        for _ in range(5):
            await (await connect(gateway)).caught_up()

    async def test_limits_apply_to_the_client_and_not_to_the_balancer(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        gateway = await start_gateway(address_limits=limits(connections=1), proxies=LOOPBACK)
        for number in range(1, 5):
            peer = await connect(gateway)
            await peer.throw(proxied(f"192.0.2.{number}"))
            await peer.caught_up()
        again = await connect(gateway)
        await again.throw(proxied("192.0.2.1"))
        await again.ended(code="crowded")

    def visits(self, gateway: Running) -> int:
        return sum(each.connections for each in gateway.gateway.door._visitors.values())


class TestBalancers:
    @pytest.fixture
    async def gateway(self, start_gateway: StartGateway) -> Running:
        return await start_gateway(proxies=LOOPBACK)

    def addresses(self, gateway: Running) -> list[str]:
        return [peer.registration.address for peer in gateway.gateway.online.values()]

    @pytest.mark.parametrize("pieces", [1, 7, 1000])
    async def test_the_gateway_knows_the_clients_address(
        self, gateway: Running, connect: Connect, pieces: int
    ) -> None:
        peer = await connect(gateway)
        sent = proxied("2001:db8::7") + hello("dana")
        for start in range(0, len(sent), max(1, len(sent) // pieces)):
            await peer.throw(sent[start : start + max(1, len(sent) // pieces)])
            await asyncio.sleep(0)
        await peer.expect(op="welcome")
        assert self.addresses(gateway) == ["[2001:db8::7]:4711"]

    async def test_a_balancer_may_connect_for_itself(
        self, gateway: Running, connect: Connect
    ) -> None:
        peer = await connect(gateway)
        await peer.throw(SIGNATURE + b"\x20\x00\x00\x00" + hello("dana"))
        await peer.expect(op="welcome")
        assert self.addresses(gateway)[0].startswith("127.0.0.1:")

    async def test_without_a_header_nobody_comes_in(
        self, gateway: Running, connect: Connect
    ) -> None:
        peer = await connect(gateway)
        await peer.throw(hello("dana"))
        await peer.disconnected()
        assert peer.seen == []
        assert gateway.gateway.meters.doorstep["proxy"] == 1

    async def test_nor_if_the_header_is_late(
        self, start_gateway: StartGateway, connect: Connect
    ) -> None:
        gateway = await start_gateway(proxies=LOOPBACK, limits={"hello": 0.2})
        for sent in (b"", SIGNATURE):
            peer = await connect(gateway)
            await peer.throw(sent)
            await peer.disconnected()
            assert peer.seen == []

    @pytest.mark.parametrize(
        "header", [proxied("192.0.2.7"), b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n"], ids=["2", "1"]
    )
    async def test_a_header_from_elsewhere_is_refused_and_the_log_says_what_to_do(
        self,
        start_gateway: StartGateway,
        connect: Connect,
        caplog: pytest.LogCaptureFixture,
        header: bytes,
    ) -> None:
        gateway = await start_gateway(proxies=(ip_network("192.0.2.0/24"),))
        peer = await connect(gateway)
        own_address = peer.connection.getsockname()
        await peer.throw(header + hello("dana"))
        bye = await peer.ended(code="foreign")
        assert "PROXY header" in bye["text"]
        assert gateway.gateway.online == {}
        assert gateway.gateway.meters.doorstep["proxy"] == 1
        own = "{}:{}".format(*own_address)
        [told] = [r for r in caplog.records if "refused at the door" in r.getMessage()]
        assert own in str(vars(told))
        assert "--proxy-from" in str(vars(told))

    async def test_a_banned_client_behind_a_balancer_is_told(
        self, gateway: Running, connect: Connect
    ) -> None:
        ban = Ban(subject="192.0.2.0/24", kind="network", since=0)
        gateway.gateway.bans.set([ban], 0, gateway.gateway.monotonic())
        peer = await connect(gateway)
        await peer.throw(proxied("192.0.2.7") + hello("dana") * 100)
        await peer.ended(code="banned")
        other = await connect(gateway)
        await other.throw(proxied("198.51.100.7") + hello("dana"))
        await other.expect(op="welcome")


Secure = Callable[..., Awaitable[Peer]]


class TestTls:
    @pytest.fixture
    def certificate(self, ca: Authority) -> Certificate:
        return Certificate(*map(str, ca.issue()))

    @pytest.fixture
    async def secure(self, ca: Authority, start_gateway: StartGateway) -> AsyncIterator[Secure]:
        """Connects peers with TLS, after a header if one is given."""
        async with contextlib.AsyncExitStack() as stack:

            async def secure(
                running: Running, header: bytes = b"", context: ssl.SSLContext | None = None
            ) -> Peer:
                reader, writer = await asyncio.open_connection(
                    running.host, running.port, limit=2**17
                )
                peer = Peer(reader, writer)
                stack.push_async_callback(peer.close)
                writer.write(header)
                context = context or ssl.create_default_context(cafile=str(ca.ca))
                async with asyncio.timeout(within()):
                    await writer.start_tls(context, server_hostname="localhost")
                return peer

            yield secure

    async def test_people_talk_and_get_the_bye(
        self, start_gateway: StartGateway, certificate: Certificate, secure: Secure, join: Join
    ) -> None:
        one, two = await start_gateway(certificate=certificate), await start_gateway()
        dana, sis = await secure(one), await join(two, "sis")
        await dana.hello("dana")
        await dana.say(op="send", text="x" * 4000, seq=1)
        await sis.expect(op="msg", text="x" * 4000)
        await sis.say(op="send", text="@dana hi @dana", seq=1)
        await dana.expect(op="msg", text="@dana hi @dana")
        await dana.say(op="quit")
        await dana.expect(op="bye", code="quit")

    async def test_a_gateway_that_stops_tells_them(
        self, start_gateway: StartGateway, certificate: Certificate, secure: Secure
    ) -> None:
        gateway = await start_gateway(certificate=certificate)
        dana = await secure(gateway)
        await dana.hello("dana")
        stopping = asyncio.ensure_future(gateway.stop())
        await dana.expect(op="bye", code="shutdown", reconnect=True)
        await dana.close()
        await stopping

    async def test_old_versions_are_refused(
        self, start_gateway: StartGateway, certificate: Certificate, secure: Secure, ca: Authority
    ) -> None:
        gateway = await start_gateway(certificate=certificate)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=str(ca.ca))
            context.minimum_version = context.maximum_version = version
            peer = await secure(gateway, context=context)
            await peer.caught_up()
        old = ssl.create_default_context(cafile=str(ca.ca))
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await secure(gateway, context=old)

    async def test_behind_a_balancer(
        self, start_gateway: StartGateway, certificate: Certificate, secure: Secure
    ) -> None:
        gateway = await start_gateway(certificate=certificate, proxies=LOOPBACK)
        dana = await secure(gateway, proxied("192.0.2.7"))
        await dana.hello("dana")
        [peer] = gateway.gateway.online.values()
        assert peer.registration.address == "192.0.2.7:4711"

    async def test_clients_without_tls_harm_nobody(
        self,
        start_gateway: StartGateway,
        certificate: Certificate,
        secure: Secure,
        connect: Connect,
    ) -> None:
        gateway = await start_gateway(certificate=certificate, limits={"hello": 0.5})
        dana = await secure(gateway)
        await dana.hello("dana")
        plain, hangs, silent, gone = [await connect(gateway) for _ in range(4)]
        await plain.throw(hello("sis") * 10)
        await hangs.throw(b"\x16\x03\x01\x02\x00\x01\x00")
        gone.vanish()
        for peer in (plain, hangs, silent):
            await peer._reader.read()
        await dana.caught_up()
        assert gateway.gateway.meters.doorstep["tls"] >= 3
        assert len(gateway.gateway.peers) == 1

    async def test_a_crowded_address_is_turned_away_before_the_handshake(
        self,
        start_gateway: StartGateway,
        certificate: Certificate,
        secure: Secure,
        connect: Connect,
    ) -> None:
        gateway = await start_gateway(certificate=certificate, address_limits=limits(connections=1))
        dana = await secure(gateway)
        await dana.caught_up()
        await (await connect(gateway)).disconnected()
        refused = gateway.gateway.meters.doorstep
        assert {why: count for why, count in refused.items() if count} == {"crowded": 1}
