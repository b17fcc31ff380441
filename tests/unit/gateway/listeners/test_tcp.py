"""A listener with real sockets, and peers that record what they are told."""

import asyncio
import contextlib
import logging
import socket
import struct

import pytest

from gateway.channels.hub import Hub
from gateway.door.visits import Visit
from gateway.listeners import ports, tcp
from gateway.listeners.accepting import Listener
from gateway.listeners.json_lines import JSON_LINES
from gateway.listeners.proxy import SIGNATURE
from gateway.listeners.tcp import TcpLink
from gateway.meters import Meters
from tests.support.deadlines import within
from tests.unit.gateway.fakes import quiet, until
from wire.codec import decode_event, encode_bye
from wire.frames import Bye
from wire.limits import Limits
from wire.lines import TOO_LONG
from wire.reasons import CONNECTION_LOST, FLOOD, IDLE, SHUTDOWN, SLOW

LIMITS = Limits(line=50, backlog=200_000)


def _socket(transport):
    return transport.get_extra_info("socket")


class Peer:
    """Records what its listener tells."""

    def __init__(self, link):
        self.link = link
        self.lines = []
        self.ended = []
        self.hung = 0

    def receive(self, lines):
        self.lines += lines

    def hung_up(self):
        self.hung += 1

    def end(self, reason):
        self.ended.append(reason)
        self.link.close(reason)


