"""One client of IRC: between its connection and its peer.

The peer knows nothing of IRC: it gets requests, and tells events. Commands are carried out one
after the other, and only messages do not wait for each other's answers. So a PONG comes after all
that was asked before it, as programs expect that wait for one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from gateway.channels.links import Link
from gateway.irc import people, playback
from gateway.irc.capabilities import Capabilities
from gateway.irc.lines import Line, answer_line, escape, parse
from gateway.irc.multiline import Multiline, counts_as
from gateway.irc.numerics import Err
from gateway.irc.pace import ASK_AFTER, BAD, LOST_AFTER, OURS, SPEAKS, Pace
from gateway.irc.refusals import Refused
from gateway.irc.registration import Registration
from gateway.irc.rendering import iso
from gateway.irc.shared import IrcShared
from gateway.irc.sights import Sights
from gateway.irc.texts import source
from wire.frames import (
    Ack,
    Active,
    Entered,
    Error,
    Event,
    Msg,
    Out,
    Renamed,
    Request,
    Send,
    SetAway,
    SetBack,
    Welcome,
)
from wire.lines import LineTooLong
from wire.reasons import CONNECTION_LOST, Reason

log = logging.getLogger(__name__)

MAX_HELD = 64
"""Commands that may wait before reading from a client stops."""

ECHO_WITHIN = 1.0
"""Seconds in which the client's own copy of a message comes after the acknowledgement."""


class TakesRequests(Protocol):
    """What a client talks to: a peer."""

    def receive(self, lines: Iterable[Any]) -> None:
        """The client asks for these."""

    def hung_up(self) -> None:
        """The client sends no more."""

    def end(self, reason: Reason) -> None:
        """The connection is lost, or must end."""


@dataclass
class _Asked:
    """A request whose answer a command waits for."""

    answer: asyncio.Future[list[Any]]
    events: list[Event] = field(default_factory=list)


class _Own(NamedTuple):
    """Something of the door's own that has its turn among the client's commands.

    Attributes:
        work: what to do.
        command: how it counts for the pace of the client, as in `gateway.irc.pace`.
    """

    work: Callable[[], Awaitable[None] | None]
    command: str = OURS


@dataclass
class _Sent:
    """A message of the client that is not answered, or whose own copy has not come."""

    command: str
    request: Send
    target: str
    label: str


