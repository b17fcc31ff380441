"""The terminal is put back after every kind of exit: even after a crash or ``kill -9``.

No process can clean up after its own ``kill -9``. So the client runs as the child of a process that
only waits, the guard. The guard puts the terminal back, and exits with the exit code of the child.
Both are in one process group, so ``fg`` wakes both. If the guard itself is killed, the child
notices that a pipe between them has closed; it puts the terminal back and exits.

The shell knows only the guard. So when the child stops, because of Ctrl-Z or because it would use
the terminal from the background, the guard stops too, by the same signal.
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
"""Signals that the guard ignores: the first two come from keys that are meant for the client; the
others would stop a guard in the background."""

FORWARDED = (signal.SIGTERM, signal.SIGHUP)

STOP_AFTER = 0.5
"""Seconds before a request to stop is passed on to the child. The terminal sends the request to the
child as well; after this time it must have been for the guard alone."""

RESET = b"\x1b[?2004l\x1b[?1004l\x1b[?1l\x1b[?7h\x1b[?25h\x1b[0m\r\n"
"""No bracketed paste, no reports of the focus, normal cursor keys, line wrap, a visible cursor, no
colours."""


def guarded(main: Callable[[], int]) -> int:
    """Run a program that changes the terminal on stdin, and put the terminal back afterwards.

    Returns twice, like a fork: in the child with what ``main`` returns, and in the guard with the
    child's exit code, or 128 + n if signal n ended the child. Call it before there is a thread or
    an event loop.

    Args:
        main: the program; returns its exit code.
    """
    attributes = termios.tcgetattr(sys.stdin)
    if not in_foreground(sys.stdin.fileno()):
        _make_sane(attributes)  # the shell has set it for typing its next command
    alive, held_by_guard = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # Blocked until the guard and the child are ready to handle them.
    signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    child = os.fork()
    if child == 0:
        os.close(held_by_guard)
        watcher = threading.Thread(target=_watch_guard, args=(alive, attributes), daemon=True)
        # The watcher blocks all signals for good: none may stop it while it writes, and each must
        # reach the thread that handles it. Otherwise, if a SIGTERM and a SIGCONT come together, the
        # SIGTERM might be noticed only after we had gone on and been stopped again.
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
        """Stop whenever the child stops, until it has ended; returns its wait status."""
        while True:
            _, status = os.waitpid(self._pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                return status
            signal.setitimer(signal.ITIMER_REAL, 0)
            if not is_whole(sys.stdin.fileno()):  # it was stopped without a chance to clean up
                _restore(self._attributes, died=True)
            _stop_by(os.WSTOPSIG(status))
            # Here we go on, perhaps days later. A shell has woken both processes, another program
            # perhaps only this one. If the child were woken twice it would draw twice.
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
        # Not if a shell has taken the terminal back: it has its own settings there.
        if not in_foreground(sys.stdin.fileno()):
            return
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, attributes)
        if died:
            os.write(sys.stdout.fileno(), RESET)
    except (OSError, termios.error):
        pass  # the terminal itself is gone
