"""The client for other programs: events and requests as lines of JSON, as they are on the wire.

What a program would have to do by itself on a connection is done here: hello, pings, coming back,
sending again what was not confirmed, and showing that somebody is there.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any, TextIO, get_args

from msgspec.structs import replace

from client.asks import Asked
from client.errors import ChatError, Refused, Unconfirmed
from client.lasting import LastingChat
from client.line_source import LineSource
from client.news import Back, Held, Lost, News, NotRejoined, SentAgain, SentAway, StillAway
from client.plain import give_up
from wire.codec import decode_request, encode
from wire.frames import (
    Ack,
    Active,
    Bye,
    Error,
    Event,
    Hello,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    MarkRead,
    MemberList,
    Notice,
    Ping,
    Quit,
    ReadHistory,
    Request,
    RoomList,
    Send,
    SetName,
    Users,
    Who,
)
from wire.lines import LineTooLong
from wire.reasons import ErrorCode, WireError

UNCONFIRMED = "unconfirmed"
ENDED = "ended"
"""Codes of errors that no gateway tells, but the client."""

_ASKED: tuple[type, ...] = get_args(Asked)


class ProgramClient:
    """Carries out each line of its input, writes what happens, and leaves when the input ends.

    The first line is the welcome. Then comes one event a line, each once over all connections, and
    the answers to the requests, with their ``seq`` if they had one. Requests are carried out one
    after the other.

    Args:
        chat: the chat.
        source: the file descriptor that the requests come from.
        out: where events go.
    """

    def __init__(self, chat: LastingChat, *, source: int, out: TextIO) -> None:
        self._chat = chat
        self._lines = LineSource(source, chat.connection.limits.line)
        self._out = out
        self._code = 0

    async def run(self) -> int:
        """Go on until the input ends or the chat does.

        Returns:
            The exit code: 0, or 1 if the chat ended badly or a request was refused.
        """
        loop = asyncio.get_running_loop()
        self._write(self._chat.connection.welcome)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            staying = tasks.create_task(self._chat.stay_active())
            self._doing = tasks.create_task(self._do_all())
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._stop, 128 + number)
            await asyncio.wait([self._doing])
            staying.cancel()
            await self._chat.quit()
        return 1 if self._chat.failure else self._code

    async def _follow(self) -> None:
        async for event in self._chat.events():
            self._write(_notice(event) if isinstance(event, News) else event)
        if reason := self._chat.ended:
            self._write(Bye(reason.code, reason.text, reason.reconnect))
        self._lines.close()

    async def _do_all(self) -> None:
        async for line in self._lines:
            if isinstance(line, LineTooLong):
                self._fail(Error(code=ErrorCode.LINE_TOO_LONG, text="the line is too long"))
                continue
            if not isinstance(line, str) or not line.strip():
                continue
            try:
                request = decode_request(line.encode("utf-8", "replace"))
            except WireError as error:
                self._fail(Error(code=error.code, text=error.text, seq=error.seq))
                continue
            if isinstance(request, Quit) or self._chat.ended:
                return
            await self._do(request)

    async def _do(self, request: Request) -> None:
        seq = getattr(request, "seq", None)
        try:
            if isinstance(request, Send):
                ack = await self._chat.patiently(lambda: self._chat.deliver(request))
                self._write(replace(ack, seq=seq or 0))
            elif isinstance(request, _ASKED):
                await self._ask(request, seq)
            elif isinstance(request, MarkRead):
                self._chat.connection.mark(request.room, request.id)
            elif isinstance(request, Active | Ping):
                self._chat.connection.active()
            else:
                assert isinstance(request, Hello)
                self._fail(Error(code=ErrorCode.BAD_FRAME, text="the client says hello itself"))
        except Refused as refused:
            after = refused.retry_after
            self._fail(Error(code=refused.code, text=refused.text, seq=seq, retry_after=after))
        except Unconfirmed as error:
            self._fail(Error(code=UNCONFIRMED, text=str(error), seq=seq))
        except ChatError as error:
            self._fail(Error(code=ENDED, text=str(error), seq=seq))

    async def _ask(self, request: Any, seq: int | None) -> None:
        answer = await self._chat.ask(replace(request, seq=None))
        match request:
            case Join() | Leave() | SetName():  # an event tells the outcome, too
                self._write(Ack(seq=seq or 0, id=""))
            case Who():
                self._write(Users(users=answer, seq=seq))
            case ListRooms():
                self._write(RoomList(rooms=answer, seq=seq))
            case ListMembers(room=room):
                self._write(MemberList(room=room, members=answer, seq=seq))
            case ReadHistory():
                for part in answer:
                    self._write(replace(part, seq=seq))
            case _:
                self._write(replace(answer, seq=seq or 0 if isinstance(answer, Ack) else seq))

    def _fail(self, error: Error) -> None:
        self._code = 1
        self._write(error)

    def _stop(self, code: int) -> None:
        self._code = code
        self._doing.cancel()

    def _write(self, event: Event) -> None:
        try:
            self._out.write(encode(event).decode())
            self._out.flush()
        except OSError:
            # Nobody reads the output any longer, for example after `| head`: leave.
            give_up(self._out)
            self._stop(1)


def _notice(news: News) -> Notice:
    """News of the client itself, in the form of a notice."""
    match news:
        case Lost(reason) | SentAway(reason):
            return Notice(code="lost", text=reason.text)
        case Back(gateway, resumed):
            return Notice(code="resumed" if resumed else "back", text=f"back again, on {gateway}")
        case StillAway(why):
            return Notice(code="still_away", text=why)
        case Held(refused):
            return Notice(code="held", text=refused.text)
        case SentAgain(text):
            return Notice(code="sent_again", text=text)
        case NotRejoined(room, why):
            return Notice(code="not_rejoined", text=why, room=room)
