"""Lines from a file descriptor, whatever stands behind it: a pipe, a terminal, a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from client.typed import decoded
from wire.lines import LineBuffer, LineTooLong

CHUNK = 64 * 1024
"""Bytes taken at a time."""

BYTE_ORDER_MARK = "\ufeff"
"""Some programs begin a text with it."""


class LineSource:
    """Iterates over lines, without a thread that would block the way out.

    The last line counts, even if its newline is missing. A byte order mark before the first one is
    no part of it.

    Args:
        fd: file descriptor to read from.
        longest: longest line in bytes; `LineTooLong` stands in the place of a longer one.
    """

    def __init__(self, fd: int, longest: int) -> None:
        self._fd = fd
        self._buffer = LineBuffer(longest)
        self._wake: asyncio.Future[None] | None = None
        self._closed = False
        self._mark = BYTE_ORDER_MARK

    def close(self) -> None:
        """End the iteration before its next line."""
        self._closed = True
        if self._wake and not self._wake.done():
            self._wake.set_result(None)

    async def __aiter__(self) -> AsyncIterator[str | LineTooLong]:
        data = b"\n"
        while data:
            await self._readable()
            data = b"" if self._closed else os.read(self._fd, CHUNK)
            for line in self._buffer.feed(data or b"\n"):
                if self._closed:
                    return
                yield line if isinstance(line, LineTooLong) else self._text(line)

    def _text(self, line: bytes) -> str:
        text = decoded(line, errors="replace").removeprefix(self._mark)
        self._mark = ""
        return text

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        try:
            loop.add_reader(self._fd, self._ready)
        except PermissionError:
            return  # an ordinary file: epoll does not watch what is always ready
        try:
            if not self._closed:
                await self._wake
        finally:
            loop.remove_reader(self._fd)

    def _ready(self) -> None:
        if self._wake and not self._wake.done():
            self._wake.set_result(None)
