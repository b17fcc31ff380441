"""Writing the log without ever waiting for whoever reads it."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque

ROOM = 4 * 1024
"""Bytes that may wait for a reader who does not read; what is between us, a pipe say, has its own
room besides."""

STUCK = 0.1
"""Seconds that writing one line may take before its reader is one who does not read."""

FAREWELL = 1.0
"""Seconds that the end of the program waits for the last lines to be written."""


class Scribe(logging.Handler):
    """Writes lines, from a thread of its own.

    A terminal that was stopped with Ctrl-S, a pipe that nobody reads, a disk that is full or hangs:
    that costs lines and not the chat. As soon as there is room again a line says how many.

    Args:
        descriptor: what is written to.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        # Each with the number of lines that are lost if it is.
        self._lines: deque[tuple[bytes, int]] = deque()
        self._waiting = self._left_out = 0
        self._writing_since: float | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Have a line written, or left out."""
        line = self._line(record)
        with self._changed:
            if self._is_stuck() and self._waiting + len(line) > ROOM:
                self._left_out += 1
            else:
                self._add(line, 1)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="log", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Wait until all is written, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines, FAREWELL)

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            line = self.format(record)
        except Exception:  # what is logged is not worth a failure of what logs it
            line = f"a line cannot be written: {record.pathname}:{record.lineno}"
        return f"{line}\n".encode(errors="backslashreplace")

    def _add(self, line: bytes, worth: int) -> None:
        self._lines.append((line, worth))
        self._waiting += len(line)
        self._changed.notify_all()

    def _is_stuck(self) -> bool:
        since = self._writing_since
        return since is not None and time.monotonic() - since > STUCK

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                line, worth = self._lines[0]
                self._writing_since = time.monotonic()
            written = self._written(line)
            with self._changed:
                self._writing_since = None
                self._lines.popleft()
                self._waiting -= len(line)
                if not written:
                    self._left_out += worth
                elif self._left_out:
                    self._add(self._line(_left_out(self._left_out)), self._left_out)
                    self._left_out = 0
                self._changed.notify_all()

    def _written(self, line: bytes) -> bool:
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except BlockingIOError:  # another process made it so, which has it too
                select.select([], [self._descriptor], [])
            except OSError:
                return False
        return True


def _left_out(count: int) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": __name__,
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": "lines were left out, since nobody read the log or it could not be written",
            "fields": {"lines": count},
        }
    )
