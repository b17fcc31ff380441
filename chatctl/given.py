"""Text from outside: arguments, environment variables, the config file, files with secrets.

It is cleaned here and nowhere else. An editor may have put a byte order mark before it, a shell may
have left a line end after it or a ``~`` unexpanded, and its bytes may not be text at all.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

BYTE_ORDER_MARK = "\ufeff"


class Given(click.Parameter):
    """An option or argument whose value is cleaned, wherever it comes from."""

    def consume_value(self, ctx: click.Context, opts: Any) -> tuple[Any, ParameterSource]:
        """The value, ready for its type to convert, and where it comes from.

        Raises:
            click.BadParameter: it cannot be used at all.
        """
        value, source = super().consume_value(ctx, opts)
        if isinstance(value, str):
            value = clean(value, self.type)
        elif isinstance(value, tuple):
            value = tuple(clean(each, self.type) for each in value)
        return value, source


class GivenOption(Given, click.Option):
    """An option whose value is cleaned."""


class RepeatedOption(GivenOption):
    """An option that may be given several times, as an alternative to commas in its value."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Collect the values in place of keeping the last one."""
        parser.add_option(obj=self, opts=self.opts, dest=self.name, action="append", nargs=1)

    def consume_value(self, ctx: click.Context, opts: Any) -> tuple[Any, ParameterSource]:
        """The values with commas between them, and where they come from."""
        given = opts.get(self.name)
        if isinstance(given, list):
            opts = {**opts, self.name: ",".join(given)}
        return super().consume_value(ctx, opts)


class GivenArgument(Given, click.Argument):
    """An argument whose value is cleaned."""


class ExistingFile(click.Path):
    """A file that can be read, as a `Path`."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does, but a file that we may not look at is not called missing."""
        try:
            os.stat(str(value))
        except PermissionError as error:
            self.fail(f"File {value!r} is out of reach: {error.strerror}.", param, ctx)
        except OSError:
            pass  # click reports it
        return super().convert(value, param, ctx)


def clean(text: str, type: click.ParamType[Any]) -> str:
    """A text without a byte order mark and a line end; a path without ``~``.

    Args:
        text: as it came in.
        type: of the option. The name of an existing file may be any bytes.

    Raises:
        click.BadParameter: it is not UTF-8, or not a usable path. The text is not repeated, since
            it may be a secret.
    """
    text = without_frame(text)
    if "\0" in text:
        raise click.BadParameter("there is a NUL in it.")
    if isinstance(type, click.Path):
        text = _expanded(text)
    if isinstance(type, ExistingFile):
        return text
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        pass
    try:
        return os.fsencode(text).decode()  # in case the locale knows only ASCII
    except UnicodeError:
        raise click.BadParameter("it is not UTF-8.") from None


def without_frame(text: str) -> str:
    """A text without a byte order mark before it and without one line end after it."""
    return text.removeprefix(BYTE_ORDER_MARK).removesuffix("\n").removesuffix("\r")


def home() -> str | None:
    """The home directory of our user; None if that cannot be found."""
    named = os.environ.get("HOME", "")
    if os.path.isabs(named):
        return named
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None


def own_folder(variable: str, below_home: str) -> Path | None:
    """Our folder in one of the user's folders, as XDG has them; None if there is no such place.

    Args:
        variable: the environment variable that says where the user's folder is.
        below_home: where it is without that, below the home directory.
    """
    folder = os.environ.get(variable, "")
    if not os.path.isabs(folder):  # XDG says to ignore a relative path
        if (own := home()) is None:
            return None
        folder = f"{own}/{below_home}"
    return Path(folder) / "chatctl"


def _expanded(path: str) -> str:
    if not path:
        raise click.BadParameter("it is empty.")
    if not path.startswith("~"):
        return path
    user, slash, rest = path.partition("/")
    found = home() if user == "~" else os.path.expanduser(user)
    if found is None or found.startswith("~"):
        raise click.BadParameter(
            f"there is no home directory {user}: write the whole path, or ./{path} for a file "
            "of that name here."
        )
    return found + slash + rest
