"""``chatctl gateway``: serve, with a Redis of its own where none is given."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from chatctl import standard
from chatctl.failure import Failure, Misuse
from chatctl.gateway_options import config, gateway_options
from chatctl.greeting import greeting
from chatctl.units import Address

EXAMPLE = """\b
Examples, two gateways of one chat, for a balancer to choose from:
  chatctl gateway --listen 0.0.0.0:2428 --redis redis://10.0.0.5:6379/0
  chatctl gateway --listen 0.0.0.0:2429 --redis redis://10.0.0.5:6379/0

All cores of a machine, as one gateway:
  chatctl gateway --workers auto
"""


@click.command(epilog=EXAMPLE)
@gateway_options
@click.pass_context
def gateway(context: click.Context, /, **given: Any) -> None:
    """Serve the chat until SIGTERM or Ctrl-C."""
    from gateway.signals import early_signals

    with early_signals():
        _serve(context, given)


def _serve(context: click.Context, given: dict[str, Any]) -> None:
    from gateway.backplane.embedded import runfile
    from gateway.backplane.embedded import server as embedded
    from gateway.errors import StartError
    from gateway.journal import write_to_stderr
    from gateway.loops import run_on
    from gateway.server import run

    _need_loop(given["loop"])
    write_to_stderr(given["log_format"], given["log_level"])
    with ExitStack() as stack:
        try:
            own, url, drain = None, given["redis"], given["drain"] or 0.0
            if url is not None and given["data"] is not None:
                raise Misuse("--data is for the gateway's own Redis: leave --redis out, or --data")
            if url is None:
                directory = runfile.secure(given["run_dir"] or _usual_directory())
                own = stack.enter_context(embedded.start(directory, given["data"]))
                # With its own Redis go the names: there is nothing to come back to.
                url, drain = own.url, 0.0

            def announce(host: str, port: int, http: tuple[str, int] | None) -> None:
                at = Address(host, port)
                if own:
                    stack.enter_context(runfile.announced(directory, str(at), own.url))
                description = own.description if own else None
                health = Address(*http) if http else None
                _greet(greeting(context, at, url, description, health))

            settings = config(given, url, drain)
            if (workers := given["workers"]) == 1:
                code = run_on(given["loop"], run(settings, announce))
            else:
                from gateway.workers import parent
                from gateway.workers.parcel import Parcel

                parcel = Parcel(settings, given["loop"], given["log_format"], given["log_level"])
                code = asyncio.run(parent.run(parcel, workers, announce))
            context.exit(code)
        except StartError as error:
            raise Failure(str(error)) from error


def _usual_directory() -> Path:
    """Where to leave word; where that is not the runtime directory of the session, with a line."""
    from gateway.backplane.embedded.runfile import default_directory

    directory, runtime = default_directory(), os.environ.get("XDG_RUNTIME_DIR")
    if runtime and directory.parent != Path(runtime):
        click.echo(
            f"chatctl: XDG_RUNTIME_DIR is {runtime}, which is not yours to use: "
            f"the run directory is {directory}",
            err=True,
        )
    return directory


def _greet(text: str) -> None:
    """Say it, if somebody hears it: who does not must not keep others from the chat."""
    try:
        if _heard():
            click.echo(text)
    except OSError as error:
        standard.give_up_output()
        logging.getLogger(__name__).warning("the greeting cannot be written: %s", error.strerror)


def _heard() -> bool:
    """Whether standard output takes something at once."""
    try:
        return bool(select.select((), (sys.stdout,), (), 0)[1])
    except (OSError, ValueError):  # not a file of the system's
        return True


def _need_loop(loop: str) -> None:
    if loop == "uvloop" and find_spec("uvloop") is None:
        raise Failure("uvloop is not installed: leave --loop out, or install it.")
