"""What signals mean to a gateway, from its first moment to its last.

Python's own handlers and not the loop's: those are there only while the loop is, and a signal that
comes before or behind that would kill.
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

_MEANINGLESS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
"""What those send who take us for a program that opens its log anew, say; it would kill us."""


@contextlib.contextmanager
def held() -> Iterator[None]:
    """From the first moment on: until `Signals` is there, what would end us does so in order.

    There is nobody yet who could be sent away; and what does not end us later does nothing now.
    """
    before = {}
    for number in (*ENDING, *_MEANINGLESS, signal.SIGHUP):
        before[number] = signal.getsignal(number)
        if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:  # that is `nohup`
            signal.signal(number, _early)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _early:
                signal.signal(number, handler)


class Signals:
    """Has signals obeyed in the turns of the running loop.

    Args:
        end: called for each that ends the gateway; a closed terminal does too, but for `nohup`.

    Attributes:
        reload: called at SIGHUP otherwise; None where there is nothing to reload.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self.reload: Callable[[], None] | None = None
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._stays = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._had_terminal = _has_terminal()
        for number in (*ENDING, *_MEANINGLESS, signal.SIGHUP):
            signal.signal(number, self._take)

    def ignore(self) -> None:
        """From now on, to the end of the process, no signal does anything: it ends anyway."""
        for number in (*ENDING, *_MEANINGLESS, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _take(self, number: int, _: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._obey, signal.Signals(number))

    def _obey(self, number: signal.Signals) -> None:
        if number in ENDING:
            self._end()
        elif number is not signal.SIGHUP:
            event(log, logging.WARNING, "a signal that means nothing here", signal=number.name)
        elif self._had_terminal and not self._stays and not _has_terminal():
            event(log, logging.INFO, "the terminal was closed")
            self._end()
        elif self.reload is not None:
            self.reload()
        else:
            event(log, logging.INFO, "nothing to reload", signal=number.name)


def _early(number: int, _: FrameType | None) -> None:
    if number in ENDING:
        raise SystemExit(0)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
