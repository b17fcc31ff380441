"""The HTTP port, with well-behaved and hostile clients."""

import asyncio
import contextlib
import socket
import struct

import pytest

from gateway.http import port as module
from gateway.http.port import Answer, HttpPort
from gateway.listeners import ports
from tests.support.deadlines import within
from tests.support.http import answer, ask, connected, throw
from tests.unit.gateway.fakes import until


class Pages:
    def __init__(self):
        self.asked = 0
        self.hold = None
        self.error = None
        self.body = b"fine\n"

    async def page(self):
        self.asked += 1
        if self.error:
            raise self.error
        if self.hold:
            await self.hold.wait()
        return Answer(200, self.body)


@pytest.fixture
def pages():
    return Pages()


@pytest.fixture
async def port(pages):
    port = HttpPort({"/page": pages.page, "/other": pages.page})
    port.at = await port.open("127.0.0.1", 0)
    yield port
    await port.close()


async def test_a_page_is_served_and_the_connection_ends(port):
    got = await ask(port.at, "/page")
    assert (got.status, got.body) == (200, "fine\n")
    assert got.headers["content-length"] == "5"
    assert got.headers["connection"] == "close"
    assert got.headers["content-type"] == "text/plain; charset=utf-8"


async def test_head_gets_the_same_without_the_body(port):
    got = await ask(port.at, "/page", "HEAD")
    assert (got.status, got.headers["content-length"], got.body) == (200, "5", "")


async def test_a_query_does_not_matter(port):
    assert (await ask(port.at, "/page?a=b")).status == 200


@pytest.mark.parametrize("path", ["/", "/pages", "/page/", "//page", "*", "http://x/page"])
async def test_an_unknown_path_is_answered_with_a_list_of_the_pages(port, pages, path):
    got = await ask(port.at, path)
    assert (got.status, got.body) == (404, "there is /page and /other\n")
    assert pages.asked == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
async def test_only_get_and_head_are_allowed(port, pages, method):
    got = await ask(port.at, "/page", method)
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")
    assert pages.asked == 0


@pytest.mark.parametrize(
    "request_",
    [b"GET /page HTTP/1.0\r\n\r\n", b"GET /page HTTP/1.1\nHost: x\n\n"],
    ids=["1.0", "bare newlines"],
)
async def test_old_and_sloppy_requests_are_answered(port, request_):
    assert (await throw(port.at, request_)).status == 200


async def test_a_client_that_closes_its_side_after_the_request_is_answered(port):
    async with connected(port.at) as (reader, writer):
        writer.write(b"GET /page HTTP/1.0\r\n\r\n")
        writer.write_eof()
        assert (await answer(reader)).status == 200


async def test_a_head_may_come_in_pieces(port):
    async with connected(port.at) as (reader, writer):
        for byte in b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert (await answer(reader)).status == 200


async def test_an_unwanted_body_does_not_prevent_the_answer(port):
    head = b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    got = await throw(port.at, head + b"x" * 100_000)
    assert got.status == 405


async def test_only_the_first_of_two_requests_is_answered(port, pages):
    got = await throw(port.at, b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert (got.status, got.body, pages.asked) == (200, "fine\n", 1)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n\r\n\r\n",
        b"\x00\xff\xfe\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # the beginning of TLS
        b"hello\n\n",
        b"GET /page\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /page HTTP/1.1\r\n\r\n",  # no host
        b"GET /page HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /p\xc3\xa4ge HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /page HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /page HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: strange\r\n\r\n",
        b'{"op":"hello","v":1,"name":"dana"}\n\n',
    ],
)
async def test_garbage_is_refused_and_harms_nobody_else(port, pages, garbage):
    async with connected(port.at) as (reader, writer):
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(within()):
            said = await reader.read()
    assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert pages.asked == 0
    assert (await ask(port.at, "/page")).status == 200


