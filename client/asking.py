"""Requests about rooms, with their answers as lines to show."""

from __future__ import annotations

from collections.abc import Callable

from client.lasting import LastingChat
from display import rooms
from display.meaning import RoomRequest
from display.view import View, info
from wire.frames import AboutRoom, Join, Leave, ListMembers, ListRooms


async def ask(chat: LastingChat, request: RoomRequest, view: Callable[[], View]) -> list[str]:
    """Send a request, and return the lines to show; none if an event will tell the outcome.

    Raises:
        Refused: the gateway refused it.
        Ended: the connection is over.
    """
    match request:
        case ListRooms():
            return rooms.room_list(await chat.ask(request), view())
        case ListMembers(room=room):
            return rooms.members(room, await chat.ask(request), view())
        case AboutRoom():
            return rooms.room_info(await chat.ask(request), view())
        case Join() | Leave():
            await chat.ask(request)
            return []
        case _:
            ack = await chat.ask(request)
            return [] if ack.id else info("nothing changed: it was so already", view())
