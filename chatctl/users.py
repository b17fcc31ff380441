"""``chatctl users``: everybody in the chat, on all gateways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from chatctl import shared_redis
from chatctl.answers import answer, rfc3339
from chatctl.options import chat_and_json
from chatctl.shared_redis import Chat
from chatctl.tables import since, span, table

if TYPE_CHECKING:
    from gateway.backplane.contract import Listed

EXAMPLE = """\b
Examples:
  chatctl users
  chatctl users --redis redis://10.0.0.5:6379/0 --json | jq -r '.[].name'
"""


@click.command(epilog=EXAMPLE)
@chat_and_json
def users(chat: Chat, json: bool) -> None:
    """List everybody in the chat, on all gateways."""
    from gateway.backplane.operators.users import list_users

    with shared_redis.reached():
        found = list_users(*chat.at)
    found = sorted(found, key=lambda person: person[0].registration.name.casefold())
    text = _table(found, datetime.now().astimezone()) if found else "nobody is here"
    answer(json, [_for_programs(person) for person in found], text)


def _for_programs(person: list[Listed]) -> dict[str, Any]:
    oldest = person[0].registration
    left = [each.left for each in person if each.left is not None]
    return {
        "name": oldest.name,
        "account": oldest.account or None,
        "since": rfc3339(oldest.since),
        "idle": min(each.idle for each in person),
        "left": max(left) if len(left) == len(person) else None,
        "rooms": sorted({room for each in person for room in each.registration.rooms}),
        "sessions": [_session(each) for each in person],
    }


def _session(user: Listed) -> dict[str, Any]:
    record = user.registration
    return {
        "session": record.session,
        "gateway": record.gateway,
        "address": record.address,
        "since": rfc3339(record.since),
        "idle": user.idle,
        "left": user.left,
        "client": record.client,
        "away": record.away,
        "quiet": record.quiet,
    }


def _table(found: Sequence[list[Listed]], now: datetime) -> str:
    rows = [("NAME", "GATEWAY", "ADDRESS", "SINCE", "IDLE", "LEFT", "SESSION")]
    rows += (
        (
            # A person with several sessions is shown once, with a line for each.
            "" if i else user.registration.name,
            user.registration.gateway,
            user.registration.address,
            since(user.registration.since, now),
            span(user.idle),
            "never" if user.left is None else span(user.left),
            user.registration.session if len(person) > 1 else "-",
        )
        for person in found
        for i, user in enumerate(person)
    )
    return table(rows)
