"""The terminal client, and the same connection as a small library for bots.

`join` joins a chat and stays in it; `connect` makes one connection and no more. Both speak TLS if
they are given what `trusting` makes, and take the password of a registered name::

    async with join([("chat.example.org", 2428)], name="bot", tls=trusting(), password=secret):
        ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from client.dial import connect
    from client.lasting import join
    from client.main import run
    from client.settings import ClientSettings
    from client.tls import trusting

__all__ = ["ClientSettings", "connect", "join", "run", "trusting"]

_HOMES = {
    "ClientSettings": "client.settings",
    "connect": "client.dial",
    "join": "client.lasting",
    "run": "client.main",
    "trusting": "client.tls",
}


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: `chatctl --help` needs what people see, and no connection.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
