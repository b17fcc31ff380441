"""Writing the log without ever waiting for whoever reads it."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque

ROOM = 4 * 1024
"""Bytes that wait for a reader who has stopped reading, besides those in the pipe between us."""

STUCK = 0.1
"""Seconds that one write may take before we say that the reader has stopped reading."""

FAREWELL = 1.0
"""Seconds that the end of the program waits for the last lines to be written."""


class Scribe(logging.Handler):
    """Writes lines, from a thread of its own.

    A terminal stopped with Ctrl-S, a pipe that nobody reads, a full disk: each costs lines, and
    not the chat. As soon as lines can be written again, one of them says how many were left out.

    Args:
        descriptor: what is written to.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        # Each line, and how many lines are lost with it.
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
        except Exception:  # a line of the log is not worth a failure of whatever logs it
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
            except BlockingIOError:  # another process that shares it made it non-blocking
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
