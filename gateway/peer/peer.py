"""One connected peer: the only place where a session, its link and the backplane meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

from gateway.addresses import neighbourhood
from gateway.alarm import Alarm
from gateway.backplane.contract import Channel, Outgoing
from gateway.backplane.records import Registration
from gateway.channels.links import Link
from gateway.chat.effects import (
    CheckIdle,
    Claim,
    Close,
    Effect,
    FindMentioned,
    ListUsers,
    Publish,
    Tell,
    Whisper,
)
from gateway.chat.sending import acknowledged, stale
from gateway.chat.session import Session, State
from gateway.core import Gateway
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.journal import event
from gateway.peer import questions
from gateway.peer.held import Held, Line
from gateway.peer.in_flight import InFlight
from gateway.peer.login import arrive
from gateway.peer.logout import leave
from gateway.peer.trace import Trace
from wire.codec import encode_body
from wire.frames import Error, Event, Ping
from wire.lines import LineTooLong
from wire.reasons import HUNG_UP, NAME_LOST, QUIT, ErrorCode, Reason, WireError

log = logging.getLogger(__name__)

MOST_HELD = 32
"""Lines that may wait before no more is read from a peer: half a MiB of the longest."""


class Peer:
    """Carries out what a session wants.

    Requests are taken one after the other. While one waits for Redis (a claim, a private
    message) those behind it wait too, all but pings, and once many wait no more is read from the
    peer: so order is kept, and what waits is bounded. Meanwhile the peer's clock stands still.

    It ends in two steps, each taken once. The session closes, at any moment: then nothing more is
    taken from the peer. It leaves (`logout.leave`) once nothing is under way that must come to its
    end first: a claim, since only a name that was got can be given back; and the answers to what
    the peer said, if it waits for them.

    Args:
        gateway: where it is connected.
        link: its write end.
    """

    __slots__ = (
        "_alarm",
        "_arriving",
        "_asking",
        "_held",
        "_in_flight",
        "_leaving",
        "channels",
        "gateway",
        "link",
        "lost",
        "place",
        "registration",
        "session",
        "trace",
    )

    registration: Registration

    def __init__(self, gateway: Gateway, link: Link) -> None:
        self.gateway = gateway
        self.link = link
        self.place = neighbourhood(link.ip)
        self.session = Session(gateway.rules, now := gateway.monotonic())
        self.trace = Trace(next(gateway.numbers), link.address, now)
        self._held = Held()
        self.lost = False
        self._arriving: asyncio.Task[None] | None = None
        self._asking = False
        self._in_flight = InFlight()
        self._leaving: Reason | None = None
        self.channels: tuple[Channel, ...] = ()
        gateway.peers.add(self)
        self._alarm = Alarm(gateway.monotonic, self._tick)
        self._alarm.set(self.session.deadline)

    # From the listener.

    def receive(self, lines: Iterable[Line]) -> None:
        """The peer has sent these lines."""
        if self._asking:
            self._hold(lines)
            return
        gateway, session = self.gateway, self.session
        now, ts = gateway.monotonic(), round(gateway.wall() * 1000)
        for line in (lines := iter(lines)):
            try:
                effects = self._take(line, now, ts)
            except WireError as error:
                effects = session.refuse(error, now)
            self.perform_all(effects)
            if self._asking:
                self._hold(lines)
                break
            if session.state is State.CLOSED:
                break  # a read can hold 100,000 lines: to look at each would stop the loop
        if session.life.active_at == now and session.state is State.ONLINE:
            gateway.presence.note(self)
        if session.deadline != self._alarm.at:
            self._alarm.set(session.deadline)  # by now it pings, and is watched

    def _hold(self, lines: Iterable[Line]) -> None:
        """Keep lines for later, but for pings: while Redis is away the connection is not."""
        session, now, typed = self.session, self.gateway.monotonic(), False
        is_ping = self.link.speech.is_ping
        online = session.state is State.ONLINE
        for line in lines:
            if online and isinstance(line, bytes) and is_ping(line):
                self.perform_all(session.receive(Ping(), now, 0))
            else:
                self._held.add(line)
                typed = typed or line is not None
        if online and typed:
            session.life.typed(now)
            self.gateway.presence.note(self)
        if len(self._held) > MOST_HELD:
            self.link.read(False)

    def _take(self, line: Line, now: float, ts: int) -> list[Effect]:
        self.trace.requests += 1
        if isinstance(line, bytes):
            return self.session.receive(self.link.speech.request(line), now, ts)
        if isinstance(line, LineTooLong):
            limit = self.gateway.rules.limits.line
            raise WireError(ErrorCode.LINE_TOO_LONG, f"the line has more than {limit} bytes")
        return self.session.close(HUNG_UP)

    def hung_up(self) -> None:
        """The peer sends no more: it leaves once it has its answers."""
        self.receive([None])

    def end(self, reason: Reason) -> None:
        """The connection is lost, or has to end."""
        if reason is NAME_LOST:
            self.lost = True
        self.perform_all(self.session.close(reason))

    # For the gateway.

    async def answered(self) -> None:
        """Return once it is known what became of everything that was said to the room."""
        await self._in_flight.settled()

    def active_at(self) -> float:
        """When the user was last active."""
        return self.session.life.active_at

    def published(self, publish: Publish, id: str | None, why: str = "") -> None:
        """It is known what became of a message."""
        self._in_flight.done()
        if id is None and why:
            self.tell(Error(code=ErrorCode.UNAVAILABLE, text=why, seq=publish.seq))
        elif id is None:
            self.unavailable(publish.seq)
        elif id == "":
            self.perform_all(self.session.refuse(stale(publish.seq), self.gateway.monotonic()))
        elif publish.seq is not None:
            self.tell(acknowledged(publish, id))
        self._leave_if_due()

    # Effects.

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Publish():
                self._publish(effect)
            case Tell():
                self.tell(effect.event)
            case Claim():
                self._arriving = self._ask(self._log_in(effect), None)
            case Whisper():
                self._ask(questions.whisper(self, effect), effect.seq)
            case FindMentioned():
                self._ask(questions.find_mentioned(self, effect), effect.publish.seq)
            case ListUsers():
                self._ask(questions.list_users(self, effect), effect.seq)
            case CheckIdle():
                self.gateway.tasks.spawn(self._check_idle())
            case Close():
                self._close(effect.reason)

    def _publish(self, publish: Publish) -> None:
        body, origin = encode_body(publish.message), self.registration.origin
        if self.gateway.outbox.send(publish, Outgoing(body, origin, publish.seq), self):
            self._in_flight.add()
            return
        text = "Too much is waiting already to be sent: not sent. Try again in a moment."
        self.tell(Error(code=ErrorCode.OUTBOX_FULL, text=text, seq=publish.seq))

    def _ask(self, question: Coroutine[Any, Any, None], seq: int | None) -> asyncio.Task[None]:
        self._asking = True
        return self.gateway.tasks.spawn(self._answer(question, seq))

    async def _answer(self, question: Coroutine[Any, Any, None], seq: int | None) -> None:
        asked_at = self.gateway.monotonic()
        try:
            await question
        except (BackplaneDown, BackplaneRefused) as error:
            event(log, logging.WARNING, "not carried out", connection=self.trace.id, why=error)
            self.unavailable(seq)
        except Exception:
            log.exception("an unexpected error")
            if self.session.state is not State.CLOSED:
                self.unavailable(seq, "Something went wrong here")
        finally:
            self._asking, self._arriving = False, None
            self._leave_if_due()
        now = self.gateway.monotonic()
        self.session.waited(now - asked_at, now)
        if self.session.state is State.ONLINE:
            self.gateway.presence.note(self)
        self.receive(self._held.take())
        self._alarm.set(self.session.deadline)
        if not self._asking:
            self.link.read(not self.gateway.stopping)

    async def _log_in(self, claim: Claim) -> None:
        if self.session.state is not State.CLOSED:
            await arrive(self, claim)

    async def _check_idle(self) -> None:
        left = await questions.idle_left(self)
        self.perform_all(self.session.idle_checked(left, self.gateway.monotonic()))
        self._alarm.set(self.session.deadline)

    def perform_all(self, effects: list[Effect]) -> None:
        """Do what the session wants done."""
        for effect in effects:
            self._perform(effect)

    def unavailable(self, seq: int | None, why: str = "The chat's storage is away") -> None:
        """Tell that what became of a request is not known."""
        text = f"{why}: this was not confirmed. Try again in a moment."
        self.tell(Error(code=ErrorCode.UNAVAILABLE, text=text, seq=seq))

    def tell(self, event: Event) -> None:
        """Tell the peer an event."""
        if type(event) is Error:
            self.trace.refusals += 1
            self.gateway.meters.refusals[event.code] += 1
        self.gateway.hub.tell(self.link, event)

    # The end.

    def _close(self, reason: Reason) -> None:
        self._alarm.set(None)
        self.link.read(False)
        self._leaving = reason
        if self._arriving is not None and self.channels:
            # It was being told what it had missed, and may not be reading: that has no end.
            self._arriving.cancel()
        self._leave_if_due()

    def _leave_if_due(self) -> None:
        """Leave, unless what has begun must come to its end first."""
        reason = self._leaving
        if reason is None or self._arriving:
            return
        if self._in_flight and reason in (QUIT, HUNG_UP):
            return  # the peer waits for these answers
        self._leaving = None
        self.gateway.tasks.spawn(leave(self, reason))

    def _tick(self) -> None:
        if self._asking:
            return  # it is we who are waited for
        self.perform_all(self.session.tick(self.gateway.monotonic()))
        self._alarm.set(self.session.deadline)
