"""What the client needs to know to run. `chatctl.client` has the names, defaults and help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from client.dial import Server
from client.display.options import Options


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """The settings of one client.

    Attributes:
        servers: host and port of a gateway, or of a load balancer in front of several; with several
            servers the next one is tried if one does not answer.
        name: the name that the person wants; None to ask for it.
        color: whether to show colours on a terminal.
        tls: whether to use TLS for every connection.
        ca: PEM file with the certificate authorities to trust; None for the system's.
        password: the password, if the name is registered; None to ask if it is needed.
        to: who gets every message; None if each message says that itself.
        rooms: rooms to enter at the start; messages go to the first of them, if there is one.
        backlog: how many earlier messages of a room are shown at the start, on a terminal.
        stay: on a terminal, do not end if the gateway sends the person away: wait for Enter.
        json: speak JSON with another program, in place of a person.
        options: what the person has chosen; ``/set`` changes it while the client runs.
        remember: the file for what the person types, so that it can be brought back at the next
            start; None to remember it only until the end.
        log: a file that gets what is shown; None for none.
        keep: keeps an option, by name and value, for the next start; returns where it is kept, and
            raises `OSError` or `ValueError` if it cannot.
    """

    servers: tuple[Server, ...]
    name: str | None
    color: bool
    tls: bool = False
    ca: Path | None = None
    password: str | None = field(default=None, repr=False)
    to: tuple[str, ...] | None = None
    rooms: tuple[str, ...] = ()
    backlog: int = 0
    stay: bool = False
    json: bool = False
    options: Options = field(default_factory=Options)
    remember: Path | None = None
    log: Path | None = None
    keep: Callable[[str, str], str] | None = None
