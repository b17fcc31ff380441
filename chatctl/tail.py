"""``chatctl tail``: what is said in a room, as it is said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from json import dumps
from pathlib import Path

import click

from chatctl import options, shared_redis, standard
from chatctl.answers import warn
from chatctl.options import option

EXAMPLE = """\b
Examples:
  chatctl tail
  chatctl tail --json | jq -r --unbuffered 'select(.text | test("fire")) | .from'
"""

BEFORE = 10
"""Messages that are shown of what was said before."""

RETRY = 0.5
"""Seconds between two attempts to reach a Redis that is away."""


@click.command(epilog=EXAMPLE, short_help="Show what is said in a room, live.")
@options.room
@option("json", is_flag=True, help="One message a line, as it went over the wire.")
@options.redis("Without it, the embedded Redis of a gateway that you run on this machine.")
@options.prefix
@options.run_dir
def tail(room: str, json: bool, redis: str | None, prefix: str, run_dir: Path | None) -> None:
    """Show the last messages of a room, and what is said from now on, until Ctrl-C.

    ROOM is lobby where none is named. Private messages are not in it.
    """
    standard.need_output()
    with standard.until_interrupted():
        from chatctl.messages import for_people, for_programs, public

        with shared_redis.reached():
            url = redis or shared_redis.of_this_machine(run_dir)
            # One that a gateway brought along ends with it, and does not come back.
            for line in _lines(url, prefix, room, comes_back=redis is not None):
                if message := public(line):
                    click.echo(dumps(for_programs(line)) if json else for_people(message))


def _lines(url: str, prefix: str, room: str, *, comes_back: bool) -> Iterator[bytes]:
    """The last lines of a room's log, and the new ones, each once, for ever.

    Raises:
        RedisUnreachable: at the start; later only if it does not come back.
    """
    from gateway.backplane.ids import NOTHING
    from gateway.backplane.operators import history as archive
    from gateway.errors import RedisUnreachable

    seen = NOTHING
    for said in archive.newest(url, prefix, room, count=BEFORE):
        seen = said.id
        yield said.line
    away = False
    while True:
        try:
            for news in archive.follow(url, prefix, room, after=seen):
                if away:
                    warn("Redis is back")
                    away = False
                for said in news:
                    seen = said.id
                    yield said.line
        except RedisUnreachable as error:
            if not comes_back:
                raise
            if not away:
                warn(f"Redis is away ({error}): waiting for it, Ctrl-C ends")
                away = True
            time.sleep(RETRY)
