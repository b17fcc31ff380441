"""Options of the commands that join the chat through a gateway, as people do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from chatctl.given import ExistingFile
from chatctl.options import option, secret
from chatctl.secret_file import first_line
from chatctl.units import Address, address

if TYPE_CHECKING:
    from client.lasting import LastingChat

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILE = ExistingFile()


class Entry(NamedTuple):
    """How to get in.

    Attributes:
        servers: where the gateways are; at least one.
        tls: whether to use TLS.
        ca: PEM file with the authorities to trust; None for the system's.
        password: the password, if one is given.
    """

    servers: tuple[Address, ...]
    tls: bool
    ca: Path | None
    password: str | None


def addresses(text: str) -> tuple[Address, ...]:
    """One or more of `address`, with commas between them."""
    return tuple(address(part.strip()) for part in text.split(","))


name = option("name", metavar="NAME", help="What the others call you.")
"""The name to come in under."""

_server = option(
    "server",
    type=addresses,
    default="127.0.0.1:2428",
    metavar="HOST[:PORT][,...]",
    help="A gateway, or the load balancer in front of several. With several gateways the first "
    "that answers is used, and any other one when it is lost.",
)

_tls = option(
    "tls",
    is_flag=True,
    help="Use TLS, 1.2 or newer. The certificate must be trusted, and for the host of --server.",
)

_ca = option(
    "ca",
    type=_FILE,
    metavar="FILE",
    help="PEM file with the authorities to trust instead of the system's. Implies --tls.",
)

_password_file = option(
    "password-file",
    type=_FILE,
    metavar="FILE",
    help="File whose first line is the password of a registered name.",
)

_password = secret(
    "password",
    metavar="TEXT",
    help="The password itself. Without it and the file, `chatctl client` asks for it.",
)


def joining(command: _Command) -> Any:
    """Options that say which gateways to join, and how; the command gets an `Entry`, ``entry``."""

    @wraps(command)
    def run(
        *args: Any,
        server: tuple[Address, ...],
        tls: bool,
        ca: Path | None,
        password_file: Path | None,
        password: str | None,
        **given: Any,
    ) -> Any:
        if any(one.port == 0 for one in server):
            raise click.BadParameter("0 is no port to connect to.", param_hint="'--server'")
        known = first_line(password_file) if password_file else password
        return command(*args, entry=Entry(server, tls or ca is not None, ca, known), **given)

    found: Any = run
    for each in (_password, _password_file, _ca, _tls, _server):
        found = each(found)
    return found


@asynccontextmanager
async def quietly(entry: Entry, name: str) -> AsyncIterator[LastingChat]:
    """Be in the chat for a program that nobody needs to see come and go.

    Raises:
        ChatError: as `client.lasting.join` has them.
    """
    from client.lasting import join
    from client.tls import trusting

    tls = trusting(entry.ca) if entry.tls else None
    async with join(entry.servers, name=name, tls=tls, password=entry.password, quiet=True) as chat:
        staying = asyncio.create_task(chat.stay_active())
        try:
            yield chat
        finally:
            staying.cancel()
