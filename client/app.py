"""The interactive client: a prompt below, the chat above it, and no full screen."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import cast

from msgspec.structs import replace
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.input import Input
from prompt_toolkit.layout.processors import TabsProcessor
from prompt_toolkit.output import ColorDepth

from client.aim import Aim
from client.asking import Request, ask
from client.completion import ChatCompleter
from client.direction import arrow, direction
from client.drawing import PromptRenderer
from client.errors import ChatError, Ended, Refused, Unconfirmed
from client.keyboard import PATIENCE, Keyboard
from client.keys import key_bindings
from client.lasting import LastingChat, State
from client.news import Back, News, NotRejoined, shown
from client.rooms import Rooms
from client.screen import Prompt, PromptOutput, Screen
from client.secrets import Secrets
from client.seen import following
from client.shown import Shown
from client.terminal import breaks_again, stop_in_background
from display import commands, render, rooms
from display.help import help_lines
from display.meaning import Go, Help, NeedPassword, Remove, Reply, Respond, Show, ShowIgnored
from display.rooms import shown_room
from display.safe_text import TAB, clean_name
from display.spans import shown_span
from display.style import Style
from display.view import View, info
from wire.frames import (
    LOBBY,
    PRIVATE,
    Changed,
    ChangePassword,
    Deleted,
    Entered,
    Event,
    Ignore,
    Ignored,
    Join,
    Joined,
    Left,
    ListMembers,
    ListRooms,
    Marks,
    Msg,
    Notice,
    Out,
    Quit,
    ReadHistory,
    Register,
    Renamed,
    Send,
    Unignore,
    Who,
)
from wire.names import fold
from wire.reasons import IDLE, QUIT, OutCode

ACTIVE_EVERY = 5.0
"""How often, in seconds, the gateway is told that somebody is typing."""

LONGEST_DRAFT = 4
"""The typed line may be this many times longer than a message, so that it can be shortened."""

OVERLONG_EVERY = 1.0
"""How often, in seconds, the person is told that it is too long: a paste may come in parts."""


BACKLOG_WITHIN = 5.0
"""Seconds that the earlier messages may take at the start; new ones wait for them."""

LOOK_EVERY = 30.0
"""Seconds for which a list of members or rooms is good enough for completion, if no events tell
about changes."""


Command = Who | Quit | Help | Go | NeedPassword | ShowIgnored | Request
"""What a line can mean, other than a message."""

ALL_ROOMS = "*"
"""Used in place of a room's name for the list of all rooms."""


