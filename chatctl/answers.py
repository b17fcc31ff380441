"""How a command prints its answer, or a warning."""

from __future__ import annotations

from datetime import UTC, datetime
from json import dumps
from typing import Any

import click

from wire.unseen import printable


def answer(json: bool, data: Any, text: str) -> None:
    """Print the data as JSON, or the text."""
    click.echo(dumps(data, indent=2) if json else text)


def rfc3339(milliseconds: int | None) -> str | None:
    """A moment for programs: ``2026-11-23T14:30:00.250Z``; None for none.

    Args:
        milliseconds: since 1970. None also stands for what no calendar goes as far as.
    """
    if milliseconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def warn(text: str) -> None:
    """Say in one line on stderr what is wrong, though the command did its work."""
    click.echo(f"chatctl: {printable(text)}", err=True)