class Client:
    """A socket that reads only when it is told to."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def read_all(self):
        async with asyncio.timeout(within()):
            return await self.reader.read()

    async def bye(self):
        line = (await self.read_all()).splitlines()[-1]
        return decode_event(line)

    def send(self, data):
        self.writer.write(data)

    def vanish(self):
        """End without a goodbye: reset, not closed."""
        linger = struct.pack("ii", 1, 0)
        _socket(self.writer).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def open_port(host="127.0.0.1"):
    port = Port()
    port.server = Listener(await ports.open_port(host, 0, reuse=False), port, (), 5.0, None)
    port.address = port.server.address
    try:
        yield port
    finally:
        await port.close()


class Port:
    """An open port, and who is connected to it."""

    def __init__(self):
        self.peers = []
        self.clients = []
        self.meters = Meters()

    def admit(self, address):
        return Visit(None)

    def farewell(self, reason, after=None):
        return encode_bye(reason, after)

    def protocol(self, address, where, visit):
        return TcpLink(
            self.connected,
            JSON_LINES,
            LIMITS,
            address,
            where,
            visit.over,
            self.meters,
            screened=True,
        )

    def connected(self, link):
        self.peers.append(Peer(link))
        return self.peers[-1]

    async def connect(self):
        before = len(self.peers)
        # A small buffer, and one that is not filled behind the test's back.
        sock = socket.socket(socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, self.address)
        client = Client(*await asyncio.open_connection(sock=sock, limit=1024))
        self.clients.append(client)
        await until(lambda: len(self.peers) > before, "the connection")
        peer = self.peers[-1]
        _socket(peer.link._transport).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return client, peer

    async def close(self):
        self.server.close()
        for peer in self.peers:
            peer.link._transport.abort()
        for client in self.clients:
            client.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await client.writer.wait_closed()
        await until(lambda: all(CONNECTION_LOST in peer.ended for peer in self.peers), "the end")


@pytest.fixture
async def port():
    async with open_port() as port:
        yield port


# In.


async def test_what_a_client_writes_comes_line_by_line(port):
    client, peer = await port.connect()
    client.send(b"one\r\ntw")
    await until(lambda: peer.lines)
    client.send(b"o\nthree\n")
    await until(lambda: len(peer.lines) == 3)
    assert peer.lines == [b"one", b"two", b"three"]


async def test_a_line_that_is_too_long_is_reported(port):
    client, peer = await port.connect()
    client.send(b"x" * 60 + b"\nnext\n")
    await until(lambda: len(peer.lines) == 2)
    assert peer.lines == [TOO_LONG, b"next"]


async def test_a_client_that_sends_no_more_is_still_answered(port):
    client, peer = await port.connect()
    client.send(b"one\n")
    client.writer.write_eof()
    await until(lambda: peer.hung)
    assert peer.lines == [b"one"]
    assert peer.ended == []
    peer.link.write(b"answer\n")
    peer.link.close(IDLE)
    lines = (await client.read_all()).splitlines()
    assert lines[0] == b"answer"
    assert type(decode_event(lines[1])) is Bye


async def test_a_client_that_vanishes_is_reported_lost(port):
    client, peer = await port.connect()
    client.vanish()
    await until(lambda: peer.ended)
    assert peer.ended == [CONNECTION_LOST]


async def test_a_peer_that_is_to_wait_is_not_read(port):
    client, peer = await port.connect()
    peer.link.read(False)
    client.send(b"one\n")
    await quiet()
    assert peer.lines == []
    peer.link.read(True)
    await until(lambda: peer.lines)
    assert peer.lines == [b"one"]


async def test_reading_may_be_switched_off_and_on_twice(port):
    client, peer = await port.connect()
    for on in (False, False, True, True):
        peer.link.read(on)
    client.send(b"one\n")
    await until(lambda: peer.lines)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1:{}"), ("::1", "[::1]:{}")])
async def test_the_address_of_a_peer_is_shown_as_one_writes_it(host, shown):
    try:
        async with open_port(host) as port:
            client, peer = await port.connect()
            number = client.writer.get_extra_info("sockname")[1]
            assert peer.link.address == shown.format(number)
    except OSError:
        pytest.skip(f"there is no {host} here")


async def test_a_port_that_is_in_use_is_an_error(port):
    with pytest.raises(OSError):
        await ports.open_port(*port.address, reuse=False)


# Other protocols.


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "http"),
        (b"\r\nGET / HTTP/1.1\r\n", "http"),
        (b"\x16\x03\x01\x00\xa5no line end", "tls"),
        (b"SSH-2.0-x\r\n", "ssh"),
        (b"what?\nEHLO x\r\n", "smtp"),
        (SIGNATURE + b"\x21\x11\x00\x0c" + b"x" * 12, "proxy"),
        (b"PROXY TCP4 a b 1 2\r\n", "proxy"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
@pytest.mark.parametrize("pieces", [False, True])
async def test_another_protocol_ends_the_connection_and_nothing_behind_it_is_read(
    port, caplog, data, kind, pieces
):
    caplog.set_level(logging.INFO)
    client, peer = await port.connect()
    if pieces and b"\n" in data and kind != "proxy":
        for number in range(len(data)):
            client.send(data[number : number + 1])
            await client.writer.drain()
            await quiet()
    else:
        client.send(data)
    client.send(b'{"op":"hello"}\n')
    bye = await client.bye()
    assert (bye.code, bye.reconnect) == ("foreign", False)
    assert b'{"op":"hello"}' not in peer.lines
    assert port.meters.doorstep[kind] == 1
    assert sum(port.meters.doorstep.values()) == 1
    [record] = [r for r in caplog.records if "refused at the door" in r.getMessage()]
    assert (record.levelno == logging.WARNING) is (kind == "proxy")
    client.writer.close()


async def test_a_program_that_speaks_http_is_given_an_answer_that_it_can_read(port):
    client, _ = await port.connect()
    client.send(b"POST / HTTP/1.1\r\nContent-Length: 15\r\n\r\n" + b'{"op":"hello"}\n')
    head, _, body = (await client.read_all()).partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"
    assert b"Content-Length: %d" % len(body) in fields
    assert "does not speak HTTP" in decode_event(body.strip()).text


async def test_it_is_counted_once_however_much_of_it_comes(port):
    client, peer = await port.connect()
    peer.end = peer.ended.append  # its end takes its time
    for number in range(1, 4):
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        await until(lambda: port.meters.frames_received >= 2 * number)  # noqa: B023
    assert port.meters.doorstep["http"] == 1
    assert len(peer.ended) == 1
    peer.link.close(IDLE)


async def test_who_types_nonsense_keeps_the_connection(port):
    client, peer = await port.connect()
    lines = [b"", b"hello?", b"quit", b"\xff", b"get me in", b'{"op":"hello"}', b"GET / HTTP/1.1"]
    client.send(b"\n".join(lines) + b"\n")
    await until(lambda: len(peer.lines) == len(lines))
    assert peer.lines == lines, "and once it has spoken as we do, nothing else is looked for"
    assert peer.ended == []


async def test_a_byte_order_mark_in_front_of_all_is_no_part_of_the_first_line(port):
    client, peer = await port.connect()
    client.send(b'\xef\xbb\xbf{"op":"hello"}\n\xef\xbb\xbf{}\n')
    await until(lambda: len(peer.lines) == 2)
    assert peer.lines == [b'{"op":"hello"}', b"\xef\xbb\xbf{}"]


async def test_a_line_in_pieces_is_checked_as_a_whole(port):
    client, peer = await port.connect()
    client.send(b"please ")
    await until(lambda: peer.link._lines.begun)
    client.send(b"GET / me\n")
    await until(lambda: peer.lines)
    assert (peer.lines, peer.ended) == ([b"please GET / me"], [])


# Out.


async def test_what_is_written_arrives_in_order(port):
    client, peer = await port.connect()
    for number in range(100):
        peer.link.write(b"%d\n" % number)
    peer.link.close(SHUTDOWN)
    *lines, _bye = (await client.read_all()).splitlines()
    assert lines == [b"%d" % number for number in range(100)]


@pytest.mark.parametrize("reason", [IDLE, SHUTDOWN, SLOW])
async def test_the_last_word_is_the_reason(port, reason):
    client, peer = await port.connect()
    peer.link.write(b'{"op":"pong"}\n')
    peer.link.close(reason)
    assert await client.bye() == Bye(reason.code, reason.text, reason.reconnect)


async def test_only_the_first_goodbye_is_said(port):
    client, peer = await port.connect()
    peer.link.close(IDLE)
    peer.link.close(SHUTDOWN)
    assert len((await client.read_all()).splitlines()) == 1


async def test_what_is_written_after_the_goodbye_is_dropped(port):
    client, peer = await port.connect()
    peer.link.close(IDLE)
    peer.link.write(b"late\n")
    assert b"late" not in await client.read_all()
    client.writer.close()
    await until(lambda: peer.ended)
    peer.link.write(b"later\n")
    peer.link.read(False)
    peer.link.read(True)


async def test_what_a_client_says_after_the_goodbye_is_not_heard(port):
    client, peer = await port.connect()
    peer.link.close(IDLE)
    client.send(b"one\n")
    await client.read_all()
    client.writer.close()
    await until(lambda: peer.ended)
    assert peer.lines == []


@pytest.mark.parametrize("size", [1, 300_000])
async def test_a_client_that_does_not_stop_talking_hears_the_goodbye(port, size):
    # Its socket would be reset, and the goodbye lost, if it were closed with something unread.
    client, peer = await port.connect()
    peer.link.read(False)
    client.send(b"x" * size)
    await quiet()
    peer.link.close(FLOOD)
    assert (await client.bye()).code == "flood"
    client.writer.close()
    await until(lambda: peer.ended)


async def test_a_connection_has_ended_once_both_have_said_so(port):
    client, peer = await port.connect()
    peer.link.close(IDLE)
    await client.read_all()
    assert peer.ended == []
    client.writer.close()
    await until(lambda: peer.ended)
    assert peer.ended == [CONNECTION_LOST]
    assert peer.hung == 0


async def test_a_write_to_a_lost_connection_does_no_harm(port):
    # The hub may be in the middle of a room's members.
    client, peer = await port.connect()
    other_client, other = await port.connect()
    hub = Hub(asyncio.get_running_loop().call_soon, Meters())
    written = []

    def write_to_all():
        hub.join(b"room", peer.link)
        hub.join(b"room", other.link)
        for number in range(10):
            hub.deliver(b"room", b"%d\n" % number)
            hub.flush()
        written.append(True)

    peer.end = lambda reason: (peer.ended.append(reason), write_to_all())
    client.vanish()
    await until(lambda: peer.ended)
    assert written
    other.link.close(SHUTDOWN)
    assert (await other_client.read_all()).startswith(b"0\n1\n")


async def test_a_link_that_was_paused_when_it_was_closed_stays_silent(port):
    client, peer = await port.connect()
    peer.link.write(b"x" * 190_000 + b"\n")
    peer.link.close(IDLE)
    received = asyncio.create_task(client.read_all())
    # The client reads, the transport has caught up and says so; the link is still closed.
    await until(lambda: not peer.link._transport.get_write_buffer_size())
    peer.link.write(b"late\n")
    assert b"late" not in await received


# Slow readers.


async def fill(peer, size=100_000):
    """Write until the transport cannot keep up."""
    for _ in range(200):
        peer.link.write(b"x" * 9_999 + b"\n")
        if peer.link._transport.get_write_buffer_size() > size:
            return
        await asyncio.sleep(0)
    raise AssertionError("the kernel takes it all")


async def test_a_slow_reader_is_cut_once_too_much_is_waiting(port):
    _, peer = await port.connect()
    await fill(peer)
    assert peer.ended == []
    for _ in range(30):
        peer.link.write(b"x" * 9_999 + b"\n")
    assert peer.ended == [], "not while the hub may be going through a room's members"
    await until(lambda: peer.ended)
    assert peer.ended[0] == SLOW


async def test_never_more_waits_than_the_backlog_allows(port):
    _, peer = await port.connect()
    await fill(peer)
    for _ in range(100):
        peer.link.write(b"x" * 9_999 + b"\n")
    assert peer.link._transport.get_write_buffer_size() <= LIMITS.backlog


async def test_a_slow_reader_is_told_that_it_was_slow_and_may_come_back(port):
    client, peer = await port.connect()
    await fill(peer)
    for _ in range(30):
        peer.link.write(b"x" * 9_999 + b"\n")
    assert await client.bye() == Bye("slow", SLOW.text, True)


async def test_a_reader_that_catches_up_is_never_cut(port):
    client, peer = await port.connect()
    reading = asyncio.create_task(client.read_all())
    sent = 0
    while sent < 20 * LIMITS.backlog:
        peer.link.write(b"x" * 9_999 + b"\n")
        sent += 10_000
        await until(lambda: peer.link._transport.get_write_buffer_size() < 100_000)
    peer.link.close(SHUTDOWN)
    assert (await reading).count(b"\n") == sent // 10_000 + 1
    assert SLOW not in peer.ended


async def test_one_slow_reader_holds_up_nobody(port):
    _, slow = await port.connect()
    client, quick = await port.connect()
    reading = asyncio.create_task(client.read_all())
    for _ in range(100):
        for link in (slow.link, quick.link):
            link.write(b"x" * 9_999 + b"\n")
        await until(lambda: quick.link._transport.get_write_buffer_size() < 50_000)
    quick.link.close(SHUTDOWN)
    assert (await reading).count(b"\n") == 101


async def test_a_client_that_reads_nothing_is_gone_soon_after_the_goodbye(monkeypatch):
    monkeypatch.setattr(tcp, "LINGER", 0.01)
    async with open_port() as port:
        _, peer = await port.connect()
        await fill(peer)
        peer.link.close(SHUTDOWN)
        await until(lambda: peer.ended)
        assert peer.ended == [CONNECTION_LOST]
