"""What a command says that has done something, or looked something up."""

from __future__ import annotations

from json import dumps
from typing import Any

import click

from chatctl.tables import printable


def answer(json: bool, data: Any, text: str) -> None:
    """Print the data as JSON, or the text."""
    click.echo(dumps(data, indent=2) if json else text)


def warn(text: str) -> None:
    """Say on stderr, in one line, what is not as it should be though the command did its work."""
    click.echo(f"chatctl: {printable(text)}", err=True)
