"""What we can find out about a terminal without drawing on it."""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Mapping
from typing import TextIO

_CANNOT_MOVE = ("", "dumb", "emacs", "network", "dialup", "unknown")
"""Names of terminals that can only print, in case terminfo does not know them."""

_ESCAPE = b"\x1b["

_CUT_OFF = ("linux", "st-", "vt")
"""Beginnings of the names of terminals that cut rows off when they become narrower; others break
the rows again."""


def can_draw(term: str | None) -> bool:
    """Whether a terminal can move its cursor.

    Args:
        term: its name, from ``TERM``. A name that terminfo does not know is taken for a new kind
            of terminal, which can.
    """
    if term is None or term.lower() in _CANNOT_MOVE:
        return False
    try:
        import curses
    except ImportError:  # a Python without it
        return True
    try:
        curses.setupterm(term, 1)
    except (curses.error, ValueError):
        return True
    return (curses.tigetstr("cuu") or b"").startswith(_ESCAPE)


def breaks_again(environment: Mapping[str, str]) -> bool:
    """Whether the terminal breaks its rows again when it becomes narrower, as most do."""
    if "TMUX" in environment:
        return True
    cut_off = environment.get("TERM", "").startswith(_CUT_OFF)
    return not cut_off and "XTERM_VERSION" not in environment


def columns(stream: TextIO) -> int | None:
    """The columns of the window that a stream is shown in; None if it is not a terminal."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def in_foreground(fd: int) -> bool:
    """Whether we are the foreground job of a terminal.

    A background job that uses the terminal is stopped, or disturbs another job. If the file is not
    our controlling terminal, the answer is yes.
    """
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True


def stop_in_background() -> None:
    """Stop, as a background job that needs the terminal, before we try to use it.

    A process that is stopped within a read, or within a change of the terminal, goes on with it
    later, whatever has happened meanwhile; and in there it handles no signals.
    """
    os.kill(0, signal.SIGTTIN)


def is_whole(fd: int) -> bool:
    """Whether a terminal echoes what is typed and reads it by the line, as shells leave it."""
    try:
        flags = termios.tcgetattr(fd)[tty.LFLAG]
    except termios.error:
        return True  # there is nothing that we could restore
    return bool(flags & termios.ECHO and flags & termios.ICANON)
