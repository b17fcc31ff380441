"""Where a new password comes from: never from an argument, which everybody on the machine sees."""

from __future__ import annotations

import os
from pathlib import Path

import click

from chatctl.failure import Failure, Misuse
from chatctl.options import option

VARIABLE = "CHATCTL_PASSWORD"
"""Holds a password, for programs."""

password_file = option(
    "password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default=f"{VARIABLE}, else you are asked",
    help="Holds the password, in its first line.",
)


def new_password(name: str, file: Path | None) -> str:
    """The password from the file, else from the environment, else from whoever is asked twice.

    Raises:
        Misuse: it will not do, or the file cannot be read.
        Failure: there is nobody to ask.
    """
    from gateway.passwords import flaw

    password, where = _given(name, file)
    if wrong := flaw(password):
        raise Misuse(f"{where}{wrong}")
    return password


def _given(name: str, file: Path | None) -> tuple[str, str]:
    if file is not None:
        return _first_line(file), f"{file}: "
    if (password := os.environ.get(VARIABLE)) is not None:
        return password, f"{VARIABLE}: "
    try:
        asked = click.prompt(
            f"Password for {name}", hide_input=True, confirmation_prompt="The same again", err=True
        )
    except click.Abort as error:
        raise Failure(
            f"no password was given: type it, or give --password-file or {VARIABLE}"
        ) from error
    return str(asked), ""


def _first_line(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Misuse(f"{file} cannot be read: {why}") from error
    return lines[0] if lines else ""
