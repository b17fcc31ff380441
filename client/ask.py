"""A question to the person at the terminal, before there is a chat."""

from __future__ import annotations

import asyncio
import os
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

    The question goes where errors go, since stdout may be a file. It is the event loop that waits
    for the answer, and not the read: a Ctrl-C in the moment before a read begins would not end it.

    Args:
        question: what to show.
        hidden: whether what is typed is not shown.

    Raises:
        EOFError: there will be no answer, as after Ctrl-D.
    """
    fd = sys.stdin.fileno()
    with _unseen(fd) if hidden else nullcontext():
        sys.stderr.write(question)
        sys.stderr.flush()
        await _readable(fd)
        line = os.read(fd, LONGEST)
    if not line:
        raise EOFError
    return line.decode(errors="surrogateescape").rstrip("\r\n")


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
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
