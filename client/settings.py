"""What the client needs to know to run. Names, defaults and help are `chatctl.options`'."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """The settings of one client.

    Attributes:
        host: name or address of the gateway, or of the balancer in front of several.
        port: its port.
        name: the wanted user name; None to ask for it.
        color: whether to colour what is shown on a terminal.
    """

    host: str
    port: int
    name: str | None
    color: bool
