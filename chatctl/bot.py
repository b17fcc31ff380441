"""Bots in a few lines: what a bot hears, and what it does then.

::

    from chatctl.bot import Bot, Message

    bot = Bot("echo", "chat.example.org:2428")

    @bot.hears("!echo")
    async def echo(message: Message) -> None:
        await message.reply(message.rest)

    bot.run()

A bot comes back by itself when a connection breaks, hears each message once, never hears itself,
and is never sent away for silence. What it says goes where the method says: names in a text never
make it private.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

from chatctl.units import address
from client.display.emoji import named
from client.errors import CannotConnect, ChatError, Ended, Refused, Unconfirmed, Untrusted
from client.lasting import LastingChat, join
from client.news import Back, Lost, News
from client.tls import trusting
from wire.codec import decode_event
from wire.frames import HISTORY, OPERATOR, Event, Joined, Left, Msg, React, ReadHistory
from wire.mentions import escaped
from wire.names import fold

__all__ = [
    "Bot",
    "CannotConnect",
    "ChatError",
    "Ended",
    "Message",
    "Refused",
    "Someone",
    "Unconfirmed",
    "Untrusted",
    "trusting",
]

MOST_AT_ONCE = 100
"""Handlers that run at the same time. With more to do, the bot hears the next message later."""

TO_FINISH = 5.0
"""Seconds that the handlers may take to finish when the bot ends."""

_log = logging.getLogger("chatctl.bot")


@dataclass(frozen=True)
class Message:
    """What somebody said.

    Attributes:
        bot: the bot that heard it.
        sender: the name of the person.
        text: what they said.
        room: where; None if it was private.
        at: the time on the sender's machine, or else when the chat stored it.
        key: names the message, for `Bot.say` and in the protocol.
        rest: what follows the words that the bot was waiting for; otherwise the whole text.
        match: what the bot's pattern found; None if it was waiting for no pattern.
        account: the name of the sender's account; empty for a guest.
    """

    bot: Bot = field(repr=False)
    sender: str
    text: str
    room: str | None
    at: datetime
    key: str
    rest: str = ""
    match: re.Match[str] | None = None
    account: str = ""
    _told: Msg = field(default_factory=lambda: Msg(from_="", text=""), repr=False)

    async def reply(self, text: str) -> None:
        """Answer where the message was said: in its room, or to the people of a private one.

        Raises:
            Refused: the gateway did not accept it, for example because nobody is here any longer.
            Unconfirmed: it may have been said, but the chat is over.
            Ended: the chat is over.
        """
        if self.room is not None:
            await self.bot.say(self.room, text, re=self.key)
            return
        people = {fold(name): name for name in (self.sender, *(self._told.to or ()))}
        people.pop(fold(self.bot.name), None)
        await self.bot.tell(list(people.values()), text, re=self.key)

    async def react(self, emoji: str) -> None:
        """React with an emoji, or with its name, like ``:+1:``. Raises what `reply` raises."""
        await self.bot.chat.ask(React(id=self._told.id, emoji=named(emoji), room=self.room))


@dataclass(frozen=True)
class Someone:
    """Somebody who came into a room, or left it.

    Attributes:
        bot: the bot that saw it.
        name: who.
        room: where.
    """

    bot: Bot = field(repr=False)
    name: str
    room: str

    async def tell(self, text: str) -> None:
        """Say something to them alone. Raises what `Message.reply` raises."""
        await self.bot.tell(self.name, text)


OnMessage = Callable[[Message], Awaitable[object]]
OnSomeone = Callable[[Someone], Awaitable[object]]
OnClock = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class _Hearing:
    pattern: re.Pattern[str]
    handler: OnMessage


class Bot:
    """One bot.

    Args:
        name: its name in the chat.
        servers: gateways as ``HOST:PORT``, or the load balancer in front of them. With several, the
            next one is tried when one is lost.
        password: the password, if the name is registered.
        rooms: rooms to enter, apart from the one in which everybody starts.
        tls: whether to use TLS; or a context from `trusting`, for authorities of your own.

    Attributes:
        name: the name that it has.

    Raises:
        ValueError: a server is no address.
    """

    def __init__(
        self,
        name: str,
        *servers: str,
        password: str | None = None,
        rooms: Sequence[str] = (),
        tls: bool | ssl.SSLContext = False,
    ) -> None:
        self.name = name
        self._servers = [_server(each) for each in servers or ("127.0.0.1:2428",)]
        self._password = password
        self._rooms = rooms
        self._tls = trusting() if tls is True else tls or None
        self._hearing: list[_Hearing] = []
        self._mentioned: list[OnMessage] = []
        self._joined: list[OnSomeone] = []
        self._left: list[OnSomeone] = []
        self._clocks: list[tuple[float, OnClock]] = []
        self._chat: LastingChat | None = None
        self._stopping = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(MOST_AT_ONCE)

    def hears(self, words: str | re.Pattern[str]) -> Callable[[OnMessage], OnMessage]:
        """A decorator: call the handler for messages that begin with these words.

        Args:
            words: for example ``!deploy``, in any case; what follows is in `Message.rest`. Or a
                compiled pattern, which is searched for; what it found is in `Message.match`.
        """
        if isinstance(words, str):
            pattern = re.compile(rf"\A\s*{re.escape(words)}(?!\S)", re.IGNORECASE)
        else:
            pattern = words

        def decorate(handler: OnMessage) -> OnMessage:
            self._hearing.append(_Hearing(pattern, handler))
            return handler

        return decorate

    def mentioned(self, handler: OnMessage) -> OnMessage:
        """A decorator: call the handler for private messages, and when somebody names the bot."""
        self._mentioned.append(handler)
        return handler

    def joined(self, handler: OnSomeone) -> OnSomeone:
        """A decorator: call the handler when somebody comes into a room of the bot.

        In large rooms the gateway tells nobody about that.
        """
        self._joined.append(handler)
        return handler

    def left(self, handler: OnSomeone) -> OnSomeone:
        """A decorator: call the handler when somebody leaves a room of the bot."""
        self._left.append(handler)
        return handler

    def every(self, seconds: float) -> Callable[[OnClock], OnClock]:
        """A decorator: call the handler again and again, first after this number of seconds.

        The next call comes this long after the end of the one before.
        """

        def decorate(handler: OnClock) -> OnClock:
            self._clocks.append((seconds, handler))
            return handler

        return decorate

    @property
    def chat(self) -> LastingChat:
        """The chat underneath, for what the bot has no method for.

        Raises:
            RuntimeError: the bot does not run.
        """
        if self._chat is None:
            raise RuntimeError("the bot is not in the chat yet: call this from one of its handlers")
        return self._chat

    async def say(self, room: str, text: str, *, re: str | None = None) -> None:
        """Say something in a room, to everybody there.

        Args:
            room: a room that the bot is in.
            text: what; names in it are only text.
            re: the key of the message that this answers.

        Raises:
            Refused: the gateway did not accept it.
            Unconfirmed: it may have been said, but the chat is over.
            Ended: the chat is over.
        """
        await self.chat.send(escaped(text), room=room, re=re)

    async def tell(self, names: str | Sequence[str], text: str, *, re: str | None = None) -> None:
        """Say something to some people alone. Raises what `say` raises.

        Args:
            names: a name, or several.
            text: what; it never becomes public.
            re: the key of the message that this answers.
        """
        to = [names] if isinstance(names, str) else list(names)
        await self.chat.send(text, to=to, re=re)

    async def history(self, room: str, last: int = 50) -> list[Message]:
        """The last messages of a room, the oldest first.

        Args:
            room: a room that the bot is in.
            last: how many, at most 100.

        Raises:
            Refused: the gateway refused it.
            Ended: the connection broke, or the chat is over.
        """
        found = await self.chat.ask(ReadHistory(room=room, limit=min(last, HISTORY)))
        events = (decode_event(bytes(raw)) for part in found for raw in part.events)
        return [self._message(event) for event in events if isinstance(event, Msg)]

    def run(self) -> None:
        """Be in the chat until `stop`, SIGINT or SIGTERM; then let the handlers finish.

        Raises:
            ChatError: the bot could not join, or cannot come back.
        """
        asyncio.run(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        await self.serve()

    def stop(self) -> None:
        """Leave the chat, soon."""
        self._stopping.set()

    async def serve(self) -> None:
        """As `run`, within a loop of your own, and without signals."""
        async with join(
            self._servers,
            name=self.name,
            password=self._password,
            tls=self._tls,
            rooms=self._rooms,
        ) as chat:
            self._chat = chat
            self.name = chat.connection.name
            clocks = [asyncio.create_task(self._tick(*each)) for each in self._clocks]
            tasks = [*clocks, asyncio.create_task(chat.stay_active())]
            hearing = asyncio.create_task(self._listen())
            stopping = asyncio.create_task(self._stopping.wait())
            try:
                await asyncio.wait((hearing, stopping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await self._end([*tasks, hearing, stopping])
        if chat.failure:
            raise chat.failure

    async def _end(self, tasks: Sequence[asyncio.Task[object]]) -> None:
        for task in tasks:
            task.cancel()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=TO_FINISH)
            for task in late:
                task.cancel()
        results = await asyncio.gather(*tasks, *self._running, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _listen(self) -> None:
        async for event in self.chat.events():
            match event:
                case Msg():
                    await self._heard(event)
                case Joined(name=name, room=room):
                    await self._saw(name, room, self._joined)
                case Left(name=name, room=room):
                    await self._saw(name, room, self._left)
                case _:
                    self._tell_news(event)

    def _tell_news(self, event: Event | News) -> None:
        if isinstance(event, Lost):
            _log.warning("%s Reconnecting...", event.reason.text)
        elif isinstance(event, Back):
            _log.warning("back again, on %s", event.gateway)

    async def _heard(self, event: Msg) -> None:
        if fold(event.from_) == fold(self.name) or event.from_ == OPERATOR:
            return
        for each in self._hearing:
            if found := each.pattern.search(event.text):
                message = self._message(event, event.text[found.end() :].strip(), found)
                await self._start(each.handler(message))
        own = rf"(?<!\w)@?{re.escape(self.name)}(?!\w)"
        if event.to is not None or re.search(own, event.text, re.IGNORECASE):
            for handler in self._mentioned:
                await self._start(handler(self._message(event, event.text)))

    async def _saw(self, name: str, room: str, handlers: Sequence[OnSomeone]) -> None:
        if fold(name) != fold(self.name):
            for handler in handlers:
                await self._start(handler(Someone(self, name, room)))

    async def _start(self, doing: Awaitable[object]) -> None:
        """Let a handler run beside the others, as soon as there is room for one more."""
        await self._free.acquire()
        task = asyncio.create_task(self._guarded(doing))
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free.release()

    async def _guarded(self, doing: Awaitable[object]) -> None:
        try:
            await doing
        except Exception:
            _log.exception("a handler failed; the bot goes on")

    async def _tick(self, seconds: float, handler: OnClock) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._guarded(handler())

    def _message(self, event: Msg, rest: str = "", match: re.Match[str] | None = None) -> Message:
        return Message(
            bot=self,
            sender=event.from_,
            text=event.text,
            room=event.room if event.to is None else None,
            at=event.at or datetime.fromtimestamp(event.ts / 1000, UTC),
            key=event.key or event.id,
            rest=rest,
            match=match,
            account=event.account,
            _told=event,
        )


def _server(text: str) -> tuple[str, int]:
    try:
        found = address(text)
    except click.BadParameter as error:
        raise ValueError(error.message) from None
    return found.host, found.port
