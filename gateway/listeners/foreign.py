"""Recognizing other protocols by how they begin, and telling the client in the first answer.

Nothing of them may reach the chat: a web page can make a browser send any lines it likes after the
head of its request. People who type into ``nc`` are let through.
"""

from __future__ import annotations

import logging
import re
from typing import NamedTuple

from gateway.listeners import proxy
from wire.codec import encode_bye
from wire.reasons import FOREIGN, Reason


class Foreign(NamedTuple):
    """Another protocol.

    Attributes:
        kind: the name under which it is counted, one of `gateway.meters.DOORSTEP`.
        text: what the client is told.
        answer: what goes before the bye, so that a program that speaks the protocol shows it.
        operators: what operators are told instead; "" for the same text.
    """

    kind: str
    text: str
    answer: str = ""
    operators: str = ""

    @property
    def reason(self) -> Reason:
        """Why the connection ends."""
        return FOREIGN._replace(text=self.text)

    @property
    def level(self) -> int:
        """A warning if operators have made a mistake: they forgot to name a balancer, say."""
        return logging.WARNING if self.operators else logging.INFO

    @property
    def why(self) -> str:
        """What the log says about it."""
        return self.operators or self.text

    def before_the_bye(self) -> bytes:
        """What is written before the bye."""
        size = len(encode_bye(self.reason))
        return self.answer.format(text=self.text, size=size).replace("\n", "\r\n").encode()


def _of(kind: str, name: str, answer: str = "") -> Foreign:
    return Foreign(kind, f"This is a chat port, and it does not speak {name}.", answer)


_METHODS = rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PRI)"

_HTTP = """\
HTTP/1.1 400 Bad Request
Content-Type: application/json
Content-Length: {size}
Connection: close

"""

TLS = Foreign("tls", "This port does not speak TLS: connect without it.")
NO_TLS = Foreign("tls", "This port speaks TLS: connect with it (chatctl client --tls).")
PROXIED = Foreign(
    "proxy",
    "A balancer sent a PROXY header for you, and the gateway does not expect one from its address.",
    operators="A PROXY header came from an address that is not in --proxy-from.",
)

_BEGINNINGS: tuple[tuple[re.Pattern[bytes], Foreign], ...] = tuple(
    (re.compile(begins), foreign)
    for begins, foreign in (
        (re.escape(proxy.SIGNATURE) + rb"|PROXY (TCP|UNKNOWN)", PROXIED),
        (rb"\x16\x03", TLS),
        (rb"SSH-", _of("ssh", "SSH")),
        (rb"[A-Z]+ sips?:|SIP/2", _of("sip", "SIP")),
        (_METHODS + rb" |(?!\s*\{)[^\n]*\bHTTP/[0-9]", _of("http", "HTTP", _HTTP)),
        (rb"(?i:EHLO|HELO|LHLO) |(?i:MAIL FROM:)", _of("smtp", "SMTP", "554 {text}\n")),
        (rb"(NICK|USER|PASS|JOIN) |CAP (LS|REQ|END)", _of("irc", "IRC", "ERROR :{text}\n")),
        (rb"\*[0-9]+\r\n", _of("redis", "Redis' protocol", "-ERR {text}\n")),
        # No text begins like this: TPKT (remote desktop), SOCKS, PostgreSQL, DNS, SMB, ...
        (rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]|AMQP\x00", _of("binary", "that protocol")),
    )
)


INSPECTED = 512
"""Bytes that are enough to recognize a protocol."""


def recognized(data: bytes) -> Foreign | None:
    """The other protocol that begins like this, or has a line like this; None if none is known.

    Args:
        data: the first bytes, or a line.
    """
    beginning = data[:INSPECTED]
    for begins, foreign in _BEGINNINGS:
        if begins.match(beginning):
            return foreign
    return None


def without_tls(data: bytes) -> Foreign | None:
    """What a connection to a TLS port speaks instead, by its first bytes; None if it is TLS."""
    spoken = recognized(data)
    if spoken is TLS:
        return None
    return NO_TLS if spoken is None or spoken.kind == "binary" else spoken
