"""The journal: one line for each event, for people or for machines.

An event has a text that is always the same, and fields. No field is ever the text of a message, a
token or a password. What a peer has chosen (its name) is written so that it cannot break a line or
hide in it. If one kind of event floods the journal, some of its lines are left out and counted.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from gateway.chat.budget import Budget
from gateway.log_writer import LogWriter
from wire.unseen import printable

STDERR = 2

BURST, PER_SECOND = 50, 10.0
"""Lines of one kind that are written in a burst, and per second in the long run."""

_PLAIN = re.compile(r"[\w.,:;/@+*<>()\[\]{}%&!?#~^$|-]+", re.ASCII)


def event(log: logging.Logger, level: int, text: str, **fields: object) -> None:
    """Log something that happened.

    Args:
        log: the module's logger.
        level: one of the levels of `logging`.
        text: what happened; always the same for one kind of event.
        fields: the details; a field that is None is left out.
    """
    if log.isEnabledFor(level):
        given = {name: value for name, value in fields.items() if value is not None}
        log.log(level, text, extra={"fields": given}, stacklevel=2)


def write_to_stderr(style: Literal["text", "json"], level: str) -> None:
    """Write the journal to stderr from now on.

    Args:
        style: for people ("text") or for machines ("json").
        level: the lowest level to write: ``debug``, ``info``, ``warning`` or ``error``.
    """
    handler = LogWriter(STDERR)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    handler.addFilter(FloodFilter())
    logging.basicConfig(level=level.upper(), handlers=[handler])


class FloodFilter(logging.Filter):
    """Leaves out lines if there are too many of one kind; the next line says how many.

    Args:
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        # A kind is a place in the code, so the number of kinds is bounded.
        self._kinds: dict[tuple[str, int], Budget] = {}
        self._left_out: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this line."""
        kind, now = (record.pathname, record.lineno), self._monotonic()
        budget = self._kinds.get(kind)
        if budget is None:
            budget = self._kinds[kind] = Budget(BURST, PER_SECOND, now)
        if budget.take(now):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return False
        if left_out := self._left_out.pop(kind, 0):
            record.fields = {**_fields(record), "suppressed": left_out}
        return True


class TextFormatter(logging.Formatter):
    """``2026-11-23 10:00:00,123 INFO gateway.login: session began connection=c17 name=dana``.

    The traceback of an error follows on indented lines.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line, and more if there is a traceback."""
        fields = "".join(f" {name}={_shown(value)}" for name, value in _fields(record).items())
        head = f"{self.formatTime(record)} {record.levelname} {record.name}"
        line = f"{head}: {printable(record.getMessage())}{fields}"
        if record.exc_info:
            error = self.formatException(record.exc_info).splitlines()
            line += "".join(f"\n    {printable(each)}" for each in error)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object per event: ``at``, ``level``, ``logger``, ``event``, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields


def _shown(value: object) -> str:
    """A value in a text line: as it is if it is one word of plain ASCII, else in quotes."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
