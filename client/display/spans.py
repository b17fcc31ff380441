"""Lengths of time, as people write and read them."""

from __future__ import annotations

import re

_SPAN = re.compile(r"(\d{1,9})\s*([a-z]+)")

_SECONDS = {
    1: ("s", "sec", "secs", "second", "seconds"),
    60: ("m", "min", "mins", "minute", "minutes"),
    3600: ("h", "hr", "hrs", "hour", "hours"),
    86_400: ("d", "day", "days"),
    604_800: ("w", "week", "weeks"),
}
_UNITS = {word: seconds for seconds, words in _SECONDS.items() for word in words}


def read_span(text: str) -> int | None:
    """The seconds of a length of time like ``10s``, ``5m``, ``2h`` or ``7d``; else None."""
    found = _SPAN.fullmatch(text.casefold())
    if not found or found[2] not in _UNITS:
        return None
    return int(found[1]) * _UNITS[found[2]] or None


def shown_span(seconds: int) -> str:
    """A length of time with its unit, rounded down."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit or seconds == unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
