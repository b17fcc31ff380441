"""Frames to lines and back: newline-delimited JSON in UTF-8, one object a line.

Nothing here waits, and whatever bytes come in, the worst that comes out is a `WireError`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from wire.frames import Bye, Changed, Deleted, Event, Msg, Ping, Reacted, Request
from wire.reasons import ErrorCode, Reason, WireError

_encoder = msgspec.json.Encoder()
_request: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_anything = msgspec.json.Decoder()

_LEAP_SECOND = re.compile(rb'("at"\s*:\s*"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:)60')
"""A time that is right by RFC 3339, and that Python does not know: it is taken for the second
before. In a string of JSON a quote is escaped, so no text looks like that."""

REQUEST_OPS = tuple(sorted(str(s.__struct_config__.tag) for s in Request.__args__))


def encode(frame: Request | Event) -> bytes:
    r"""A frame as one line, newline included. JSON escapes any newline inside it."""
    return _encoder.encode(frame) + b"\n"


def encode_body(message: Msg | Changed | Deleted | Reacted) -> bytes:
    """A message as one line without its ``id`` and ``ts``.

    The script in Redis that stores it writes them in front, without reading JSON:
    ``{"id":"<id>","ts":<ts>,`` in place of the first brace.

    Args:
        message: one whose ``id`` and ``ts`` are not set.
    """
    return _encoder.encode(message) + b"\n"


def encode_bye(reason: Reason, after: float | None = None) -> bytes:
    """The last line of a connection, as `encode` makes it.

    Args:
        reason: why it ends.
        after: seconds to wait before coming back; None where that is not said.
    """
    return encode(Bye(reason.code, reason.text, reason.reconnect, after))


def decode_request(line: bytes) -> Request:
    """Read one line of a peer.

    Args:
        line: without its newline, and no longer than the gateway allows.

    Raises:
        WireError: it is no request; the text names the field that is wrong.
    """
    try:
        return _request.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        without_leap, leaps = _LEAP_SECOND.subn(rb"\g<1>59", line)
        if leaps:
            return decode_request(without_leap)
        raise _explain(line, error) from None


def is_ping(line: bytes) -> bool:
    """Whether a line of a peer is a ping. Never raises."""
    try:
        return b"ping" in line and isinstance(decode_request(line), Ping)
    except WireError:
        return False


def decode_event(line: bytes) -> Event | None:
    """Read one line of a gateway; None where it is an event that this version does not know.

    Raises:
        WireError: it is not an event at all.
    """
    try:
        return _event.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        refusal = _explain(line, error)
        if refusal.code is ErrorCode.UNKNOWN_OP:
            return None
        raise refusal from None


def _explain(line: bytes, error: Exception) -> WireError:
    """Say what is wrong with a line that was refused. The cold path: it reads the line again."""
    try:
        found: Any = _anything.decode(line)
    except UnicodeDecodeError:
        return WireError(ErrorCode.BAD_UTF8, "the line is not UTF-8")
    except RecursionError:
        return WireError(ErrorCode.BAD_JSON, "the line is nested too deeply")
    except msgspec.MsgspecError as problem:
        return WireError(ErrorCode.BAD_JSON, f"the line is not JSON: {problem}")
    if not isinstance(found, dict):
        return WireError(ErrorCode.BAD_FRAME, "the line is not a JSON object")
    seq = found.get("seq")
    if type(seq) is not int or not 0 <= seq <= 2**53:
        seq = None
    op = found.get("op")
    if not isinstance(op, str):
        return WireError(ErrorCode.BAD_FRAME, 'the field "op" is missing or not a string', seq)
    if str(error).endswith("at `$.op`"):
        text = f"unknown op {op[:32]!r}; known are {', '.join(REQUEST_OPS)}"
        return WireError(ErrorCode.UNKNOWN_OP, text, seq)
    return WireError(ErrorCode.BAD_FIELD, f"{op}: {error}", seq)
