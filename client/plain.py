"""The client without a line editor: for pipes, scripts, and terminals that cannot be drawn on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TextIO

from client.asking import Command, Request, ask
from client.backoff import pause
from client.display import commands, render
from client.display.help import help_lines
from client.display.meaning import (
    Choose,
    Go,
    Help,
    NeedPassword,
    Remove,
    Reply,
    Respond,
    Show,
    ShowIgnored,
    ShowOptions,
)
from client.display.options import Options, shown_options, with_option
from client.display.safe_text import clean_name
from client.display.style import Style
from client.display.view import View, info
from client.errors import ChatError, Ended, Refused, Unconfirmed
from client.lasting import LastingChat
from client.line_source import LineSource, Pasted
from client.log import Log
from client.news import Back, News, NotRejoined, shown
from client.rooms import Rooms
from client.shown import Shown
from client.terminal import columns
from wire.frames import (
    LOBBY,
    Ack,
    Away,
    Changed,
    Deleted,
    Entered,
    Error,
    Event,
    Join,
    Joined,
    Left,
    Modes,
    Msg,
    Notice,
    Out,
    Quit,
    Renamed,
    Send,
    Who,
)
from wire.lines import LineTooLong

MOST_TOLD = 10
"""Refused lines that are reported one by one; of further ones only the number, at the end."""


class PlainClient:
    """Sends each line of its input, prints what happens, and leaves when the input ends.

    Everything that happens in a room other than the lobby is marked with the room's name.

    Args:
        chat: the chat.
        source: the file descriptor that the lines come from.
        typed: whether a person types them. In a pipe only ``/msg`` and ``/me`` work.
        to: who gets every message; None if each message says that itself.
        room: the room that messages go to; None for none.
        options: what the person has chosen.
        log: a file for what is written, too.
        out: where the chat is written.
        err: where notices and errors are written.
    """

    def __init__(
        self,
        chat: LastingChat,
        *,
        source: int,
        typed: bool,
        to: Sequence[str] | None = None,
        room: str | None = LOBBY,
        options: Options | None = None,
        log: Log | None = None,
        out: TextIO,
        err: TextIO,
    ) -> None:
        self._chat = chat
        self._lines = LineSource(source, chat.connection.limits.line, typed=typed)
        self._typed = typed
        self._to = to
        self._rooms = Rooms(chat.connection.name, chat.rooms)
        self._rooms.current = room
        self._shown = Shown(self._rooms)
        self._options = options or Options()
        self._log = log
        self._out = out
        self._err = err
        self._code = 0
        self._too_long = 0
        self._refused = 0
        self._pasted: str | None = None

    async def run(self) -> int:
        """Chat until the input ends or the gateway says goodbye.

        Returns:
            The exit code: 0, or 1 if the chat ended badly or a line could not be sent.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            self._sending = tasks.create_task(self._send_lines())
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._stop, 128 + number)
            await asyncio.wait([self._sending])
            await self._chat.quit()
        if self._chat.failure:
            self._error(str(self._chat.failure))
        return self._code

    async def _follow(self) -> None:
        async for event in self._chat.events():
            if isinstance(event, News):
                self._take_news(event)
            elif not self._shown.hides(event):
                self._take(event)
        left_by_us = self._sending.done()
        if self._chat.ended and not self._chat.failure and not left_by_us:
            self._print(self._out, [clean_name(self._chat.ended.text)])
        self._lines.close()

    def _take_news(self, news: News) -> None:
        if isinstance(news, Back):
            self._rooms.returned()
        self._print(self._err, shown(news, self._view(self._err)))
        if isinstance(news, NotRejoined):
            self._out_of(news.room)

    def _take(self, event: Event) -> None:
        match event:
            case Entered() if not self._rooms.entered(event):
                pass
            case Changed() if self._rooms.is_earlier(event):
                pass
            case Changed():
                self._show(event, self._rooms.changed(event))
                if self._rooms.puts_us_out(event):
                    self._out_of(event.room)
            case Out(room=room):
                if room in self._rooms:
                    self._show(event)
                    self._out_of(room)
            case Msg() | Joined() | Left() if not self._rooms.heard(event):
                pass
            case Joined() | Left() | Away() if not self._options.joins:
                pass
            case Renamed():
                self._rooms.renamed(event)
                self._show(event)
            case _:
                self._show(event)

    def _show(self, event: Event, before: Modes | None = None) -> None:
        self._shown.take(event)
        stream = self._err if isinstance(event, Notice | Error) else self._out
        self._print(stream, render.event(event, self._view(stream), before))
        if isinstance(event, Deleted):
            self._shown.forget(event)

    def _out_of(self, room: str) -> None:
        """We are no longer in a room. Lines that were meant for it never go to another one."""
        current = self._rooms.current
        self._rooms.out(room)
        if room == current:
            self._rooms.current = None if self._typed else room
            if self._typed:
                self._tell("/join ROOM says where what you type goes now")

    async def _send_lines(self) -> None:
        try:
            await self._send_each()
        except OSError as error:
            self._error(f"cannot read the input: {error.strerror}")
        if self._too_long > 1:
            self._error(f"{self._too_long:,} lines were too long: not sent")
        if self._refused > MOST_TOLD:
            self._error(f"{self._refused - MOST_TOLD:,} more lines looked like commands: not sent")
        if self._pasted is not None:
            self._error("the pasted lines were not sent")

    async def _send_each(self) -> None:
        async for line in self._lines:
            text = self._ready(line)
            if text is not None and not await self._obey(text):
                return
            if self._chat.ended:
                return

    async def _obey(self, line: str) -> bool:
        """Do what a line says; returns whether to go on."""
        meaning = commands.read(line, self._to, self._rooms.current)
        if not (self._typed or meaning is None or isinstance(meaning, Send)):
            why = "in a pipe /msg and /me are the only commands"
            if isinstance(meaning, Show) and meaning.wrong:
                why = meaning.lines[0]
            self._refuse(why, line)
            return True
        if isinstance(meaning, Reply | Remove | Respond):
            await self._carry_out(self._shown.request(meaning, self._chat.connection.name))
            return True
        if isinstance(meaning, Quit):
            return False
        if meaning is not None:
            await self._carry_out(meaning)
        return True

    async def _carry_out(self, meaning: Send | Show | Command) -> None:
        match meaning:
            case Send() as send:
                await self._deliver(send)
            case Who():
                await self._show_users()
            case Show() | Help() | ShowIgnored() | ShowOptions():
                for text in self._about(meaning):
                    self._tell(text)
            case NeedPassword():
                self._error("a password can only be typed at the prompt of a terminal")
            case Choose(option, value):
                self._options = with_option(self._options, option, value)
                self._tell(f"{option} is {value} now")
            case request:
                await self._ask(request)

    def _about(self, meaning: Show | Help | ShowIgnored | ShowOptions) -> Sequence[str]:
        match meaning:
            case Show(lines):
                return lines
            case Help(topic):
                return help_lines(self._view(self._err).width, topic)
            case ShowIgnored():
                return [f"you hide: {', '.join(self._shown.ignored) or 'nobody'}"]
            case ShowOptions():
                return [shown_options(self._options)]

    def _refuse(self, why: str, line: str) -> None:
        self._code = 1
        self._refused += 1
        if self._refused <= MOST_TOLD:
            self._print(self._err, render.not_sent(line, why, self._view(self._err)))

    def _ready(self, line: str | LineTooLong | Pasted) -> str | None:
        """The text to act on now that this line has come; None if there is nothing to do."""
        if isinstance(line, LineTooLong):
            self._too_long += 1
            if self._too_long == 1:  # of further ones only the number, at the end
                self._error("a line is too long: not sent")
            return None
        if isinstance(line, Pasted):
            self._hold(line)
            return None
        if self._pasted is None:
            return line
        pasted, self._pasted = self._pasted, None
        if line.strip():
            self._tell("dropped")
            return None
        return pasted

    def _hold(self, pasted: Pasted) -> None:
        """Keep pasted lines until Enter: sent one by one, private ones might become public."""
        before = "" if self._pasted is None else f"{self._pasted}\n"
        self._pasted = before + pasted.text
        count = self._pasted.count("\n") + 1
        self._tell(
            f"{count} lines at once: Enter sends them as one message, anything else drops them"
        )

    async def _deliver(self, send: Send) -> None:
        try:
            ack = await self._send(send)
        except Unconfirmed:
            lines = render.unconfirmed(send.text, self._view(self._err), to=send.to)
        except (Refused, Ended) as error:
            lines = render.not_sent(send.text, str(error), self._view(self._err), to=send.to)
        else:
            self._print(self._err, render.ack(ack, self._view(self._err)))
            return
        self._code = 1
        self._print(self._err, lines)

    async def _send(self, send: Send) -> Ack:
        while True:
            try:
                return await self._chat.deliver(send)
            except Refused as refused:
                # A person may prefer to say something else. The lines of a pipe can wait.
                if self._typed or refused.retry_after is None:
                    raise
                self._print(self._err, render.error(str(refused), self._view(self._err)))
                await pause(refused.retry_after, self._chat.over)

    async def _show_users(self) -> None:
        try:
            users = await self._chat.connection.who()
        except ChatError as error:
            self._error(str(error))
        else:
            self._print(self._out, render.users(users, self._view(self._out)))

    async def _ask(self, request: Request | Go) -> None:
        if isinstance(request, Join | Go) and request.room in self._rooms:
            self._talk_in(request.room)
            return
        if isinstance(request, Go):
            self._error(f"you are not in #{request.room}: /join {request.room} enters it")
            return
        try:
            rows = await ask(self._chat, request, lambda: self._view(self._out), self._shown.take)
        except ChatError as error:
            self._error(str(error))
            return
        self._print(self._out, rows)
        if isinstance(request, Join):
            self._rooms.current = request.room

    def _talk_in(self, room: str) -> None:
        self._rooms.current = room
        self._tell(f"what you type goes to #{room} now")

    def _stop(self, code: int) -> None:
        self._code = code
        self._sending.cancel()

    def _tell(self, text: str) -> None:
        self._print(self._err, info(clean_name(text), self._view(self._err)))

    def _error(self, text: str) -> None:
        self._code = self._code or 1
        self._print(self._err, render.error(text, self._view(self._err)))

    def _print(self, stream: TextIO, lines: Iterable[str]) -> None:
        lines = list(lines)
        if self._log and (why := self._log.write(lines)):
            self._error(f"cannot write the log: {why}")
        try:
            stream.writelines(f"{line}\n" for line in lines)
            stream.flush()
        except BrokenPipeError:
            # Nobody reads the output any longer, for example after `| head`: leave.
            give_up(stream)
            self._stop(1)
        except OSError as error:
            # The input can still be sent, even if nothing can be shown.
            give_up(stream)
            self._error(f"cannot write the output: {error.strerror}")

    def _view(self, stream: TextIO) -> View:
        return View(
            me=self._chat.connection.name,
            now=datetime.now().astimezone(),
            style=Style(color=False),
            width=columns(stream),
            highlight=self._options.highlight,
            clock=self._options.time,
            recall=self._shown.recent.recall,
        )


def give_up(stream: TextIO) -> None:
    """Discard what is still written to a stream, even by the interpreter when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
