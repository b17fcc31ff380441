"""Tables for people, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wcwidth import wcswidth

from wire.unseen import printable


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows with their cells below each other, the head first; no text can harm a terminal."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(wcswidth, column)) for column in zip(*shown, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - wcswidth(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in shown
    )


def since(milliseconds: int, now: datetime) -> str:
    """That moment by this machine's clock, without the date if it is today's."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    except (OverflowError, ValueError, OSError):
        return "?"  # no calendar goes as far as that clock
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S}"


def span(seconds: float) -> str:
    """``48s``, ``3m 20s``, ``2h 5m`` or ``3d 4h``, and ``10m`` if nothing is left over."""
    left = max(0, int(seconds))
    for size, unit, smaller_size, smaller in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if left >= size:
            rest = left % size // smaller_size
            return f"{left // size}{unit} {rest}{smaller}" if rest else f"{left // size}{unit}"
    return f"{left}s"
