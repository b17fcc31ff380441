"""What comes from the terminal: keys and pastes, and only while we are in the foreground."""

from __future__ import annotations

import asyncio
import select
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.vt100 import Vt100Input, raw_mode
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

from client.pastes import with_pastes
from client.terminal import in_foreground, is_whole, stop_in_background

QUIET = 0.01
"""Seconds without a byte after which a paste has ended."""

PATIENCE = 1.0
"""Seconds without a byte after which a paste has ended whose end the terminal has not marked."""

AT_ONCE = 64 * 1024
"""Characters that are read in one turn of the loop, so that other tasks get their turn."""

BACKGROUND = 0.1
"""Seconds between two checks for the foreground, if no shell stops us meanwhile."""

FOCUS_IN, FOCUS_OUT = Keys.ControlF23, Keys.ControlF24
"""The terminal got or lost the focus. prompt_toolkit has no keys for that; keyboards lack these."""

ANSI_SEQUENCES |= {"\x1b[I": FOCUS_IN, "\x1b[O": FOCUS_OUT}

CTRL_C = "\x03"
_BEGIN, _END = "\x1b[200~", "\x1b[201~"


class Keyboard(Vt100Input):
    """The keys of a terminal.

    Args:
        stdin: the terminal.
    """

    def __init__(self, stdin: TextIO) -> None:
        super().__init__(stdin)
        self._before: list[Any] | None = None
        self._ahead = False
        self._paused = False

    def read_keys(self) -> list[KeyPress]:
        """The keys that were typed or pasted since the last call."""
        data = self._read()
        marked = self.vt100_parser._in_bracketed_paste
        if marked and data == CTRL_C:
            self._end_paste()
        elif self._paused and _END in data:
            data = _BEGIN + data
        if _END in data or (data and not data.strip("\r\n")):
            self._paused = False
        self.vt100_parser.feed(data)
        return self._taken()

    def flush_keys(self) -> list[KeyPress]:
        """What was typed so far: after `PATIENCE` without a byte it counts as complete."""
        # The rest of a paste may still come, then without a mark of its beginning.
        self._paused = self._paused or self.vt100_parser._in_bracketed_paste
        self._end_paste()
        self.vt100_parser.flush()
        return self._taken()

    def _read(self) -> str:
        if not in_foreground(self.fileno()):
            # The keys are for another job. If we tried to read them we would be stopped within the
            # read, and would go on waiting there once we are woken.
            stop_in_background()
            return ""
        data = self.stdin_reader.read(AT_ONCE)
        while 0 < len(data) < AT_ONCE and _is_paste(data) and self._more_comes():
            data += self.stdin_reader.read(AT_ONCE)
        return data

    def _more_comes(self) -> bool:
        # A paste comes in parts. An Enter at the end of a part was not typed alone, so it does not
        # send anything.
        return not self.closed and bool(select.select([self.fileno()], [], [], QUIET)[0])

    def _end_paste(self) -> None:
        if self.vt100_parser._in_bracketed_paste:
            self.vt100_parser.feed(_END)

    def _taken(self) -> list[KeyPress]:
        keys, self._buffer = self._buffer, []
        # What was typed before there was a prompt may have been meant for another program.
        ahead, self._ahead = self._ahead, self._ahead and not keys
        return with_pastes(keys, sent=not ahead and not self._paused)

    async def ours(self) -> None:
        """Wait until we are in the foreground, stopped like any background job."""
        while not in_foreground(self.fileno()):
            stop_in_background()
            await asyncio.sleep(BACKGROUND)

    def drop(self) -> None:
        """Drop what was typed and not read yet: it must not reach a shell."""
        if in_foreground(self.fileno()):
            with suppress(termios.error):  # it is gone
                termios.tcflush(self.fileno(), termios.TCIFLUSH)

    @property
    def is_raw(self) -> bool:
        """Whether each key arrives at once; after a stop the shell has changed that back."""
        return not is_whole(self.fileno())

    def make_raw(self) -> None:
        """Make each key arrive at once, without being echoed."""
        if in_foreground(self.fileno()):
            raw_mode(self.fileno()).__enter__()
            self._ahead = bool(select.select([self.fileno()], [], [], 0)[0])

    @contextmanager
    def raw_mode(self) -> Iterator[None]:
        """Make each key arrive at once, within the context."""
        with suppress(termios.error):
            self._before = termios.tcgetattr(self.fileno())
        self.make_raw()
        try:
            yield
        finally:
            self._put_back()

    @contextmanager
    def cooked_mode(self) -> Iterator[None]:
        """Leave the terminal to other programs, within the context."""
        self._put_back()
        try:
            yield
        finally:
            self.make_raw()

    def _put_back(self) -> None:
        if self._before and in_foreground(self.fileno()):
            with suppress(termios.error):  # it is gone
                termios.tcsetattr(self.fileno(), termios.TCSANOW, self._before)


def _is_paste(data: str) -> bool:
    """Whether something follows an Enter."""
    return any(end in data.rstrip("\r\n") for end in "\r\n")
