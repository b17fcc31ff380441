"""``chatctl history``: what was said in a room."""

from __future__ import annotations

from datetime import datetime
from json import dumps

import click

from chatctl import options, shared_redis
from chatctl.options import chat_options, option
from chatctl.shared_redis import Chat
from chatctl.units import COUNT, moment

EXAMPLE = """\b
Examples:
  chatctl history --since 2h
  chatctl history dev --last 1000 --json | jq -r '.[] | select(.op == "msg") | .text'
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
@option(
    "since",
    type=moment,
    metavar="TIME",
    help="Since when: 10m or 2h ago, 14:30 today, 2026-11-23, or an RFC 3339 time.",
)
@option("json", is_flag=True, help="A JSON array of the messages as they went over the wire.")
@chat_options
def history(room: str, last: int | None, since: datetime | None, json: bool, chat: Chat) -> None:
    """Show what was said in a room, oldest first.

    Without ROOM it is the lobby. Private messages are never shown.
    """
    from chatctl.messages import for_people, for_programs, public
    from gateway.backplane.operators.history import newest

    with shared_redis.reached():
        count = LAST if last is None and since is None else last
        entries = newest(*chat.at, room, count=count, since=since)
    found = [(event, line) for _, line in entries if (event := public(line))]
    if json:
        click.echo(dumps([for_programs(line) for _, line in found], indent=2))
    elif found:
        click.echo("\n".join(for_people(event, room) for event, _ in found))
    else:
        when = f" since {since:%Y-%m-%d %H:%M:%S}" if since else ""
        click.echo(f"chatctl: there is no message in room {room!r}{when}", err=True)
