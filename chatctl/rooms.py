"""``chatctl rooms``: which rooms there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from chatctl import shared_redis
from chatctl.answers import answer, rfc3339
from chatctl.modes import written
from chatctl.options import chat_and_json
from chatctl.shared_redis import Chat
from chatctl.tables import since, table

if TYPE_CHECKING:
    from gateway.backplane.operators.rooms import RoomSummary

EXAMPLE = """\b
Examples:
  chatctl rooms
  chatctl rooms --json | jq -r '.[] | select(.people == 0) | .room'
"""


@click.command(epilog=EXAMPLE, short_help="List the rooms.")
@chat_and_json
def rooms(chat: Chat, json: bool) -> None:
    """List all rooms, secret ones too: how many people and operators are in them, and their topics.

    `chatctl room ROOM` shows one of them in full.
    """
    from gateway.backplane.operators.rooms import list_rooms

    with shared_redis.reached():
        found = list_rooms(*chat.at)
    text = _table(found, datetime.now().astimezone()) if found else "there is no room"
    answer(json, [_for_programs(each) for each in found], text)


def _table(found: Sequence[RoomSummary], now: datetime) -> str:
    rows = [("ROOM", "PEOPLE", "OPERATORS", "LAST MESSAGE", "MODES", "TOPIC")]
    rows += (
        (
            each.state.room,
            str(each.people),
            str(each.operators),
            "-" if each.last is None else since(each.last, now),
            " ".join(written(each.state.modes)) or "-",
            each.state.topic,
        )
        for each in found
    )
    return table(rows)


def _for_programs(each: RoomSummary) -> dict[str, Any]:
    from msgspec.structs import asdict

    state = each.state
    return {
        "room": state.room,
        "people": each.people,
        "operators": each.operators,
        "last": rfc3339(each.last),
        "modes": asdict(state.modes),
        "topic": state.topic,
        "topic_by": state.topic_by,
        "topic_at": rfc3339(state.topic_at or None),
    }
