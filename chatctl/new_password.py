"""Where a new password comes from: never from an argument, which others on the machine can see."""

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
"""The variable in which programs put a password."""

password_file = option(
    "password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default=f"{VARIABLE}, else you are asked",
    help="File whose first line is the password.",
)


def new_password(name: str, file: Path | None) -> tuple[str, str]:
    """The password from the file, else from the environment, else typed twice at a prompt.

    Returns:
        The password, and where it was found; "" if it was typed.

    Raises:
        Misuse: it cannot be used.
        Failure: the file cannot be read, or nobody answers the prompt.
    """
    from gateway.door.passwords import flaw

    password, where = _given(name, file)
    if wrong := flaw(password):
        raise Misuse(f"{where}: {wrong}" if where else wrong)
    if password != password.strip():
        warn("the password begins or ends with a space, which must be typed too")
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
            f"no password was given: type it, or use --password-file or {VARIABLE}"
        ) from None


async def _typed(name: str) -> str:
    """Ask until the same password is typed twice."""
    from client.ask import ask

    while True:
        password = await ask(f"Password for {name}: ", hidden=True)
        if password == await ask("The same again: ", hidden=True):
            return password
        warn("the two differ: please type both again")
