"""The lines of a room's log, for people and for programs."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from client.terminal import columns
from display import render
from display.style import Style
from display.view import View
from wire.codec import decode_event
from wire.frames import Msg
from wire.reasons import WireError


def public(line: bytes) -> Msg | None:
    """The public message that a line is; None if it is anything else, or newer than we are."""
    try:
        event = decode_event(line)
    except WireError:
        return None
    return event if isinstance(event, Msg) and event.to is None else None


def for_people(message: Msg) -> str:
    """The message as people in the room see it; it cannot harm a terminal."""
    view = View(
        me="",  # an operator has no name in the chat that could be marked in a text
        now=datetime.now().astimezone(),
        style=Style(color=False),
        width=columns(sys.stdout),
    )
    return "\n".join(render.message(message, view))


def for_programs(line: bytes) -> Any:
    """The message as it went over the wire."""
    return json.loads(line)
