"""Which room a typed line goes to, and whether the person can know that.

People type a line for the room that the prompt names. But they may be put out of that room while
they type, or may have asked to enter a room that has not let them in yet. Then Enter does not send
the line: it stays, and the person is told where it would go now. Another Enter sends it there.
"""

from __future__ import annotations

from collections.abc import Sequence

from client.display import commands
from client.display.meaning import Meaning
from client.display.room_commands import NOWHERE
from client.display.rooms import shown_room
from client.rooms import Rooms


class Aim:
    """The room that a person's lines go to.

    Args:
        rooms: the rooms that the person is in.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._joining: str | None = None
        self._put_out: str | None = None

    def wants(self, room: str) -> None:
        """The person has asked to enter a room, and means to talk there."""
        self._joining = room

    def entered(self, room: str) -> None:
        """The person is in a room now. Lines go there if the person asked for it."""
        if room == self._joining:
            self.talk_in(room)

    def refused(self, room: str) -> None:
        """A room does not let the person in. What was typed meanwhile was meant for that room."""
        if room == self._joining:
            self._joining, self._put_out = None, room

    def talk_in(self, room: str) -> None:
        """The person has chosen the room that lines go to from now on."""
        self._rooms.current, self._joining, self._put_out = room, None, None

    def out(self, room: str, *, chosen: bool) -> str:
        """The person is no longer in a room.

        Args:
            room: which.
            chosen: the person chose to leave.

        Returns:
            Where lines go now, as a text for the person; empty if that has not changed.
        """
        if not self._rooms.out(room):
            return ""
        if not chosen:
            self._put_out = self._put_out or room
        return self.told()

    def told(self) -> str:
        """Where lines go now, as a text for the person."""
        room = self._rooms.current
        return NOWHERE if room is None else f"what you type goes to {shown_room(room)} now"

    def doubt(self, line: str, to: Sequence[str] | None, meaning: Meaning | None) -> str:
        """Why a line must not be sent yet, as a text for the person; empty if it may be sent.

        Args:
            line: what was typed.
            to: who gets every message; None if each message says that itself.
            meaning: what the line means in the current room.
        """
        if self._differs(line, to, meaning, self._joining):
            return f"not sent: {shown_room(self._joining or '')} has not let you in yet"
        if not self._differs(line, to, meaning, self._put_out):
            return ""
        room, self._put_out = self._put_out, None
        now = self._rooms.current
        then = f" Enter sends it to {shown_room(now)}." if now else ""
        return f"not sent: you are not in {shown_room(room or '')}.{then}"

    def _differs(
        self, line: str, to: Sequence[str] | None, meaning: Meaning | None, room: str | None
    ) -> bool:
        """Whether a line would mean something else in another room."""
        return room is not None and commands.read(line, to, room) != meaning
