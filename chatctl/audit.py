"""``chatctl audit``: who moderated, and who changed accounts."""

from __future__ import annotations

from datetime import datetime

import click

from chatctl import options, shared_redis
from chatctl.answers import answer, rfc3339
from chatctl.options import chat_and_json, option
from chatctl.shared_redis import Chat
from chatctl.tables import since as shown_since
from chatctl.tables import table
from chatctl.units import COUNT

EXAMPLE = """\b
Examples:
  chatctl audit
  chatctl audit --since 24h --room dev
  chatctl audit --json | jq -r '.[] | select(.act == "ban").target'
"""


@click.command(epilog=EXAMPLE, short_help="Who kicked, banned, deleted, or changed an account.")
@option("last", type=COUNT, default=50, metavar="ENTRIES", help="How many entries, the newest.")
@options.since
@option("by", default="", metavar="NAME", help="Only what this person or operator did.")
@option("room", default="", metavar="ROOM", help="Only what was done in this room.")
@chat_and_json
def audit(last: int, since: datetime | None, by: str, room: str, chat: Chat, json: bool) -> None:
    """Show who moderated rooms or the chat, and who changed accounts: when, and from where.

    About the last 10,000 entries are kept.
    """
    from gateway.backplane.operators.audit import read
    from wire.names import fold

    after = 0 if since is None else round(since.timestamp() * 1000)
    with shared_redis.reached():
        found = read(*chat.at, last=last, since=after, by=by, room=fold(room) if room else "")
    now = datetime.now().astimezone()
    rows = [("WHEN", "BY", "FROM", "WHAT", "ROOM", "TARGET", "WHY")]
    rows += (
        (
            shown_since(each.at, now),
            each.by,
            each.address or "-",
            each.act,
            each.room or "-",
            each.target or "-",
            each.reason,
        )
        for each in found
    )
    data = [
        {
            "at": rfc3339(each.at),
            "by": each.by,
            "account": each.account or None,
            "address": each.address or None,
            "gateway": each.gateway or None,
            "act": each.act,
            "room": each.room or None,
            "target": each.target or None,
            "reason": each.reason or None,
        }
        for each in found
    ]
    answer(json, data, table(rows) if found else "the audit log has no such entry")
