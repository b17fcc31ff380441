"""``chatctl config``: what the options are, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from chatctl import configfile
from chatctl.answers import answer
from chatctl.failure import Misuse
from chatctl.options import is_secret, is_setting, key, option
from chatctl.tables import table
from gateway.redis_url import without_password

EXAMPLE = """\b
Example:
  chatctl config show gateway
"""

SHOW_EXAMPLE = """\b
Examples:
  chatctl config show
  chatctl config show gateway --json | jq '.[] | select(.source != "default")'
"""


class Setting(NamedTuple):
    """What an option of a command is without flags.

    Attributes:
        command: its words.
        option: as in the config file.
        value: as one would write it, without passwords; None for none.
        source: ``environment VARIABLE``, ``file PATH`` or ``default``.
    """

    command: str
    option: str
    value: str | None
    source: str


@click.group(epilog=EXAMPLE)
def config() -> None:
    """Look at the settings."""


@config.command(epilog=SHOW_EXAMPLE)
@click.argument("command", nargs=-1)
@option("json", is_flag=True, help="One JSON array.")
@click.pass_context
def show(context: click.Context, command: tuple[str, ...], json: bool) -> None:
    """Show every option of every command: its value, and where that comes from.

    With COMMAND, such as gateway or account add, those of that one. Passwords are not shown.
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
        raise Misuse(f"there is no command {wanted!r}: one of {', '.join(known)}")
    found = [setting for name, leaf in chosen.items() for setting in _settings(main, name, leaf)]
    rows = [(each.command, each.option, each.value or "", each.source) for each in found]
    text = table([("COMMAND", "OPTION", "VALUE", "FROM"), *rows])
    answer(json, [each._asdict() for each in found], text)


def _settings(main: click.Context, name: str, leaf: click.Command) -> Iterator[Setting]:
    context = main
    for word in name.split():
        context = click.Context(leaf, parent=context, info_name=word)
    for parameter in leaf.params:
        if not is_setting(parameter):
            continue
        value, source = parameter.consume_value(context, {})
        if source is ParameterSource.ENVIRONMENT:
            _check(parameter, context, value)
        shown = _written(value)
        if shown and is_secret(parameter):
            shown = "***"
        yield Setting(name, key(parameter), shown, _source(parameter, source, main.obj))


def _check(parameter: click.Parameter, context: click.Context, value: Any) -> None:
    # The file was checked when it was read.
    try:
        parameter.type_cast_value(context, value)
    except click.BadParameter as error:
        raise Misuse(f"{parameter.envvar}: {error.message}") from error


def _written(value: Any) -> str | None:
    if not isinstance(value, str | int | float):  # there is none
        return None
    return str(value).lower() if isinstance(value, bool) else without_password(str(value))


def _source(parameter: click.Parameter, source: ParameterSource, file: Any) -> str:
    if source is ParameterSource.ENVIRONMENT:
        return f"environment {parameter.envvar}"
    if source is ParameterSource.DEFAULT_MAP:
        return f"file {file}"
    return "default"
