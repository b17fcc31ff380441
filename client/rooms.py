"""The rooms that a person is in, as the screen shows them, and the current one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from client.names import KnownNames
from wire.frames import LOBBY, OPERATOR, PRIVATE, Changed, Entered, Joined, Left, Modes, Msg
from wire.names import fold


def first_of(rooms: Collection[str]) -> str | None:
    """The room to begin in: the lobby, or else the first room; None if there is no room."""
    return LOBBY if LOBBY in rooms else next(iter(rooms), None)


@dataclass
class _Room:
    """What we know about one room.

    Attributes:
        names: who is in it.
        modes: its modes.
        told: the person knows about being in it.
        put_out: the person knows about being put out of it.
    """

    names: KnownNames
    modes: Modes = field(default_factory=Modes)
    told: bool = False
    put_out: bool = False


class Rooms:
    """The rooms that one person is in.

    Args:
        me: the person's name.
        rooms: the rooms that the person is in at the start.

    Attributes:
        current: the room that typed lines go to; None for none.
        listed: the rooms of the last list that the gateway gave.
    """

    def __init__(self, me: str, rooms: Iterable[str]) -> None:
        self._me = me
        self._rooms = {room: _Room(KnownNames(me)) for room in rooms}
        self._others = KnownNames(me)  # people from private messages
        self.current = first_of(self._rooms)
        self.listed: list[str] = []

    def __contains__(self, room: object) -> bool:
        return room in self._rooms

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    @property
    def only_lobby(self) -> bool:
        """Whether the lobby is the only room, so that rooms do not have to be named."""
        return self._rooms.keys() == {LOBBY}

    def names(self, room: str | None) -> KnownNames:
        """The people in a room; if we are not in it, people from private messages."""
        found = self._rooms.get(room or "")
        return found.names if found else self._others

    def modes(self, room: str) -> Modes | None:
        """The modes of a room; None if we are not in it."""
        return self._rooms[room].modes if room in self._rooms else None

    def matching(self, prefix: str) -> list[str]:
        """Names with this beginning: people in the current room first, then the others."""
        known = [self.names(self.current), *(room.names for room in self._rooms.values())]
        found = [name for names in (*known, self._others) for name in names.matching(prefix)]
        return list(dict.fromkeys(found))

    def entered(self, event: Entered) -> bool:
        """We are in a room. Returns whether that is news to the person."""
        room = self._rooms.setdefault(event.room, _Room(KnownNames(self._me)))
        room.modes = event.modes
        told, room.told = room.told, True
        if self.current is None:
            self.current = event.room
        return not told

    def out(self, room: str) -> bool:
        """We are no longer in a room. Returns whether it was the current one."""
        self._rooms.pop(room, None)
        if room != self.current:
            return False
        self.current = first_of(self._rooms)
        return True

    def changed(self, event: Changed) -> Modes | None:
        """Something changed in a room. Returns its modes before that; None if we are not in it."""
        room = self._rooms.get(event.room)
        if room is None:
            return None
        if event.change in ("kick", "ban") and fold(event.name or "") == fold(self._me):
            room.put_out = True
        before, room.modes = room.modes, event.modes or room.modes
        return before

    def knows_why(self, room: str) -> bool:
        """Whether the person knows already about being put out of a room, and why."""
        return room in self._rooms and self._rooms[room].put_out

    def heard(self, event: Msg | Joined | Left) -> None:
        """Somebody said something, came or left."""
        match event:
            case Msg(from_=name, room=room) if name != OPERATOR:
                self.names(room or PRIVATE).spoke(name)
            case Joined(room=room, name=name):
                self.names(room).joined(name)
            case Left(room=room, name=name):
                self.names(room).left(name)

    def invited(self, room: str) -> None:
        """Somebody invites us to a room: completion offers it."""
        if room not in self.listed:
            self.listed.append(room)

    def returned(self) -> None:
        """We came back: people may have come and left, but being in our rooms is no news."""
        self._others.doubt()
        for room in self._rooms.values():
            room.names.doubt()
            room.told = True
