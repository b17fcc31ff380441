"""Writing log lines without ever waiting for their reader."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque

MAX_WAITING = 4 * 1024
"""Bytes to keep for a reader that has stopped reading, not counting those already in the pipe."""

STUCK = 0.1
"""Seconds that one write may take before the reader is assumed to have stopped reading."""

FLUSH_TIMEOUT = 1.0
"""Seconds that the program waits at its end for the last lines to be written."""


class LogWriter(logging.Handler):
    """Writes lines from its own thread.

    If the terminal is stopped with Ctrl-S, nobody reads the pipe or the disk is full, lines are
    lost but the chat goes on. Once lines can be written again, one of them says how many were lost.

    Args:
        descriptor: the file descriptor to write to.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        # Each line, and the number of log lines that are lost if it cannot be written.
        self._lines: deque[tuple[bytes, int]] = deque()
        self._waiting = self._left_out = 0
        self._writing_since: float | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line, or leave it out."""
        line = self._line(record)
        with self._changed:
            if self._is_stuck() and self._waiting + len(line) > MAX_WAITING:
                self._left_out += 1
            else:
                self._add(line, 1)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="log", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Wait until everything is written, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines, FLUSH_TIMEOUT)

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            line = self.format(record)
        except Exception:  # a log line must never break the code that logs it
            line = f"a log line could not be formatted: {record.pathname}:{record.lineno}"
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
            except (
                BlockingIOError
            ):  # another process that shares the descriptor made it non-blocking
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
            "msg": "lines were left out: nobody read the log, or it could not be written",
            "fields": {"lines": count},
        }
    )
