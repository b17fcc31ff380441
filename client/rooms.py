"""The rooms that somebody is in, as a screen shows them, and the one in which the person talks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from client.names import KnownNames
from wire.frames import LOBBY, OPERATOR, PRIVATE, Changed, Entered, Joined, Left, Modes, Msg
from wire.names import fold


def first_of(rooms: Collection[str]) -> str | None:
    """Where somebody talks who has not said where: the lobby, or the first room; None for none."""
    return LOBBY if LOBBY in rooms else next(iter(rooms), None)


@dataclass
class _Room:
    """What is known of one room.

    Attributes:
        names: who is in it.
        modes: what holds in it.
        told: the person was told of being in it.
        put_out: the person was told of being put out of it.
    """

    names: KnownNames
    modes: Modes = field(default_factory=Modes)
    told: bool = False
    put_out: bool = False


class Rooms:
    """The rooms that one person is in.

    Args:
        me: the person's name.
        rooms: those that the person is in at the start.

    Attributes:
        current: the room where the person talks; None for nowhere.
        listed: the rooms there are, when it was asked last.
    """

    def __init__(self, me: str, rooms: Iterable[str]) -> None:
        self._me = me
        self._rooms = {room: _Room(KnownNames(me)) for room in rooms}
        self._others = KnownNames(me)  # people of whom one hears elsewhere
        self.current = first_of(self._rooms)
        self.listed: list[str] = []

    def __contains__(self, room: object) -> bool:
        return room in self._rooms

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    @property
    def only_lobby(self) -> bool:
        """Whether there is no other room, so that none need be named."""
        return self._rooms.keys() == {LOBBY}

    def names(self, room: str | None) -> KnownNames:
        """Who is in a room; of others whom one has heard, for a room that one is not in."""
        found = self._rooms.get(room or "")
        return found.names if found else self._others

    def modes(self, room: str) -> Modes | None:
        """What holds in a room, as far as that is known."""
        return self._rooms[room].modes if room in self._rooms else None

    def matching(self, prefix: str) -> list[str]:
        """Names that begin so: first those of the current room, then those of the others."""
        known = [self.names(self.current), *(room.names for room in self._rooms.values())]
        found = [name for names in (*known, self._others) for name in names.matching(prefix)]
        return list(dict.fromkeys(found))

    def entered(self, event: Entered) -> bool:
        """We are in a room; says whether the person has not been told of it yet."""
        room = self._rooms.setdefault(event.room, _Room(KnownNames(self._me)))
        room.modes = event.modes
        told, room.told = room.told, True
        if self.current is None:
            self.current = event.room
        return not told

    def out(self, room: str) -> bool:
        """We are in a room no longer; says whether it was the current one, and another is now."""
        self._rooms.pop(room, None)
        if room != self.current:
            return False
        self.current = first_of(self._rooms)
        return True

    def changed(self, event: Changed) -> Modes | None:
        """Something changed in a room; returns what held there before, as far as it is known."""
        room = self._rooms.get(event.room)
        if room is None:
            return None
        if event.change in ("kick", "ban") and fold(event.name or "") == fold(self._me):
            room.put_out = True
        before, room.modes = room.modes, event.modes or room.modes
        return before

    def knows_why(self, room: str) -> bool:
        """Whether a change has told the person already of being put out of a room."""
        return room in self._rooms and self._rooms[room].put_out

    def heard(self, event: Msg | Joined | Left) -> None:
        """Somebody said something, came or went."""
        match event:
            case Msg(from_=name, room=room) if name != OPERATOR:
                self.names(room or PRIVATE).spoke(name)
            case Joined(room=room, name=name):
                self.names(room).joined(name)
            case Left(room=room, name=name):
                self.names(room).left(name)

    def returned(self) -> None:
        """After a return: nobody knows who came and went, but the rooms are no news."""
        self._others.doubt()
        for room in self._rooms.values():
            room.names.doubt()
            room.told = True
