"""What the client needs to know to run. Names, defaults and help are `chatctl.options`'."""

from __future__ import annotations

from dataclasses import dataclass

from client.dial import Server


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """The settings of one client.

    Attributes:
        servers: host and port of a gateway, or of a balancer in front of several; with more than
            one the next is tried when one does not answer.
        name: the wanted user name; None to ask for it.
        color: whether to colour what is shown on a terminal.
    """

    servers: tuple[Server, ...]
    name: str | None
    color: bool
