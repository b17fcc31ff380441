"""The time that is shown beside a message."""

from __future__ import annotations

from datetime import UTC, datetime

from wire.frames import Msg

CLOCK_TOLERANCE = 60
"""Seconds by which a sender's clock may differ from Redis' clock before the time is marked."""


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
