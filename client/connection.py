"""One connection to a gateway: the client's own, and a small library for bots.

::

    async with await connect("127.0.0.1", 2428, name="bot") as chat:
        await chat.send("hello", to=["sis"])
        async for event in chat:
            ...
    print(chat.ended.text)
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, cast, overload

import msgspec

from client.compose import compose, encodable
from client.errors import CannotConnect, Ended, Refused, Unconfirmed
from client.heartbeat import Heartbeat, Pulse
from client.tls import ALERT
from wire.codec import decode_event, encode
from wire.frames import (
    LOBBY,
    AboutRoom,
    Ack,
    Action,
    Active,
    Bye,
    Entered,
    Error,
    Event,
    Hello,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    MemberList,
    Moderate,
    Out,
    Ping,
    Pong,
    Quit,
    Request,
    Room,
    RoomInfo,
    RoomList,
    RoomMember,
    Send,
    SetModes,
    SetTopic,
    User,
    Users,
    Welcome,
    Who,
)
from wire.limits import Limits
from wire.lines import LineBuffer, LineTooLong
from wire.reasons import CONNECTION_LOST, QUIT, SLOW, ErrorCode, Reason, WireError

LONGEST_LINE = 1024 * 1024
"""Bytes. More than any gateway sends; there only to bound memory."""

MOST_WAITING = 10_000
"""Events that may wait for somebody to iterate; with more, the connection ends as `SLOW`."""


Asked = Join | Leave | ListRooms | ListMembers | AboutRoom | SetTopic | SetModes | Moderate | Who
"""What has an answer of its own."""


class Connection(asyncio.Protocol):
    """A connection: send, and iterate over what the gateway tells. Made by `client.dial.connect`.

    Iterate, even if only to throw away: what nobody takes waits in memory (`MOST_WAITING`).

    Attributes:
        welcome: what the gateway said when it granted the name.
        granted: done when the hello was answered.
        ended: why the connection is over; None while it is not.
        wait: seconds after which the gateway's bye asked us to come back; None if it did not say.
        seqs: numbers for requests, rising over all the connections of a client.
        session: the same object for two connections if the gateways know that the second is the
            first's: then what is sent again with the same number is posted once.
    """

    welcome: Welcome

    def __init__(self, hello: Hello, seqs: itertools.count[int], pulse: Pulse) -> None:
        self.ended: Reason | None = None
        self.wait: float | None = None
        self.seqs = seqs
        self.session = object()
        self._loop = asyncio.get_running_loop()
        self.granted: asyncio.Future[None] = self._loop.create_future()
        self._hello = hello
        self._heartbeat = Heartbeat(
            pulse, ask=lambda: self._write(Ping()), lost=lambda: self.end(CONNECTION_LOST)
        )
        self._lines = LineBuffer(LONGEST_LINE)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._parts: dict[int, list[Any]] = {}
        self._gone = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @property
    def name(self) -> str:
        """One's own name, as it is shown."""
        return self.welcome.name

    @property
    def limits(self) -> Limits:
        """What this gateway allows."""
        return self.welcome.limits

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.quit()

    def __aiter__(self) -> Connection:
        return self

    async def __anext__(self) -> Event:
        event = await self._events.get()
        if event is None:
            self._events.put_nowait(None)  # for whoever asks again
            raise StopAsyncIteration
        return event

    async def send(self, text: str, *, to: Sequence[str] | None = None, room: str = LOBBY) -> Ack:
        """Say something, and wait until the gateway has taken it.

        Args:
            text: the message; a run of ``@name`` words at its end names its recipients.
            to: recipients, in place of ``@name`` words; never falls back to the room.
            room: where a public message goes.

        Raises:
            Refused: the gateway did not take it.
            Unconfirmed: the connection ended before the gateway answered.
            Ended: the connection was over already; nothing was sent.
        """
        return await self.deliver(compose(next(self.seqs), text, to=to, room=room))

    async def deliver(self, send: Send) -> Ack:
        """Send a request that was made before, and wait until the gateway has taken it.

        Args:
            send: with a ``seq``.

        Raises:
            Refused: the gateway did not take it.
            Unconfirmed: the connection ended before the gateway answered.
            Ended: the connection was over already; nothing was sent.
        """
        # A gateway throws away a line that is too long, with the seq that its refusal would need.
        if len(encode(send)) > self.limits.line:
            raise Refused(ErrorCode.TEXT_TOO_LONG, "the message is too long for one line")
        if self.ended:
            raise Ended(self.ended)
        try:
            return cast(Ack, await self._ask(cast(int, send.seq), send))
        except Ended as ended:
            raise Unconfirmed(str(ended)) from None

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
    async def ask(self, request: SetTopic | SetModes | Moderate) -> Ack: ...
    @overload
    async def ask(self, request: Who) -> list[User]: ...

    async def ask(self, request: Asked) -> Any:
        """Ask for something, and wait for the answer. Its number is given here.

        Raises:
            Refused: the gateway does not do it.
            Ended: the connection is over.
        """
        seq = next(self.seqs)
        texts = {
            field: encodable(value)
            for field, value in msgspec.structs.asdict(request).items()
            if isinstance(value, str)
        }
        request = msgspec.structs.replace(request, seq=seq, **texts)
        if len(encode(request)) > self.limits.line:
            raise Refused(ErrorCode.LINE_TOO_LONG, "that is too long for one line")
        self._parts[seq] = []
        try:
            return await self._ask(seq, request)
        finally:
            del self._parts[seq]

    async def who(self) -> list[User]:
        """Find out who is in the chat. Raises as `ask` does."""
        return await self.ask(Who())

    async def join(self, room: str, *, key: str | None = None, history: int = 0) -> Entered:
        """Enter a room; nothing happens if we are in it. Raises as `ask` does.

        Args:
            room: its name; it is made if there is none and the gateway allows that.
            key: what the room asks for, if it does.
            history: how many of its last messages to be told first, at most
                `wire.frames.HISTORY`.
        """
        return await self.ask(Join(room=room, key=key, history=history))

    async def leave(self, room: str) -> Out:
        """Leave a room. Raises as `ask` does."""
        return await self.ask(Leave(room=room))

    async def rooms(self) -> list[Room]:
        """Find out which rooms there are. Raises as `ask` does."""
        return await self.ask(ListRooms())

    async def members(self, room: str) -> list[RoomMember]:
        """Find out who is in a room. Raises as `ask` does."""
        return await self.ask(ListMembers(room=room))

    async def about(self, room: str) -> RoomInfo:
        """Find out what holds in a room. Raises as `ask` does."""
        return await self.ask(AboutRoom(room=room))

    async def set_topic(self, room: str, topic: str) -> Ack:
        """Say what a room is about; "" for nothing. Raises as `ask` does."""
        return await self.ask(SetTopic(room=room, topic=topic))

    async def set_modes(self, room: str, **modes: Any) -> Ack:
        """Change what holds in a room. Raises as `ask` does.

        Args:
            room: which.
            modes: as in `wire.frames.SetModes`; what is left out stays.
        """
        return await self.ask(SetModes(room=room, **modes))

    async def moderate(
        self, room: str, action: Action, name: str, *, reason: str = "", seconds: int | None = None
    ) -> Ack:
        """Do something about somebody in a room. Raises as `ask` does.

        Args:
            room: where.
            action: what.
            name: about whom.
            reason: why, for the person it is about.
            seconds: how long a ban or a mute lasts; None for ever.
        """
        return await self.ask(
            Moderate(room=room, action=action, name=name, reason=reason, seconds=seconds)
        )

    def active(self) -> None:
        """Tell the gateway that the person is there, though nothing is sent."""
        self._write(Active())

    async def quit(self, within: float = 2.0) -> None:
        """Leave: wait so many seconds for the gateway's bye, then hang up."""
        self._write(Quit())
        try:
            async with asyncio.timeout(within):
                await self._gone.wait()
        except TimeoutError:
            self.end(QUIT)

    def end(self, reason: Reason) -> None:
        """Hang up at once."""
        if self.ended:
            return
        self.ended = reason
        self._heartbeat.stop()
        if self._transport:
            self._transport.close()
        if not self.granted.done():
            self.granted.set_exception(Ended(reason, self.wait))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Ended(reason))
        self._events.put_nowait(None)
        self._gone.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The bytes can flow: the first thing said is who we are."""
        self._transport = cast(asyncio.Transport, transport)
        self._write(self._hello)

    def data_received(self, data: bytes) -> None:
        """Bytes to lines to events."""
        self._heartbeat.heard()
        if not self.granted.done() and data.startswith(ALERT):
            self._is_no_gateway("it speaks TLS: so must we, with --tls")
        for line in self._lines.feed(data):
            if self.ended:
                return
            try:
                event = None if isinstance(line, LineTooLong) else decode_event(line)
            except WireError:
                event = None
                self._is_no_gateway(
                    "what answers is no chat gateway; check the server's name and port"
                )
            if event:
                self._take(event)

    def connection_lost(self, _error: Exception | None) -> None:
        """Nothing will come any more, and if there was no bye, nobody said why."""
        self.end(CONNECTION_LOST)

    def _is_no_gateway(self, why: str) -> None:
        if not self.granted.done():
            self.granted.set_exception(CannotConnect(why))

    async def _ask(self, seq: int, request: Request) -> Any:
        if self.ended:
            raise Ended(self.ended)
        answer = self._answers[seq] = self._loop.create_future()
        self._write(request)
        try:
            return await answer
        finally:
            del self._answers[seq]

    def _write(self, request: Request) -> None:
        if self._transport and not self.ended:
            self._transport.write(encode(request))

    def _take(self, event: Event) -> None:
        """Give an event to whoever asked for it, or put it in line for the iteration."""
        match event:
            case Welcome():
                self.welcome = event
                self._settle(self.granted, None)
                self._heartbeat.start()
            case Bye(code=code, text=text, reconnect=reconnect, after=after):
                self.wait = after
                self.end(Reason(code, text, reconnect))
            case Error() if not self.granted.done():
                self.granted.set_exception(_refusal(event))
            case Pong():
                pass
            case _:
                if not self._answers_somebody(event):
                    self._queue(event)

    def _answers_somebody(self, event: Event) -> bool:
        """Give an event to the one who asked for it; says whether that is all."""
        match event:
            case Error(seq=int(seq)) if seq in self._answers:
                self._settle(self._answers[seq], _refusal(event))
            case Ack(seq=int(seq)) | RoomInfo(seq=int(seq)) if seq in self._answers:
                self._settle(self._answers[seq], event)
            case Entered(seq=int(seq)) | Out(seq=int(seq)) if seq in self._answers:
                self._settle(self._answers[seq], event)
                return False  # it has its place among the events, too
            case Users(seq=int(seq), users=part, more=more) if seq in self._parts:
                self._add(seq, part, more)
            case RoomList(seq=int(seq), rooms=part, more=more) if seq in self._parts:
                self._add(seq, part, more)
            case MemberList(seq=int(seq), members=part, more=more) if seq in self._parts:
                self._add(seq, part, more)
            case _:
                return False
        return True

    def _add(self, seq: int, part: Sequence[object], more: bool) -> None:
        self._parts[seq] += part
        if not more:
            self._settle(self._answers[seq], self._parts[seq])

    def _queue(self, event: Event) -> None:
        if self._events.qsize() < MOST_WAITING:
            self._events.put_nowait(event)
        else:
            self.end(SLOW)

    @staticmethod
    def _settle(answer: asyncio.Future[Any], result: object) -> None:
        if answer.done():  # whoever asked was cancelled meanwhile
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)


def _refusal(error: Error) -> Refused:
    return Refused(error.code, error.text, error.retry_after)
