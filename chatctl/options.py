"""One definition an option: from it come the flag, the environment variable and the TOML key.

``--max-line`` is ``CHATCTL_MAX_LINE`` in the environment and ``max-line`` in the config file. What
is given first in this order wins: flag, environment, file, default.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from chatctl.shared_redis import Chat
from chatctl.units import redis_url, room_name

_Command = TypeVar("_Command", bound=Callable[..., Any])


def variable(name: str) -> str:
    """The environment variable of the option or argument ``name``."""
    return f"CHATCTL_{name.replace('-', '_').upper()}"


def option(name: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """An option with everything that `click.option` takes, under its one name."""
    attributes.setdefault("show_default", True)
    return click.option(f"--{name}", envvar=variable(name), show_envvar=True, **attributes)


def key(parameter: click.Parameter) -> str:
    """What the option or argument is called in the config file."""
    return (parameter.name or "").replace("_", "-")


def is_setting(parameter: click.Parameter) -> bool:
    """Whether the environment and the config file can give it.

    Whom to kick is no setting: it is said each time.
    """
    return parameter.envvar is not None


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


json = option("json", is_flag=True, help="For programs: JSON, times in ms since 1970, spans in s.")


def of_a_chat(command: _Command) -> Any:
    """Options of a command that reads or changes a chat in Redis: which, and whether it says JSON.

    The command is called with a `Chat`, ``chat``, and with ``json``.
    """

    @wraps(command)
    def with_chat(
        *args: Any, redis: str | None, prefix: str, run_dir: Path | None, **given: Any
    ) -> Any:
        return command(*args, chat=Chat(redis, prefix, run_dir), **given)

    found: Any = with_chat
    for each in (run_dir, prefix, redis("Without it, that of a gateway of yours here."), json):
        found = each(found)
    return found
