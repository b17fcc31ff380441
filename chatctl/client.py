"""``chatctl client``: a person's end of the chat."""

from __future__ import annotations

import os
import sys

import click

from chatctl.options import option, variable
from chatctl.units import Address, address

EXAMPLE = """\b
Example:
  chatctl client dana --server chat.example.org:2428
"""


def addresses(text: str) -> tuple[Address, ...]:
    """One or more of `address`, with commas between them."""
    return tuple(address(part.strip()) for part in text.split(","))


@click.command(epilog=EXAMPLE)
@click.argument("name", required=False, envvar=variable("name"))
@option(
    "server",
    type=addresses,
    default="127.0.0.1:2428",
    metavar="HOST[:PORT][,...]",
    help="The gateway, or the balancer before several. Of several with commas between them, the "
    "first that answers is taken, and the next one when it is lost.",
)
@option(
    "color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Colors: auto is for terminals, and heeds NO_COLOR.",
)
@click.pass_context
def client(
    context: click.Context, name: str | None, server: tuple[Address, ...], color: str
) -> None:
    """Join the chat.

    NAME is what the others call you. Without it, it is CHATCTL_NAME from the environment, `name`
    from the config file, or what you answer when asked.
    """
    if any(one.port == 0 for one in server):
        raise click.BadParameter("0 is no port to connect to.", param_hint="'--server'")

    from client import run
    from client.settings import ClientSettings

    settings = ClientSettings(servers=server, name=name, color=_wants_color(color))
    context.exit(run(settings))


def _wants_color(color: str) -> bool:
    if color == "auto":
        return not os.environ.get("NO_COLOR") and sys.stdout.isatty()
    return color == "always"
