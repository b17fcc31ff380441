"""The command ``chatctl``: reads the config file, and hands over to a subcommand."""

from __future__ import annotations

from pathlib import Path

import click

from chatctl import __version__, configfile
from chatctl.client import client
from chatctl.gateway import gateway
from chatctl.history import history
from chatctl.options import option
from chatctl.tail import tail
from chatctl.users import users

EXAMPLE = """\b
Example, in two terminals:
  chatctl gateway
  chatctl client dana
"""


@click.group(epilog=EXAMPLE, context_settings={"max_content_width": 100})
@option(
    "config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default="~/.config/chatctl/config.toml",
    help="TOML file with options: a table for each command, such as [gateway] with idle = '15m'.",
)
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="chatctl")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """A terminal chat of your own.

    Every option can also be an environment variable (shown in each command's help) or a key in the
    config file. A flag goes before the environment, and that before the file.
    """
    path = config or configfile.default_path()
    if path.exists():
        context.default_map = configfile.load(path, main.commands)


main.add_command(gateway)
main.add_command(client)
main.add_command(users)
main.add_command(history)
main.add_command(tail)
