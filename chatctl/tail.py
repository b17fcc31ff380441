"""``chatctl tail``: what is said in a room, as it is said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from json import dumps

import click

from chatctl import options, shared_redis, standard
from chatctl.answers import warn
from chatctl.options import chat_options, option
from chatctl.shared_redis import Chat

EXAMPLE = """\b
Examples:
  chatctl tail
  chatctl tail --json | jq -r --unbuffered 'select(.text | test("fire")) | .from'
"""

BEFORE = 10
"""Messages that are shown from before."""

RETRY = 0.5
"""Seconds between two attempts to reach a Redis that is away."""


@click.command(epilog=EXAMPLE, short_help="Show what is said in a room, live.")
@options.room
@option("json", is_flag=True, help="One message per line, as it went over the wire.")
@chat_options
def tail(room: str, json: bool, chat: Chat) -> None:
    """Show the last messages of a room, and then new ones as they come, until Ctrl-C.

    Without ROOM it is the lobby. Private messages are never shown.
    """
    standard.need_output()
    with standard.until_interrupted():
        from chatctl.messages import for_people, for_programs, public

        with shared_redis.reached():
            # The embedded Redis of a gateway ends with it and does not come back.
            for line in _lines(*chat.at, room, comes_back=chat.redis is not None):
                if event := public(line):
                    click.echo(dumps(for_programs(line)) if json else for_people(event, room))


def _lines(url: str, prefix: str, room: str, *, comes_back: bool) -> Iterator[bytes]:
    """The last lines of a room's log, and the new ones, each once; this never ends.

    Raises:
        RedisUnreachable: at the start; later only if it does not come back.
    """
    from gateway.backplane.ids import NOTHING
    from gateway.backplane.operators.history import follow, newest
    from gateway.errors import RedisUnreachable

    seen = NOTHING
    for entry in newest(url, prefix, room, count=BEFORE):
        seen = entry.id
        yield entry.line
    away = False
    while True:
        try:
            for news in follow(url, prefix, room, after=seen):
                if away:
                    warn("Redis is back")
                    away = False
                for entry in news:
                    seen = entry.id
                    yield entry.line
        except RedisUnreachable as error:
            if not comes_back:
                raise
            if not away:
                warn(f"Redis is away ({error}): waiting for it, Ctrl-C ends")
                away = True
            time.sleep(RETRY)
