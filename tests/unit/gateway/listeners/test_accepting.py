"""A listener with real sockets and a scripted doorkeeper."""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import ssl
import struct
import sys
import time
from ipaddress import ip_address, ip_network

import pytest

from gateway import alarm
from gateway.listeners import accepting, farewells
from gateway.listeners.accepting import Listener, NotAdmitted
from gateway.listeners.ports import open_port
from gateway.listeners.proxy import SIGNATURE
from tests.support.deadlines import within
from tests.unit.gateway.fakes import quiet
from wire.codec import decode_event, encode_bye
from wire.frames import Bye
from wire.reasons import BANNED, CROWDED

LOOPBACK = (ip_network("127.0.0.0/8"),)


class Visit:
    def __init__(self):
        self.times = 0

    def over(self):
        self.times += 1


class Echo(asyncio.Protocol):
    """The protocol of a connection: echoes everything."""

    def __init__(self, visit, transports):
        self.visit = visit
        self.transports = transports

    def connection_made(self, transport):
        self.transport = transport
        self.transports.append(transport)

    def data_received(self, data):
        self.transport.write(data)

    def connection_lost(self, error):
        self.visit.over()


class Doorkeeper:
    """Lets everybody in unless told otherwise, and records the visits."""

    def __init__(self):
        self.refusal = None
        self.came = []
        self.counted = []
        self.visits = []
        self.inside = []
        self.transports = []

    def admit(self, address):
        self.came.append(str(address))
        if self.refusal is not None:
            raise self.refusal
        self.visits.append(Visit())
        return self.visits[-1]

    def refused(self, why):
        self.counted.append(why)

    def farewell(self, reason, after=None):
        return encode_bye(reason, after)

    def protocol(self, address, where, visit):
        self.inside.append(where)
        return Echo(visit, self.transports)

    @property
    def here(self):
        return sum(not visit.times for visit in self.visits)


class House:
    def __init__(self):
        self.doorkeeper = Doorkeeper()
        self.clients = []

    async def open(self, proxies=(), patience=5.0, tls=None):
        sockets = await open_port("127.0.0.1", 0, reuse=False)
        self.listener = Listener(sockets, self.doorkeeper, proxies, patience, tls)
        return self

    async def connect(self):
        reader, writer = await asyncio.open_connection(*self.listener.address)
        self.clients.append(writer)
        return reader, writer

    async def secure(self, context):
        reader, writer = await asyncio.open_connection(
            *self.listener.address, ssl=context, server_hostname="localhost"
        )
        self.clients.append(writer)
        return reader, writer

    async def until(self, true):
        async with asyncio.timeout(within()):
            while not true():  # noqa: ASYNC110 - seen from inside only
                await asyncio.sleep(0.005)

    async def close(self):
        self.listener.close()
        for writer in self.clients:
            writer.transport.abort()
        for writer in self.clients:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await self.until(lambda: not self.doorkeeper.here)
        await self.until(lambda: not self.listener._arriving)
        await quiet()
        gc.collect()  # an open socket that was forgotten gives a warning now
        assert not self.listener._farewells


@pytest.fixture
async def house():
    house = House()
    yield house
    await house.close()


async def all_of(reader):
    async with asyncio.timeout(within()):
        try:
            return await reader.read()
        except OSError:
            return b""


async def echoed(reader, writer, data=b"hello"):
    writer.write(data)
    async with asyncio.timeout(within()):
        return await reader.readexactly(len(data))


def proxied(host, port=4711, command=0x21, extra=b""):
    address = ip_address(host)
    other = ip_address(0) if address.version == 4 else ip_address("::")
    ports = struct.pack("!HH", port, 2428)
    following = address.packed + other.packed + ports + extra
    family = 0x11 if address.version == 4 else 0x21
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(following)) + following


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def stand_still(seconds):
    time.sleep(seconds)


