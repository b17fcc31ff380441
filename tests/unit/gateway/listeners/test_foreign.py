import json
import ssl

import pytest

from gateway.listeners.foreign import NO_TLS, recognized, without_tls
from gateway.listeners.proxy import SIGNATURE
from gateway.meters import DOORSTEP
from wire.codec import encode
from wire.frames import Hello, Ping, Send
from wire.reasons import FOREIGN

BEGINNINGS = {
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n": "http",
    b"POST /x HTTP/1.0\r\n": "http",
    b"OPTIONS * HTTP/1.1\r\n": "http",
    b"GET /" + b"x" * 20_000: "http",
    b"BREW /pot HTTP/1.1\r\n": "http",
    b"host: a HTTP/1.": "http",
    b'PUSH /{"op":"hello"} HTTP/1.1\r\n': "http",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": "http",
    b"HTTP/1.1 200 OK\r\n": "http",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": "tls",
    b"SSH-2.0-OpenSSH_9.6\r\n": "ssh",
    b"EHLO mail.example\r\n": "smtp",
    b"helo mail.example\r\n": "smtp",
    b"MAIL FROM:<a@example>\r\n": "smtp",
    b"NICK dana\r\n": "irc",
    b"USER dana 0 * :Dana\r\n": "irc",
    b"CAP LS 302\r\n": "irc",
    b"PASS secret\r\n": "irc",
    b"OPTIONS sip:nm SIP/2.0\r\n": "sip",
    b"REGISTER sip:example SIP/2.0\r\n": "sip",
    b"*1\r\n$4\r\nPING\r\n": "redis",
    b"*2\r\n$7\r\nCOMMAND\r\n$4\r\nDOCS\r\n": "redis",
    SIGNATURE + b"\x21\x11\x00\x0c": "proxy",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 2428\r\n": "proxy",
    b"PROXY UNKNOWN\r\n": "proxy",
    b"\x03\x00\x00\x13\x0e\xe0\x00\x00": "binary",  # remote desktop
    b"\x05\x01\x00": "binary",  # SOCKS
    b"\x00\x00\x00\x08\x04\xd2\x16\x2f": "binary",  # PostgreSQL
    b"\x10\x1a\x00\x04MQTT": "binary",
    b"AMQP\x00\x00\x09\x01": "binary",
    b"\x12\x01\x00\x2f": "binary",  # SQL Server
}

TYPED = [
    b"",
    b"\r",
    b"hello",
    b"hello?\n",
    b"/who",
    b"get me out of here",
    b"Get",
    b"quit",
    b"QUIT",
    b"nick dana",
    b"user dana",
    b"help",
    b"post it",
    b"ssh",
    b"proxy",
    b"* hello *",
    b"**",
    b"\x1b[A",
    b"\x7f\x7f",
    b"\tx",
    "\u00fcber".encode(),
    b"\xff\xfe{\x00",
    b"[1]",
    b"{}",
    b' {"op":"ping"}',
    b'{"op":"send","text":"GET / HTTP/1.1"}',
    b'{"op":"hello","v":1,"name":"HTTP/1.1"}',
]


@pytest.mark.parametrize(("data", "kind"), BEGINNINGS.items(), ids=lambda each: ascii(each)[:30])
def test_a_protocol_is_recognized_by_its_first_bytes(data, kind):
    spoken = recognized(data)
    assert spoken.kind == kind
    assert spoken.kind in DOORSTEP
    reason = spoken.reason
    assert (reason.code, reason.reconnect) == (FOREIGN.code, False)
    assert reason.text.isprintable()


@pytest.mark.parametrize("data", TYPED, ids=ascii)
def test_what_people_type_is_not_taken_for_another_protocol(data):
    assert recognized(data) is None


@pytest.mark.parametrize("frame", [Hello(v=1, name="dana"), Ping(), Send("PROXY TCP4")])
def test_our_own_frames_are_not_taken_for_another_protocol(frame):
    assert recognized(encode(frame)) is None


def test_a_client_is_answered_in_its_own_protocol_where_that_is_possible():
    answers = {kind: recognized(data).before_the_bye() for data, kind in BEGINNINGS.items()}
    assert answers["irc"].startswith(b"ERROR :This is a chat port")
    assert answers["smtp"].startswith(b"554 This is")
    assert answers["redis"].startswith(b"-ERR This is")
    for kind in ("irc", "smtp", "redis"):
        assert answers[kind].endswith(b".\r\n")
        assert answers[kind].count(b"\n") == 1
    assert answers["ssh"] == answers["tls"] == answers["proxy"] == b""


def test_an_http_client_gets_the_bye_as_the_body_of_a_400():
    spoken = recognized(b"GET / HTTP/1.1\r\n")
    head = spoken.before_the_bye()
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert b"\n" not in head.replace(b"\r\n", b"")


def test_a_tls_port_accepts_a_tls_hello_and_nothing_else():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    speaking = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="a")
    with pytest.raises(ssl.SSLWantReadError):
        speaking.do_handshake()
    assert without_tls(outgoing.read()) is None
    assert without_tls(b"GET / HTTP/1.1").kind == "http"
    assert without_tls(json.dumps({"op": "hello"}).encode()) is NO_TLS
    assert without_tls(b"\0" * 100) is NO_TLS
