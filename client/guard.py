"""The terminal is whole after every kind of exit: also after a crash, and after ``kill -9``.

Nobody can clean up after their own ``kill -9``. So the client runs as a child of a process that
does nothing but wait, the guard, which puts the terminal back and passes the exit code on. The two
are in one process group: ``fg`` wakes both. If the guard itself is killed, the child notices that a
pipe between them has closed, puts the terminal back and leaves.

A shell sees the guard only. So when the child stops, for Ctrl-Z or because it would use the
terminal from the background, the guard stops as well, by the same signal.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from client.terminal import in_foreground, is_whole

IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTTOU, signal.SIGTTIN)
"""The first two are keys that mean the client; the others would stop a guard in the background."""

FORWARDED = (signal.SIGTERM, signal.SIGHUP)

STOP_AFTER = 0.5
"""Seconds that the child has to stop by itself, since the terminal tells it as well, before a
request to stop is taken for one to the guard alone and is passed on."""

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
    if not in_foreground(sys.stdin.fileno()):
        _make_sane(attributes)  # it is as the shell needs it, while its next command is typed
    alive, held_by_guard = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # Until each of the two is ready for them.
    signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    child = os.fork()
    if child == 0:
        os.close(held_by_guard)
        watcher = threading.Thread(target=_watch_guard, args=(alive, attributes), daemon=True)
        # It has all of them blocked for good: none may stop it while it writes, and each must reach
        # the thread that can obey it. Of a SIGTERM and a SIGCONT that come together, the SIGTERM
        # could else be heard of when we had gone on and were stopped again.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        watcher.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before - set(IGNORED))
        return main()
    os.close(alive)
    return _wait(child, attributes)


def _wait(child: int, attributes: list[Any]) -> int:
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)
    code = os.waitstatus_to_exitcode(_Child(child, attributes).ended())
    _restore(attributes, died=code < 0)
    return 128 - code if code < 0 else code


class _Child:
    """The client, as its guard sees it."""

    def __init__(self, pid: int, attributes: list[Any]) -> None:
        self._pid = pid
        self._attributes = attributes
        for number in FORWARDED:
            signal.signal(number, self._end)
        signal.signal(signal.SIGTSTP, self._stop_soon)
        signal.signal(signal.SIGALRM, self._stop)

    def ended(self) -> int:
        """Stop whenever it stops, until it has ended; returns the status of its end."""
        while True:
            _, status = os.waitpid(self._pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                return status
            signal.setitimer(signal.ITIMER_REAL, 0)
            if not is_whole(sys.stdin.fileno()):  # it was not asked whether it could be stopped
                _restore(self._attributes, died=True)
            _stop_by(os.WSTOPSIG(status))
            # Here we go on, perhaps days later. A shell has woken both of us, others only me; and
            # who is woken twice draws twice.
            woken, status = os.waitpid(self._pid, os.WNOHANG | os.WCONTINUED)
            if not woken:
                os.kill(self._pid, signal.SIGCONT)
            elif not os.WIFCONTINUED(status):
                return status

    def _end(self, number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(self._pid, number)

    def _stop_soon(self, _number: int, _frame: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, STOP_AFTER)

    def _stop(self, _number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTSTP)


def _stop_by(number: int) -> None:
    handler = signal.SIG_DFL if number == signal.SIGSTOP else signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    if number != signal.SIGSTOP:
        signal.signal(number, handler)


def _make_sane(attributes: list[Any]) -> None:
    attributes[tty.IFLAG] |= termios.ICRNL | termios.IXON
    attributes[tty.LFLAG] |= termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN


def _watch_guard(alive: int, attributes: list[Any]) -> NoReturn:
    os.read(alive, 1)  # returns when the guard is gone: nobody ever writes
    _restore(attributes, died=True)
    os._exit(1)


def _restore(attributes: list[Any], *, died: bool) -> None:
    try:
        # Not if a shell has taken the terminal back: its own settings hold there now.
        if not in_foreground(sys.stdin.fileno()):
            return
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, attributes)
        if died:
            os.write(sys.stdout.fileno(), RESET)
    except (OSError, termios.error):
        pass  # the terminal itself is gone
