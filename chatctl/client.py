"""``chatctl client``: a person's end of the chat."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from click.core import ParameterSource

from chatctl import configfile, standard
from chatctl.given import RepeatedOption, own_folder
from chatctl.joining import Entry, joining
from chatctl.options import argument, option, variable
from chatctl.units import NOBODY, names
from client.display.arguments import room_named
from client.display.options import SECONDS, VALUES, Options, read_option, with_option

EXAMPLE = """\b
Example:
  chatctl client dana --server chat.example.org:2428 --tls
  df -h | chatctl client cron --to dana,sis
  make 2>&1 | chatctl client builder --room dev
"""


def chosen(name: str) -> Callable[[str], str]:
    """A type for the values of an option of the client, one of `client.display.options.VALUES`."""

    def value(text: str) -> str:
        try:
            read_option(name, text)
        except ValueError as error:
            raise click.BadParameter(f"{error}.") from None
        return text

    return value


def rooms(text: str) -> tuple[str, ...]:
    """Names of rooms, with commas between them."""
    found = []
    for word in text.split(","):
        room = room_named(word.strip())
        if room is None:
            raise click.BadParameter(f"{word.strip()[:60]!r} is no room: write ROOM, or ROOM,ROOM.")
        found.append(room)
    return tuple(dict.fromkeys(found))


@click.command(epilog=EXAMPLE)
@argument("name", required=False, envvar=variable("name"))
@joining
@option(
    "to",
    type=names,
    metavar="NAME[,NAME]",
    help="The only recipients of every message. Use it for a pipe whose lines are not for "
    "everyone.",
)
@option(
    "room",
    cls=RepeatedOption,
    type=rooms,
    metavar="ROOM[,ROOM]",
    help="Rooms to join at the start. What you type, or what comes through a pipe, goes to the "
    "first of them, until you say otherwise. May be given more than once.",
)
@option(
    "backlog",
    type=click.IntRange(0, 100),
    default=50,
    metavar="MESSAGES",
    help="How many earlier messages of the room are shown at the start, on a terminal.",
)
@option(
    "bell",
    type=chosen("bell"),
    default="on",
    metavar="on|off",
    help="Ring for private messages, and for messages with your name in them, on a terminal.",
)
@option(
    "notify",
    type=chosen("notify"),
    default="off",
    metavar="off|osc9|osc777",
    help="How to ask your terminal for a notification of the same, while you look elsewhere.",
)
@option(
    "highlight",
    type=chosen("highlight"),
    default="off",
    metavar="WORD[,WORD]",
    help="Words that count like your name.",
)
@option(
    "joins",
    type=chosen("joins"),
    default="on",
    metavar="on|off",
    help="Show who comes and leaves.",
)
@option(
    "elsewhere",
    type=chosen("elsewhere"),
    default="inline",
    metavar="inline|hint",
    help="What to show of other rooms: each message, or a hint at the first one. /go shows them "
    "then.",
)
@option(
    "status",
    type=chosen("status"),
    default="on",
    metavar="on|off",
    help="A line above the prompt with the room, what is new elsewhere, and the connection.",
)
@option(
    "time",
    type=chosen("time"),
    default=SECONDS,
    metavar="FORMAT",
    help="How times are written, as in %H:%M or %I:%M %p.",
)
@option(
    "theme",
    type=chosen("theme"),
    default="dark",
    metavar="THEME",
    help="The colors: dark, light or plain, perhaps with changes: 'light own=bold+blue'.",
)
@option(
    "confirm-public",
    type=chosen("confirm-public"),
    default="off",
    metavar="on|off",
    help="Ask for a second Enter before a message goes to everyone because nobody it names "
    "at its end is here.",
)
@option(
    "away-after",
    type=chosen("away-after"),
    default="off",
    show_default="off; 5m with --stay",
    metavar="DURATION|off",
    help="After this time without a key, others see that you are away.",
)
@option(
    "title",
    type=chosen("title"),
    default="off",
    metavar="on|off",
    help="Show the room, and how much is new for you, in the title of the window.",
)
@option(
    "json",
    is_flag=True,
    help="For programs: write events, and read requests, as lines of JSON as on the wire.",
)
@option(
    "stay",
    is_flag=True,
    help="When you did nothing for long and the gateway says goodbye, stay at the prompt: Enter "
    "brings you back, with what you missed.",
)
@option(
    "remember",
    type=click.Choice(["on", "off"]),
    default="on",
    help="Keep what you type for the next start, in a file that only you can read.",
)
@option(
    "log",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append to this file what is shown.",
)
@option(
    "color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Use colors; auto: on terminals, unless NO_COLOR is set.",
)
@click.pass_context
def client(
    context: click.Context,
    /,
    name: str | None,
    entry: Entry,
    to: tuple[str, ...] | None,
    room: tuple[str, ...] | None,
    backlog: int,
    json: bool,
    stay: bool,
    remember: str,
    log: Path | None,
    color: str,
    **given: str,
) -> None:
    """Join the chat.

    NAME is what the others call you. Without it the client takes CHATCTL_NAME from the environment,
    or `name` from the config file, or asks you.
    """
    # Elsewhere an empty variable is as good as none; here that would tell everyone.
    if to is None and os.environ.get(variable("to")) == "":
        raise click.BadParameter(NOBODY, param_hint=f"'{variable('to')}'")

    if stay and context.get_parameter_source("away_after") is ParameterSource.DEFAULT:
        given["away_after"] = "5m"

    standard.allow_closed_output()

    from client import run
    from client.settings import ClientSettings

    settings = ClientSettings(
        servers=entry.servers,
        name=name or None,
        color=_wants_color(color),
        tls=entry.tls,
        ca=entry.ca,
        password=entry.password,
        to=to,
        rooms=room or (),
        backlog=backlog,
        stay=stay,
        json=json,
        options=_options(given),
        remember=_remembered() if remember == "on" else None,
        log=log,
        keep=partial(configfile.keep, context.obj or configfile.default_path(), "client"),
    )
    context.exit(run(settings))


def _options(given: dict[str, str]) -> Options:
    options = Options()
    for name in VALUES:
        options = with_option(options, name, given[name.replace("-", "_")])
    return options


def _remembered() -> Path | None:
    """Where typed lines are kept; None if there is no such place."""
    folder = own_folder("XDG_STATE_HOME", ".local/state")
    return folder and folder / "typed"


def _wants_color(color: str) -> bool:
    if color == "auto":
        return not os.environ.get("NO_COLOR") and sys.stdout.isatty()
    return color == "always"
