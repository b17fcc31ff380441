"""The interactive client: a prompt below, the chat above it, and no full screen."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from typing import cast

from msgspec.structs import replace
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.layout.processors import TabsProcessor
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style as Looks

from client.absence import Absence
from client.aim import Aim
from client.asking import Command, Request, ask
from client.attention import Attention
from client.completion import ChatCompleter
from client.direction import arrow, direction
from client.display import commands, render, rooms
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
    mistake,
)
from client.display.options import Options, shown_options, with_option
from client.display.rooms import shown_room
from client.display.rows import fitting
from client.display.safe_text import TAB, clean_name
from client.display.spans import shown_span
from client.display.style import Style, theme_named
from client.display.view import View, broken, info
from client.drawing import PromptRenderer
from client.elsewhere import Elsewhere
from client.errors import ChatError, Ended, Refused, Unconfirmed
from client.keyboard import PATIENCE, Keyboard
from client.keys import key_bindings
from client.lasting import LastingChat, State
from client.log import Log
from client.news import Back, News, NotRejoined, SentAway, shown
from client.pending import Pending
from client.rooms import Rooms
from client.screen import Prompt, PromptOutput, Screen
from client.secrets import Secrets
from client.seen import following
from client.shown import Shown
from client.terminal import breaks_again, stop_in_background
from client.typed_history import TypedHistory
from wire.frames import (
    HISTORY,
    LOBBY,
    PRIVATE,
    AboutRoom,
    Away,
    Changed,
    ChangePassword,
    Deleted,
    Earlier,
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
    RoomMember,
    Send,
    Unignore,
    Who,
)
from wire.mentions import read_mentions, unescaped
from wire.names import fold
from wire.reasons import IDLE, QUIT, ErrorCode, OutCode

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

ON_ITS_WAY = "your last message is still on its way: press Enter again when it is in its place"

LOOKS = Looks.from_dict({"pending": "dim", "status": "dim"})

UNREAD = "─── new since you looked away ───"

NOTIFIED = 100
"""Characters of a message in a notification."""

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
        options: what the person has chosen.
        remember: the file for what the person types; None to remember it only until the end.
        log: a file that gets what is shown, too.
        keep: as in `client.settings.ClientSettings`.
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
        options: Options | None = None,
        remember: Path | None = None,
        log: Log | None = None,
        keep: Callable[[str, str], str] | None = None,
        clock: Callable[[], float] = monotonic,
        input: Input | None = None,
        output: PromptOutput | None = None,
    ) -> None:
        self._chat = chat
        self._style = style
        self._to = to
        self._backlog = backlog
        self._options = options or Options()
        self._log = log
        self._keep = keep
        self._clock = clock
        self._rooms = Rooms(chat.connection.name, chat.rooms)
        self._rooms.current = room
        self._aim = Aim(self._rooms)
        self._shown = Shown(self._rooms)
        self._pending = Pending()
        self._elsewhere = Elsewhere()
        self._attention = Attention(clock)
        self._absence = Absence(chat, clock, lambda: self._options.away_after)
        self._secrets: Secrets | None = None
        self._output = output or cast(PromptOutput, PromptOutput.from_pty(sys.stdout))
        self._keyboard = None if input else Keyboard(sys.stdin)
        self._session = Prompt(
            self._prompt,
            completer=ChatCompleter(self._rooms, self._look_around, self._look_for_rooms),
            complete_while_typing=False,
            key_bindings=key_bindings(
                self._is_typing,
                self._clear,
                self._talk_in_number,
                self._focus,
                self._pasted,
            ),
            enable_suspend=True,
            history=TypedHistory(remember) if remember else None,
            style=LOOKS,
            erase_when_done=True,
            input_processors=[TabsProcessor(tabstop=len(TAB), char1=" ", char2=" ")],
            color_depth=None if style.color and style.theme.colorful else ColorDepth.DEPTH_1_BIT,
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
        self._session.app.after_render += lambda _: self._show_title()
        self._screen = Screen(self._session.app, self._output)
        self._draft = Document()
        self._overlong_said = -OVERLONG_EVERY
        self._confirming = ""
        self._active_said = -ACTIVE_EVERY
        self._asked: dict[str, float] = {}
        self._day = _today()
        self._left_at: dict[str, str] = {}
        self._code = 0

    async def run(self) -> int:
        """Chat until one of the two sides leaves; returns the exit code."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as self._tasks:
            self._prompting = self._tasks.create_task(self._read_keys())
            self._tasks.create_task(self._follow())
            watching = self._tasks.create_task(self._absence.watch())
            loop.add_signal_handler(signal.SIGTERM, self._terminated)
            # A signal that ends us may come at the same time, and is handled first.
            loop.add_signal_handler(signal.SIGCONT, loop.call_soon, self._go_on)
            await asyncio.wait([self._prompting])
            watching.cancel()
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
            if isinstance(event, Back):
                await self._show_missed()
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
            case SentAway():
                self._left_at = {room: self._chat.last_seen(room) for room in self._rooms}
                self._show(event)
            case Back():
                self._rooms.returned()
                self._pending.forget_stored()
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
                self._put(lambda view: render.backlog(found, view))
        members = await connection.ask(ListMembers(room=room))
        self._are_here(room, members)
        if len(members) > 1:
            self._put(lambda view: rooms.here(members, view))
        self._tasks.create_task(self._show_topic(room))

    async def _show_topic(self, room: str) -> None:
        with suppress(ChatError):
            topic = (await self._chat.connection.ask(AboutRoom(room=room))).topic
            if topic:
                self._info(f"topic: {' '.join(topic.split())}")

    async def _show_missed(self) -> None:
        """After we were sent away: show what was said meanwhile in the rooms that we are still in.

        Rooms that we have to enter again tell it by themselves.
        """
        left_at, self._left_at = self._left_at, {}
        connection = self._chat.connection
        for room in (each for each in left_at if each in connection.welcome.seen):
            before = following(connection.welcome.seen[room])
            past = ReadHistory(room=room, limit=HISTORY, after=left_at[room] or None, before=before)
            with suppress(ChatError, TimeoutError):
                async with asyncio.timeout(BACKLOG_WITHIN):
                    self._show_past(await connection.ask(past))

    def _show_past(self, found: Sequence[Earlier]) -> None:
        for part in found:
            self._shown.take(part)
        self._put(lambda view: render.missed(found, view))

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
                self._look()
            case Changed() if not self._rooms.is_earlier(event):
                before = self._rooms.changed(event)
                self._put(lambda view: render.event(event, view, before))
                if self._rooms.puts_us_out(event):
                    self._out_of(event.room, chosen=False)
            case Out(room=room) | NotRejoined(room=room) if room in self._rooms:
                self._show(event)
                chosen = isinstance(event, Out) and event.code == OutCode.LEFT
                self._out_of(room, chosen=chosen)

    def _out_of(self, room: str, *, chosen: bool) -> None:
        self._elsewhere.look(room)
        where = self._aim.out(room, chosen=chosen)
        if where:
            self._info(where)
            self._look()

    def _tell_unread(self, event: Marks) -> None:
        for room, count in self._shown.unread(event, self._chat.connection.welcome.seen):
            what = "private messages" if room == PRIVATE else shown_room(room)
            self._info(f"{what}: {count:,} new since you last read; /history shows them")

    def _show(self, event: Event | News) -> None:
        if not isinstance(event, News):
            self._shown.take(event)
        self._tell_the_day()
        match event:
            case Msg():
                self._show_message(event)
            case Joined(room=room) | Left(room=room) | Away(room=room):
                if self._options.joins and room == self._rooms.current:
                    self._put(lambda view: render.event(event, view))
            case _ if isinstance(event, News):
                self._put(lambda view: shown(event, view))
            case _:
                self._put(lambda view: render.event(event, view))

    def _show_message(self, message: Msg) -> None:
        view = self._view
        own, for_them = view.is_me(message.from_), render.is_for(message, view)
        if own:
            self._pending.shown(message)
        elif self._attention.misses(for_them=for_them):
            self._put(lambda view: broken(view.style.warning(UNREAD), view))
        room = message.room if message.to is None else None
        held = False
        if room is not None and room != self._rooms.current and not own:
            held = self._options.elsewhere == "hint" and not for_them
            first = self._elsewhere.said(room, message, for_them=for_them, hold=held)
            if held and first:
                self._info(f"{shown_room(room)}: {message.from_} says something. /go {room}")
            self._session.app.invalidate()  # the status has how many
        if for_them:
            self._call(message)
        if not held:
            self._put(lambda view: render.event(message, view))

    def _call(self, message: Msg) -> None:
        """Call the person: something is said that is meant for them."""
        if not self._output.is_ours:  # in the background the terminal is somebody else's
            return
        if self._options.bell:
            self._output.bell()
        if self._options.notify != "off" and not self._attention.is_focused:
            text = f"{message.from_}: {' '.join(message.text.split())}"
            self._output.notify(self._options.notify, clean_name(text[:NOTIFIED]))

    def _show_title(self) -> None:
        if self._options.title and self._output.is_ours:
            for_them = self._attention.missed_for_them
            count = f"({for_them}) " if for_them else ""
            self._output.show_title(clean_name(f"{count}{_shown(self._rooms.current)}"))
        else:
            self._output.restore_title()

    def _look(self) -> None:
        """The person looks at the current room: show what was only hinted at there."""
        unread = self._elsewhere.look(self._rooms.current)
        if unread.dropped:
            self._info(f"{unread.dropped:,} more messages here: /history shows them")
        held = list(unread.held)
        self._put(lambda view: [row for each in held for row in render.event(each, view)])

    def _focus(self, focused: bool) -> None:
        self._say_what_was_missed(self._attention.focus(focused))

    def _say_what_was_missed(self, missed: str) -> None:
        if missed:
            self._info(missed)

    def _pasted(self, lines: int) -> None:
        if lines > 1:
            self._info(f"{lines} lines pasted: Enter sends them as one message, Ctrl-C drops them")

    def _tell_the_day(self) -> None:
        """Say so when the day has changed since something was shown."""
        today = _today()
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
        self._look()
        self._session.app.invalidate()

    def _accept(self, buffer: Buffer) -> bool:
        """Do what was typed. Returns whether it stays in the line, to be corrected."""
        if self._secrets is not None:
            self._take_secret(buffer)
            return False
        meaning = commands.read(buffer.text, self._to, self._rooms.current)
        if self._chat.state is State.SENT_AWAY and not isinstance(meaning, Quit):
            self._chat.come_back()
            return True
        doubt = self._aim.doubt(buffer.text, self._to, meaning)
        if doubt:
            self._info(doubt)
            return True
        typed, self._confirming = self._confirming, ""
        if isinstance(meaning, Send) and self._options.confirm_public and buffer.text != typed:
            named = read_mentions(meaning.text).recipients
            if named and meaning.to is None:
                private = replace(meaning, text=unescaped(meaning.text), to=named)
                return not self._say(private, typed=buffer.text)
        if isinstance(meaning, Remove) and self._pending:
            # The last message of those that are shown may not be the last one that was sent.
            return self._obey(mistake(ON_ITS_WAY))
        if isinstance(meaning, Reply | Remove | Respond):
            return self._obey(self._shown.request(meaning, self._view.me))
        return meaning is not None and self._obey(meaning)

    def _obey(self, command: Send | Show | Quit | Command) -> bool:
        """Do what a line means. Returns whether it stays in the line, to be corrected."""
        if isinstance(command, Send):
            return not self._say(command)
        if isinstance(command, Show):
            self._infos(command.lines)
            return command.wrong
        self._do(command)
        return False

    def _do(self, command: Quit | Command) -> None:
        match command:
            case Who():
                self._tasks.create_task(self._show_users())
            case Quit():
                self._prompting.cancel()
            case NeedPassword():
                self._need(Secrets(command))
            case Choose(option, value):
                self._choose(option, value)
            case Help() | ShowOptions() | ShowIgnored():
                self._infos(self._about(command))
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

    def _about(self, command: Help | ShowOptions | ShowIgnored) -> list[str]:
        match command:
            case Help(topic):
                return help_lines(self._view.width, topic)
            case ShowOptions():
                return [shown_options(self._options)]
            case ShowIgnored():
                names = ", ".join(self._shown.ignored)
                return [f"you hide what these say: {names}" if names else "you hide nobody"]

    def _choose(self, option: str, value: str) -> None:
        self._options = with_option(self._options, option, value)
        if option == "theme":
            self._style = Style(True, theme_named(value))
        kept = ""
        if self._keep:
            try:
                kept = f"; kept in {self._keep(option, value)}"
            except (OSError, ValueError) as error:
                kept = f" until you leave: {error}"
        self._info(f"{option} is {value} now{kept}")

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

    def _say(self, send: Send, typed: str = "") -> bool:
        most = self._chat.connection.limits.text
        if len(send.text) > most:
            self._error(f"too long: {len(send.text)} characters, and {most} are allowed")
            return False
        if self._chat.state is State.RECONNECTING:
            self._info("not connected: it will be sent when the connection is back")
        self._tasks.create_task(self._deliver(send, typed))
        return True

    async def _deliver(self, send: Send, typed: str) -> None:
        """Send a message.

        Args:
            send: the message.
            typed: the line that it was made of, if the person must confirm that it may go to
                everyone.
        """
        number = self._pending.add(send.text)
        self._session.app.invalidate()
        lines: list[str] = []
        try:
            ack = await self._chat.deliver(send)
            lines = render.ack(ack, self._view)
            self._pending.stored(number, ack.id)
        except Unconfirmed:
            self._pending.drop(number)
            lines = render.unconfirmed(send.text, self._view, to=send.to)
        except (Refused, Ended) as error:
            self._pending.drop(number)
            if typed and isinstance(error, Refused) and error.code == ErrorCode.NOBODY_HERE:
                self._confirm(typed, send.to or ())
            else:
                lines = render.not_sent(send.text, str(error), self._view, to=send.to)
        self._put(lambda _view: lines)
        self._session.app.invalidate()

    def _confirm(self, typed: str, names: Sequence[str]) -> None:
        """Nobody that a line names is here: it goes to everyone if the person presses Enter."""
        nobody = " or ".join(f"@{name}" for name in names)
        self._info(f"nobody named {nobody} is here: not sent. Enter sends it to everyone")
        self._confirming = typed
        buffer = self._session.default_buffer
        if not buffer.text:
            buffer.document = Document(typed)

    async def _ask(self, request: Request) -> None:
        try:
            rows = await ask(self._chat, request, lambda: self._view, self._shown.take)
        except ChatError as error:
            self._error(str(error))
            if isinstance(request, Join):
                self._aim.refused(request.room)
            return
        self._put(lambda _view: rows)

    async def _show_users(self) -> None:
        try:
            users = await self._chat.ask(Who())
        except ChatError as error:
            self._error(str(error))
        else:
            self._put(lambda view: render.users(users, view))

    async def _look_around(self) -> None:
        """Find out who is in the current room, for completion."""
        room = self._rooms.current
        if room is None or self._asked_lately(room):
            return
        with suppress(ChatError):
            found = await self._chat.connection.ask(ListMembers(room=room))
            self._are_here(room, found)
            self._asked[room] = self._clock()

    def _are_here(self, room: str, found: Sequence[RoomMember]) -> None:
        quiet = len(found) > self._chat.connection.limits.quiet_room
        self._rooms.names(room).are((one.name for one in found), for_good=not quiet)
        self._session.app.invalidate()  # the status has how many

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
        self._say_what_was_missed(self._attention.returned())
        if self._absence.typed():
            self._tasks.create_task(self._absence.over())
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
        if leaving or not self._keyboard or self._session.app._running_in_terminal:
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
        self._output.restore_title()
        self._screen.flush()
        if self._chat.failure or self._chat.ended not in (None, QUIT):
            self._save_what_was_typed()
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

    def _save_what_was_typed(self) -> None:
        """The chat has ended while the person may be typing."""
        if self._keyboard:
            self._keyboard.drop()
        typed = self._session.default_buffer.text
        if typed.strip() and self._secrets is None:
            self._put(lambda view: render.not_sent(typed, "the chat has ended", view))

    def _put(self, lines: Callable[[View], Iterable[str]]) -> None:
        """Show lines, and write them to the log.

        Args:
            lines: makes them for a view.
        """
        self._screen.show(lines(self._view))
        if self._log and (why := self._log.write(lines(self._view_of(None)))):
            self._log = None
            self._error(f"the log ends here, since it cannot be written: {why}")

    def _infos(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._info(line)

    def _info(self, text: str) -> None:
        self._put(lambda view: info(clean_name(text), view))

    def _error(self, text: str) -> None:
        self._put(lambda view: render.error(text, view))

    def _prompt(self) -> StyleAndTextTuples:
        if self._secrets is not None:
            return [("", self._secrets.question)]
        columns = self._output.get_size().columns - 1
        above = [("class:pending", f"{row}\n") for row in self._pending.rows(columns)]
        if self._options.status:
            above.append(("class:status", f"{fitting(self._status(), columns)}\n"))
        return [*above, ("", self._line_start())]

    def _line_start(self) -> str:
        state = self._chat.state
        shown = "" if state is State.HERE else f" ({state})"
        room = "" if self._rooms.only_lobby else f" {_shown(self._rooms.current)}"
        to = direction(self._session.default_buffer.text, self._to)
        return f"{clean_name(self._view.me)}{room}{shown}{arrow(to)}> "

    def _status(self) -> str:
        """The line above the prompt: who and where we are, what is new, and the connection."""
        current = self._rooms.current
        parts = [self._view.me, _shown(current)]
        count = self._rooms.names(current).count if current else None
        if count is not None:
            parts[-1] += f" {count} here"
        for room, unread in self._elsewhere.rooms.items():
            for_them = f", {unread.for_them} for you" if unread.for_them else ""
            parts.append(f"{shown_room(room)} {unread.messages} new{for_them}")
        state, lag = self._chat.state, self._chat.connection.lag
        here = "connected" if state is State.HERE else str(state)
        parts.append(here if lag is None else f"{here}, {lag * 1000:.0f} ms")
        return clean_name(" · ".join(parts))

    @property
    def _view(self) -> View:
        return self._view_of(self._output.get_size().columns)

    def _view_of(self, width: int | None) -> View:
        return View(
            me=self._chat.connection.name,
            now=datetime.now().astimezone(),
            style=self._style,
            width=width,
            room=self._rooms.current,
            highlight=self._options.highlight,
            clock=self._options.time,
            recall=self._shown.recent.recall,
        )


def _today() -> date:
    return datetime.now().astimezone().date()


def _shown(room: str | None) -> str:
    return "(no room)" if room is None else shown_room(room)
