"""The interactive client: a prompt below, the chat above it, and no full screen."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from time import monotonic
from typing import cast

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.input import Input
from prompt_toolkit.layout.processors import TabsProcessor
from prompt_toolkit.output import ColorDepth

from client.completion import ChatCompleter
from client.direction import arrow, direction
from client.drawing import PromptRenderer
from client.errors import ChatError, Ended, Refused, Unconfirmed
from client.keyboard import PATIENCE, Keyboard
from client.lasting import LastingChat, State
from client.names import KnownNames
from client.news import Back, News, shown
from client.screen import Prompt, PromptOutput, Screen
from client.terminal import breaks_again, stop_in_background
from display import commands, render
from display.safe_text import TAB, clean_name
from display.style import Style
from wire.frames import Event, Joined, Left, Msg, Notice, Quit, Send, Who
from wire.reasons import QUIT

ACTIVE_EVERY = 5.0
"""Seconds between two words to the gateway that somebody is typing."""

LONGEST_DRAFT = 4
"""How many times as long as a message may be what is typed, to be made shorter."""

OVERLONG_EVERY = 1.0
"""Seconds between two words to the person that it is longer: a paste may come in parts."""


class ChatApp:
    """One person at one terminal.

    Args:
        chat: what is chatted over.
        style: colours, or none.
        to: who gets every message; None if each says so itself.
        clock: seconds that only rise; says how long ago the gateway was told of the typing.
        input: where keys come from; None for the terminal.
        output: where text goes; None for the terminal.
    """

    def __init__(
        self,
        chat: LastingChat,
        style: Style,
        *,
        to: Sequence[str] | None = None,
        clock: Callable[[], float] = monotonic,
        input: Input | None = None,
        output: PromptOutput | None = None,
    ) -> None:
        self._chat = chat
        self._style = style
        self._to = to
        self._clock = clock
        self._names = KnownNames(chat.connection.name)
        self._output = output or cast(PromptOutput, PromptOutput.from_pty(sys.stdout))
        self._keyboard = None if input else Keyboard(sys.stdin)
        self._session = Prompt(
            self._prompt,
            completer=ChatCompleter(self._names, partial(self._look_around, show=False)),
            complete_while_typing=False,
            enable_suspend=True,
            erase_when_done=True,
            input_processors=[TabsProcessor(tabstop=len(TAB), char1=" ", char2=" ")],
            color_depth=None if style.color else ColorDepth.DEPTH_1_BIT,
            input=input or self._keyboard,
            output=self._output,
        )
        self._session.app.renderer = PromptRenderer(
            self._session.app, self._output, breaks_again=breaks_again(os.environ)
        )
        self._session.app.ttimeoutlen = PATIENCE
        # There is one prompt for the whole chat and not one for each line, so that the terminal
        # never falls back to its own echo between two lines.
        self._session.default_buffer.accept_handler = self._accept
        self._session.default_buffer.on_text_changed += self._typed
        self._screen = Screen(self._session.app, self._output)
        self._draft = Document()
        self._overlong_said = -OVERLONG_EVERY
        self._active_said = -ACTIVE_EVERY
        self._code = 0

    async def run(self) -> int:
        """Chat until one of the two sides leaves; returns the exit code."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as self._tasks:
            self._prompting = self._tasks.create_task(self._read_keys())
            self._tasks.create_task(self._follow())
            loop.add_signal_handler(signal.SIGTERM, self._terminated)
            # What ends us may come together with it, and goes first.
            loop.add_signal_handler(signal.SIGCONT, loop.call_soon, self._go_on)
            await asyncio.wait([self._prompting])
            await self._chat.quit()
        return self._farewell()

    async def _read_keys(self) -> None:
        if self._keyboard:
            await self._keyboard.ours()
        with suppress(EOFError, KeyboardInterrupt):  # Ctrl-D, Ctrl-C: as good as /quit
            await self._session.prompt_async(set_exception_handler=False)

    async def _follow(self) -> None:
        async for event in self._chat.events():
            self._take(event)
        self._prompting.cancel()

    def _take(self, event: Event | News) -> None:
        match event:
            case Msg():
                self._names.spoke(event.from_)
            case Joined():
                self._names.joined(event.name)
            case Left():
                self._names.left(event.name)
            case Back():
                self._names.doubt()
        if isinstance(event, News):
            self._screen.show(shown(event, self._view))
        else:
            self._screen.show(render.event(event, self._view))
        if isinstance(event, News | Notice):
            self._session.app.invalidate()  # the prompt tells the state

    def _accept(self, buffer: Buffer) -> bool:
        """Do what was typed; says whether it stays in the line, to be corrected."""
        match commands.read(buffer.text, self._to):
            case Send() as send:
                return not self._say(send)
            case Who():
                self._tasks.create_task(self._look_around(show=True))
            case Quit():
                self._prompting.cancel()
            case commands.Show(lines, wrong):
                for line in lines:
                    self._info(line)
                return wrong
        return False

    def _say(self, send: Send) -> bool:
        most = self._chat.connection.limits.text
        if len(send.text) > most:
            self._error(f"too long: {len(send.text)} characters, and {most} are allowed")
            return False
        if self._chat.state is State.RECONNECTING:
            self._info("not connected: it will be sent when the connection is back")
        self._tasks.create_task(self._deliver(send))
        return True

    async def _deliver(self, send: Send) -> None:
        try:
            ack = await self._chat.send(send.text, to=send.to)
            lines = render.ack(ack, self._view)
        except Unconfirmed:
            lines = render.unconfirmed(send.text, self._view, to=send.to)
        except (Refused, Ended) as error:
            lines = render.not_sent(send.text, str(error), self._view, to=send.to)
        self._screen.show(lines)

    async def _look_around(self, *, show: bool) -> None:
        try:
            users = await self._chat.connection.who()
        except ChatError as error:
            if show:
                self._error(str(error))
            return
        self._names.are(user.name for user in users)
        if show:
            self._screen.show(render.users(users, self._view))

    def _typed(self, buffer: Buffer) -> None:
        now = self._clock()
        # Drawing a text takes as long as it is, for each key and for each message above it.
        most = self._chat.connection.limits.text
        if len(buffer.text) > LONGEST_DRAFT * most:
            length, buffer.document = len(buffer.text), self._draft
            if now - self._overlong_said >= OVERLONG_EVERY:
                self._overlong_said = now
                self._error(f"not taken: {length:,} characters, and {most:,} are allowed")
            return
        self._draft = buffer.document
        if buffer.text and now - self._active_said >= ACTIVE_EVERY:
            self._active_said = now
            self._chat.connection.active()

    def _go_on(self) -> None:
        """After a stop: the shell has used the terminal meanwhile, and left it as it needs it."""
        leaving = self._prompting.done() or self._prompting.cancelling()
        if leaving or not self._keyboard:
            return
        if not self._output.is_ours:
            stop_in_background()
            return
        if not self._keyboard.is_raw:
            self._keyboard.make_raw()
            self._session.app.renderer.reset()
        self._screen.flush()
        self._session.app.invalidate()

    def _terminated(self) -> None:
        self._code = 128 + signal.SIGTERM
        self._prompting.cancel()

    def _farewell(self) -> int:
        self._screen.flush()
        if self._chat.failure:
            sys.stderr.write(f"chatctl: {clean_name(str(self._chat.failure))}\n")
            return 1
        self._screen.show([clean_name((self._chat.ended or QUIT).text)])
        self._screen.flush()
        return self._code

    def _info(self, text: str) -> None:
        self._screen.show(render.info(clean_name(text), self._view))

    def _error(self, text: str) -> None:
        self._screen.show(render.error(text, self._view))

    def _prompt(self) -> str:
        state = self._chat.state
        shown = "" if state is State.HERE else f" ({state})"
        to = direction(self._session.default_buffer.text, self._to)
        return f"{clean_name(self._view.me)}{shown}{arrow(to)}> "

    @property
    def _view(self) -> render.View:
        return render.View(
            me=self._chat.connection.name,
            now=datetime.now().astimezone(),
            style=self._style,
            width=self._output.get_size().columns,
        )
