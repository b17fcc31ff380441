"""What comes in as bytes, typed or through a pipe, as text."""

from __future__ import annotations

import sys


def decoded(line: bytes, *, errors: str = "strict") -> str:
    """The line in UTF-8, which nothing else is by chance; else in the encoding of the locale.

    Args:
        line: what came in.
        errors: as `bytes.decode` takes it, for what is neither.

    Raises:
        UnicodeDecodeError: it is neither, and ``errors`` does not say what to do then.
    """
    try:
        return line.decode()
    except UnicodeDecodeError:
        encoding = getattr(sys.stdin, "encoding", None) or "utf-8"
        return line.decode(encoding, errors)
