"""What can be said of a terminal without drawing on it."""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Mapping
from typing import TextIO

_CANNOT_MOVE = ("", "dumb", "emacs", "network", "dialup", "unknown")
"""Names of terminals that only print, for machines whose terminfo does not have them."""

_ESCAPE = b"\x1b["

_CUT_OFF = ("linux", "st-", "vt")
"""How the names of terminals begin that cut rows off where others break them again."""


def can_draw(term: str | None) -> bool:
    """Whether a terminal of this name, as in ``TERM``, obeys when its cursor is moved.

    One that terminfo does not know is taken for a new one, which does.
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
    """Whether a terminal that becomes narrower breaks the rows that it shows, as most do."""
    if "TMUX" in environment:
        return True
    cut_off = environment.get("TERM", "").startswith(_CUT_OFF)
    return not cut_off and "XTERM_VERSION" not in environment


def columns(stream: TextIO) -> int | None:
    """Columns of the window that shows what is written; None where that is no terminal."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def in_foreground(fd: int) -> bool:
    """Whether a terminal listens to us, and not to another job of its shell.

    Who changes it all the same is stopped, or does harm to the other. What is no terminal of ours
    has no foreground, and everybody is in it.
    """
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True


def stop_in_background() -> None:
    """Tell the shell that its job needs the terminal, as trying to use it would.

    Who is stopped within a read, or within a change of the terminal, goes on with that whatever
    has become of the reason meanwhile; and no signal is obeyed there.
    """
    os.kill(0, signal.SIGTTIN)


def is_whole(fd: int) -> bool:
    """Whether a terminal shows what is typed and gives it by the line, as shells leave it."""
    try:
        flags = termios.tcgetattr(fd)[tty.LFLAG]
    except termios.error:
        return True  # nothing of it is ours to mend
    return bool(flags & termios.ECHO and flags & termios.ICANON)
