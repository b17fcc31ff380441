"""The command ``chatctl``: reads the config file, and hands over to a subcommand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from chatctl import __version__, configfile, standard
from chatctl.account import account
from chatctl.announce import announce
from chatctl.audit import audit
from chatctl.bans import ban, bans, unban
from chatctl.client import client
from chatctl.completion import completion
from chatctl.config import config as config_group
from chatctl.doctor import doctor
from chatctl.drain import drain
from chatctl.erase import erase
from chatctl.failure import Failure
from chatctl.gateway import gateway
from chatctl.gateways import gateways
from chatctl.given import ExistingFile
from chatctl.history import history
from chatctl.kick import kick
from chatctl.options import option
from chatctl.room import room
from chatctl.rooms import rooms
from chatctl.send import send
from chatctl.tail import tail
from chatctl.top import top
from chatctl.users import users

EXAMPLE = """\b
Example, in two terminals:
  chatctl gateway
  chatctl client dana
"""


class Program(click.Group):
    """The command line of a process: to call it is to run it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with the arguments of the process, and end it; with any given, as `main` does."""
        if args or kwargs:
            return self.main(*args, **kwargs)
        standard.prepare()
        try:
            self.main()
        except standard.CannotWrite as error:
            standard.give_up_output()
            Failure(f"cannot write the output: {standard.why(error)}").show()
            sys.exit(Failure.exit_code)


@click.group(cls=Program, epilog=EXAMPLE, context_settings={"max_content_width": 100})
@option(
    "config",
    type=ExistingFile(),
    metavar="FILE",
    show_default="~/.config/chatctl/config.toml",
    help="TOML file with options, in a table for each command: [gateway], then idle = '15m'.",
)
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="chatctl")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """A terminal chat of your own.

    Every option can also be set by an environment variable (shown in each command's help) or in the
    config file. A flag overrides the environment, and the environment overrides the file.
    """
    path = config or configfile.default_path()
    # Also False for a path that we may not look at, such as another user's home.
    if path and os.path.exists(path):
        context.default_map = configfile.load(path, main.commands)
        context.obj = path


for each in (
    gateway,
    *(client, send),
    *(users, rooms, history, tail),
    *(gateways, top, doctor, drain),
    *(room, kick, ban, unban, bans, announce, erase, account, audit),
    *(config_group, completion),
):
    main.add_command(each)
