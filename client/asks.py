"""What a connection and a lasting chat can both be asked: requests that have an answer."""

from __future__ import annotations

from typing import Any, overload

from wire.frames import (
    AboutRoom,
    Ack,
    ChangePassword,
    Delete,
    Earlier,
    Entered,
    Ignore,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    Moderate,
    Out,
    Person,
    React,
    ReadHistory,
    Register,
    Renamed,
    Room,
    RoomInfo,
    RoomMember,
    SetAway,
    SetBack,
    SetModes,
    SetName,
    SetTopic,
    Unignore,
    User,
    Who,
    Whois,
)

Acknowledged = (
    SetTopic
    | SetModes
    | Moderate
    | Delete
    | React
    | SetAway
    | SetBack
    | Ignore
    | Unignore
    | Register
    | ChangePassword
)
"""Requests that are answered by an ack."""

Asked = (
    Join
    | Leave
    | ListRooms
    | ListMembers
    | AboutRoom
    | Who
    | Whois
    | SetName
    | ReadHistory
    | Acknowledged
)
"""Requests that have an answer of their own."""


class Asks:
    """Sends requests and waits for their answers; what is made of it says how, in `_answer_to`."""

    @overload
    async def ask(self, request: Join) -> Entered: ...
    @overload
    async def ask(self, request: Leave) -> Out: ...
    @overload
    async def ask(self, request: ListRooms) -> list[Room]: ...
    @overload
    async def ask(self, request: ListMembers) -> list[RoomMember]: ...
    @overload
    async def ask(self, request: AboutRoom) -> RoomInfo: ...
    @overload
    async def ask(self, request: Acknowledged) -> Ack: ...
    @overload
    async def ask(self, request: SetName) -> Renamed: ...
    @overload
    async def ask(self, request: Whois) -> Person: ...
    @overload
    async def ask(self, request: ReadHistory) -> list[Earlier]: ...
    @overload
    async def ask(self, request: Who) -> list[User]: ...

    async def ask(self, request: Asked) -> Any:
        """Send a request, and wait for its answer.

        A `client.lasting.LastingChat` first waits until there is a connection.

        Args:
            request: without a ``seq``, which is given here.

        Raises:
            Refused: the gateway refused it.
            Ended: the connection ended before the answer came, or the chat is over.
        """
        return await self._answer_to(request)

    async def join(self, room: str, *, key: str | None = None, history: int = 0) -> Entered:
        """Enter a room; nothing changes if we are in it already. Raises what `ask` raises.

        A `client.lasting.LastingChat` stays in the room over all connections.

        Args:
            room: its name; if there is no such room it is made, unless the gateway forbids that.
            key: the key of the room, if it has one.
            history: how many earlier messages to get first, at most `wire.frames.HISTORY`.
        """
        return await self.ask(Join(room=room, key=key, history=history))

    async def leave(self, room: str) -> Out:
        """Leave a room. Raises what `ask` raises."""
        return await self.ask(Leave(room=room))

    async def _answer_to(self, request: Asked) -> Any:
        raise NotImplementedError
