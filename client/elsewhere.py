"""What is said in the rooms that the person does not look at."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from wire.frames import Msg

MOST_HELD = 200
"""Messages of a room that are held until the person looks there; /history has older ones."""


@dataclass
class Unread:
    """What one room has that is new.

    Attributes:
        messages: how many messages.
        for_them: how many of these are meant for the person.
        held: the messages that were not shown yet.
        dropped: how many were neither shown nor held.
    """

    messages: int = 0
    for_them: int = 0
    held: deque[Msg] = field(default_factory=lambda: deque(maxlen=MOST_HELD))
    dropped: int = 0


class Elsewhere:
    """What is new in the rooms other than the current one."""

    def __init__(self) -> None:
        self.rooms: dict[str, Unread] = {}

    def said(self, room: str, message: Msg, *, for_them: bool, hold: bool) -> bool:
        """Something was said in another room. Returns whether it is the first thing there.

        Args:
            room: where.
            message: what.
            for_them: it is meant for the person.
            hold: it is not shown now.
        """
        unread = self.rooms.setdefault(room, Unread())
        unread.messages += 1
        unread.for_them += for_them
        if hold:
            unread.dropped += len(unread.held) == MOST_HELD
            unread.held.append(message)
        return unread.messages == 1

    def look(self, room: str | None) -> Unread:
        """The person looks at a room now: nothing there is new any longer."""
        return self.rooms.pop(room or "", Unread())
