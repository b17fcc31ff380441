"""``chatctl tail``: what is said in a room, as it is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime
from json import dumps

import click

from chatctl import options, reading, shared_redis, standard
from chatctl.answers import warn
from chatctl.options import chat_options, option
from chatctl.reading import Reader, readers
from chatctl.shared_redis import Chat
from chatctl.units import COUNT

EXAMPLE = """\b
Examples:
  chatctl tail
  chatctl tail --json | jq -r --unbuffered 'select(.text | test("fire")) | .from'
  chatctl tail dev --name dana --server chat.example.org
"""

BEFORE = 10
"""Messages that are shown from before."""

RETRY = 0.5
"""Seconds between two attempts to reach a Redis that is away."""


@click.command(epilog=EXAMPLE, short_help="Show what is said in a room, live.")
@options.room
@option(
    "last",
    type=COUNT,
    metavar="MESSAGES",
    show_default=f"{BEFORE}; all with --since",
    help="How many messages from before, counted from the newest.",
)
@options.since
@option("json", is_flag=True, help="One message or other event per line.")
@readers
@chat_options
def tail(
    room: str,
    last: int | None,
    since: datetime | None,
    json: bool,
    reader: Reader | None,
    chat: Chat,
) -> None:
    """Show the last messages of a room, and then new ones as they come, until Ctrl-C.

    Without ROOM it is the lobby. Operators of the chat read from Redis. With --name, --server or
    --private you read through a gateway what a person may read there, and nobody is told.
    """
    standard.need_output()
    from chatctl.messages import for_people, for_programs, logged

    where, me = (reader.room, reader.name) if reader else (room, "")

    def show(line: bytes) -> None:
        if event := logged(line, where):
            click.echo(dumps(for_programs(line)) if json else for_people(event, where, me))

    async def read(reader: Reader, count: int | None) -> None:
        async for line in reading.live(reader, last=count, since=since):
            show(line)

    count = BEFORE if last is None and since is None else last
    with standard.until_interrupted():
        if reader:
            with reading.failing():
                asyncio.run(read(reader, count))
            return
        with shared_redis.reached():
            # The embedded Redis of a gateway ends with it and does not come back.
            comes_back = chat.redis is not None
            for line in _lines(*chat.at, room, count, since, comes_back=comes_back):
                show(line)


def _lines(
    url: str,
    prefix: str,
    room: str,
    count: int | None,
    since: datetime | None,
    *,
    comes_back: bool,
) -> Iterator[bytes]:
    """The last lines of a room's log, and the new ones, each once; this never ends.

    Raises:
        RedisUnreachable: at the start; later only if it does not come back.
    """
    from gateway.backplane.ids import NOTHING
    from gateway.backplane.operators.history import follow, newest
    from gateway.errors import RedisUnreachable

    seen = NOTHING
    for entry in newest(url, prefix, room, count=count, since=since):
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
