"""All rooms that somebody on this gateway is in."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gateway.addresses import Address
from gateway.backplane.records import Registration
from gateway.chat.rooms import RoomState
from wire.frames import Entered, Moderate, Room, RoomInfo, RoomMember, SetModes, SetTopic
from wire.reasons import WireError


class Person(Protocol):
    """Somebody on this gateway who is in rooms, or wants to be."""

    @property
    def registration(self) -> Registration:
        """The record of the session."""

    @property
    def ip(self) -> Address:
        """Where the person is: bans may be of networks."""

    def put_out(self, room: str, code: str, text: str) -> None:
        """The person is in a room no longer: leave its channel, tell it, change the record.

        `Rooms` has let go of the person already: `Rooms.leave` is not to be called.

        Args:
            room: which.
            code: why (`wire.frames.Out`).
            text: the same, for the person.
        """


class Channels(Protocol):
    """What rooms ask of the channels of this gateway."""

    async def need(self, channel: str) -> None:
        """Return once what is published on a room's channel is heard from here on."""

    def drop(self, channel: str) -> None:
        """One who needed the channel needs it no more."""

    def at(self, channel: bytes) -> bytes:
        """The id up to which the channel has been delivered."""

    def deliver(self, channel: bytes, lines: bytes) -> None:
        """Tell lines to all who have joined the channel."""

    def hold(self, channel: bytes) -> None:
        """Deliver nothing of the channel until `release`: what comes waits, in its order."""

    def release(self, channel: bytes) -> None:
        """Deliver what waits."""


class Entry(NamedTuple):
    """Somebody is in a room.

    Attributes:
        at: the id behind which the person is to be told what is said. Without a history it is the
            position of the channel at the moment in which `Rooms.enter` returns.
        entered: what to tell the person; without ``seq``.
        history: the last messages up to ``at``, each a line, the oldest first.
    """

    at: bytes
    entered: Entered
    history: list[bytes]


class Rooms:
    """Who of this gateway is in which room.

    A room is open here while somebody of this gateway is in it: its channel is listened to, and
    its state and its members are known.
    """

    async def enter(
        self,
        room: str,
        person: Person,
        *,
        key: str = "",
        history: int = 0,
        returning: bool = False,
        told: bool = True,
    ) -> Entry:
        """Have somebody enter a room, if the rules allow it; the room is made if there is none.

        At the moment of the return the person is in the room: join the channel before anything
        else is awaited, and nothing is missed. From then on the person may be put out at any time
        (`Person.put_out`). Who is in the room already gets the same answer.

        Args:
            room: its name, folded.
            person: who.
            key: what the person showed for a room that asks for one.
            history: how many of the last messages are wanted; as many as may be read are returned.
            returning: the person was in the room before, and has resumed: no key is needed, and
                whoever was kicked meanwhile is refused.
            told: the others do not know that the person is here.

        Raises:
            WireError: the person may not enter, or there is no such room and none is made.
            BackplaneDown: Redis is away; the person is not in the room.
            BackplaneRefused: likewise.
        """
        raise NotImplementedError

    async def enter_all(
        self, rooms: list[str], person: Person, *, returning: bool, told: bool
    ) -> dict[str, Entry | WireError]:
        """Have somebody enter several rooms at once, all asked for together; see `enter`.

        Returns:
            For each room the entry, or why it was refused.

        Raises:
            BackplaneDown: Redis is away; the person is in none of them.
            BackplaneRefused: likewise.
        """
        raise NotImplementedError

    def leave(self, room: str, person: Person, code: str) -> None:
        """Somebody leaves a room: the others are told as soon as Redis can be.

        Leave the channel first: if nobody else of this gateway is in the room, it is closed here.

        Args:
            room: which.
            person: who. Nothing happens if the person is not in it.
            code: why (`wire.frames.Left`).
        """
        raise NotImplementedError

    def abandon(self, room: str, person: Person) -> None:
        """Somebody is gone whose place in the room is kept, since it comes back in a moment.

        As `leave`, but nobody is told and Redis keeps the member, until the session is swept.
        """
        raise NotImplementedError

    def depart(self, registration: Registration, code: str) -> None:
        """Take a session out of all rooms of its record, whichever gateway it was on.

        Args:
            registration: whose.
            code: why (`wire.frames.Left`).
        """
        raise NotImplementedError

    def may_say(self, room: str, person: Person) -> WireError | None:
        """Why somebody may not say something in a room; None: the person may.

        Decided from what is known here. To be asked again for every message if `version` is not
        the same any longer when it is published, and after a `RoomChanged` and `refresh`.
        """
        raise NotImplementedError

    def slow(self, room: str, person: Person) -> int:
        """Seconds that must be between two messages of this person in this room; 0 for none."""
        raise NotImplementedError

    def version(self, room: str) -> str:
        """The version of what is known here about a room: Redis refuses to publish by another."""
        raise NotImplementedError

    async def refresh(self, room: str) -> None:
        """Read again what holds in a room; put out who may not be in it any longer.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: it refuses.
        """
        raise NotImplementedError

    def heard(self, channel: bytes, kind: bytes, number: int, lines: bytes) -> None:
        """Something that is no message was published on a room's channel; called in its order.

        Args:
            channel: which.
            kind: ``+``, ``~`` or ``=`` (`gateway.backplane.contract.Events.deliver`).
            number: what stands behind it: the moves, or the version.
            lines: the events.
        """
        raise NotImplementedError

    async def repaired(self, channel: bytes) -> None:
        """A channel has been repaired from its log, and nothing of that is delivered yet.

        Await it before anything is: what was lost may have been that somebody was put out. If it
        raises, nothing must be delivered: the hole is still there.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: it refuses.
        """
        raise NotImplementedError

    def state(self, room: str) -> RoomState | None:
        """What holds in a room, as far as is known here; None if it is not open here."""
        raise NotImplementedError

    async def members(self, room: str, person: Person) -> list[RoomMember]:
        """Who is in a room.

        Raises:
            WireError: there is no such room, or it is secret or for members only.
            BackplaneDown: Redis is away.
            BackplaneRefused: it refuses.
        """
        raise NotImplementedError

    async def about(self, room: str, person: Person) -> RoomInfo:
        """What holds in a room; raises what `members` raises."""
        raise NotImplementedError

    async def all(self, person: Person) -> list[Room]:
        """All rooms that this person may see, a second ago at the most.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: it refuses.
        """
        raise NotImplementedError

    async def change(self, request: SetTopic | SetModes | Moderate, person: Person) -> str:
        """Do what an operator of a room asks for; returns the id of the event that tells of it.

        Raises:
            WireError: the person may not, or there is nothing to do.
            BackplaneDown: Redis is away; it may or may not have been done.
            BackplaneRefused: it was not done.
        """
        raise NotImplementedError

    async def check(self) -> None:
        """Compare what is known here with Redis, and mend both; to be called every ten seconds.

        Raises:
            BackplaneDown: Redis is away.
        """
        raise NotImplementedError
