"""Reading through a gateway, as a person does: earlier messages, and new ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from chatctl import joining
from chatctl.answers import warn
from chatctl.failure import Failure, Misuse
from chatctl.joining import Entry
from chatctl.options import option

if TYPE_CHECKING:
    from client.lasting import LastingChat
    from client.news import News
    from wire.frames import Changed, Msg

_Command = TypeVar("_Command", bound=Callable[..., Any])

END_OF_TIME = 2**53
"""A time after every message."""


class Reader(NamedTuple):
    """The person who reads, and what.

    Attributes:
        name: the person's name.
        entry: how they get in.
        room: which room they read; None for their private messages.
    """

    name: str
    entry: Entry
    room: str | None


def readers(command: _Command) -> Any:
    """Options to read as a person; the command gets a `Reader`, ``reader``, or None for Redis."""

    @wraps(command)
    def run(*args: Any, name: str | None, entry: Entry, private: bool, **given: Any) -> Any:
        reader = None
        if private or _is_flag("name") or _is_flag("server"):
            if not name:
                raise Misuse("no name: add --name NAME, or set CHATCTL_NAME")
            reader = Reader(name, entry, None if private else given["room"])
        return command(*args, reader=reader, **given)

    found = joining.joining(run)
    found = option("private", is_flag=True, help="The private messages of --name.")(found)
    help = "Read through a gateway, as this person, and not from Redis."
    return option("name", metavar="NAME", help=help)(found)


def _is_flag(name: str) -> bool:
    """Whether an option is on the command line: an operator may have set a name elsewhere."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


@contextmanager
def failing() -> Iterator[None]:
    """Say why one cannot read.

    Raises:
        Failure: in place of a `ChatError`.
    """
    from client.errors import ChatError

    try:
        yield
    except ChatError as error:
        raise Failure(str(error)) from None


def earlier(
    reader: Reader, *, last: int | None, since: datetime | None, until: datetime | None
) -> list[bytes]:
    """Earlier messages, the oldest first.

    Args:
        reader: who reads, and what.
        last: how many, counted from the newest; None for all.
        since: only those that were stored then or later; None for all.
        until: only those that were stored before; None for all.

    Raises:
        Failure: one cannot read them.
    """

    async def read() -> list[bytes]:
        async with joining.quietly(reader.entry, reader.name) as chat:
            if reader.room is not None:
                await chat.enter(reader.room)
            return await _earlier(chat, reader.room, last, since, until)

    with failing():
        return asyncio.run(read())


async def _earlier(
    chat: LastingChat,
    room: str | None,
    last: int | None,
    since: datetime | None,
    until: datetime | None = None,
) -> list[bytes]:
    from msgspec.structs import replace

    from wire.frames import HISTORY, ReadHistory

    pages: list[list[bytes]] = []
    left = last
    request = ReadHistory(
        room=room, since=_milliseconds(since), until=_milliseconds(until) or END_OF_TIME
    )
    while left is None or left > 0:
        limit = HISTORY if left is None else min(HISTORY, left)
        request = replace(request, limit=limit)
        parts = await chat.patiently(lambda: chat.ask(request))  # noqa: B023 - it ends at once
        page = [bytes(raw) + b"\n" for part in parts for raw in part.events]
        pages.append(page)
        if parts[-1].complete or not page:
            break
        request = replace(request, before=_logged(page[0]).id)
        left = None if left is None else left - len(page)
    return [line for page in reversed(pages) for line in page]


async def live(reader: Reader, *, last: int | None, since: datetime | None) -> AsyncIterator[bytes]:
    """Earlier messages, and then new events as they come, each once, as lines.

    Raises:
        ChatError: one cannot read them, or not any longer.
    """
    from client.news import News
    from client.seen import Logged, is_later, place_of
    from wire.codec import encode
    from wire.frames import PRIVATE, Gap, Out

    place = reader.room or PRIVATE
    async with joining.quietly(reader.entry, reader.name) as chat:
        if reader.room is not None:
            await chat.enter(reader.room)
        past = await _earlier(chat, reader.room, last, since)
        for line in past:
            yield line
        seen = _logged(past[-1]).id if past else ""
        async for event in chat.events():
            if isinstance(event, Logged) and place_of(event) == place:
                # What comes while the earlier messages are read may be among them.
                if not seen or is_later(event.id, seen):
                    yield encode(event)
            elif isinstance(event, Out) and event.room == place:
                raise Failure(event.text)
            elif isinstance(event, Gap) and event.room == place:
                warn(event.text)
            elif isinstance(event, News):
                _tell(event)
        if chat.failure:
            raise chat.failure


def _tell(news: News) -> None:
    from client.news import Back, Lost

    match news:
        case Lost(reason):
            warn(f"{reason.text} Coming back...")
        case Back():
            warn("back again")


def _logged(line: bytes) -> Msg | Changed:
    """An event of an answer to ``history``."""
    from wire.codec import decode_event
    from wire.frames import Changed, Msg

    event = decode_event(line)
    assert isinstance(event, Msg | Changed)
    return event


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else max(0, round(time.timestamp() * 1000))
