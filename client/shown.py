"""What a person was shown and has read, what they do with it, and the people they ignore."""

from __future__ import annotations

from client.display.meaning import OnMessage, Remove, Reply, Respond, Show
from client.display.message_commands import no_such
from client.recent import Recent
from client.rooms import Rooms
from client.seen import is_later
from wire.codec import decode_event
from wire.frames import (
    Delete,
    Deleted,
    Earlier,
    Event,
    Ignored,
    Marks,
    Msg,
    React,
    Reacted,
    Send,
)
from wire.names import fold


class Shown:
    """The messages that were shown to one person.

    Args:
        rooms: the rooms that the person is in.

    Attributes:
        recent: the last messages.
        ignored: the people that the person ignores.
    """

    def __init__(self, rooms: Rooms) -> None:
        self.recent = Recent()
        self.ignored: list[str] = []
        self._rooms = rooms
        self._ignored: set[str] = set()
        self._read: dict[str, str] = {}

    def hides(self, event: Event) -> bool:
        """Whether an event comes from somebody that the person ignores."""
        by = event.from_ if isinstance(event, Msg | Reacted) else ""
        return bool(by) and fold(by) in self._ignored

    def take(self, event: Event) -> None:
        """Take in an event that is shown, or that is not for showing."""
        match event:
            case Msg():
                self.recent.add(event)
            case Earlier():
                for raw in event.events:
                    if isinstance(each := decode_event(bytes(raw)), Msg):
                        self.recent.add(each)
            case Ignored(names=names):
                self.ignored, self._ignored = names, set(map(fold, names))

    def forget(self, event: Deleted) -> None:
        """Messages were deleted, and the person was told."""
        self.recent.remove(event)

    def request(self, wanted: OnMessage, me: str) -> Send | Delete | React | Show:
        """What a person wants to do with a message that was shown, as a request."""
        own = isinstance(wanted, Remove)
        room = self._rooms.current
        found = self.recent.find(wanted.which, room=room, me=me, own=own)
        if found is None:
            return no_such(wanted.which, own=own)
        match wanted:
            case Reply(text=text):
                re = found.key or found.id
                if found.to is None:
                    return Send(text=text, room=found.room or "", re=re)
                people = {fold(name): name for name in (found.from_, *found.to)}
                people.pop(fold(me), None)
                return Send(text=text, to=list(people.values()) or [me], re=re)
            case Respond(emoji=emoji, on=on):
                return React(id=found.id, emoji=emoji, room=found.room, on=on)
            case Remove():
                return Delete(id=found.id, room=found.room)

    def unread(self, event: Marks, seen: dict[str, str]) -> list[tuple[str, int]]:
        """The rooms with something new since the person read there, and how much.

        Args:
            event: how far the person has read.
            seen: the id after which this session begins in each room.
        """
        found = []
        for room, read in event.marks.items():
            self._read[room] = read
            epoch, _, n = seen.get(room, "").partition("-")
            last_epoch, _, last = read.partition("-")
            # What came in another epoch cannot be counted.
            if epoch == last_epoch and n.isdecimal() and last.isdecimal() and int(n) < 2**63:
                new = int(n) - int(last)
                if new > 0:
                    found.append((room, new))
        return sorted(found)

    def to_mark(self, room: str, id: str) -> bool:
        """Whether it is news that the person has read up to an id; from now on it is not."""
        if not id or (room in self._read and not is_later(id, self._read[room])):
            return False
        self._read[room] = id
        return True
