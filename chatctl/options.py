"""One definition for each option: it gives the flag, the environment variable and the TOML key.

``--max-line`` is ``CHATCTL_MAX_LINE`` in the environment and ``max-line`` in the config file. A
flag overrides the environment, the environment the file, and the file the default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from chatctl import offers
from chatctl.failure import Misuse
from chatctl.given import ExistingFile, GivenArgument, GivenOption
from chatctl.secret_file import first_line
from chatctl.shared_redis import Chat
from chatctl.units import moment, prefix_word, redis_url, room_name
from gateway.backplane.url import has_password, with_password

_Command = TypeVar("_Command", bound=Callable[..., Any])


def variable(name: str) -> str:
    """The environment variable of the option or argument ``name``."""
    return f"CHATCTL_{name.replace('-', '_').upper()}"


def option(name: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """An option with everything that `click.option` takes, under its one name."""
    attributes = {"cls": GivenOption, "show_default": True, **attributes}
    return click.option(f"--{name}", envvar=variable(name), show_envvar=True, **attributes)


def argument(name: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """An argument with everything that `click.argument` takes."""
    return click.argument(name, cls=GivenArgument, **attributes)


class _Variable(GivenOption):
    """An option without a flag: other users of the machine can read command lines."""

    def __init__(self, declarations: Sequence[str], **attributes: Any) -> None:
        super().__init__(declarations, **attributes)
        self.opts = [str(self.envvar)]

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Add nothing: there is no flag."""


def secret(name: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """An option without a flag: an environment variable, or a key in the config file."""
    return click.option(f"--{name}", cls=_Variable, envvar=variable(name), **attributes)


def key(parameter: click.Parameter) -> str:
    """What the option or argument is called in the config file."""
    return (parameter.name or "").replace("_", "-")


def is_secret(parameter: click.Parameter) -> bool:
    """Whether its value must not be shown."""
    return isinstance(parameter, _Variable)


def is_setting(parameter: click.Parameter) -> bool:
    """Whether it can be set in the environment and the config file.

    A target, such as the name to kick, is not a setting: it is always an argument.
    """
    return parameter.envvar is not None


def redis(text: str) -> Callable[[_Command], _Command]:
    """``--redis`` and ``--redis-password-file``; the command gets one URL, with the password in it.

    Args:
        text: what the command does without them.
    """
    help_text = f"The Redis that the gateways share. {text}"
    url = option("redis", type=redis_url, metavar="URL", help=help_text)
    password_file = option(
        "redis-password-file",
        type=ExistingFile(),
        metavar="FILE",
        help="File with the password for --redis, so that no list of processes shows it.",
    )

    def decorate(command: _Command) -> _Command:
        @wraps(command)
        def run(
            *args: Any, redis: str | None, redis_password_file: Path | None, **given: Any
        ) -> Any:
            return command(*args, redis=url_with_password(redis, redis_password_file), **given)

        return url(password_file(cast(_Command, run)))

    return decorate


def url_with_password(url: str | None, file: Path | None) -> str | None:
    """The URL with the password from the file, if a file is given.

    Raises:
        Misuse: there is no URL, it has a password already, or the file has none.
    """
    if file is None:
        return url
    if url is None:
        raise Misuse("--redis-password-file needs --redis: give the URL too, or leave the file out")
    if has_password(url):
        raise Misuse(
            "the password of Redis is both in --redis and in a file: take it out of the URL"
        )
    return with_password(url, first_line(file))


prefix = option(
    "prefix",
    type=prefix_word,
    default="chat",
    metavar="WORD",
    help="What every key and channel in Redis begins with; another prefix is another chat.",
)


def room(command: _Command) -> Any:
    """ROOM, or ``--room``; the command gets one, ``room``."""

    @wraps(command)
    def in_room(*args: Any, room: str, where: str | None, **given: Any) -> Any:
        return command(*args, room=where or room, **given)

    here = option(
        "room",
        type=room_name,
        default="lobby",
        metavar="ROOM",
        shell_complete=offers.rooms,
        help="The room, if it is not the first word.",
    )
    first = argument(
        "where",
        type=room_name,
        required=False,
        metavar="[ROOM]",
        shell_complete=offers.rooms,
    )
    return first(here(in_room))


since = click.option(
    "--since",
    "--from",
    "since",
    cls=GivenOption,
    type=moment,
    envvar=variable("since"),
    show_envvar=True,
    metavar="TIME",
    help="Since when: 10m or 2h ago, 14:30 today, 2026-11-23, or an RFC 3339 time.",
)

run_dir = option(
    "run-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="$XDG_RUNTIME_DIR/chatctl, else /tmp/chatctl-UID",
    help="Private directory in which a gateway with an embedded Redis records where that is.",
)


json = option("json", is_flag=True, help="For programs: JSON, described in docs/json.md.")


def chat_options(command: _Command) -> Any:
    """Options that say which chat in Redis a command is about; it gets a `Chat`, ``chat``."""

    @wraps(command)
    def with_chat(
        *args: Any, redis: str | None, prefix: str, run_dir: Path | None, **given: Any
    ) -> Any:
        return command(*args, chat=Chat(redis, prefix, run_dir), **given)

    found: Any = with_chat
    usual = "Without it, the embedded Redis of a gateway that you run on this machine."
    for each in (run_dir, prefix, redis(usual)):
        found = each(found)
    return found


def chat_and_json(command: _Command) -> Any:
    """`chat_options`, and whether the command prints JSON, ``json``."""
    return json(chat_options(command))
