"""A text that is shown again and again in the place of the one before, at the end of a terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from types import FrameType
from typing import NoReturn

import click
from wcwidth import clip, wcswidth

UP, HIDE, SHOW = "\x1b[{}F", "\x1b[?25l", "\x1b[?25h"
"""Go up by a number of lines; hide and show the cursor."""

CLEAR = "\x1b[K\x1b[C\x1b[J\r"
"""Erase the rest of the screen, from the first column of a line. Not in one step: from the first
column of the first line tmux would not erase, but scroll away."""

STDOUT = 1

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end us, once the cursor is seen again."""

_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def in_place() -> Iterator[Callable[[str], None]]:
    """What shows a text in the place of the one before. The last one stays, and so does the cursor.

    Raises:
        SystemExit: a signal ended us.
    """
    place = _Place()
    handlers: dict[signal.Signals, _Handler] = dict.fromkeys(ENDING, _end)
    handlers |= {signal.SIGTSTP: place.stop, signal.SIGCONT: place.begin_anew}
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield place.show
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)
        if place.is_ours:
            click.echo(SHOW, nl=False)


class _Place:
    """Where the text is: above the cursor, which is hidden as long as we are in the foreground."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    @property
    def is_ours(self) -> bool:
        """Whether nobody else is using the terminal, as a shell does whose job we are."""
        from client.terminal import in_foreground

        return in_foreground(STDOUT)

    def show(self, text: str) -> None:
        """Show a text, as much of it as fits; while we are in the background all, and below."""
        if not self.is_ours:
            self.begin_anew()
            click.echo(text)
            return
        width, height = get_terminal_size()
        # In a window that has become narrower the terminal has broken the lines.
        rows = sum(max(1, -(-wcswidth(line) // width)) for line in self._shown)
        back = UP.format(min(rows, height - 1)) if rows else ""
        # A line that wraps, or one that scrolls away, could not be gone back to.
        self._shown = [clip(line, 0, max(width - 1, 1)) for line in text.split("\n")[: height - 1]]
        click.echo(HIDE + back + CLEAR + "\n".join(self._shown))

    def stop(self, number: int, _: FrameType | None) -> None:
        """Stop, as Ctrl-Z asks, with the cursor shown for the shell."""
        os.write(STDOUT, SHOW.encode())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Here we go on, perhaps days later.
        signal.signal(number, self.stop)
        self.begin_anew()

    def begin_anew(self, *_: object) -> None:
        """Others have written below: the next text comes there."""
        self._shown = []


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
