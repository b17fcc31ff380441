"""Other protocols, by how they begin: whoever speaks one is told so in the first answer.

None of it may get as far as the chat: a web page can have a browser send whatever lines it likes
behind the head of its request. People who type into ``nc`` are no protocol.
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
        kind: as it is counted, one of `gateway.meters.DOORSTEP`.
        text: what its speaker is told.
        answer: what goes before the bye, so that a program of that protocol shows it.
        operators: what they are told besides.
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
        """How much it matters to operators: that a balancer is not heard is a mistake of theirs."""
        return logging.WARNING if self.operators else logging.INFO

    @property
    def why(self) -> str:
        """What goes into the log."""
        return self.operators or self.text

    def before_the_bye(self) -> bytes:
        """What is written before the bye."""
        size = len(encode_bye(self.reason))
        return self.answer.format(text=self.text, size=size).replace("\n", "\r\n").encode()


def _of(kind: str, name: str, answer: str = "") -> Foreign:
    return Foreign(kind, f"This is the port of a chat, and {name} is not spoken here.", answer)


_METHODS = rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PRI)"

_HTTP = """\
HTTP/1.1 400 Bad Request
Content-Type: application/json
Content-Length: {size}
Connection: close

"""

TLS = Foreign("tls", "TLS is not spoken on this port: connect without it.")
PLAIN = Foreign("tls", "This port speaks TLS, so you must too: chatctl client does with --tls.")
PROXIED = Foreign(
    "proxy",
    "A balancer announces you with a PROXY header, and none is expected from its address.",
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
        # No text begins so: TPKT of a remote desktop, SOCKS, PostgreSQL, DNS, SMB, ...
        (rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]|AMQP\x00", _of("binary", "that protocol")),
    )
)


LOOKED_AT = 512
"""Bytes by which a protocol is known."""


def recognized(data: bytes) -> Foreign | None:
    """The protocol that begins like this, or a line of which is this; None if it is none we know.

    Args:
        data: what came first, or a line.
    """
    beginning = data[:LOOKED_AT]
    for begins, foreign in _BEGINNINGS:
        if begins.match(beginning):
            return foreign
    return None


def without_tls(data: bytes) -> Foreign | None:
    """What is spoken where TLS should be, if a connection begins like this; None for TLS."""
    spoken = recognized(data)
    if spoken is TLS:
        return None
    return PLAIN if spoken is None or spoken.kind == "binary" else spoken