class TestTheDoor:
    async def test_an_admitted_connection_gets_its_protocol(self, house):
        await house.open()
        reader, writer = await house.connect()
        assert await echoed(reader, writer) == b"hello"
        assert house.doorkeeper.came == ["127.0.0.1"]
        port = writer.get_extra_info("sockname")[1]
        assert house.doorkeeper.inside == [f"127.0.0.1:{port}"]

    @pytest.mark.skipif(sys.platform != "linux", reason="others have some of these options only")
    async def test_the_kernel_sends_small_writes_at_once_and_probes_quiet_connections(self, house):
        await house.open()
        reader, writer = await house.connect()
        await echoed(reader, writer)
        [transport] = house.doorkeeper.transports
        connection = transport.get_extra_info("socket")
        get = connection.getsockopt
        assert get(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert get(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        quiet_for = get(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        probes = get(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
        apart = get(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
        assert quiet_for + probes * apart <= 90
        assert get(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 90_000

    async def test_the_visit_ends_with_the_connection(self, house):
        await house.open()
        reader, writer = await house.connect()
        await echoed(reader, writer)
        assert house.doorkeeper.here == 1
        writer.transport.abort()
        await house.until(lambda: not house.doorkeeper.here)

    @pytest.mark.parametrize(
        ("refusal", "after"), [(NotAdmitted(CROWDED, 2.04), 2.0), (NotAdmitted(BANNED), None)]
    )
    async def test_a_refused_connection_is_told_why_and_gets_no_protocol(
        self, house, refusal, after
    ):
        await house.open()
        house.doorkeeper.refusal = refusal
        [listening] = house.listener._sockets
        house.listener._loop.remove_reader(listening)
        reader, writer = await house.connect()
        writer.write(b"x" * 5000)  # unread data must not cost it the bye
        house.listener._resume(listening)
        reason = refusal.reason
        bye = decode_event(await all_of(reader))
        assert bye == Bye(reason.code, reason.text, reason.reconnect, after)
        assert house.doorkeeper.inside == []

    async def test_a_refused_connection_is_not_kept_for_long(self, house, monkeypatch):
        monkeypatch.setattr(farewells, "FAREWELL", 0.05)
        await house.open()
        house.doorkeeper.refusal = NotAdmitted(BANNED)
        await house.connect()
        await house.until(lambda: house.doorkeeper.came)
        await house.until(lambda: not house.listener._farewells)

    async def test_few_refused_connections_are_kept_at_a_time(self, house, monkeypatch):
        monkeypatch.setattr(farewells, "MAX_OPEN", 2)
        monkeypatch.setattr(farewells, "FAREWELL", 3600.0)
        await house.open()
        house.doorkeeper.refusal = NotAdmitted(BANNED)
        told = [await all_of((await house.connect())[0]) for _ in range(4)]
        assert [bool(each) for each in told] == [True, True, False, False]
        assert len(house.listener._farewells) == 2

    async def test_a_client_that_goes_before_it_is_accepted_does_no_harm(self, house):
        await house.open()
        for _ in range(20):
            with socket.create_connection(house.listener.address) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await house.until(lambda: len(house.doorkeeper.visits) == 20)
        await house.until(lambda: not house.doorkeeper.here)
        assert await echoed(*await house.connect())

    async def test_an_error_at_the_door_costs_one_connection(self, house, caplog):
        await house.open()
        house.doorkeeper.refusal = ZeroDivisionError()
        reader, _ = await house.connect()
        assert await all_of(reader) == b""
        assert "unexpected" in caplog.text
        house.doorkeeper.refusal = None
        assert await echoed(*await house.connect()) == b"hello"

    async def test_a_connection_that_is_lost_at_once_does_not_count_as_refused(
        self, house, monkeypatch
    ):
        def lost(connection):
            raise OSError("it is gone")

        monkeypatch.setattr(accepting, "prepare", lost)
        await house.open()
        await house.connect()
        await house.until(lambda: house.doorkeeper.visits)
        await house.until(lambda: not house.doorkeeper.here)
        assert house.doorkeeper.counted == []

    async def test_if_the_machine_runs_out_of_sockets_it_waits_and_goes_on(
        self, house, monkeypatch, caplog
    ):
        monkeypatch.setattr(accepting, "PAUSE", 0.05)
        await house.open()
        [listening] = house.listener._sockets
        poor = Exhausted(listening)
        house.listener._loop.remove_reader(listening)
        house.listener._sockets[0] = poor
        house.listener._resume(poor)
        connection = await house.connect()
        assert await echoed(*connection) == b"hello"
        logged = [r for r in caplog.records if r.levelno == logging.ERROR]
        assert {r.message for r in logged} == {"no connection can be accepted"}
        assert [r.fields["why"] for r in logged] == ["Too many open files", "Protocol error"]

    async def test_it_can_be_closed_while_it_waits_for_sockets(self, house, monkeypatch):
        monkeypatch.setattr(accepting, "PAUSE", 0.02)
        await house.open()
        [listening] = house.listener._sockets
        poor = Exhausted(listening, times=1000)
        house.listener._loop.remove_reader(listening)
        house.listener._sockets[0] = poor
        house.listener._resume(poor)
        await house.connect()
        await house.until(lambda: poor.failed)
        house.listener.close()
        await asyncio.sleep(0.05)  # longer than the pause: it must not read from the closed socket


class Exhausted:
    """A listening socket that cannot accept for a while."""

    def __init__(self, real, times=2):
        self.real, self.failed, self.times = real, 0, times

    def accept(self):
        self.failed += 1
        if self.failed <= self.times:
            number = 24 if self.failed == 1 else 71
            raise OSError(number, os.strerror(number))
        return self.real.accept()

    def __getattr__(self, name):
        return getattr(self.real, name)


class TestBalancers:
    async def test_a_balancer_names_the_client(self, house):
        await house.open(proxies=LOOPBACK)
        for host, where in [
            ("192.0.2.7", "192.0.2.7:4711"),
            ("2001:db8::7", "[2001:db8::7]:4711"),
            ("::ffff:192.0.2.9", "192.0.2.9:4711"),
        ]:
            reader, writer = await house.connect()
            # Bytes after the header are the client's.
            writer.write(proxied(host, extra=b"\x04\x00\x01x") + b"hello")
            async with asyncio.timeout(within()):
                assert await reader.readexactly(5) == b"hello"
            assert house.doorkeeper.inside[-1] == where
        assert house.doorkeeper.came == ["192.0.2.7", "2001:db8::7", "192.0.2.9"]

    async def test_a_header_may_come_in_pieces(self, house):
        await house.open(proxies=LOOPBACK)
        reader, writer = await house.connect()
        for byte in proxied("192.0.2.7") + b"hello":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)
        async with asyncio.timeout(within()):
            assert await reader.readexactly(5) == b"hello"
        assert house.doorkeeper.came == ["192.0.2.7"]

    async def test_a_local_command_means_the_balancer_itself(self, house):
        await house.open(proxies=LOOPBACK)
        reader, writer = await house.connect()
        writer.write(SIGNATURE + b"\x20\x00\x00\x00")
        assert await echoed(reader, writer) == b"hello"
        assert house.doorkeeper.came == ["127.0.0.1"]

    @pytest.mark.parametrize(
        "data",
        [
            b'{"op":"hello","v":1}\n',
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
            b"\0" * 16,
            SIGNATURE + b"\x21\x11\x00\x04abcd",
            SIGNATURE + b"\x21\x11\xff\xff",
        ],
    )
    async def test_a_connection_without_a_valid_header_gets_nothing(self, house, data, caplog):
        await house.open(proxies=LOOPBACK)
        reader, writer = await house.connect()
        writer.write(data)
        assert await all_of(reader) == b""
        assert house.doorkeeper.counted == ["proxy"]
        assert house.doorkeeper.came == []
        [said] = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert (said.message, said.fields["reason"]) == ("refused at the door", "proxy")

    @pytest.mark.parametrize("sent", [b"", SIGNATURE, proxied("192.0.2.7")[:-1]])
    async def test_a_connection_that_takes_too_long_is_cut_off(self, house, sent):
        await house.open(proxies=LOOPBACK, patience=0.05)
        reader, writer = await house.connect()
        writer.write(sent)
        assert await all_of(reader) == b""
        await house.until(lambda: not house.listener._arriving)
        assert house.doorkeeper.came == []

    @pytest.mark.parametrize("sent", [b"", SIGNATURE, proxied("192.0.2.7")[:-1]])
    async def test_a_client_that_goes_before_its_header_is_complete_does_no_harm(self, house, sent):
        await house.open(proxies=LOOPBACK)
        for abort in (True, False):
            _reader, writer = await house.connect()
            writer.write(sent)
            await house.until(lambda: house.listener._arriving)
            if abort:
                writer.transport.abort()
            else:
                writer.write_eof()
            await house.until(lambda: not house.listener._arriving)
        assert house.doorkeeper.came == []

    async def test_a_header_in_time_counts_even_if_the_gateway_stood_still(
        self, house, monkeypatch
    ):
        monkeypatch.setattr(alarm, "STALL", 0.1)
        await house.open(proxies=LOOPBACK, patience=0.2)
        reader, writer = await house.connect()
        await house.until(lambda: house.listener._arriving)
        writer.write(proxied("192.0.2.7"))
        stand_still(0.5)
        assert await echoed(reader, writer) == b"hello"
        assert house.doorkeeper.came == ["192.0.2.7"]

    async def test_no_header_is_expected_from_other_addresses(self, house):
        await house.open(proxies=(ip_network("192.0.2.0/24"),))
        reader, writer = await house.connect()
        header = proxied("192.0.2.7")
        assert await echoed(reader, writer, header) == header
        assert house.doorkeeper.came == ["127.0.0.1"]

    async def test_a_client_refused_behind_a_balancer_is_told_why(self, house):
        await house.open(proxies=LOOPBACK)
        house.doorkeeper.refusal = NotAdmitted(BANNED)
        reader, writer = await house.connect()
        writer.write(proxied("192.0.2.7") + b"x" * 5000)
        assert decode_event(await all_of(reader)).code == "banned"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")
class TestBothFamiliesByOneSocket:
    """A socket for every interface gives IPv4 addresses written as IPv6."""

    @pytest.fixture
    async def house(self, house):
        listening = socket.socket(socket.AF_INET6)
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(("::ffff:127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        house.listening = listening
        return house

    async def test_limits_and_bans_see_the_ipv4_address(self, house):
        house.listener = Listener([house.listening], house.doorkeeper, (), 5.0, None)
        reader, writer = await house.connect()
        assert await echoed(reader, writer) == b"hello"
        assert house.doorkeeper.came == ["127.0.0.1"]
        assert house.doorkeeper.inside[0].startswith("127.0.0.1:")

    async def test_and_so_does_the_check_for_balancers(self, house):
        house.listener = Listener([house.listening], house.doorkeeper, LOOPBACK, 5.0, None)
        reader, writer = await house.connect()
        writer.write(proxied("192.0.2.7"))
        assert await echoed(reader, writer) == b"hello"
        assert house.doorkeeper.came == ["192.0.2.7"]


class TestTls:
    @pytest.fixture
    def server(self, ca):
        return ca.server()

    @pytest.fixture
    def client(self, ca):
        return ssl.create_default_context(cafile=str(ca.ca))

    async def test_tls_works(self, house, server, client):
        await house.open(tls=server)
        assert await echoed(*await house.secure(client)) == b"hello"
        assert house.doorkeeper.here == 1

    async def test_tls_works_behind_a_balancer(self, house, server, client):
        await house.open(proxies=LOOPBACK, tls=server)
        plain = socket.create_connection(house.listener.address)
        plain.sendall(proxied("192.0.2.7"))
        plain.setblocking(False)
        reader, writer = await asyncio.open_connection(
            sock=plain, ssl=client, server_hostname="localhost"
        )
        house.clients.append(writer)
        assert await echoed(reader, writer) == b"hello"
        assert house.doorkeeper.inside == ["192.0.2.7:4711"]

    async def test_a_refused_connection_costs_no_handshake(self, house, server):
        await house.open(tls=server)
        house.doorkeeper.refusal = NotAdmitted(CROWDED, 1.0)
        reader, _ = await house.connect()
        assert await all_of(reader) == b""
        assert house.doorkeeper.inside == []

    @pytest.mark.parametrize("data", [b'{"op":"hello"}\n', b"\x16\x03\x01\x02", b"\0" * 70_000])
    async def test_anything_but_tls_gets_nothing_and_is_counted(self, house, server, client, data):
        await house.open(tls=server, patience=0.3)
        reader, writer = await house.connect()
        writer.write(data)
        await all_of(reader)
        await house.until(lambda: not house.doorkeeper.here)
        assert house.doorkeeper.counted == ["tls"]
        assert await echoed(*await house.secure(client)) == b"hello"

    @pytest.mark.parametrize(
        ("data", "kind", "words"),
        [
            (b"GET / HTTP/1.1\r\n\r\n", "http", "does not speak HTTP"),
            (b"SSH-2.0-x\r\n", "ssh", "does not speak SSH"),
            (b'{"op":"hello","v":1,"name":"dana"}\n', "tls", "This port speaks TLS"),
            (b"hello?\n", "tls", "This port speaks TLS"),
            (proxied("192.0.2.7"), "proxy", "a PROXY header"),
        ],
        ids=lambda each: each if isinstance(each, str) else "",
    )
    async def test_another_protocol_gets_an_answer_that_it_can_read(
        self, house, server, client, data, kind, words, caplog
    ):
        await house.open(tls=server)
        reader, writer = await house.connect()
        writer.write(data)
        last = (await all_of(reader)).splitlines()[-1]
        bye = decode_event(last)
        assert (bye.code, bye.reconnect) == ("foreign", False)
        assert words in bye.text
        assert house.doorkeeper.counted == [kind]
        assert house.doorkeeper.here == 0
        assert house.doorkeeper.inside == []
        assert ("--proxy-from" in str([vars(each) for each in caplog.records])) is (kind == "proxy")
        assert await echoed(*await house.secure(client)) == b"hello"

    async def test_a_silent_connection_is_cut_off(self, house, server):
        await house.open(tls=server, patience=0.05)
        reader, _ = await house.connect()
        assert await all_of(reader) == b""
        await house.until(lambda: not house.doorkeeper.here)
        assert house.doorkeeper.counted == ["tls"]

    async def test_closing_the_listener_does_not_count_as_a_failed_handshake(self, house, server):
        await house.open(tls=server)
        for data in (b"", hello_of_a_client()[:100]):
            _, writer = await house.connect()
            writer.write(data)
        await house.until(lambda: house.doorkeeper.here == 2)
        await quiet()
        house.listener.close()
        await house.until(lambda: not house.doorkeeper.here)
        assert house.doorkeeper.counted == []

    @pytest.mark.parametrize("how", ["abort", "eof", "hangs"])
    async def test_half_a_handshake_is_cut_off_and_ends_its_visit(self, house, server, how):
        await house.open(tls=server, patience=0.3 if how == "hangs" else 5.0)
        open_then = []
        for _ in range(3):
            reader, writer = await house.connect()
            writer.write(hello_of_a_client()[:100])
            await house.until(lambda: house.doorkeeper.here)
            if how == "abort":
                writer.transport.abort()
            elif how == "eof":
                writer.write_eof()
            await house.until(lambda: not house.doorkeeper.here)
            await all_of(reader)
            writer.transport.abort()
            await house.until(lambda: not house.listener._arriving)
            await quiet()
            open_then.append(descriptors())
        assert house.doorkeeper.counted == ["tls"] * 3
        # A loop may open one for itself the first time.
        assert open_then[2] == open_then[1]

    async def test_a_new_certificate_applies_to_new_connections(self, house, server, client, ca):
        await house.open(tls=server)
        old = await house.secure(client)
        house.listener.tls = ca.server()
        new = await house.secure(client)

        def shown(connection):
            return connection[1].get_extra_info("ssl_object").getpeercert()["serialNumber"]

        assert shown(old) != shown(new)
        for connection in (old, new):
            assert await echoed(*connection) == b"hello"


def hello_of_a_client():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    speaking = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        speaking.do_handshake()
    return outgoing.read()


class TestClosing:
    """Nothing is left open, however far a connection has got."""

    async def test_a_closed_listener_lets_nobody_in(self, house):
        await house.open()
        address = house.listener.address
        house.listener.close()
        house.listener.close()
        with pytest.raises(OSError):
            await asyncio.open_connection(*address)

    async def test_admitted_connections_stay(self, house):
        await house.open()
        connection = await house.connect()
        await echoed(*connection)
        house.listener.close()
        assert await echoed(*connection) == b"hello"

    async def test_a_connection_without_its_header_is_closed(self, house):
        await house.open(proxies=LOOPBACK)
        reader, _writer = await house.connect()
        await house.until(lambda: house.listener._arriving)
        await quiet()
        house.listener.close()
        assert await all_of(reader) == b""

    async def test_a_connection_in_a_handshake_is_closed(self, house, ca):
        await house.open(tls=ca.server())
        reader, writer = await house.connect()
        writer.write(hello_of_a_client()[:100])
        await house.until(lambda: house.doorkeeper.here)
        await quiet()
        house.listener.close()
        assert await all_of(reader) == b""
        await house.until(lambda: not house.doorkeeper.here)

    @pytest.mark.parametrize("proxies", [(), LOOPBACK])
    async def test_a_connection_accepted_a_moment_ago_is_closed(self, house, proxies):
        await house.open(proxies=proxies)
        client = socket.create_connection(house.listener.address)
        [listening] = house.listener._sockets
        house.listener._accept(listening)
        # In the same turn of the loop: its task has not started.
        assert house.listener._arriving
        house.listener.close()
        await house.until(lambda: not house.listener._arriving)
        client.settimeout(within())
        with contextlib.suppress(ConnectionError):
            assert await asyncio.to_thread(client.recv, 1) == b""
        client.close()
        house.doorkeeper.visits.clear()  # they are not counted now

    async def test_a_connection_refused_a_moment_ago_is_closed(self, house):
        await house.open()
        house.doorkeeper.refusal = NotAdmitted(BANNED)
        reader, _ = await house.connect()
        await house.until(lambda: house.listener._farewells)
        house.listener.close()
        assert not house.listener._farewells
        assert decode_event(await all_of(reader)).code == "banned"
