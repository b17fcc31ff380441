"""The lines of a room's log, for people and for programs."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from chatctl.answers import rfc3339
from chatctl.tables import since
from client.display import render
from client.display.style import Style
from client.display.view import View
from client.seen import Logged, place_of
from client.terminal import columns
from wire.codec import decode_event
from wire.frames import PRIVATE, Msg
from wire.reasons import WireError


def logged(line: bytes, room: str | None) -> Logged | None:
    """What everybody in a room was told; None for anything else, or for what we do not know.

    Args:
        line: as it went over the wire.
        room: which room; None for the private messages of a person.
    """
    try:
        event = decode_event(line)
    except WireError:
        return None
    if isinstance(event, Logged) and place_of(event) == (room or PRIVATE):
        return event
    return None


def for_people(event: Logged, room: str | None, me: str = "") -> str:
    """The event as people see it; it cannot harm a terminal.

    Args:
        event: what happened.
        room: where one looks; None for private messages.
        me: who looks; "" for an operator, who has no name in the chat.
    """
    now, width = datetime.now().astimezone(), columns(sys.stdout)
    # Only a message has a time of its own where people see it happen; here all have.
    time = "" if isinstance(event, Msg) else f"{since(event.ts, now)} "
    view = View(
        me=me,
        now=now,
        style=Style(color=False),
        width=None if width is None else width - len(time),
        room=room,
    )
    return time + "\n".join(render.event(event, view))


def for_programs(line: bytes) -> Any:
    """The event as it went over the wire, but with times as all our JSON has them."""
    fields = json.loads(line)
    return fields | {name: rfc3339(fields[name]) for name in ("ts", "until") if name in fields}
