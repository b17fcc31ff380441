"""The terminal client, and the same connection as a small library for bots.

`join` joins a chat and stays in it; `connect` makes one connection and no more. Both speak TLS if
they are given what `trusting` makes, and take the password of a registered name::

    async with join([("chat.example.org", 2428)], name="bot", tls=trusting(), password=secret):
        ...
"""

from client.dial import connect
from client.lasting import join
from client.main import run
from client.settings import ClientSettings
from client.tls import trusting

__all__ = ["ClientSettings", "connect", "join", "run", "trusting"]
