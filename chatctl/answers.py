"""How a command prints its answer, or a warning."""

from __future__ import annotations

from json import dumps
from typing import Any

import click

from wire.unseen import printable


def answer(json: bool, data: Any, text: str) -> None:
    """Print the data as JSON, or the text."""
    click.echo(dumps(data, indent=2) if json else text)


def warn(text: str) -> None:
    """Say in one line on stderr what is wrong, though the command did its work."""
    click.echo(f"chatctl: {printable(text)}", err=True)
