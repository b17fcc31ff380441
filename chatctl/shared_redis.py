"""The Redis of the chat, for the commands that use it: which one it is, and whether it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from chatctl.failure import Failure
from chatctl.units import DEFAULT_PORT


class Chat(NamedTuple):
    """Which chat a command is about.

    Attributes:
        redis: URL of its Redis; None for the embedded Redis of a gateway of this user here.
        prefix: what its keys begin with.
        run_dir: where such gateways record theirs; None for the usual place.
    """

    redis: str | None
    prefix: str
    run_dir: Path | None

    @property
    def at(self) -> tuple[str, str]:
        """URL and prefix.

        Raises:
            Failure: no such gateway runs.
        """
        return self.redis or of_this_machine(self.run_dir), self.prefix


def of_this_machine(run_dir: Path | None) -> str:
    """URL of the Redis of a gateway here: the one on the default port, else the newest.

    Raises:
        Failure: no such gateway runs.
    """
    from gateway.backplane.embedded import runfile
    from gateway.errors import StartError

    try:
        running = runfile.running(run_dir or runfile.default_directory())
    except StartError as error:
        raise Failure(str(error)) from error
    if not running:
        raise Failure(
            "you run no gateway with an embedded Redis on this machine: "
            "start one with `chatctl gateway`, or name the Redis of the chat with --redis URL"
        )
    chosen = next((each for each in running if each.port == DEFAULT_PORT), running[0])
    for other in running:
        if other is not chosen:
            click.echo(
                f"chatctl: this is the chat of {chosen.listen}; "
                f"for the chat of {other.listen} add --redis {other.redis}",
                err=True,
            )
    return chosen.redis


@contextmanager
def reached() -> Iterator[None]:
    """Turn what goes wrong with Redis in the context into a `Failure`."""
    from gateway.backplane.readable import UNREADABLE
    from gateway.errors import RedisUnreachable

    try:
        yield
    except UNREADABLE as error:
        raise Failure(
            f"what is in Redis cannot be read: {error}. Did another version write it, or another "
            "program? `chatctl doctor` lists the versions of the gateways"
        ) from error
    except RedisUnreachable as error:
        raise Failure(error.sentence) from error
