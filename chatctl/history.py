"""``chatctl history``: what was said in a room."""

from __future__ import annotations

from datetime import datetime
from json import dumps

import click

from chatctl import options, shared_redis
from chatctl.answers import warn
from chatctl.options import chat_options, option
from chatctl.reading import Reader, earlier, readers
from chatctl.shared_redis import Chat
from chatctl.units import COUNT, moment

EXAMPLE = """\b
Examples:
  chatctl history --since 2h
  chatctl history dev --last 1000 --json | jq -r '.[] | select(.op == "msg") | .text'
  chatctl history --private --name dana --server chat.example.org --since 2026-11-23
"""

LAST = 50
"""Messages that are shown if you do not say how many."""


@click.command(epilog=EXAMPLE)
@options.room
@option(
    "last",
    type=COUNT,
    metavar="MESSAGES",
    show_default=f"{LAST}; all with --since",
    help="How many messages, counted from the newest.",
)
@options.since
@option("until", type=moment, metavar="TIME", help="Until when, written in the same way.")
@option("json", is_flag=True, help="A JSON array of the messages.")
@readers
@chat_options
def history(
    room: str,
    last: int | None,
    since: datetime | None,
    until: datetime | None,
    json: bool,
    reader: Reader | None,
    chat: Chat,
) -> None:
    """Show what was said in a room, oldest first.

    Without ROOM it is the lobby. Operators of the chat read from Redis. With --name, --server or
    --private you read through a gateway what a person may read there, and nobody is told.
    """
    from chatctl.messages import for_people, for_programs, logged
    from gateway.backplane.operators.history import newest
    from wire.frames import Changed, Msg

    def is_shown(line: bytes) -> bool:
        return isinstance(logged(line, room), Msg | Changed)

    count = LAST if last is None and since is None else last
    if reader:
        lines = earlier(reader, last=count, since=since, until=until)
    else:
        with shared_redis.reached():
            found = newest(*chat.at, room, count=count, since=since, until=until, wanted=is_shown)
        lines = [each.line for each in found]
    if json:
        click.echo(dumps([for_programs(line) for line in lines], indent=2))
        return
    where = reader.room if reader else room
    me = reader.name if reader else ""
    for line in lines:
        if event := logged(line, where):
            click.echo(for_people(event, where, me))
    if not lines:
        place = "private message" if where is None else f"message in room {where!r}"
        after = f" since {since:%Y-%m-%d %H:%M:%S}" if since else ""
        before = f" until {until:%Y-%m-%d %H:%M:%S}" if until else ""
        warn(f"there is no {place}{after}{before}")
