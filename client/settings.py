"""What the client needs to know to run. Names, defaults and help are `chatctl.options`'."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from client.dial import Server


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """The settings of one client.

    Attributes:
        servers: host and port of a gateway, or of a balancer in front of several; with more than
            one the next is tried when one does not answer.
        name: the wanted user name; None to ask for it.
        color: whether to colour what is shown on a terminal.
        tls: whether to speak TLS, and nothing else.
        ca: PEM file with whom to trust then; None for whom the system trusts.
        password: that of a registered name; None to ask for it where it is wanted.
        to: who gets every message; None if each says so itself.
        rooms: rooms to enter at the start; messages go to the first of them, if there is one.
    """

    servers: tuple[Server, ...]
    name: str | None
    color: bool
    tls: bool = False
    ca: Path | None = None
    password: str | None = field(default=None, repr=False)
    to: tuple[str, ...] | None = None
    rooms: tuple[str, ...] = ()
