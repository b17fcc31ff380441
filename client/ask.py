"""A question to the person at the terminal, outside a chat.

The person may press Ctrl-Z before answering, and come back with ``fg``; or somebody else may stop
us. A shell does not know that the typed answer must stay hidden. So the terminal is put back before
we stop; when we go on it is prepared again, and the question is shown again.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from client.terminal import in_foreground, stop_in_background
from client.typed import decoded

LONGEST = 4096
"""The longest line that a terminal takes, in bytes."""

NOT_TEXT = "chatctl: that is not text in UTF-8: please type it again\n"

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end us after the terminal has been put back."""

WOKEN_WITHIN = 0.1
"""Seconds after which we go on without a SIGCONT: without a shell nobody sends one."""

_LOCAL_FLAGS = 3
"""Index of the local flags in a terminal's attributes."""


async def ask(question: str, *, hidden: bool = False) -> str:
    """Ask, and return the answer without its line end.

    The question goes where errors go, since stdout may be a file.

    Args:
        question: what to show.
        hidden: whether to hide the typed answer.

    Raises:
        EOFError: there will be no answer: after Ctrl-C or Ctrl-D, or if it must be hidden and there
            is no terminal to hide it.
        SystemExit: a signal ended us.
    """
    if hidden and not sys.stdin.isatty():
        raise EOFError
    fd = sys.stdin.fileno()
    terminal = _Hiding(fd) if hidden else _Terminal()
    while True:
        try:
            line = await _Question(question, fd, terminal).answer()
        finally:
            terminal.put_back()
        if not line:
            raise EOFError
        try:
            return decoded(line).rstrip("\r\n")
        except UnicodeDecodeError:
            sys.stderr.write(NOT_TEXT)


class _Terminal:
    """A terminal that shows what is typed."""

    def make_ready(self) -> None:
        """Prepare the terminal before a question is shown."""

    def put_back(self) -> None:
        """Restore the terminal once the question is answered, or before we stop."""


class _Hiding(_Terminal):
    """A terminal that hides what is typed, and drops what was typed before the question."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] | None = None

    def make_ready(self) -> None:
        termios.tcflush(self._fd, termios.TCIFLUSH)
        self._before = self._before or termios.tcgetattr(self._fd)
        hidden = self._before.copy()
        hidden[_LOCAL_FLAGS] &= ~termios.ECHO
        termios.tcsetattr(self._fd, termios.TCSAFLUSH, hidden)

    def put_back(self) -> None:
        if self._before is None or not in_foreground(self._fd):
            return  # in the background the shell has set it as it needs it
        with suppress(termios.error):  # it is gone
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        sys.stderr.write("\n")


class _Question:
    """One question, shown again each time we go on after a stop."""

    def __init__(self, text: str, fd: int, terminal: _Terminal) -> None:
        self._text = text
        self._fd = fd
        self._terminal = terminal
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._ended_by: signal.Signals | None = None
        self._going_on: asyncio.Handle | None = None

    async def answer(self) -> bytes:
        """The typed line; empty at the end of input.

        The loop waits for input, and the loop handles the signals: a signal just before a blocking
        read would not end the read, and one that the loop does not handle would not wake the loop.

        Raises:
            SystemExit: a signal ended us.
        """
        with self._signals():
            self._put()
            self._loop.add_reader(self._fd, self._woken.set)
            try:
                while not self._ended_by:
                    await self._woken.wait()
                    self._woken.clear()
                    # What was typed may be gone again: showing the question once more drops it.
                    if self._ended_by or not select.select((self._fd,), (), (), 0)[0]:
                        continue
                    if in_foreground(self._fd):
                        return os.read(self._fd, LONGEST)
                    stop_in_background()  # another job gets what was typed
            finally:
                self._loop.remove_reader(self._fd)
                if self._going_on is not None:
                    self._going_on.cancel()
        if self._ended_by in ENDING:
            raise SystemExit(128 + self._ended_by)
        return b""

    def _put(self, start: str = "") -> None:
        if not in_foreground(self._fd):
            stop_in_background()  # it is shown when we go on
            return
        try:
            self._terminal.make_ready()
        except termios.error:  # it is gone
            self._end(signal.SIGHUP)
        sys.stderr.write(start + self._text)
        sys.stderr.flush()

    def _go_on(self) -> None:
        # Only once: each time drops what was typed before.
        if self._going_on is not None:
            self._going_on.cancel()
        # A signal that ends us may come at the same time, and is handled first.
        self._going_on = self._loop.call_soon(self._put_again)

    def _put_again(self) -> None:
        # Over the old question, which may have been shown just before we heard that we go on.
        if not self._ended_by:
            self._put("\r")

    def _stop(self) -> None:
        self._terminal.put_back()
        self._loop.remove_signal_handler(signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGTSTP)
        # Here we go on, perhaps days later; or at once, if there is no shell that stops us.
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._going_on = self._loop.call_later(WOKEN_WITHIN, self._put_again)

    def _end(self, number: signal.Signals) -> None:
        self._ended_by = number
        self._woken.set()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        handlers: dict[signal.Signals, Callable[[], None]] = {
            number: partial(self._end, number) for number in (signal.SIGINT, *ENDING)
        }
        handlers |= {signal.SIGTSTP: self._stop, signal.SIGCONT: self._go_on}
        before = {number: signal.getsignal(number) for number in handlers}
        for number, handler in handlers.items():
            if before[number] is not signal.SIG_IGN or number is signal.SIGINT:
                self._loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number, handled in before.items():
                self._loop.remove_signal_handler(number)
                signal.signal(number, handled)
