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

from client.compose import compose
from client.errors import CannotConnect, Ended, Refused, Unconfirmed
from client.heartbeat import Heartbeat, Pulse
from client.tls import ALERT
from wire.codec import decode_event, encode
from wire.frames import (
    LOBBY,
    Ack,
    Active,
    Bye,
    Error,
    Event,
    Hello,
    Ping,
    Pong,
    Quit,
    Request,
    Send,
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
        self._users: dict[int, list[User]] = {}
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

    async def who(self) -> list[User]:
        """Find out who is here.

        Raises:
            Refused: the gateway does not say.
            Ended: the connection is over.
        """
        seq = next(self.seqs)
        self._users[seq] = []
        try:
            return cast(list[User], await self._ask(seq, Who(seq=seq)))
        finally:
            del self._users[seq]

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
            case Error(seq=int(seq)) if seq in self._answers:
                self._settle(self._answers[seq], _refusal(event))
            case Ack(seq=seq) if seq in self._answers:
                self._settle(self._answers[seq], event)
            case Users(seq=int(seq)) if seq in self._users:
                self._users[seq] += event.users
                if not event.more:
                    self._settle(self._answers[seq], self._users[seq])
            case Pong():
                pass
            case _:
                self._queue(event)

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
