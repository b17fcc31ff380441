"""The terminal is whole after every kind of exit: also after a crash, and after ``kill -9``.

Nobody can clean up after their own ``kill -9``. So the client runs as a child of a process that
does nothing but wait, the guard, which puts the terminal back and passes the exit code on. The two
are in one process group: Ctrl-Z stops both, and ``fg`` wakes both. If the guard itself is killed,
the child notices that a pipe between them has closed, puts the terminal back and leaves.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from typing import Any, NoReturn

IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTTOU, signal.SIGTTIN)
"""The first two are keys that mean the client; the others would stop a guard in the background."""

FORWARDED = (signal.SIGTERM, signal.SIGHUP)

RESET = b"\x1b[?2004l\x1b[?1l\x1b[?7h\x1b[?25h\x1b[0m\r\n"
"""Bracketed paste off, cursor keys normal, line wrap on, cursor seen, no colours."""


def guarded(main: Callable[[], int]) -> int:
    """Run a program that changes the terminal on stdin, and put the terminal back after it.

    Returns twice, like a fork: in the child with what ``main`` returns, and in the guard with the
    child's exit code, 128 + n if signal n ended it. To be called before there is a thread or an
    event loop.

    Args:
        main: the program; returns its exit code.
    """
    attributes = termios.tcgetattr(sys.stdin)
    alive, held_by_guard = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # Until each of the two is ready for them; the watcher has them blocked for good, since a
    # signal must reach the thread that can obey it, and none may stop a watcher that writes.
    signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    child = os.fork()
    if child == 0:
        os.close(held_by_guard)
        watcher = threading.Thread(target=_watch_guard, args=(alive, attributes), daemon=True)
        watcher.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)
        return main()
    os.close(alive)
    return _wait(child, attributes)


def _wait(child: int, attributes: list[Any]) -> int:
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)
    for number in FORWARDED:
        signal.signal(number, lambda number, _frame: os.kill(child, number))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    _restore(attributes, died=code < 0)
    return 128 - code if code < 0 else code


def _watch_guard(alive: int, attributes: list[Any]) -> NoReturn:
    os.read(alive, 1)  # returns when the guard is gone: nobody ever writes
    _restore(attributes, died=True)
    os._exit(1)


def _restore(attributes: list[Any], *, died: bool) -> None:
    try:
        # Not if a shell has taken the terminal back: its own settings hold there now.
        if os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
            return
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, attributes)
        if died:
            os.write(sys.stdout.fileno(), RESET)
    except (OSError, termios.error):
        pass  # the terminal itself is gone
