"""``chatctl gateway``: serve, with a Redis of its own where none is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatctl import options
from chatctl.failure import Failure
from chatctl.greeting import greeting
from chatctl.options import option
from chatctl.units import Address, address, duration, duration_or_off, rate_or_off, size

if TYPE_CHECKING:
    from gateway.config import Fallback

EXAMPLE = """\b
Example, two gateways of one chat, for a balancer to choose from:
  chatctl gateway --listen 0.0.0.0:2428 --redis redis://10.0.0.5:6379/0
  chatctl gateway --listen 0.0.0.0:2429 --redis redis://10.0.0.5:6379/0
"""


def _best_loop() -> str:
    return "uvloop" if find_spec("uvloop") else "asyncio"


@click.command(epilog=EXAMPLE)
@option(
    "listen",
    type=address,
    default="127.0.0.1:2428",
    metavar="HOST[:PORT]",
    help="Where to listen; 0.0.0.0 is every interface, port 0 any free one.",
)
@options.redis("Without it, the gateway starts one that ends with it.")
@options.prefix
@option(
    "idle",
    type=duration_or_off,
    default="60s",
    metavar="DURATION|off",
    help="Silence after which a user is told Bye! and disconnected.",
)
@option(
    "fallback",
    type=click.Choice(["public", "refuse"]),
    default="public",
    help="What becomes of a message to @names of whom none is here: "
    "said to the whole room, or refused.",
)
@option(
    "history",
    type=click.IntRange(min=1),
    default=10_000,
    metavar="MESSAGES",
    help="Messages that a room's log keeps, roughly.",
)
@option(
    "history-age",
    type=duration,
    default="24h",
    metavar="DURATION",
    help="How long a room's log keeps a message, roughly.",
)
@option(
    "resume-within",
    type=duration,
    default="10m",
    metavar="DURATION",
    help="How long a client whose connection broke can come back and miss nothing.",
)
@option(
    "outbox",
    type=size,
    default="4MiB",
    metavar="SIZE",
    help="What may wait while Redis is away; what is said beyond that is refused.",
)
@option(
    "drain",
    type=duration_or_off,
    default="5s",
    metavar="DURATION|off",
    help="A stopping gateway tells its clients to come back spread over this time, and keeps "
    "their names; off gives the names back. Without --redis it is off.",
)
@option(
    "burst",
    type=click.IntRange(min=1),
    default=20,
    metavar="REQUESTS",
    help="Requests that a user may send at once before --rate applies.",
)
@option(
    "rate",
    type=rate_or_off,
    default="5/s",
    metavar="RATE|off",
    help="Requests that a user may send in the long run; off for no limit.",
)
@option("max-line", type=size, default="16KiB", metavar="SIZE", help="Longest line of a peer.")
@option(
    "max-text",
    type=click.IntRange(min=1),
    default=4_000,
    metavar="CHARACTERS",
    help="Longest text of a message.",
)
@option(
    "hello-timeout",
    type=duration,
    default="10s",
    metavar="DURATION",
    help="Time from connecting to a granted name.",
)
@option(
    "backlog",
    type=size,
    default="1MiB",
    metavar="SIZE",
    help="What may wait for a slow reader before it is disconnected.",
)
@option(
    "loop",
    type=click.Choice(["uvloop", "asyncio"]),
    default=_best_loop,
    show_default="uvloop where it is installed",
    help="The event loop.",
)
@option(
    "log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="The least that is logged, on stderr.",
)
@options.run_dir
@click.pass_context
def gateway(
    context: click.Context,
    *,
    listen: Address,
    redis: str | None,
    prefix: str,
    idle: float | None,
    fallback: Fallback,
    history: int,
    history_age: float,
    resume_within: float,
    outbox: int,
    drain: float | None,
    burst: int,
    rate: float | None,
    max_line: int,
    max_text: int,
    hello_timeout: float,
    backlog: int,
    loop: str,
    log_level: str,
    run_dir: Path | None,
) -> None:
    """Serve the chat until SIGTERM or Ctrl-C."""
    from gateway.backplane import embedded, runfile
    from gateway.config import GatewayConfig
    from gateway.errors import StartError
    from gateway.server import run
    from wire.limits import Limits

    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    limits = Limits(
        line=max_line,
        text=max_text,
        burst=burst,
        rate=rate,
        hello=hello_timeout,
        backlog=backlog,
    )
    with ExitStack() as stack:
        try:
            own = None
            if redis is None:
                directory = runfile.secure(run_dir or runfile.default_directory())
                own = stack.enter_context(embedded.start(directory))
                redis = own.url
            config = GatewayConfig(
                host=listen.host,
                port=listen.port,
                redis=redis,
                prefix=prefix,
                idle=idle,
                fallback=fallback,
                limits=limits,
                history=history,
                history_age=history_age,
                resume_within=resume_within,
                outbox=outbox,
                # With its own Redis go the names: there is nothing to come back to.
                drain=0.0 if own else drain or 0.0,
            )

            def announce(host: str, port: int) -> None:
                at = Address(host, port)
                if own:
                    stack.enter_context(runfile.announced(directory, str(at), own.url))
                description = own.description if own else None
                click.echo(greeting(context, at, config.redis, description))

            context.exit(_run(run(config, announce), loop))
        except StartError as error:
            raise Failure(str(error)) from error


def _run(serving: Coroutine[None, None, int], loop: str) -> int:
    if loop == "asyncio":
        return asyncio.run(serving)
    try:
        import uvloop
    except ImportError as error:
        serving.close()
        raise Failure("uvloop is not installed: leave --loop out, or install it.") from error
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serving)
