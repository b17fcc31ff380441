"""How a command says that it failed: one line on stderr, and an exit code."""

from __future__ import annotations

from typing import IO, Any

import click

from wire.unseen import printable


class Failure(click.ClickException):
    """The command was right but failed. The text says in one line what happened and what to do."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line, to stderr where no file is given."""
        click.echo(f"chatctl: {printable(self.message)}", file=file, err=file is None)


class Misuse(Failure):
    """The command was wrong."""

    exit_code = 2


def no_room(room: str) -> Failure:
    """There is no room with that name."""
    return Failure(f"there is no room {room}: `chatctl rooms` lists the rooms")
