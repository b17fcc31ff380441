"""The terminal client, and the same connection as a small library for bots.

`join` joins a chat and stays in it; `connect` makes one connection and no more.
"""

from client.dial import connect
from client.lasting import join
from client.main import run
from client.settings import ClientSettings

__all__ = ["ClientSettings", "connect", "join", "run"]
