"""Where a new password comes from: never from an argument, which everybody on the machine sees."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from chatctl.answers import warn
from chatctl.failure import Failure, Misuse
from chatctl.given import clean
from chatctl.options import option
from chatctl.secret_file import first_line

VARIABLE = "CHATCTL_PASSWORD"
"""Holds a password, for programs."""

password_file = option(
    "password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default=f"{VARIABLE}, else you are asked",
    help="Holds the password, in its first line.",
)


def new_password(name: str, file: Path | None) -> tuple[str, str]:
    """The password from the file, else from the environment, else from whoever is asked twice.

    Returns:
        It, and where it was found; "" for somebody who was asked.

    Raises:
        Misuse: it will not do.
        Failure: the file cannot be read, or there is nobody to ask.
    """
    from gateway.door.passwords import flaw

    password, where = _given(name, file)
    if wrong := flaw(password):
        raise Misuse(f"{where}: {wrong}" if where else wrong)
    if password != password.strip():
        warn("the password begins or ends with a blank, which has to be typed too")
    return password, where


def _given(name: str, file: Path | None) -> tuple[str, str]:
    if file is not None:
        return first_line(file), str(file)
    if (password := os.environ.get(VARIABLE)) is not None:
        try:
            return clean(password, click.STRING), VARIABLE
        except click.BadParameter as error:
            raise Misuse(f"{VARIABLE}: {error.message}") from None
    try:
        return asyncio.run(_typed(name)), ""
    except EOFError:
        raise Failure(
            f"no password was given: type it, or give --password-file or {VARIABLE}"
        ) from None


async def _typed(name: str) -> str:
    """What somebody types twice, the same each time."""
    from client.ask import ask

    while True:
        password = await ask(f"Password for {name}: ", hidden=True)
        if password == await ask("The same again: ", hidden=True):
            return password
        warn("these two differ: please type both again")
