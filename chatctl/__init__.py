"""The one command, ``chatctl``: its options and subcommands.

Each subcommand imports what it runs (gateway, client, Redis) only when it runs, so that help is
instant and works anywhere.
"""

__version__ = "0.1.0"
