"""Bytes to lines, in bounded memory: framing is kept apart from everything else."""

from __future__ import annotations

from collections.abc import Iterator


class LineTooLong:
    """Stands in the place of a line that was longer than allowed, or of a part of one."""


TOO_LONG = LineTooLong()


class LineBuffer:
    r"""Cuts a stream of bytes at its newlines.

    Lines end in ``\n``; a ``\r`` before it belongs to the line end. A line of more than ``limit``
    bytes is thrown away up to its newline. It is reported as `TOO_LONG` once it is known to be too
    long, and again for every further ``limit`` bytes, so that a line without end does not pass for
    a single mistake. Never holds more than ``limit`` bytes and one.

    Args:
        limit: longest line in bytes, without its line end.
    """

    __slots__ = ("_limit", "_partial", "_skipped")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._partial = b""
        self._skipped: int | None = None

    @property
    def begun(self) -> bool:
        """Whether a line has begun that has not ended."""
        return bool(self._partial) or self._skipped is not None

    def feed(self, data: bytes) -> Iterator[bytes | LineTooLong]:
        """Take in bytes; yield the lines that they complete, without their line ends."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._skipped is not None:
                yield from self._skip(line)
                self._skipped = None
                continue
            if self._partial:
                line = self._partial + line
                self._partial = b""
            whole = line[:-1] if line.endswith(b"\r") else line
            if len(whole) <= self._limit:
                yield whole
                continue
            self._skipped = 0
            yield from self._skip(line)
            self._skipped = None
        if self._skipped is not None:
            yield from self._skip(rest)
            return
        self._partial += rest
        # One byte of grace: it may be the \r of a line that is just long enough.
        if len(self._partial) > self._limit + 1:
            partial, self._partial = self._partial, b""
            self._skipped = 0
            yield from self._skip(partial)

    def _skip(self, data: bytes) -> Iterator[LineTooLong]:
        assert self._skipped is not None
        more, self._skipped = divmod(self._skipped + len(data), self._limit)
        for _ in range(more):
            yield TOO_LONG
