"""Lines from a file descriptor of any kind: a pipe, a terminal or a file."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import AsyncIterator
from dataclasses import dataclass

from client.terminal import in_foreground, stop_in_background
from client.typed import decoded
from wire.lines import LineBuffer, LineTooLong

CHUNK = 64 * 1024
"""Bytes that are read at a time."""

BYTE_ORDER_MARK = "\ufeff"
"""Some programs put it at the beginning of a text."""

QUIET = 0.01
"""Seconds without a byte after which a paste has ended."""


@dataclass(frozen=True)
class Pasted:
    """Lines that came all at once from a terminal, with newlines between them."""

    text: str


class LineSource:
    """Iterates over lines, without a thread that could keep the program from ending.

    The last line counts even if its newline is missing. A byte order mark before the first line is
    removed.

    Args:
        fd: the file descriptor to read from.
        longest: the longest line, in bytes; a longer one becomes a `LineTooLong`.
        typed: whether a person types the lines: then lines that come at once are one `Pasted`.
    """

    def __init__(self, fd: int, longest: int, *, typed: bool = False) -> None:
        self._fd = fd
        self._typed = typed
        self._buffer = LineBuffer(longest)
        self._wake: asyncio.Future[None] | None = None
        self._closed = False
        self._mark = BYTE_ORDER_MARK

    def close(self) -> None:
        """End the iteration before its next line."""
        self._closed = True
        if self._wake and not self._wake.done():
            self._wake.set_result(None)

    async def __aiter__(self) -> AsyncIterator[str | LineTooLong | Pasted]:
        data = b"\n"
        while data:
            await self._readable()
            if not self._closed and not in_foreground(self._fd):
                stop_in_background()  # and check again: the input may be for another job
                await asyncio.sleep(0)
                continue
            data = b"" if self._closed else self._read()
            lines = [self._text(line) for line in self._buffer.feed(data or b"\n")]
            if not data and lines == [""]:
                return
            for line in _together(lines) if self._typed else lines:
                if self._closed:
                    return
                yield line
            # The task that takes the lines may never wait, and other tasks must get their turn.
            await asyncio.sleep(0)

    def _text(self, line: bytes | LineTooLong) -> str | LineTooLong:
        if isinstance(line, LineTooLong):
            return line
        text = decoded(line, errors="replace").removeprefix(self._mark)
        self._mark = ""
        return text

    def _read(self) -> bytes:
        data = more = os.read(self._fd, CHUNK)
        while self._typed and more and len(data) < CHUNK and self._more_waits(pasted=more != data):
            more = os.read(self._fd, CHUNK)
            data += more
        return data

    def _more_waits(self, *, pasted: bool) -> bool:
        # A terminal hands out one line at a time, and a paste arrives in parts.
        return bool(select.select([self._fd], [], [], QUIET if pasted else 0)[0])

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        try:
            loop.add_reader(self._fd, self._ready)
        except PermissionError:
            return  # an ordinary file: it is always ready, and epoll does not watch it
        try:
            if not self._closed:
                await self._wake
        finally:
            loop.remove_reader(self._fd)

    def _ready(self) -> None:
        if self._wake and not self._wake.done():
            self._wake.set_result(None)


def _together(lines: list[str | LineTooLong]) -> list[str | LineTooLong | Pasted]:
    if len(lines) < 2:
        return [*lines]
    too_long = [line for line in lines if isinstance(line, LineTooLong)]
    text = "\n".join(line for line in lines if isinstance(line, str))
    return [*too_long, Pasted(text)] if text else [*too_long]
