"""Requests with their answers as lines to show."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from client.display import render, rooms
from client.display.meaning import (
    Choose,
    Go,
    Help,
    LookBack,
    NeedPassword,
    PeopleRequest,
    RoomRequest,
    ShowIgnored,
    ShowOptions,
)
from client.display.safe_text import clean_name
from client.display.times import moment
from client.display.view import View, info
from client.lasting import LastingChat
from wire.frames import (
    AboutRoom,
    Delete,
    Earlier,
    Event,
    Ignore,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    React,
    ReadHistory,
    SetAway,
    SetBack,
    SetName,
    Unignore,
    Who,
    Whois,
)

Request = RoomRequest | PeopleRequest | ReadHistory | LookBack | Delete | React
"""What can be asked for at a prompt."""

Command = Who | Help | Go | NeedPassword | ShowIgnored | Choose | ShowOptions | Request
"""What a line can mean, other than a message or to leave."""


async def ask(
    chat: LastingChat,
    request: Request,
    view: Callable[[], View],
    take: Callable[[Event], None],
) -> list[str]:
    """Send a request, and return the lines to show; none if an event will tell the outcome.

    Args:
        chat: the chat.
        request: the request.
        view: who looks at the answer, and how.
        take: gets earlier messages that are shown.

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
        case Join() | Leave() | SetName():
            await chat.ask(request)
            return []
        case Whois():
            return render.event(await chat.ask(request), view())
        case ReadHistory():
            return render.history(await _earlier(chat, request, take), view())
        case LookBack(since=text, request=wanted):
            since = round(moment(text, view().now).timestamp() * 1000)
            found = await _earlier(chat, replace(wanted, since=max(0, since)), take)
            return render.history(found, view(), onwards=True)
        case SetAway() | SetBack():
            await chat.ask(request)
            away = isinstance(request, SetAway)
            return info(
                "you are away: /back when you are here again" if away else "you are back", view()
            )
        case Ignore() | Unignore():
            await chat.ask(request)
            hidden = isinstance(request, Ignore)
            said = "is hidden from now on" if hidden else "is shown again"
            return info(f"what {clean_name(request.name)} says {said}", view())
        case _:
            ack = await chat.ask(request)
            return [] if ack.id else info("nothing changed: it was so already", view())


async def _earlier(
    chat: LastingChat, request: ReadHistory, take: Callable[[Event], None]
) -> list[Earlier]:
    found = await chat.ask(request)
    for part in found:
        take(part)
    return found
