"""The client without a line editor: for pipes, scripts, and terminals that cannot be drawn on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from datetime import datetime
from typing import TextIO

from client import commands, render
from client.errors import ChatError, Ended, Refused, Unconfirmed
from client.lasting import LastingChat
from client.line_source import LineSource
from client.news import News
from client.safe_text import clean_name
from client.style import Style
from wire.frames import Error, Notice, Quit, Send, Who
from wire.lines import LineTooLong


class PlainClient:
    """Sends each line that comes in, prints what happens, and leaves when the lines end.

    Args:
        chat: what is chatted over.
        source: file descriptor of the lines.
        typed: whether a person types them: then ``/commands`` are obeyed, where in a pipe they are
            text like any other.
        out: where the chat goes.
        err: where notices and errors go.
    """

    def __init__(
        self,
        chat: LastingChat,
        *,
        source: int,
        typed: bool,
        out: TextIO,
        err: TextIO,
    ) -> None:
        self._chat = chat
        self._lines = LineSource(source, chat.connection.limits.line)
        self._typed = typed
        self._out = out
        self._err = err
        self._code = 0

    async def run(self) -> int:
        """Chat until the lines end or the gateway says goodbye.

        Returns:
            The exit code: 0, or 1 if the chat ended badly or something could not be sent.
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
                self._print(self._err, render.news(event, self._view))
            else:
                stream = self._err if isinstance(event, Notice | Error) else self._out
                self._print(stream, render.event(event, self._view))
        left_by_us = self._sending.done()
        if self._chat.ended and not self._chat.failure and not left_by_us:
            self._print(self._out, [clean_name(self._chat.ended.text)])
        self._lines.close()

    async def _send_lines(self) -> None:
        try:
            await self._send_each()
        except OSError as error:
            self._error(f"cannot read the input: {error.strerror}")

    async def _send_each(self) -> None:
        async for line in self._lines:
            if isinstance(line, LineTooLong):
                self._error("a line is too long: not sent")
                continue
            meaning = commands.read(line) if self._typed else _as_text(line)
            match meaning:
                case Send() as send:
                    await self._deliver(send)
                case Who():
                    await self._show_users()
                case Quit():
                    return
                case commands.Show(lines):
                    for text in lines:
                        self._tell(text)
            if self._chat.ended:
                return

    async def _deliver(self, send: Send) -> None:
        try:
            ack = await self._chat.send(send.text, to=send.to)
        except Unconfirmed:
            lines = render.unconfirmed(send.text, self._view)
        except (Refused, Ended) as error:
            lines = render.not_sent(send.text, str(error), self._view)
        else:
            self._print(self._err, render.ack(ack, self._view))
            return
        self._code = 1
        self._print(self._err, lines)

    async def _show_users(self) -> None:
        try:
            users = await self._chat.connection.who()
        except ChatError as error:
            self._error(str(error))
        else:
            self._print(self._out, render.users(users, self._view))

    def _stop(self, code: int) -> None:
        self._code = code
        self._sending.cancel()

    def _tell(self, text: str) -> None:
        self._print(self._err, render.info(clean_name(text), self._view))

    def _error(self, text: str) -> None:
        self._code = self._code or 1
        self._print(self._err, render.error(text, self._view))

    def _print(self, stream: TextIO, lines: Iterable[str]) -> None:
        try:
            stream.writelines(f"{line}\n" for line in lines)
            stream.flush()
        except BrokenPipeError:
            # Nobody reads any more, as after `| head`: leave.
            _give_up(stream)
            self._stop(1)
        except OSError as error:
            # What is said need not be lost because nothing can be shown.
            _give_up(stream)
            self._error(f"cannot write the output: {error.strerror}")

    @property
    def _view(self) -> render.View:
        now = datetime.now().astimezone()
        return render.View(me=self._chat.connection.name, now=now, style=Style(color=False))


def _as_text(line: str) -> Send | None:
    return Send(text=line) if line.strip() else None


def _give_up(stream: TextIO) -> None:
    """Let what is still to be written go nowhere, the interpreter's own last flush too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
