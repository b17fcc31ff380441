"""How a gateway handles signals, from its first moment to its last.

The handlers are Python's and not the event loop's, because those exist only while the loop runs: a
signal before or after that would kill the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from gateway.journal import event

log = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

MEANINGLESS = (
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGIO,
)
"""Signals that other programs use, to reopen a log for example; by default they would kill us."""


@contextlib.contextmanager
def early_signals() -> Iterator[None]:
    """Handle signals until `Signals` takes over.

    Signals that end a gateway end the process at once; the others do nothing.
    """
    before = {}
    had_terminal = _has_terminal()

    def early(number: int, _: FrameType | None) -> None:
        closed = number == signal.SIGHUP and had_terminal and not _has_terminal()
        if number in ENDING or closed:
            raise SystemExit(0)

    for number in (*ENDING, *MEANINGLESS, signal.SIGHUP):
        before[number] = signal.getsignal(number)
        if (
            number != signal.SIGHUP or before[number] is not signal.SIG_IGN
        ):  # unless it was started by `nohup`
            signal.signal(number, early)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is early:
                signal.signal(number, handler)


class Signals:
    """Handles signals in the running event loop.

    Args:
        end: called for each signal that ends the gateway, and when its terminal is closed (unless
            it was started by `nohup`).

    Attributes:
        reload: called for any other SIGHUP; None if there is nothing to reload.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self.reload: Callable[[], None] | None = None
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._ignores_hangup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._had_terminal = _has_terminal()
        for number in (*ENDING, *MEANINGLESS, signal.SIGHUP):
            signal.signal(number, self._receive)

    def ignore(self) -> None:
        """Ignore all signals from now on: the process is about to end."""
        for number in (*ENDING, *MEANINGLESS, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, _: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._handle, signal.Signals(number))

    def _handle(self, number: signal.Signals) -> None:
        if number in ENDING:
            self._end()
        elif number is not signal.SIGHUP:
            event(log, logging.WARNING, "signal ignored", signal=number.name)
        elif self._had_terminal and not self._ignores_hangup and not _has_terminal():
            event(log, logging.INFO, "the terminal was closed")
            self._end()
        elif self.reload is not None:
            self.reload()
        else:
            event(log, logging.INFO, "nothing to reload", signal=number.name)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
