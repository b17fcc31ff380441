"""A question to the person at the terminal, before there is a chat."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

LONGEST = 4096
"""Bytes of a line that a terminal takes."""

_LOCAL_FLAGS = 3
"""Their place in a terminal's attributes."""


async def ask(question: str, *, hidden: bool = False) -> str:
    """Ask, and return the answer without its line end.

    The question goes where errors go, since stdout may be a file.

    Args:
        question: what to show.
        hidden: whether what is typed is not shown.

    Raises:
        EOFError: there will be no answer, as after Ctrl-C or Ctrl-D.
    """
    fd = sys.stdin.fileno()
    with _unseen(fd) if hidden else nullcontext():
        line = await _typed(fd, question)
    if not line:
        raise EOFError
    return line.decode(errors="surrogateescape").rstrip("\r\n")


async def _typed(fd: int, question: str) -> bytes:
    # It is the loop that waits, and it that takes the Ctrl-C: one in the moment before a read
    # begins would not end the read, and one that is not the loop's would not wake the loop.
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    interrupted, done = False, asyncio.Event()

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        done.set()

    loop.add_reader(fd, done.set)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        sys.stderr.write(question)
        sys.stderr.flush()
        await done.wait()
        return b"" if interrupted else os.read(fd, LONGEST)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
        loop.remove_reader(fd)


@contextmanager
def _unseen(fd: int) -> Iterator[None]:
    """Nothing that is typed is shown, not even what was typed before the question."""
    attributes = termios.tcgetattr(fd)
    hidden = attributes.copy()
    hidden[_LOCAL_FLAGS] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSAFLUSH, hidden)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, attributes)
        sys.stderr.write("\n")