class Client:
    """One client: what its connection calls, and the link and the speech of its peer.

    Args:
        link: its connection.
        shared: what the clients share.
        connect: makes the peer of a link.
        handle: carries out a command; returns something to await if that takes time.

    Attributes:
        monitored: the people that it watches: name in lower case -> name.
        seen_here: the people among them who were here when it was told last, in lower case.
        marks: how far its person has read: target in lower case -> milliseconds since 1970.
        read_upto: the same as the account has it: room -> id of the last message that was read.
        multiline: the message of several lines that it is sending.
        nick: its name; before it is welcomed, the one that it wants.
        welcomed: whether it has its name.
        came_into: the rooms that it came into with its welcome, until it is told.
        rooms: the rooms that it is in.
        away: whether it has said that its person is away.
    """

    def __init__(
        self,
        link: Link,
        shared: IrcShared,
        connect: Callable[[Link], TakesRequests],
        handle: Callable[[Client, Line], Awaitable[None] | None],
    ) -> None:
        self.link = link
        self.shared = shared
        self.address, self.ip = link.address, link.ip
        self.capabilities = Capabilities(shared.limits)
        self.multiline = Multiline(shared.limits.text)
        self.nick = ""
        self.account = ""
        self.welcomed: Welcome | None = None
        self.sights = Sights(self)
        self.registration = Registration(self)
        self.monitored: dict[str, str] = {}
        self.seen_here: set[str] = set()
        self.marks: dict[str, int] = {}
        self.read_upto: dict[str, str] = {}
        self._handle = handle
        self._held: deque[Line | _Own] = deque()
        self._full = False
        self._peer_reads = True
        self._busy = False
        self._label = ""
        self._collected: list[bytes] | None = None
        self._seqs = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._sent: dict[int, _Sent] = {}
        self._unseen: dict[int, _Sent] = {}
        self._hello: asyncio.Future[Welcome] | None = None
        self._entered: Entered | None = None
        self.came_into: dict[str, Entered] = {}
        self._batches = itertools.count(1)
        self._closed = False
        self.away = self._away_by_itself = False
        self._pace = Pace(shared.limits, shared.monotonic())
        self._waiting: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        self._pulse = loop.call_later(shared.every(), self._look_after)
        self.peer = connect(self)

    @property
    def speech(self) -> Client:
        """Itself: what it is told depends on what it was told before."""
        return self

    @property
    def rooms(self) -> set[str]:
        """The rooms that it is in."""
        return set(self.sights.rooms)

    @property
    def ignored(self) -> frozenset[str]:
        """The names of the people that it ignores."""
        return self.sights.ignored

    def has(self, capability: str) -> bool:
        """Whether it has chosen a capability."""
        return capability in self.capabilities.chosen

    # From the connection.

    def receive(self, lines: Iterable[bytes | LineTooLong]) -> None:
        """The client has sent these lines."""
        self._pace.heard_at = self.shared.monotonic()
        for raw in lines:
            if isinstance(raw, LineTooLong):
                self._held.append(_Own(self._too_long, BAD))
                continue
            try:
                # No line has a NUL in it: other programs would take it for the end.
                line = parse(raw.replace(b"\0", b"").decode())
            except UnicodeDecodeError:
                self._held.append(_Own(self._no_text, BAD))
                continue
            if line is not None:
                self._held.append(line)
        self._full = len(self._held) > MAX_HELD
        self._go_on()

    def _too_long(self) -> None:
        self.numeric(Err.INPUTTOOLONG, "the line is too long")

    def _no_text(self) -> None:
        # With UTF8ONLY this is said to all, also to those who did not ask for such replies.
        self.line("FAIL", "*", "INVALID_UTF8", "this is not UTF-8")

    def hung_up(self) -> None:
        """The client sends no more; it still gets the answers to what it has sent."""
        self._held.append(_Own(self.peer.hung_up))
        self._go_on()

    def end(self, reason: Reason) -> None:
        """The connection is lost, or must end."""
        self._closed = True
        self._held.clear()
        self._pulse.cancel()
        for asked in self._asked.values():
            asked.answer.cancel()
        if self._hello is not None:
            self._hello.cancel()
        self.peer.end(reason)

    # Commands, one after the other.

    def _go_on(self) -> None:
        self._work_off()
        if not self._closed:
            self._full = self._full and len(self._held) > MAX_HELD // 2
            self.link.read(self._peer_reads and not self._full)

    def _work_off(self) -> None:
        while self._held and not self._busy and not self._closed:
            waits = self._sent or (self._unseen and self.has("echo-message"))
            command = self._counts_as(self._held[0])
            if waits and command not in ("PRIVMSG", "NOTICE", "BATCH"):
                return  # it goes on once they are answered
            if self._has_to_wait(command):
                return
            line = self._held.popleft()
            try:
                work = line.work() if isinstance(line, _Own) else self._begin(line)
            except Exception:
                log.exception("an unexpected error")
                work = None
            if work is not None:
                self._busy = True
                self.shared.tasks(self._carry_out(work))
            else:
                self._done()

    def _counts_as(self, line: Line | _Own) -> str:
        if isinstance(line, Line) and self.capabilities.multiline:
            return counts_as(line)
        return line.command

    def _begin(self, line: Line) -> Awaitable[None] | None:
        if self.has("labeled-response"):
            self.give_label(line.tags.get("label", ""))
        return self._handle(self, line)

    def _has_to_wait(self, command: str) -> bool:
        """Whether the client is too fast; then it goes on by itself."""
        if self._waiting is not None:
            return True
        now = self.shared.monotonic()
        if wait := self._pace.wait(command, now):
            loop = asyncio.get_running_loop()
            self._waiting = loop.call_later(wait, self._waited)
            return True
        if self._away_by_itself and command in SPEAKS:
            self._away_by_itself = False
            self.tell(SetBack())
        return False

    def _waited(self) -> None:
        self._waiting = None
        self._go_on()

    def _look_after(self) -> None:
        """See to the client from time to time: is it there, and is its person?"""
        now, shared = self.shared.monotonic(), self.shared
        self._pulse = asyncio.get_running_loop().call_later(shared.every(), self._look_after)
        silence = self._pace.silence(now)
        if silence >= LOST_AFTER:
            self.end(CONNECTION_LOST)
            return
        if silence >= ASK_AFTER and self.welcomed:
            self.write_line(f"PING {shared.server}")
        if self.monitored and not self._busy:
            self.later(lambda: people.watch(self))
        if self.welcomed and shared.idle is not None:
            # A client stays as long as it is connected; its person may be away.
            self.tell(Active())
            if not self.away and not self._away_by_itself:
                self._away_by_itself = now - self._pace.spoke_at >= shared.idle
                if self._away_by_itself:
                    self.tell(SetAway("idle"))

    async def _carry_out(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Refused as refused:
            self.notice(refused.error.text)
        except asyncio.CancelledError:
            if not self._closed:
                raise
        except Exception:
            log.exception("an unexpected error")
            self.notice("Something went wrong here: this was not done.")
        finally:
            self._busy = False
            self._done()
        self._go_on()

    def _done(self) -> None:
        """A command is done: send what was collected as the answer to its label."""
        lines, label = self._collected, self._label
        self._collected, self._label = None, ""
        if lines is None or self._closed:
            return
        split = [each for data in lines for each in data.decode().split("\r\n") if each]
        if not split:
            self.write_line(answer_line("ACK", source=self.shared.server, tags={"label": label}))
        elif len(split) == 1:
            self.write_line(_tagged(split[0], "label", label))
        else:
            for each in self.batched(split, "labeled-response", label=label):
                self.write_line(each)

    def take_label(self) -> str:
        """The label of the command, which something else answers: the echo of a message."""
        label, self._label, self._collected = self._label, "", None
        return label

    def give_label(self, label: str) -> None:
        """From here on the command answers a label; "" for none."""
        if label:
            self._label, self._collected = label, []

    def batched(self, lines: list[str], kind: str, *params: str, label: str = "") -> list[str]:
        """Lines as a batch."""
        reference = f"b{next(self._batches)}"
        begin = answer_line("BATCH", f"+{reference}", kind, *params, source=self.shared.server)
        if label:
            begin = _tagged(begin, "label", label)
        inside = [
            each if _is_in_batch(each) else _tagged(each, "batch", reference) for each in lines
        ]
        return [begin, *inside, answer_line("BATCH", f"-{reference}", source=self.shared.server)]

    # What commands use.

    def numeric(self, number: str, *params: str) -> None:
        """Send a numeric reply; the last parameter may be a text."""
        who = self.nick if self.welcomed else (self.nick or "*")
        self.line(number, who, *params)

    def line(self, command: str, *params: str, by: str | None = None, **tags: str) -> None:
        """Send a line, from the server if it is not said who it is from."""
        self.put(answer_line(command, *params, source=by or self.shared.server, tags=tags))

    def put(self, *lines: str) -> None:
        """Send lines that are finished; with a label they are collected."""
        data = "".join(f"{line}\r\n" for line in lines).encode()
        if self._collected is not None:
            self._collected.append(data)
        else:
            self.shared.hub.send(self, data)

    def write_line(self, line: str) -> None:
        """Send a finished line that is not part of a labelled answer."""
        self.shared.hub.send(self, f"{line}\r\n".encode())

    def notice(self, text: str, target: str = "") -> None:
        """Tell the person something."""
        self.line("NOTICE", target or self.nick or "*", text)

    def fail(self, command: str, code: str, *params: str, text: str, kind: str = "FAIL") -> None:
        """Refuse something that has no numeric of its own."""
        self.line(kind, command, code, *params, text)

    async def ask(self, request: Any) -> list[Any]:
        """Ask the peer for something.

        Returns:
            The events of the answer.

        Raises:
            Refused: it was refused.
        """
        seq = next(self._seqs)
        answer = asyncio.get_running_loop().create_future()
        self._asked[seq] = _Asked(answer)
        try:
            self.peer.receive([replace(request, seq=seq)])
            return list(await answer)
        finally:
            self._asked.pop(seq, None)

    async def hello(self, hello: Request) -> Welcome:
        """Log in.

        Raises:
            Refused: the name cannot be had.
        """
        self._hello = asyncio.get_running_loop().create_future()
        try:
            self.peer.receive([hello])
            return await self._hello
        finally:
            self._hello = None

    async def refusable(
        self, command: str, target: str, request: Any, person: str = ""
    ) -> list[Any]:
        """Ask the peer for something, and tell the client if it is refused.

        Args:
            command: what the client asked for.
            target: the channel that it named; "" for none.
            request: what to ask for.
            person: the person that it named.

        Returns:
            The events of the answer; none if it was refused.
        """
        try:
            return await self.ask(request)
        except Refused as refused:
            self.put(*self.sights.refusal(command, refused.error, target, person))
            return []

    def stamped(self, line: str) -> str:
        """A line with the time, for a client that wants it."""
        if not self.has("server-time"):
            return line
        return _tagged(line, "time", iso(round(time.time() * 1000)))

    def tell(self, request: Request) -> None:
        """Ask the peer for something that has no answer."""
        self.peer.receive([request])

    def send_message(self, command: str, request: Send, target: str, label: str) -> None:
        """Send a message; its answer, and its own copy, come later."""
        seq = next(self._seqs)
        self._sent[seq] = self._unseen[seq] = _Sent(command, request, target, label)
        self.peer.receive([replace(request, seq=seq)])

    # The link of the peer.

    def write(self, data: bytes) -> None:
        """Send."""
        if data:
            self.link.write(data)

    def close(self, reason: Reason, after: float | None = None) -> None:
        """Say why, and end the connection."""
        self.link.close(reason, after)

    def read(self, on: bool) -> None:
        """Read from the client, or stop reading."""
        self._peer_reads = on
        self.link.read(on and not self._full)

    async def drained(self) -> None:
        """Wait until the client keeps up."""
        await self.link.drained()

    # The speech of the peer.

    def request(self, line: bytes) -> Request:
        """A peer of IRC gets requests, and no lines."""
        raise AssertionError(f"not a request: {line!r}")

    def is_ping(self, line: bytes) -> bool:
        """A ping is answered here."""
        return False

    def render(self, lines: bytes) -> bytes:
        """What a room, or the person's own channel, has brought."""
        if (entered := self._entered) is not None:
            # What was said before comes at once.
            self._entered = None
            if (before := playback.on_joining(self, entered, lines)) is not None:
                return self._in_answer("".join(f"{line}\r\n" for line in before).encode())
        rendered = self.shared.rendering.of(lines, self.capabilities.shape)
        if (
            rendered.plain is not None
            and self.nick not in rendered.authors
            and self.sights.ignored.isdisjoint(rendered.authors)
        ):
            return rendered.plain
        return b"".join(self.sights.see(*segment) for segment in rendered.segments)

    def event(self, event: Event) -> bytes:
        """An event for this client alone."""
        seq = getattr(event, "seq", None)
        if seq is not None and (asked := self._asked.get(seq)) is not None:
            return self._answered(asked, event)
        if seq is not None and (sent := self._sent.get(seq)) is not None:
            return self._sent_answered(seq, sent, event)
        if self._hello is not None and not self._hello.done():
            if isinstance(event, Welcome):
                self.welcomed = event
                self.nick, self.account = event.name, event.account
                self._hello.set_result(event)
                return b""
            if isinstance(event, Error):
                self._hello.set_exception(Refused(event))
                return b""
        if self._hello is not None and isinstance(event, Entered):
            self.came_into[event.room] = event  # a JOIN comes after the welcome
            return b""
        return self.sights.told(event)

    def _answered(self, asked: _Asked, event: Event) -> bytes:
        asked.events.append(event)
        # These are seen at their place among the messages of the room.
        data = self.sights.told(event) if isinstance(event, Entered | Out | Renamed) else b""
        if isinstance(event, Entered) and data:
            self._entered = event
        if not asked.answer.done() and not getattr(event, "more", False):
            if isinstance(event, Error):
                asked.answer.set_exception(Refused(event))
            else:
                asked.answer.set_result(asked.events)
        return self._in_answer(data)

    def _in_answer(self, data: bytes) -> bytes:
        """What goes out now: nothing, if it is a part of the answer to a label."""
        if data and self._collected is not None:
            self._collected.append(data)
            return b""
        return data

    # Messages of the client's own.

    def echo(self, message: Msg) -> tuple[bool, str]:
        """Whether a message is one that this client has just sent, and the label of that."""
        for seq, sent in self._unseen.items():
            request = sent.request
            same = request.text == message.text and request.kind == message.kind
            where = (
                request.room == message.room if message.room is not None else message.to is not None
            )
            if same and where:
                self._seen(seq)
                return True, sent.label
        return False, ""

    def _seen(self, seq: int) -> None:
        if self._unseen.pop(seq, None) is not None:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _sent_answered(self, seq: int, sent: _Sent, event: Event) -> bytes:
        del self._sent[seq]
        loop, echoes = asyncio.get_running_loop(), self.has("echo-message")
        loop.call_soon(self._go_on)
        if isinstance(event, Error):
            self._unseen.pop(seq, None)
            lines = self.sights.refusal(sent.command, event, sent.target)
        else:
            assert isinstance(event, Ack)
            # Its own copy may have come already, or not come for another moment.
            loop.call_later(ECHO_WITHIN, self._seen, seq)
            lines = self.sights.acknowledged(event, sent.target)
            if sent.label and not echoes and not lines:
                lines = [answer_line("ACK", source=self.shared.server)]
        if sent.label and lines and (isinstance(event, Error) or not echoes):
            lines[0] = _tagged(lines[0], "label", sent.label)
        if sent.command == "NOTICE" and isinstance(event, Error):
            lines = []  # a notice is never answered
        return "".join(f"{each}\r\n" for each in lines).encode()

    # Commands of the door itself.

    def show(self, event: Event) -> None:
        """Show the client an event, as if it had been told just now."""
        self.shared.hub.send(self, self.sights.told(event))

    def later(self, work: Callable[[], Awaitable[None] | None]) -> None:
        """Do something of our own before the client's next command."""
        self._held.appendleft(_Own(work))
        asyncio.get_running_loop().call_soon(self._go_on)

    @property
    def source(self) -> str:
        """The client as the source of a line."""
        return source(self.nick)


def _is_in_batch(line: str) -> bool:
    """Whether a line is in a batch already."""
    tags = line.partition(" ")[0]
    return tags.startswith("@") and any(tag.startswith("batch=") for tag in tags[1:].split(";"))


def _tagged(line: str, key: str, value: str) -> str:
    """A line with one more tag."""
    if line.startswith("@"):
        return f"@{key}={escape(value)};{line[1:]}"
    return f"@{key}={escape(value)} {line}"
