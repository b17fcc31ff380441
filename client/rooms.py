"""The rooms that a person is in, as the screen shows them, and the current one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from client.names import KnownNames
from client.seen import is_later
from wire.frames import (
    LOBBY,
    OPERATOR,
    PRIVATE,
    Changed,
    Entered,
    Joined,
    Left,
    Modes,
    Msg,
    Renamed,
)
from wire.names import fold

PUTS_OUT = ("kick", "ban")
"""Changes that put somebody out of a room."""


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
        start: the last id before we came; empty if we were in it at the start.
        put_out: people who were put out of it, and whose leaving will be told too.
    """

    names: KnownNames
    modes: Modes = field(default_factory=Modes)
    told: bool = False
    start: str = ""
    put_out: set[str] = field(default_factory=set)


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
        new = _Room(KnownNames(self._me), start=event.seen)
        room = self._rooms.setdefault(event.room, new)
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

    def is_earlier(self, event: Changed) -> bool:
        """Whether something was changed before we came: then it is history."""
        room = self._rooms.get(event.room)
        return room is not None and bool(room.start) and not is_later(event.id, room.start)

    def changed(self, event: Changed) -> Modes | None:
        """Something changed in a room. Returns its modes before that; None if we are not in it."""
        room = self._rooms.get(event.room)
        if room is None:
            return None
        if event.change in PUTS_OUT and event.name is not None:
            room.put_out.add(fold(event.name))
        before, room.modes = room.modes, event.modes or room.modes
        return before

    def puts_us_out(self, event: Changed) -> bool:
        """Whether a change puts us out of a room. A moment later the gateway says so, too."""
        is_about_us = event.name is not None and fold(event.name) == fold(self._me)
        return event.change in PUTS_OUT and is_about_us

    def heard(self, event: Msg | Joined | Left) -> bool:
        """Somebody said something, came or left.

        Returns:
            Whether to tell the person. A change has told already if somebody was put out, and what
            happens to us is told in another way.
        """
        match event:
            case Msg(from_=name, room=room) if name != OPERATOR:
                self.names(room or PRIVATE).spoke(name)
            case Joined(room=room, name=name):
                self.names(room).joined(name)
                self._was_put_out(room, name)  # and is back
            case Left(room=room, name=name):
                self.names(room).left(name)
                return not self._was_put_out(room, name) and fold(name) != fold(self._me)
        return True

    def _was_put_out(self, room: str, name: str) -> bool:
        found = self._rooms.get(room)
        if found is None or fold(name) not in found.put_out:
            return False
        found.put_out.discard(fold(name))
        return True

    def renamed(self, event: Renamed) -> None:
        """Somebody has another name, perhaps we."""
        if event.room is None:
            self._me = event.to
            for known in (*(room.names for room in self._rooms.values()), self._others):
                known.i_am(event.to)
        else:
            self.names(event.room).left(event.name)
            self.names(event.room).joined(event.to)

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
