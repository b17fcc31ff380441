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
from typing import Any, cast

import msgspec

from client.asks import Asked, Asks
from client.compose import Kind, compose, encodable
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
    Earlier,
    Entered,
    Error,
    Event,
    Hello,
    ListMembers,
    ListRooms,
    MarkRead,
    MemberList,
    Moderate,
    Out,
    Person,
    Ping,
    Pong,
    Quit,
    Renamed,
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
"""The longest line that is kept, in bytes. No gateway sends such a line; this bounds memory."""

MOST_WAITING = 10_000
"""Events that may wait to be iterated over; with more, the connection ends as `SLOW`."""


class Connection(Asks, asyncio.Protocol):
    """One connection: send over it, and iterate over its events. Made by `client.dial.connect`.

    Iterate even if you do not need the events: they wait in memory until then (`MOST_WAITING`).

    Attributes:
        welcome: what the gateway said when it granted the name.
        granted: done when the hello has been answered.
        ended: why the connection is over; None while it is not.
        wait: seconds that the gateway's bye asked us to wait before we come back; None if it did
            not say.
        lag: seconds that the gateway took to answer the last ping; None if it has answered none.
        password: the password that the account has by now, if it is another one than in the hello.
        seqs: numbers for requests, rising over all connections of a client.
        session: the same object for two connections if the gateways know that the second follows
            the first: then a request that is sent again with the same number is done once.
    """

    welcome: Welcome

    def __init__(self, hello: Hello, seqs: itertools.count[int], pulse: Pulse) -> None:
        self.ended: Reason | None = None
        self.wait: float | None = None
        self.lag: float | None = None
        self._pinged = 0.0
        self.password: str | None = None
        self.seqs = seqs
        self.session = object()
        self._loop = asyncio.get_running_loop()
        self.granted: asyncio.Future[None] = self._loop.create_future()
        self._hello = hello
        self._heartbeat = Heartbeat(pulse, ask=self._ping, lost=lambda: self.end(CONNECTION_LOST))
        self._lines = LineBuffer(LONGEST_LINE)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._parts: dict[int, list[Any]] = {}
        self._gone = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @property
    def name(self) -> str:
        """Our own name, as it is shown."""
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
            self._events.put_nowait(None)  # the next iteration ends at once, too
            raise StopAsyncIteration
        return event

    async def send(
        self,
        text: str,
        *,
        to: Sequence[str] | None = None,
        room: str = LOBBY,
        kind: Kind = "",
        re: str | None = None,
    ) -> Ack:
        """Send a message, and wait until the gateway has accepted it.

        Args:
            text: the message; ``@name`` words at its end name its recipients.
            to: recipients, in place of ``@name`` words; such a message never becomes public.
            room: the room that a public message goes to.
            kind: as in `wire.frames.Msg`.
            re: as in `wire.frames.Msg`.

        Raises:
            Refused: the gateway did not accept it.
            Unconfirmed: the connection ended before the gateway answered.
            Ended: the connection was already over; nothing was sent.
        """
        send = compose(next(self.seqs), text, to=to, room=room, kind=kind, re=re)
        return await self.deliver(send)

    async def deliver(self, send: Send) -> Ack:
        """Send a message that was made into a request before; otherwise like `send`.

        Args:
            send: the request, with a ``seq``.
        """
        # A gateway drops a line that is too long, and with it the seq that a refusal would need.
        if len(encode(send)) > self.limits.line:
            raise Refused(ErrorCode.TEXT_TOO_LONG, "the message is too long for one line")
        if self.ended:
            raise Ended(self.ended)
        try:
            return cast(Ack, await self._ask(cast(int, send.seq), send))
        except Ended as ended:
            raise Unconfirmed(str(ended)) from None

    async def _answer_to(self, request: Asked) -> Any:
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
            answer = await self._ask(seq, request)
        finally:
            del self._parts[seq]
        return _whole(answer) if isinstance(request, AboutRoom) else answer

    async def who(self) -> list[User]:
        """Find out who is in the chat. Raises what `ask` raises."""
        return await self.ask(Who())

    async def rooms(self) -> list[Room]:
        """Find out which rooms there are. Raises what `ask` raises."""
        return await self.ask(ListRooms())

    async def members(self, room: str) -> list[RoomMember]:
        """Find out who is in a room. Raises what `ask` raises."""
        return await self.ask(ListMembers(room=room))

    async def about(self, room: str) -> RoomInfo:
        """Find out the topic, modes and operators of a room. Raises what `ask` raises."""
        return await self.ask(AboutRoom(room=room))

    async def set_topic(self, room: str, topic: str) -> Ack:
        """Set the topic of a room; "" removes it. Raises what `ask` raises."""
        return await self.ask(SetTopic(room=room, topic=topic))

    async def set_modes(self, room: str, **modes: Any) -> Ack:
        """Change the modes of a room. Raises what `ask` raises.

        Args:
            room: which.
            modes: as in `wire.frames.SetModes`; a mode that is left out stays as it is.
        """
        return await self.ask(SetModes(room=room, **modes))

    async def moderate(
        self, room: str, action: Action, name: str, *, reason: str = "", seconds: int | None = None
    ) -> Ack:
        """Kick, ban, mute or invite somebody, and so on. Raises what `ask` raises.

        Args:
            room: where.
            action: what to do.
            name: to which person.
            reason: why, for that person to read.
            seconds: how long a ban or a mute lasts; None if it has no end.
        """
        return await self.ask(
            Moderate(room=room, action=action, name=name, reason=reason, seconds=seconds)
        )

    def mark(self, room: str, id: str) -> None:
        """Tell the gateway how far the person has read."""
        self._write(MarkRead(room, id))

    def active(self) -> None:
        """Tell the gateway that the person is there, though nothing is sent."""
        self._write(Active())

    async def quit(self, within: float = 2.0) -> None:
        """Leave the chat: wait for the gateway's bye, but not longer than this, then hang up.

        Args:
            within: seconds.
        """
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
        """The connection is there: the first thing we say is who we are."""
        self._transport = cast(asyncio.Transport, transport)
        self._write(self._hello)

    def data_received(self, data: bytes) -> None:
        """Turn bytes into lines, and lines into events."""
        self._heartbeat.heard()
        if not self.granted.done() and data.startswith(ALERT):
            self._is_no_gateway("it speaks TLS: add --tls")
        for line in self._lines.feed(data):
            if self.ended:
                return
            try:
                event = None if isinstance(line, LineTooLong) else decode_event(line)
            except WireError:
                event = None
                self._is_no_gateway(
                    "what answers is not a chat gateway: check the server's name and port"
                )
            if event:
                self._take(event)

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is gone; without a bye before, nobody said why."""
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

    def _ping(self) -> None:
        self._pinged = self._loop.time()
        self._write(Ping())

    def _write(self, request: Request) -> None:
        if self._transport and not self.ended:
            self._transport.write(encode(request))

    def _take(self, event: Event) -> None:
        """Handle an event, or put it in the queue for the iteration."""
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
                self.lag = self._loop.time() - self._pinged
            case _:
                if isinstance(event, Renamed) and event.room is None:
                    name = msgspec.structs.replace(self.welcome, name=event.to)
                    self.welcome = msgspec.structs.replace(name, account=event.account)
                if not self._answers_somebody(event):
                    self._queue(event)

    def _answers_somebody(self, event: Event) -> bool:
        """Use an event as the answer to a request. Returns whether nothing else needs it."""
        match event:
            case Error(seq=int(seq)) if seq in self._answers:
                self._settle(self._answers[seq], _refusal(event))
            case Ack(seq=int(seq)) if seq in self._answers:
                self._settle(self._answers[seq], event)
            case Entered(seq=int(seq)) | Out(seq=int(seq)) | Renamed(seq=int(seq)) if (
                seq in self._answers
            ):
                self._settle(self._answers[seq], event)
                return False  # the iteration needs it in its place, too
            case Person(seq=int(seq)) if seq in self._answers:
                self._settle(self._answers[seq], event)
            case Earlier(seq=int(seq), more=more) if seq in self._parts:
                self._add(seq, [event], more)
            case Users(seq=int(seq), users=part, more=more) if seq in self._parts:
                self._add(seq, part, more)
            case RoomList(seq=int(seq), rooms=part, more=more) if seq in self._parts:
                self._add(seq, part, more)
            case MemberList(seq=int(seq), members=part, more=more) if seq in self._parts:
                self._add(seq, part, more)
            case RoomInfo(seq=int(seq), more=more) if seq in self._parts:
                self._add(seq, [event], more)
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
        if answer.done():  # the task that asked was cancelled meanwhile
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)


def _refusal(error: Error) -> Refused:
    return Refused(error.code, error.text, error.retry_after)


def _whole(parts: Sequence[RoomInfo]) -> RoomInfo:
    """What the gateway told about a room in several parts, which differ in their lists."""
    first, *others = parts
    for part in others:
        first = msgspec.structs.replace(
            first,
            operators=[*first.operators, *part.operators],
            voices=[*first.voices, *part.voices],
            bans=[*first.bans, *part.bans],
            muted=[*first.muted, *part.muted],
            invited=[*first.invited, *part.invited],
        )
    return msgspec.structs.replace(first, more=False)
