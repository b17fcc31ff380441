"""A chat that outlives its connections: for people who type, and for bots.

::

    async with join([("127.0.0.1", 2428)], name="bot") as chat:
        await chat.send("hello")
        async for event in chat.events():
            ...
    print(chat.failure or chat.ended.text)

When a connection breaks, the chat comes back by itself, if the reason allows that. What was said
meanwhile follows, each message once and in order. A `wire.frames.Gap` stands in the place of
messages that are lost. A message that was sent and not acknowledged is sent again, before anything
newer; the gateway recognizes its number, and posts it once.

If the gateways no longer know the session, the chat joins its rooms again by itself. `NotRejoined`
tells about a room that does not let us in.

Somebody who says nothing for long is sent away as idle, and does not come back: a bot that only
listens runs `LastingChat.stay_active`.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from time import monotonic
from typing import Any, TypeVar

from client.asks import Asked, Asks
from client.backoff import Pick, pause
from client.compose import Kind, compose
from client.connection import MOST_WAITING, Connection
from client.dial import Dialer, Server
from client.entering import enter
from client.errors import ChatError, Ended, Refused
from client.news import Back, Lost, News, NotRejoined, SentAway
from client.outgoing import Outgoing
from client.returning import Dial, Returning, Sleep
from client.seen import Logged, Seen
from wire.frames import (
    HISTORY,
    LOBBY,
    PRIVATE,
    Ack,
    Entered,
    Event,
    Gap,
    Join,
    ListMembers,
    Notice,
    Out,
    Renamed,
    Send,
)
from wire.reasons import IDLE, QUIT, SLOW, NoticeCode, OutCode, Reason

T = TypeVar("T")

ACTIVE_EVERY = 20.0
"""A program shows that it is there at least once in this number of seconds, or three times in the
silence that the gateway allows, if that is shorter."""


class State(StrEnum):
    """The state of a chat.

    Waiting: the gateway cannot reach Redis, and messages wait here. Sent away: the gateway ended
    the session because the person did nothing, and `LastingChat.come_back` begins another one.
    """

    HERE = "here"
    WAITING = "waiting"
    RECONNECTING = "reconnecting"
    SENT_AWAY = "sent away"


class LastingChat(Asks):
    """The messages and events of one person, over one connection after the other.

    Use it with ``async with``, which leaves the chat at the end.

    Args:
        connection: the first connection.
        dial: makes the next ones.
        stay: do not end if the gateway sends us away as idle: wait for `come_back`.
        pick: draws the delays before attempts.
        sleep: waits before an attempt to come back.
        clock: seconds that never go back.

    Attributes:
        connection: the latest connection.
        rooms: the rooms that we are in, each with the key that opened it, if there was one.
        ended: why the chat is over; None while it is not.
        failure: what went wrong; None if the chat ended because we left or were idle.
        over: set once the chat is over.
    """

    def __init__(
        self,
        connection: Connection,
        dial: Dial,
        *,
        stay: bool = False,
        pick: Pick = random.uniform,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.connection = connection
        self.ended: Reason | None = None
        self.failure: ChatError | None = None
        self._stay = stay
        self._sent_away: asyncio.Event | None = None
        self._returning = Returning(dial, self._tell, sleep, pick, clock)
        self._pick = pick
        self._seen = Seen()
        self._seen.begin(connection.welcome.seen)
        self.rooms: dict[str, str | None] = dict.fromkeys(connection.welcome.rooms)
        self._outside: set[str] = set()  # rooms that this session has not entered again yet
        self._inbox: asyncio.Queue[Event | News | None] = asyncio.Queue()
        self._overflown = False
        self._redis_away = False
        self.over = asyncio.Event()
        self._changed = asyncio.Event()
        self._outgoing = Outgoing(self._connected, self.over, self._tell, pick)

    async def __aenter__(self) -> LastingChat:
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.quit()

    def last_seen(self, room: str) -> str:
        """The id of the last thing that was seen in a room; "" if nothing was."""
        return self._seen.ids.get(room, "")

    @property
    def state(self) -> State:
        """The state of the chat just now."""
        if self._sent_away:
            return State.SENT_AWAY
        if self.connection.ended:
            return State.RECONNECTING
        return State.WAITING if self._redis_away else State.HERE

    async def stay_active(self) -> None:
        """Show again and again that somebody is there, until this is cancelled: for programs."""
        while True:
            idle = self.connection.welcome.idle
            await asyncio.sleep(min(ACTIVE_EVERY, (idle or ACTIVE_EVERY * 3) / 3))
            if not self.connection.ended:
                self.connection.active()

    def come_back(self) -> None:
        """Begin another session, if we were sent away."""
        if self._sent_away:
            self._sent_away.set()

    async def events(self) -> AsyncIterator[Event | News]:
        """The events of the chat, until it has ended for good."""
        while True:
            if self._overflown and self._inbox.empty():
                self.connection.end(SLOW)  # and come back: then we get what was dropped
            event = await self._inbox.get()
            if event is None:
                self._inbox.put_nowait(None)  # the next iteration ends at once, too
                break
            yield event
        if not self._keeper.cancelled():
            self._keeper.result()  # an error in our own code must not look like a normal end

    async def send(
        self,
        text: str,
        *,
        to: Sequence[str] | None = None,
        room: str = LOBBY,
        kind: Kind = "",
        re: str | None = None,
    ) -> Ack:
        """Send a message, after all earlier ones and as soon as there is a connection.

        Args:
            text: the message; ``@name`` words at its end name its recipients.
            to: recipients, in place of ``@name`` words; such a message never becomes public.
            room: the room that a public message goes to.
            kind: as in `wire.frames.Msg`.
            re: as in `wire.frames.Msg`.

        Raises:
            Refused: the gateway did not accept it.
            Unconfirmed: it may have been accepted, but the chat is over, or the gateway cannot
                tell.
            Ended: the chat is over; the message was not sent.
        """
        # It gets its number before it waits, so the numbers rise in the order of sending.
        send = compose(next(self.connection.seqs), text, to=to, room=room, kind=kind, re=re)
        return await self._outgoing.send(send)

    async def deliver(self, send: Send) -> Ack:
        """Send a message that was made already. Raises what `send` raises.

        Args:
            send: the message; it gets its ``seq`` and its time here.
        """
        return await self.send(send.text, to=send.to, room=send.room, kind=send.kind, re=send.re)

    async def _answer_to(self, request: Asked) -> Any:
        connection = await self._connected()
        answer = await connection.ask(request)
        if isinstance(request, Join) and request.key is not None:
            self.rooms[request.room] = request.key
        return answer

    async def enter(self, room: str, *, key: str | None = None, history: int = 0) -> Entered:
        """Enter a room, after a pause if the gateway asks for one.

        Args:
            room: which.
            key: what opens it, if it needs a key.
            history: how many earlier messages to get.

        Raises:
            Refused: the room does not let us in.
            Ended: the connection broke, or the chat is over.
        """
        connection, request = await self._connected(), Join(room=room, key=key, history=history)
        try:
            entered = await enter(connection, request, self.over, self._pick)
        except Refused as refused:
            raise Refused(refused.code, f"#{room}: {refused.text}") from None
        if key is not None:
            self.rooms[room] = key
        return entered

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do something, and again as long as the gateway says when to try again.

        Raises:
            Refused: it does not say when.
        """
        while True:
            try:
                return await attempt()
            except Refused as refused:
                if refused.retry_after is None:
                    raise
                await pause(refused.retry_after, self.over)

    async def quit(self, within: float = 2.0) -> None:
        """Leave for good, after what still waits has been sent.

        Args:
            within: seconds that this may take.
        """
        if not self.connection.ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._outgoing.settled()
        self._end(QUIT)
        if self.connection.ended:
            self._keeper.cancel()
        await self.connection.quit()
        await asyncio.wait([self._keeper])

    async def _keep(self) -> None:
        try:
            while True:
                await self._follow(self.connection)
                reason = self.connection.ended or QUIT
                if self._stay and reason.code == IDLE.code and not self.ended:
                    await self._be_away(reason)
                elif self.ended or not reason.reconnect:
                    self._end(reason)
                    return
                else:
                    self._tell(Lost(reason))
                self._begin(await self._returning.after(self.connection, self._seen.ids))
        except ChatError as error:
            self.failure = error
        finally:
            self._end(QUIT)
            self._tell(None)

    async def _be_away(self, reason: Reason) -> None:
        """Wait until the person wants to come back."""
        self._sent_away = asyncio.Event()
        self._tell(SentAway(reason))
        await self._sent_away.wait()
        self._sent_away = None
        self.connection.wait = 0.0  # the person waits for us

    async def _follow(self, connection: Connection) -> None:
        """Handle the events of a connection, until its end."""
        entering = asyncio.create_task(self._agree_on_rooms(connection))
        try:
            async for event in connection:
                self._take(event)
        finally:
            entering.cancel()
            await asyncio.wait([entering])
        if not entering.cancelled():
            entering.result()

    async def _agree_on_rooms(self, connection: Connection) -> None:
        """Enter our rooms again in a new session; in an old one, check that we are in them."""
        with suppress(Ended):
            for room in sorted(self.rooms.keys() - set(connection.welcome.rooms)):
                if room in self._outside:
                    await self._enter_again(connection, room)
                else:
                    await self._check(connection, room)

    async def _enter_again(self, connection: Connection, room: str) -> None:
        # Also ask for the messages that we have missed, as far as the room has them.
        again = Join(room=room, key=self.rooms[room], history=HISTORY)
        try:
            await enter(connection, again, self.over, self._pick)
        except Refused as refused:
            self._out_of(room)
            self._tell(NotRejoined(room, str(refused)))

    async def _check(self, connection: Connection, room: str) -> None:
        """We were put out of a room, perhaps by an event that was lost with the old connection."""
        try:
            await connection.ask(ListMembers(room=room))
        except Refused as refused:
            if room in self.rooms and not refused.may_pass:
                self._out_of(room)
                self._tell(Out(room=room, code=OutCode.REFUSED, text=str(refused)))

    async def _connected(self) -> Connection:
        while (self.connection.ended or self._outside) and not self.ended:
            self._changed.clear()
            await self._changed.wait()
        if self.ended:
            raise Ended(self.ended)
        return self.connection

    def _begin(self, connection: Connection) -> None:
        self.connection = connection
        welcome = connection.welcome
        self._seen.begin(welcome.seen)
        absent = self.rooms.keys() - set(welcome.rooms)
        self._outside = self._outside & absent if welcome.resumed else absent
        for room in welcome.rooms:
            self.rooms.setdefault(room, None)
        self._redis_away = self._overflown = False
        self._tell(Back(welcome.gateway, welcome.resumed))
        self._changed.set()

    def _take(self, event: Event) -> None:
        match event:
            case Notice(code=NoticeCode.REDIS_AWAY):
                self._redis_away = True
            case Notice(code=NoticeCode.REDIS_BACK):
                self._redis_away = False
            case Entered(room=room, seen=start):
                self._entered(room, start)
            case Out(room=room):
                self._out_of(room)
            case Renamed(room=None, seen=str(start)):
                self._seen.restart(PRIVATE, start)
        # Once an event is dropped, all later ones are: after the return they come again, in order.
        self._overflown = self._overflown or self._inbox.qsize() >= MOST_WAITING
        if not self._overflown and self._is_news(event):
            self._tell(event)

    def _is_news(self, event: Event) -> bool:
        """Whether we have not had an event before; a gap before it is told first."""
        if isinstance(event, Logged):
            gap = self._seen.gap_before(event)
            if gap and self._seen.is_news(gap):
                self._tell(gap)
        return not isinstance(event, Logged | Gap) or self._seen.is_news(event)

    def _entered(self, room: str, start: str) -> None:
        if room in self._outside or room not in self.rooms:
            self._seen.entered(room, start, again=room in self._outside)
        self.rooms.setdefault(room, None)
        self._settle(room)

    def _settle(self, room: str) -> None:
        """We know whether we are in a room again: messages no longer wait for that."""
        self._outside.discard(room)
        self._changed.set()

    def _out_of(self, room: str) -> None:
        self.rooms.pop(room, None)
        self._seen.forget(room)
        self._settle(room)

    def _tell(self, event: Event | News | None) -> None:
        self._inbox.put_nowait(event)

    def _end(self, reason: Reason) -> None:
        if not self.ended:
            self.ended = reason
            if reason.code not in (QUIT.code, IDLE.code):
                self.failure = Ended(reason)
        # Tasks that wait to send must learn that there is nothing to wait for.
        self.over.set()
        self._changed.set()


