"""Times: the one that is shown beside a message, and those that people write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from wire.frames import Msg

CLOCK_TOLERANCE = 60
"""Seconds by which a sender's clock may differ from Redis' clock before the time is marked."""


_AGO = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds of the units in which people say how long ago something was."""

HOW_TO_WRITE = (
    "write 10m or 2h for so long ago, 14:30 for today, 2026-11-23, or 2026-11-23T14:30:00+02:00"
)


def moment(text: str, now: datetime) -> datetime:
    """A time in the past: ``10m`` ago, ``14:30`` today, ``2026-11-23``, or RFC 3339.

    Args:
        text: as a person wrote it.
        now: the time on our machine with its UTC offset. What is returned has the offset of that
            machine, and so has a text that says none.

    Raises:
        ValueError: it is not a time.
    """
    ago = re.fullmatch(r"([0-9]{1,30}(?:\.[0-9]{1,30})?) ?([smhd])", text.strip().lower())
    try:
        if ago:
            return now - timedelta(seconds=float(ago[1]) * _AGO[ago[2]])
        today = re.fullmatch(r"([0-9]{1,2})(:[0-9]{2}(?::[0-9]{2})?)", text)
        if today:
            text = f"{now:%Y-%m-%d}T{today[1]:0>2}{today[2]}"
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"that is not a time: {HOW_TO_WRITE}") from None


def written(milliseconds: int, now: datetime) -> str:
    """A time since 1970 in the form that `moment` reads, without the date if it is today's."""
    at = _gateway_time(milliseconds, now)
    if at is None:
        return "?"
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%dT%H:%M:%S}"


def said_at(msg: Msg, now: datetime, clock: str = "%H:%M:%S") -> str:
    """The time on the sender's machine, with its date and UTC offset if they differ from ours.

    Args:
        msg: the message.
        now: the time on our machine with its UTC offset: it tells what today is, and our offset.
        clock: how a time without date and offset is written, as `datetime.strftime` has it.
    """
    at = msg.at or _gateway_time(msg.ts, now)
    if at is None:
        return "--:--:--"
    shown = at.strftime(clock)
    if at.utcoffset() != now.utcoffset():
        shown = at.timetz().isoformat("seconds")
    if at.date() != now.date():
        shown = f"{at.date().isoformat()} {shown}"
    ahead = int(at.timestamp()) - msg.ts // 1000
    if abs(ahead) > CLOCK_TOLERANCE:
        shown += f" (clock {_signed(ahead)})"
    return shown


def _gateway_time(ts: int, now: datetime) -> datetime | None:
    try:
        return datetime.fromtimestamp(ts // 1000, now.tzinfo or UTC)
    except (OverflowError, ValueError, OSError):
        return None  # that clock is beyond any calendar


def _signed(seconds: int) -> str:
    sign, size = ("+", seconds) if seconds > 0 else ("-", -seconds)
    if size < 3600:
        return f"{sign}{size // 60}m"
    if size < 2 * 86400:
        return f"{sign}{size // 3600}h"
    return f"{sign}{min(size // 86400, 999)}d"
