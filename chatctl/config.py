"""``chatctl config``: the options, their values, and where these come from."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from chatctl import configfile
from chatctl.answers import answer, warn
from chatctl.failure import Misuse
from chatctl.options import argument, is_secret, is_setting, key, option
from chatctl.tables import table
from gateway.backplane.url import has_password, without_secrets

EXAMPLE = """\b
Example:
  chatctl config show gateway
"""

SHOW_EXAMPLE = """\b
Examples:
  chatctl config show
  chatctl config show gateway --json | jq '.[] | select(.source != "default")'
"""


SECRET_FILES = ("password-file", "redis-password-file", "tls-key")
"""Options that name a file that nobody else should read."""


class Setting(NamedTuple):
    """The value of an option if no flag is given.

    Attributes:
        command: its words.
        option: as in the config file.
        written: its value as it would be written, without passwords; None for no value.
        value: likewise, but what means a number or a switch is one.
        source: ``environment VARIABLE``, ``file PATH`` or ``default``.
        usual: what the help says if there is no value; may be empty.
        secret_in: the file that holds a secret because of it; None for no file.
    """

    command: str
    option: str
    written: str | None
    value: str | float | None
    source: str
    usual: str
    secret_in: Path | None


@click.group(epilog=EXAMPLE, short_help="Show what the settings are, and why.")
def config() -> None:
    """Show the settings."""


@config.command(epilog=SHOW_EXAMPLE, short_help="Show every option and its value.")
@argument("command", nargs=-1)
@option("json", is_flag=True, help="A JSON array.")
@click.pass_context
def show(context: click.Context, command: tuple[str, ...], json: bool) -> None:
    """Show every option of every command, with its value and where that comes from.

    With COMMAND, such as gateway or account add, only the options of that command. Passwords are
    not shown.
    """
    wanted = " ".join(command)
    main = context.find_root()
    assert isinstance(main.command, click.Group)
    leaves = configfile.leaves(main.command.commands)
    known = {name.replace(".", " "): leaf for name, leaf in leaves.items()}
    chosen = {
        name: leaf
        for name, leaf in known.items()
        if not wanted or f"{name} ".startswith(f"{wanted} ")
    }
    if not chosen:
        raise Misuse(f"there is no command {wanted!r}: the commands are {', '.join(known)}")
    found = [setting for name, leaf in chosen.items() for setting in _settings(main, name, leaf)]
    _warn_of_strangers(known.values())
    for path in sorted({each.secret_in for each in found if each.secret_in}):
        _warn_of_open(path)
    rows = [(each.command, each.option, each.written or each.usual, each.source) for each in found]
    text = table([("COMMAND", "OPTION", "VALUE", "FROM"), *rows])
    data = [
        {
            "command": each.command,
            "option": each.option,
            "value": each.value,
            "source": each.source,
        }
        for each in found
    ]
    answer(json, data, text)


def _settings(main: click.Context, name: str, leaf: click.Command) -> Iterator[Setting]:
    context = main
    for word in name.split():
        context = click.Context(leaf, parent=context, info_name=word)
    for parameter in leaf.params:
        if not is_setting(parameter):
            continue
        try:
            value, source = parameter.consume_value(context, {})
            is_given = isinstance(value, str | int | float)
            meant = parameter.type_cast_value(context, value) if is_given else None
        except click.BadParameter as error:
            raise Misuse(f"{parameter.envvar}: {error.message}") from error
        shown = _written(value)
        if shown and is_secret(parameter):
            shown = "***"
        usual = getattr(parameter, "show_default", None)
        yield Setting(
            name,
            key(parameter),
            shown,
            meant if isinstance(meant, bool | int | float) and isfinite(meant) else shown,
            _source(parameter, source, main.obj),
            f"({usual})" if isinstance(usual, str) else "",
            _secret_in(parameter, value, source, main.obj),
        )


def _warn_of_strangers(commands: Iterable[click.Command]) -> None:
    """Warn about variables that look like settings but are not: probably typing errors."""
    known = [str(each.envvar) for command in commands for each in command.params if each.envvar]
    known += ["CHATCTL_CONFIG", "CHATCTL_PASSWORD"]
    for name in sorted(os.environ):
        if name.startswith("CHATCTL_") and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f". Did you mean {near[0]}?" if near else ""
            warn(f"{name} is in the environment but is not a setting{hint}")


def _secret_in(
    parameter: click.Parameter, value: Any, source: ParameterSource, file: Any
) -> Path | None:
    if not isinstance(value, str):
        return None
    if key(parameter) in SECRET_FILES:
        return Path(value)
    secret = is_secret(parameter) or has_password(value)
    return file if secret and source is ParameterSource.DEFAULT_MAP else None


def _warn_of_open(path: Path) -> None:
    """Warn about a file that holds a secret and that other users can open."""
    with suppress(OSError):  # the command that uses the file will say so
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            warn(f"others can read or change {path}, which holds a secret: chmod 600 {path}")


def _written(value: Any) -> str | None:
    if not isinstance(value, str | int | float):  # no value was given
        return None
    return str(value).lower() if isinstance(value, bool) else without_secrets(str(value))


def _source(parameter: click.Parameter, source: ParameterSource, file: Any) -> str:
    if source is ParameterSource.ENVIRONMENT:
        return f"environment {parameter.envvar}"
    if source is ParameterSource.DEFAULT_MAP:
        return f"file {file}"
    return "default"