@asynccontextmanager
async def join(
    servers: Sequence[Server],
    *,
    name: str,
    tls: ssl.SSLContext | None = None,
    password: str | None = None,
    rooms: Sequence[str] = (),
    history: int = 0,
    stay: bool = False,
    quiet: bool = False,
) -> AsyncIterator[LastingChat]:
    """Join a chat, and stay in it until the end of the ``async with``.

    Args:
        servers: host and port of a gateway or load balancer; several are tried in turn.
        name: the name that we want.
        tls: a TLS context, for example from `client.trusting`; None for no TLS. With it, TLS is
            used for every connection.
        password: the password, if the name is registered.
        rooms: rooms to enter at the start.
        history: how many earlier messages of each of these to get.
        stay: as in `LastingChat`.
        quiet: nobody is told when we come into a room or leave it.

    Raises:
        CannotConnect: no gateway was reached.
        Untrusted: the certificate of a gateway is not trusted, or is not for its host.
        Refused: the hello was refused, for example because the name is taken; or a room does not
            let us in.
        Ended: the gateway said goodbye at once.
    """
    dial = Dialer(servers, name, tls=tls, password=password, quiet=quiet)
    async with LastingChat(await dial(), dial, stay=stay) as chat:
        for room in rooms:
            await chat.enter(room, history=history)
        yield chat