@pytest.mark.parametrize("line", [b"X" * 100, b"X: " + b"y" * 97 + b"\r\n"])
async def test_an_endless_head_is_cut_off(port, line):
    async with connected(port.at) as (reader, writer):
        writer.write(b"GET /page HTTP/1.1\r\n" + line * (module.MAX_HEAD // 100 + 1))
        got = await answer(reader)
    assert got.status == 431


async def test_a_client_that_never_completes_its_head_is_cut_off(port, monkeypatch):
    monkeypatch.setattr(module, "HEAD_TIMEOUT", 0.05)
    async with connected(port.at) as (reader, writer):
        writer.write(b"GET /page HT")
        async with asyncio.timeout(within()):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""


async def test_a_client_that_does_not_read_the_answer_is_cut_off(port, pages, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_TIMEOUT", 0.05)
    pages.body = b"x" * 10_000_000
    async with connected(port.at) as (_, writer):
        writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: pages.asked)
        await until(lambda: not port._exchanges)


async def test_a_client_that_hangs_up_while_it_is_answered_is_forgotten(port, pages):
    pages.hold = asyncio.Event()
    async with connected(port.at) as (_, writer):
        writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: pages.asked)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        pages.hold.set()
        await until(lambda: not port._exchanges)


async def test_a_flood_of_half_open_connections_does_not_keep_others_out(port):
    async with contextlib.AsyncExitStack() as stack:
        flood = []
        for _ in range(3 * module.MAX_CONNECTIONS):
            reader, writer = await stack.enter_async_context(connected(port.at))
            writer.write(b"GET")
            flood.append(reader)
        assert (await ask(port.at, "/page")).status == 200
        assert len(port._exchanges) <= module.MAX_CONNECTIONS


async def test_clients_that_are_being_answered_are_not_cut_off_for_new_ones(port, pages):
    pages.hold = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        readers = []
        for count in range(1, module.MAX_CONNECTIONS + 1):
            reader, writer = await stack.enter_async_context(connected(port.at))
            writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
            readers.append(reader)
            await until(lambda count=count: pages.asked == count)
        one_more, _ = await stack.enter_async_context(connected(port.at))
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(within()):
                assert await one_more.read() == b""
        pages.hold.set()
        for reader in readers:
            assert (await answer(reader)).status == 200


async def test_an_error_of_ours_is_logged_and_answered(port, pages, caplog):
    pages.error = RuntimeError("a fault")
    assert (await ask(port.at, "/page")).status == 500
    assert "a fault" in caplog.text


async def test_closing_the_port_ends_its_connections(port, pages):
    pages.hold = asyncio.Event()
    async with connected(port.at) as (reader, writer), connected(port.at) as (idle, _):
        writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: pages.asked and len(port._exchanges) == 2)
        await port.close()
        for each in (reader, idle):
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(within()):
                    assert await each.read() == b""


async def test_it_listens_on_every_address_that_it_can(pages, monkeypatch):
    async def found(host, port):
        return [(socket.AF_INET, (each, port)) for each in ("192.0.2.1", "127.0.0.1", "127.0.0.2")]

    monkeypatch.setattr(ports, "_addresses", found)
    port = HttpPort({"/page": pages.page})
    host, number = await port.open("h", 0)
    assert host == "127.0.0.1"
    for each in ("127.0.0.1", "127.0.0.2"):
        assert (await ask((each, number), "/page")).status == 200
    await port.close()
    with pytest.raises(OSError):
        await ask(("127.0.0.2", number), "/page")


async def test_a_client_that_has_gone_unnoticed_does_no_harm(port):
    class Gone:
        """Its socket reports it only when it is told to send no more."""

        aborted = False

        def is_closing(self):
            return False

        def write(self, data):
            pass

        def write_eof(self):
            raise OSError(107, "Transport endpoint is not connected")

        def abort(self):
            self.aborted = True

    transport, exchange = Gone(), module._Exchange(port)
    exchange.connection_made(transport)
    exchange.data_received(b"no request\r\n\r\n")
    assert transport.aborted
    exchange.connection_lost(None)
