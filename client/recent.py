"""The messages that were shown lately: what a person can answer, react to or delete."""

from __future__ import annotations

from collections import OrderedDict

from client.display.meaning import Which
from wire.frames import Deleted, Msg
from wire.names import fold

MOST = 500
"""Messages that are remembered."""


class Recent:
    """The last messages that were shown, in their order."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, Msg] = OrderedDict()

    def add(self, message: Msg) -> None:
        """A message was shown."""
        self._messages[message.key or message.id] = message
        while len(self._messages) > MOST:
            self._messages.popitem(last=False)

    def remove(self, event: Deleted) -> None:
        """Messages were deleted."""
        for target in event.targets:
            self._messages.pop(target, None)
        if event.upto is not None:
            gone = [ref for ref, each in self._messages.items() if each.room == event.room]
            for ref in gone:
                del self._messages[ref]

    def recall(self, message: str) -> Msg | None:
        """A message by its key or id; None if it is not remembered."""
        return self._messages.get(message)

    def find(self, which: Which, *, room: str | None, me: str, own: bool) -> Msg | None:
        """The message that a person means; None if no such message was shown.

        Args:
            which: as the person said it.
            room: the current room. Private messages are found by their sender, or as the person's
                own.
            me: the person's name.
            own: the person's own messages are meant, unless it is said whose; otherwise other
                people's.
        """
        left = which.back
        by, own_name = fold(which.by), fold(me)
        for message in reversed(self._messages.values()):
            sender = fold(message.from_)
            private = message.to is not None
            if (private and not (by or own)) or (not private and message.room != room):
                continue
            fits = sender == by if by else (sender == own_name) is own
            if fits:
                left -= 1
                if not left:
                    return message
        return None
