"""The lines of a room's log, for people and for programs."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from chatctl.tables import since
from client.terminal import columns
from display import render
from display.style import Style
from display.view import View
from wire.codec import decode_event
from wire.frames import Changed, Msg
from wire.reasons import WireError


def public(line: bytes) -> Msg | Changed | None:
    """What everybody in a room was told; None for anything else, or for what we do not know."""
    try:
        event = decode_event(line)
    except WireError:
        return None
    if isinstance(event, Msg):
        return event if event.to is None else None
    return event if isinstance(event, Changed) else None


def for_people(event: Msg | Changed, room: str) -> str:
    """The event as people in the room see it; it cannot harm a terminal."""
    now, width = datetime.now().astimezone(), columns(sys.stdout)
    # A change has no time of its own where people see it happen; here it has.
    time = f"{since(event.ts, now)} " if isinstance(event, Changed) else ""
    view = View(
        me="",  # an operator has no name in the chat that could be marked in a text
        now=now,
        style=Style(color=False),
        width=None if width is None else width - len(time),
        room=room,
    )
    return time + "\n".join(render.event(event, view))


def for_programs(line: bytes) -> Any:
    """The event as it went over the wire."""
    return json.loads(line)
