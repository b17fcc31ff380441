"""What signals mean to a gateway, from its first moment to its last.

Python's own handlers and not the loop's: those are there only while the loop is, and a signal that
comes before or behind that would kill.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from types import FrameType

from gateway.journal import event

log = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

_MEANINGLESS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
"""What those send who take us for a program that opens its log anew, say; it would kill us."""


def hold() -> None:
    """To be called first of all: until `Signals` is there, what does not end us does nothing."""
    for number in _MEANINGLESS:
        signal.signal(number, _nothing)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` is remembered so
        signal.signal(signal.SIGHUP, _nothing)


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


def _nothing(_: int, __: FrameType | None) -> None:
    pass


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
