"""The terminal client, and its connection as a small library for bots (`client.connect`)."""

from client.dial import connect
from client.main import run
from client.settings import ClientSettings

__all__ = ["ClientSettings", "connect", "run"]
