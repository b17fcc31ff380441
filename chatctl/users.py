"""``chatctl users``: who is here, on all gateways."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatctl import options, shared_redis
from chatctl.options import option

if TYPE_CHECKING:
    from gateway.backplane.directory import UserRecord

EXAMPLE = """\b
Examples:
  chatctl users
  chatctl users --redis redis://10.0.0.5:6379/0 --json | jq -r '.[].name'
"""

FIELDS = ("name", "gateway", "address", "since", "idle", "left", "client")
"""What ``--json`` tells of each user."""


@click.command(epilog=EXAMPLE)
@options.redis("Without it, that of a gateway of yours on this machine.")
@options.prefix
@option("json", is_flag=True, help="One JSON array: since in ms, idle and left in s.")
@options.run_dir
def users(redis: str | None, prefix: str, json: bool, run_dir: Path | None) -> None:
    """List everybody who is here, on all gateways."""
    from gateway.backplane.directory import list_users

    with shared_redis.reached():
        found = list_users(redis or shared_redis.of_this_machine(run_dir), prefix)
    found = sorted(found, key=lambda user: user.name.casefold())
    if json:
        rows = [{field: getattr(user, field) for field in FIELDS} for user in found]
        click.echo(dumps(rows, indent=2))
    else:
        click.echo(_table(found, datetime.now().astimezone()) if found else "nobody is here")


def _table(found: Sequence[UserRecord], now: datetime) -> str:
    rows = [("NAME", "GATEWAY", "ADDRESS", "SINCE", "IDLE", "LEFT")]
    rows += (
        (
            _printable(user.name),
            _printable(user.gateway),
            _printable(user.address),
            _since(user.since, now),
            _span(user.idle),
            "never" if user.left is None else _span(user.left),
        )
        for user in found
    )
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _printable(text: str) -> str:
    """The text with everything that could move the cursor, or hide, spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _width(text: str) -> int:
    """Columns that the text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _since(milliseconds: int, now: datetime) -> str:
    """That moment by this machine's clock, without the date if it is today's."""
    moment = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S}"


def _span(seconds: float) -> str:
    """``48s``, ``3m 20s``, ``2h 5m`` or ``3d 4h``."""
    left = max(0, int(seconds))
    for size, unit, smaller_size, smaller in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if left >= size:
            return f"{left // size}{unit} {left % size // smaller_size}{smaller}"
    return f"{left}s"
