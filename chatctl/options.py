"""One definition an option: from it come the flag, the environment variable and the TOML key.

``--max-line`` is ``CHATCTL_MAX_LINE`` in the environment and ``max-line`` in the config file. What
is given first in this order wins: flag, environment, file, default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from chatctl.units import redis_url, room_name

_Command = TypeVar("_Command", bound=Callable[..., Any])


def variable(name: str) -> str:
    """The environment variable of the option or argument ``name``."""
    return f"CHATCTL_{name.replace('-', '_').upper()}"


def option(name: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """An option with everything that `click.option` takes, under its one name."""
    attributes.setdefault("show_default", True)
    return click.option(f"--{name}", envvar=variable(name), show_envvar=True, **attributes)


class _Variable(click.Option):
    """What no command line can give: other users of the machine can read those."""

    def __init__(self, declarations: Sequence[str], **attributes: Any) -> None:
        super().__init__(declarations, **attributes)
        self.opts = [str(self.envvar)]

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """There is no flag."""


def secret(name: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """An option without a flag: an environment variable, or a key in the config file."""
    return click.option(f"--{name}", cls=_Variable, envvar=variable(name), **attributes)


def key(parameter: click.Parameter) -> str:
    """What the option or argument is called in the config file."""
    return (parameter.name or "").replace("_", "-")


def redis(text: str) -> Callable[[_Command], _Command]:
    """``--redis``; ``text`` says what the command does without it."""
    help_text = f"The Redis that the gateways share. {text}"
    return option("redis", type=redis_url, metavar="URL", help=help_text)


prefix = option(
    "prefix",
    default="chat",
    metavar="WORD",
    help="What every key and channel in Redis begins with; another one is another chat.",
)

room = click.argument("room", type=room_name, default="lobby", envvar=variable("room"))

run_dir = option(
    "run-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="$XDG_RUNTIME_DIR/chatctl, else /tmp/chatctl-UID",
    help="Private directory where gateways with a Redis of their own leave word of it.",
)