class ChatApp:
    """One person at one terminal.

    Args:
        chat: the chat.
        style: colours, or none.
        to: who gets every message; None if each message says that itself.
        room: the room that lines go to at the start; None for none.
        backlog: how many earlier messages of that room are shown at the start.
        bell: ring for private messages, and for messages with the person's name in them.
        clock: seconds that never go back; it times what is done at most every few seconds.
        input: where keys come from; None for the terminal.
        output: where text goes; None for the terminal.
    """

    def __init__(
        self,
        chat: LastingChat,
        style: Style,
        *,
        to: Sequence[str] | None = None,
        room: str | None = LOBBY,
        backlog: int = 0,
        bell: bool = False,
        clock: Callable[[], float] = monotonic,
        input: Input | None = None,
        output: PromptOutput | None = None,
    ) -> None:
        self._chat = chat
        self._style = style
        self._to = to
        self._backlog = backlog
        self._bell = bell
        self._clock = clock
        self._rooms = Rooms(chat.connection.name, chat.rooms)
        self._rooms.current = room
        self._aim = Aim(self._rooms)
        self._shown = Shown(self._rooms)
        self._secrets: Secrets | None = None
        self._output = output or cast(PromptOutput, PromptOutput.from_pty(sys.stdout))
        self._keyboard = None if input else Keyboard(sys.stdin)
        self._session = Prompt(
            self._prompt,
            completer=ChatCompleter(self._rooms, self._look_around, self._look_for_rooms),
            complete_while_typing=False,
            key_bindings=key_bindings(self._is_typing, self._clear, self._talk_in_number),
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
        # One prompt serves for the whole chat, not one for each line: between two prompts the
        # terminal would echo keys by itself.
        self._session.default_buffer.accept_handler = self._accept
        self._session.default_buffer.on_text_changed += self._typed
        self._screen = Screen(self._session.app, self._output)
        self._draft = Document()
        self._overlong_said = -OVERLONG_EVERY
        self._active_said = -ACTIVE_EVERY
        self._asked: dict[str, float] = {}
        self._day = self._view.now.date()
        self._code = 0

    async def run(self) -> int:
        """Chat until one of the two sides leaves; returns the exit code."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as self._tasks:
            self._prompting = self._tasks.create_task(self._read_keys())
            self._tasks.create_task(self._follow())
            loop.add_signal_handler(signal.SIGTERM, self._terminated)
            # A signal that ends us may come at the same time, and is handled first.
            loop.add_signal_handler(signal.SIGCONT, loop.call_soon, self._go_on)
            await asyncio.wait([self._prompting])
            await self._chat.quit()
        return self._farewell()

    async def _read_keys(self) -> None:
        if self._keyboard:
            await self._keyboard.ours()
        # Ctrl-D, and Ctrl-C in an empty line: as good as /quit.
        with suppress(EOFError, KeyboardInterrupt):
            await self._session.prompt_async(set_exception_handler=False)

    async def _follow(self) -> None:
        if self._backlog and (room := self._rooms.current) is not None:
            # What is said meanwhile waits, so that it comes after what was said before.
            with suppress(ChatError, TimeoutError):
                async with asyncio.timeout(BACKLOG_WITHIN):
                    await self._show_backlog(room)
        async for event in self._chat.events():
            self._take(event)
        self._prompting.cancel()

    def _take(self, event: Event | News) -> None:
        if not isinstance(event, News) and self._shown.hides(event):
            return
        match event:
            case Msg() | Joined() | Left():
                if self._rooms.heard(event):
                    self._show(event)
            case Entered() | Out() | Changed() | NotRejoined():
                self._take_room(event)
            case Back():
                self._rooms.returned()
                self._asked.clear()
                self._show(event)
            case Notice(room=str(room)):
                self._rooms.invited(room)
                self._show(event)
            case _:
                self._take_other(event)
        if isinstance(event, News | Notice | Entered | Out | Changed | Renamed):
            self._session.app.invalidate()  # the prompt shows the state and the room

    async def _show_backlog(self, room: str) -> None:
        """Show what was said in a room before the person came, and who is there."""
        # If this connection breaks, the person is told at once, and not once another has come.
        connection = self._chat.connection
        begin = connection.welcome.seen.get(room)
        # A room that was entered since the welcome has told its earlier messages already.
        if begin is not None:
            past = ReadHistory(room=room, limit=self._backlog, before=following(begin))
            found = await connection.ask(past)
            for part in found:
                self._shown.take(part)
            if any(part.events for part in found):
                self._screen.show(render.backlog(found, self._view))
        members = await connection.ask(ListMembers(room=room))
        if len(members) > 1:
            self._screen.show(rooms.here(members, self._view))

    def _take_other(self, event: Event | News) -> None:
        if isinstance(event, Renamed):
            self._rooms.renamed(event)
        if isinstance(event, Marks):
            self._tell_unread(event)
        self._show(event)
        if isinstance(event, Deleted):
            self._shown.forget(event)

    def _take_room(self, event: Entered | Out | Changed | NotRejoined) -> None:
        """Something has happened to a room that we are in, or to our being in it."""
        match event:
            case Entered(room=room):
                is_new = self._rooms.entered(event)
                self._aim.entered(room)
                if is_new:
                    self._show(event)
            case Changed() if not self._rooms.is_earlier(event):
                self._screen.show(render.event(event, self._view, self._rooms.changed(event)))
                if self._rooms.puts_us_out(event):
                    self._out_of(event.room, chosen=False)
            case Out(room=room) | NotRejoined(room=room) if room in self._rooms:
                self._show(event)
                chosen = isinstance(event, Out) and event.code == OutCode.LEFT
                self._out_of(room, chosen=chosen)

    def _out_of(self, room: str, *, chosen: bool) -> None:
        where = self._aim.out(room, chosen=chosen)
        if where:
            self._info(where)

    def _tell_unread(self, event: Marks) -> None:
        for room, count in self._shown.unread(event, self._chat.connection.welcome.seen):
            what = "private messages" if room == PRIVATE else shown_room(room)
            self._info(f"{what}: {count:,} new since you last read; /history shows them")

    def _show(self, event: Event | News) -> None:
        if not isinstance(event, News):
            self._shown.take(event)
        self._tell_the_day()
        if self._bell and isinstance(event, Msg) and render.is_for(event, self._view):
            self._ring()
        match event:
            case Joined(room=room) | Left(room=room) if room != self._rooms.current:
                pass
            case _ if isinstance(event, News):
                self._screen.show(shown(event, self._view))
            case _:
                self._screen.show(render.event(event, self._view))

    def _ring(self) -> None:
        if self._output.is_ours:  # in the background the terminal is somebody else's
            self._output.bell()

    def _tell_the_day(self) -> None:
        """Say so when the day has changed since something was shown."""
        today = self._view.now.date()
        if today != self._day:
            self._day = today
            self._info(f"it is {today:%A, %Y-%m-%d}")

    def _is_typing(self) -> bool:
        return bool(self._session.default_buffer.text) or self._secrets is not None

    def _clear(self) -> None:
        """The person wants to type something else; a password is not asked for any longer."""
        if self._secrets is not None:
            self._need(None)
            self._info("nothing was changed")

    def _talk_in_number(self, number: int) -> None:
        """Lines go to the room of this number from now on: they count in the order of entering."""
        places = list(self._rooms)
        if number <= len(places):
            self._talk_in(places[number - 1])

    def _go(self, room: str) -> None:
        if room in self._rooms:
            self._talk_in(room)
        else:
            self._error(f"you are not in {shown_room(room)}: /join {room} enters it")

    def _talk_in(self, room: str) -> None:
        self._aim.talk_in(room)
        self._info(self._aim.told())
        self._session.app.invalidate()

    def _accept(self, buffer: Buffer) -> bool:
        """Do what was typed. Returns whether it stays in the line, to be corrected."""
        if self._secrets is not None:
            self._take_secret(buffer)
            return False
        meaning = commands.read(buffer.text, self._to, self._rooms.current)
        doubt = self._aim.doubt(buffer.text, self._to, meaning)
        if doubt:
            self._info(doubt)
            return True
        if isinstance(meaning, Reply | Remove | Respond):
            return self._obey(self._shown.request(meaning, self._view.me))
        return meaning is not None and self._obey(meaning)

    def _obey(self, command: Send | Show | Command) -> bool:
        """Do what a line means. Returns whether it stays in the line, to be corrected."""
        if isinstance(command, Send):
            return not self._say(command)
        if isinstance(command, Show):
            self._infos(command.lines)
            return command.wrong
        self._do(command)
        return False

    def _do(self, command: Command) -> None:
        match command:
            case Who():
                self._tasks.create_task(self._show_users())
            case Quit():
                self._prompting.cancel()
            case Help(topic):
                self._infos(help_lines(self._view.width, topic))
            case NeedPassword():
                self._need(Secrets(command))
            case ShowIgnored():
                names = ", ".join(self._shown.ignored)
                self._info(f"you hide what these say: {names}" if names else "you hide nobody")
            case Ignore() | Unignore() if not self._chat.connection.welcome.account:
                self._hide(command.name, on=isinstance(command, Ignore))
            case Join(room=room) if room in self._rooms:
                self._talk_in(room)
            case Go(room=room):
                self._go(room)
            case request:
                if isinstance(request, Join):
                    self._aim.wants(request.room)
                self._tasks.create_task(self._ask(request))

    def _hide(self, name: str, *, on: bool) -> None:
        """A guest has no list in the chat: this client hides what they say, while it runs."""
        names = [each for each in self._shown.ignored if fold(each) != fold(name)]
        self._shown.take(Ignored([*names, name] if on else names))
        said = "is hidden, until you leave" if on else "is shown again"
        self._info(f"what {name} says {said}")

    # Passwords.

    def _need(self, secrets: Secrets | None) -> None:
        """Ask for passwords in place of lines, or for lines again."""
        self._secrets = secrets
        self._session.is_password = secrets is not None
        self._session.app.invalidate()

    def _take_secret(self, buffer: Buffer) -> None:
        typed, secrets = buffer.text, self._secrets
        buffer.reset()  # so that nothing remembers it
        assert secrets is not None
        if not typed:
            self._need(None)
            self._info("nothing was changed")
        elif wrong := secrets.take(typed):
            self._need(None)
            self._error(wrong)
        elif (request := secrets.request()) is not None:
            self._need(None)
            self._tasks.create_task(self._ask_with_password(request))
        self._session.app.invalidate()

    async def _ask_with_password(self, request: Register | ChangePassword) -> None:
        connection = self._chat.connection
        try:
            await self._chat.ask(request)
        except ChatError as error:
            self._error(str(error))
            return
        if isinstance(request, ChangePassword):
            connection.password = request.new
            self._info("your password is changed; your other sessions have ended")
        else:
            connection.password = request.password
            if request.name is None:
                connection.welcome = replace(connection.welcome, account=connection.name)
            name = request.name or connection.name
            self._info(f"{name} is registered now, and needs the password")

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
            ack = await self._chat.send(
                send.text, to=send.to, room=send.room, kind=send.kind, re=send.re
            )
            lines = render.ack(ack, self._view)
        except Unconfirmed:
            lines = render.unconfirmed(send.text, self._view, to=send.to)
        except (Refused, Ended) as error:
            lines = render.not_sent(send.text, str(error), self._view, to=send.to)
        self._screen.show(lines)

    async def _ask(self, request: Request) -> None:
        try:
            rows = await ask(self._chat, request, lambda: self._view, self._shown.take)
        except ChatError as error:
            self._error(str(error))
            if isinstance(request, Join):
                self._aim.refused(request.room)
            return
        self._screen.show(rows)

    async def _show_users(self) -> None:
        try:
            users = await self._chat.ask(Who())
        except ChatError as error:
            self._error(str(error))
        else:
            self._screen.show(render.users(users, self._view))

    async def _look_around(self) -> None:
        """Find out who is in the current room, for completion."""
        room = self._rooms.current
        if room is None or self._asked_lately(room):
            return
        with suppress(ChatError):
            found = await self._chat.connection.ask(ListMembers(room=room))
            quiet = len(found) > self._chat.connection.limits.quiet_room
            self._rooms.names(room).are((one.name for one in found), for_good=not quiet)
            self._asked[room] = self._clock()

    async def _look_for_rooms(self) -> None:
        """Find out which rooms there are, for completion."""
        if self._asked_lately(ALL_ROOMS):
            return
        with suppress(ChatError):
            found = await self._chat.connection.ask(ListRooms())
            self._rooms.listed = [one.room for one in found]
            self._asked[ALL_ROOMS] = self._clock()

    def _asked_lately(self, what: str) -> bool:
        return self._clock() - self._asked.get(what, -LOOK_EVERY) < LOOK_EVERY

    def _typed(self, buffer: Buffer) -> None:
        if self._secrets is not None:
            return
        now = self._clock()
        # The longer the text, the longer it takes to draw, at each key and each message above it.
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
            self._mark_read()

    def _mark_read(self) -> None:
        """The person is here, so what was shown has been read."""
        if self._chat.connection.welcome.account:
            for room in (*self._rooms, PRIVATE):
                id = self._chat.last_seen(room)
                if self._shown.to_mark(room, id):
                    self._chat.connection.mark(room, id)

    def _go_on(self) -> None:
        """Go on after a stop: meanwhile the shell has used the terminal, and changed its modes."""
        leaving = self._prompting.done() or self._prompting.cancelling()
        if leaving or not self._keyboard:
            return
        if not self._output.is_ours:
            stop_in_background()
            # We are woken here. Nothing may be drawn before the terminal is raw again.
            if not self._output.is_ours:
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
        ended = self._chat.ended or QUIT
        if ended.code == IDLE.code:
            silent = shown_span(round(self._chat.connection.welcome.idle or 0))
            self._info(f"you did nothing for {silent}: run the same command to come back")
        self._screen.show([clean_name(ended.text)])
        self._screen.flush()
        return self._code

    def _infos(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._info(line)

    def _info(self, text: str) -> None:
        self._screen.show(info(clean_name(text), self._view))

    def _error(self, text: str) -> None:
        self._screen.show(render.error(text, self._view))

    def _prompt(self) -> str:
        if self._secrets is not None:
            return self._secrets.question
        state = self._chat.state
        shown = "" if state is State.HERE else f" ({state})"
        room = "" if self._rooms.only_lobby else f" {_shown(self._rooms.current)}"
        to = direction(self._session.default_buffer.text, self._to)
        return f"{clean_name(self._view.me)}{room}{shown}{arrow(to)}> "

    @property
    def _view(self) -> View:
        return View(
            me=self._chat.connection.name,
            now=datetime.now().astimezone(),
            style=self._style,
            width=self._output.get_size().columns,
            room=self._rooms.current,
            recall=self._shown.recent.recall,
        )


def _shown(room: str | None) -> str:
    return "(no room)" if room is None else shown_room(room)
