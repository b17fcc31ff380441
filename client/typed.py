"""Bytes that were typed, or came through a pipe, as text."""

from __future__ import annotations

import sys


def decoded(line: bytes, *, errors: str = "strict") -> str:
    """Decode a line from UTF-8; if it is not UTF-8, from the encoding of the locale.

    Text in another encoding is hardly ever valid UTF-8 by chance.

    Args:
        line: what came in.
        errors: what to do with bytes that are neither, as for `bytes.decode`.

    Raises:
        UnicodeDecodeError: it is neither, and ``errors`` is "strict".
    """
    try:
        return line.decode()
    except UnicodeDecodeError:
        encoding = getattr(sys.stdin, "encoding", None) or "utf-8"
        return line.decode(encoding, errors)
