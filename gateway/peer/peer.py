"""One connected peer: the only place where a session, its link and the backplane meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec.structs import replace

from gateway.addresses import neighbourhood
from gateway.alarm import Alarm
from gateway.backplane.contract import Outgoing, Posted
from gateway.channels.hub import Hub
from gateway.channels.links import Link
from gateway.channels.outbox import Outbox
from gateway.chat.effects import (
    ChangeRoom,
    CheckIdle,
    Claim,
    Close,
    Effect,
    EnterRoom,
    FindMentioned,
    LeaveRoom,
    ListUsers,
    Publish,
    ShowMembers,
    ShowRoom,
    ShowRooms,
    Tell,
    Whisper,
)
from gateway.chat.rules import Rules
from gateway.chat.sending import acknowledged, not_in_room, stale, too_fast
from gateway.chat.session import Session, State
from gateway.door.bans import Bans
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.fleet.orders import Orders
from gateway.fleet.presence import Presence
from gateway.fleet.shutdown import Shutdown
from gateway.journal import event
from gateway.meters import Meters
from gateway.peer.held import Held, Line
from gateway.peer.in_flight import InFlight
from gateway.peer.membership import Beginning, Membership, Parts
from gateway.peer.names import Names
from gateway.peer.questions import Questions
from gateway.peer.trace import Trace
from gateway.rooms.rooms import Rooms
from gateway.tasks import Tasks
from wire.codec import encode_body
from wire.frames import LOBBY, Entered, Error, Event, Modes, Out, Ping
from wire.lines import LineTooLong
from wire.names import fold
from wire.reasons import (
    CONNECTION_LOST,
    HUNG_UP,
    INTERRUPTED,
    NAME_LOST,
    QUIT,
    ErrorCode,
    OutCode,
    Reason,
    WireError,
)

log = logging.getLogger(__name__)

MOST_HELD = 32
"""Lines that may wait before no more is read from a peer: half a MiB of the longest."""


@dataclass(frozen=True)
class Shared:
    """What the peers of a gateway share.

    Attributes:
        rules: the chat's.
        hub: writes to links.
        outbox: publishes what is said to rooms.
        names: gets names.
        parts: what memberships work with.
        rooms: know what may be said where.
        questions: asks all gateways.
        presence: is told who was active.
        orders: knows who has to go as soon as they come.
        bans: likewise.
        shutdown: whether the gateway is on its way out.
        tasks: run what takes its time.
        meters: where to count.
        monotonic: a clock in seconds that never goes back.
        gone: told about each peer that has left.
    """

    rules: Rules
    hub: Hub
    outbox: Outbox
    names: Names
    parts: Parts
    rooms: Rooms
    questions: Questions
    presence: Presence
    orders: Orders
    bans: Bans
    shutdown: Shutdown
    tasks: Tasks
    meters: Meters
    monotonic: Callable[[], float]
    gone: Callable[[Peer], None]


class Stage(Enum):
    """How far a peer is. Each step is taken once, and none is taken back."""

    HERE = "here"
    """Its requests are taken."""
    ENDING = "ending"
    """Nothing more is taken from it, but something that has begun must come to its end first."""
    LEAVING = "leaving"
    """Its channels and its name are given back, and then its link is closed."""


class Peer:
    """Carries out what a session wants.

    Requests are taken one after the other. While one waits for Redis (a claim, a private
    message) those behind it wait too, all but pings, and once many wait no more is read from the
    peer: so order is kept, and what waits is bounded. Meanwhile the peer's clock stands still.

    How it ends is written down in `Stage`. What must come to its end first is a claim, since only
    a name that was got can be given back; and the answers to what the peer said, if it waits for
    them.

    Args:
        link: its write end.
        number: which one it is of this gateway.
        shared: what it works with.
    """

    __slots__ = (
        "_alarm",
        "_arriving",
        "_asking",
        "_close",
        "_held",
        "_in_flight",
        "_membership",
        "_shared",
        "_stage",
        "link",
        "lost",
        "place",
        "session",
        "trace",
    )

    def __init__(self, link: Link, number: int, shared: Shared) -> None:
        self.link = link
        self.place = neighbourhood(link.ip)
        self.session = Session(shared.rules, now := shared.monotonic())
        self.trace = Trace(number, link.address, now)
        self.lost = False
        self._shared = shared
        self._membership: Membership | None = None
        self._held = Held()
        self._in_flight = InFlight()
        self._arriving: asyncio.Task[None] | None = None
        self._asking = False
        self._stage = Stage.HERE
        self._close: Close | None = None
        self._alarm = Alarm(shared.monotonic, self._tick)
        self._alarm.set(self.session.deadline)

    # From the listener.

    def receive(self, lines: Iterable[Line]) -> None:
        """The peer has sent these lines."""
        if self._asking:
            self._hold(lines)
            return
        session, shared = self.session, self._shared
        now = shared.monotonic()
        for line in (lines := iter(lines)):
            try:
                effects = self._take(line, now)
            except WireError as error:
                effects = session.refuse(error, now)
            self.perform_all(effects)
            if self._asking:
                self._hold(lines)
                break
            if session.state is State.CLOSED:
                break  # a read can hold 100,000 lines: to look at each would stop the loop
        if session.life.active_at == now and session.state is State.ONLINE:
            shared.presence.note(self.membership)
        if session.deadline != self._alarm.at:
            self._alarm.set(session.deadline)  # by now it pings, and is watched

    def hung_up(self) -> None:
        """The peer sends no more: it leaves once it has its answers."""
        self.receive([None])

    def end(self, reason: Reason, *, keep_name: bool = False) -> None:
        """The connection is lost, or has to end.

        Args:
            reason: why.
            keep_name: nobody else may have the name yet: the peer should come back in a moment.
        """
        if reason is NAME_LOST:
            self.lost = True
        self.perform_all(self.session.close(reason, keep_name=keep_name))

    def _hold(self, lines: Iterable[Line]) -> None:
        """Keep lines for later, but for pings: while Redis is away the connection is not."""
        session, now, typed = self.session, self._shared.monotonic(), False
        is_ping = self.link.speech.is_ping
        online = session.state is State.ONLINE
        for line in lines:
            if online and isinstance(line, bytes) and is_ping(line):
                self.perform_all(session.receive(Ping(), now))
            else:
                self._held.add(line)
                typed = typed or line is not None
        if online and typed:
            session.life.typed(now)
            self._shared.presence.note(self.membership)
        if len(self._held) > MOST_HELD:
            self.link.read(False)

    def _take(self, line: Line, now: float) -> list[Effect]:
        self.trace.requests += 1
        if isinstance(line, bytes):
            return self.session.receive(self.link.speech.request(line), now)
        if isinstance(line, LineTooLong):
            limit = self._shared.rules.limits.line
            raise WireError(ErrorCode.LINE_TOO_LONG, f"the line has more than {limit} bytes")
        return self.session.close(HUNG_UP)

    # For those who carry something out for it.

    @property
    def membership(self) -> Membership:
        """Its name, and what goes with it. Only a session that is online has one."""
        assert self._membership is not None
        return self._membership

    async def answered(self) -> None:
        """Return once it is known what became of everything that was said to the room."""
        await self._in_flight.settled()

    def active_at(self) -> float:
        """When the person was last active."""
        return self.session.life.active_at

    def outgoing(self, publish: Publish) -> Outgoing:
        """A message as the backplane takes it, by the room's rules as they are known now.

        Raises:
            WireError: they do not allow it.
        """
        member, rooms, room = self.membership, self._shared.rooms, publish.room
        if not member.is_in(room):
            raise not_in_room(room)
        if (refusal := rooms.may_say(room, member)) is not None:
            raise refusal
        record, slow = member.registration, rooms.slow(room, member)
        body = encode_body(publish.message)
        return Outgoing(body, record.origin, publish.seq, record.folded, slow)

    def published(self, publish: Publish, posted: Posted) -> None:
        """A message was published, or Redis has said why not."""
        if posted.wait:
            self.refused(publish, too_fast(publish.room, posted.wait))
        elif not posted.id:
            self.refused(publish, stale(publish.seq))
        else:
            if publish.seq is not None:
                self.tell(acknowledged(publish, posted.id))
            self._answered_one()

    def refused(self, publish: Publish, error: WireError) -> None:
        """A message was not published: the rules do not allow it."""
        self._refuse(publish, error)
        self._answered_one()

    def in_doubt(self, publish: Publish, why: str = "") -> None:
        """A message was not published, or that is not known."""
        if why:
            self.tell(Error(code=ErrorCode.UNAVAILABLE, text=why, seq=publish.seq))
        else:
            self.unavailable(publish.seq)
        self._answered_one()

    def out(self, out: Out) -> None:
        """The session is in a room no longer, without having wanted that."""
        self.perform_all(self.session.out(out))

    def _answered_one(self) -> None:
        self._in_flight.done()
        self._leave_if_due()

    def perform_all(self, effects: list[Effect]) -> None:
        """Do what the session wants done."""
        for effect in effects:
            self._perform(effect)

    def unavailable(self, seq: int | None, why: str = "The chat's memory is away") -> None:
        """Tell that what became of a request is not known."""
        text = f"{why}: this was not confirmed. Try again in a moment."
        self.tell(Error(code=ErrorCode.UNAVAILABLE, text=text, seq=seq))

    def tell(self, event: Event) -> None:
        """Tell the peer an event."""
        if type(event) is Error:
            self.trace.refusals += 1
            self._shared.meters.refusals[event.code] += 1
        self._shared.hub.tell(self.link, event)

    # Effects.

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Publish():
                self._publish(effect)
            case Tell():
                self.tell(effect.event)
            case Claim():
                self._arriving = self._ask(self._arrive(effect), None)
            case CheckIdle():
                self._shared.tasks.spawn(self._check_idle())
            case Close():
                self._end(effect)
            case _:
                self._perform_in_turn(effect)

    def _perform_in_turn(self, effect: Effect) -> None:
        """Carry out what takes its time: the peer's next requests wait for it."""
        questions = self._shared.questions
        match effect:
            case Whisper():
                self._ask(questions.whisper(self, effect), effect.seq)
            case FindMentioned():
                self._ask(questions.find_mentioned(self, effect), effect.publish.seq)
            case ListUsers():
                self._ask(questions.list_users(self, effect), effect.seq)
            case EnterRoom():
                self._ask(self._enter_room(effect), effect.seq)
            case LeaveRoom():
                self._ask(self._leave_room(effect), effect.seq)
            case ShowRooms():
                self._ask(questions.list_rooms(self, effect), effect.seq)
            case ShowMembers():
                self._ask(questions.list_members(self, effect), effect.seq)
            case ShowRoom():
                self._ask(questions.show_room(self, effect), effect.seq)
            case ChangeRoom():
                self._ask(questions.change_room(self, effect), effect.request.seq)

    def _publish(self, publish: Publish) -> None:
        try:
            self._hand_in(publish)
        except WireError as error:
            if self._asking:
                self._refuse(publish, error)
            else:
                self._ask(self._publish_again(publish), publish.seq)

    async def _publish_again(self, publish: Publish) -> None:
        """Publish what was refused by rules that may be out of date, if it is not refused again."""
        await self._shared.rooms.refresh(publish.room)
        try:
            self._hand_in(publish)
        except WireError as error:
            self._refuse(publish, error)

    def _hand_in(self, publish: Publish) -> None:
        if self._shared.outbox.send(publish, self):
            self._in_flight.add()
            return
        text = "Too much is waiting already to be sent: not sent. Try again in a moment."
        self.tell(Error(code=ErrorCode.OUTBOX_FULL, text=text, seq=publish.seq))

    def _refuse(self, publish: Publish, error: WireError) -> None:
        error.seq = publish.seq
        self.perform_all(self.session.refuse(error, self._shared.monotonic()))

    async def _enter_room(self, effect: EnterRoom) -> None:
        def tell(entered: Entered) -> None:
            self.perform_all(self.session.entered(replace(entered, seq=effect.seq)))

        try:
            await self.membership.enter(effect.room, effect.key or "", effect.history, tell)
        except WireError as error:
            error.seq = effect.seq
            self.perform_all(self.session.refuse(error, self._shared.monotonic()))

    async def _leave_room(self, effect: LeaveRoom) -> None:
        await self._in_flight.settled()  # what was said before is still said
        self.membership.leave_room(effect.room)
        text = f"You have left the room {effect.room}."
        out = Out(room=effect.room, code=OutCode.LEFT, text=text, seq=effect.seq)
        self.perform_all(self.session.out(out))

    def _ask(self, question: Coroutine[Any, Any, None], seq: int | None) -> asyncio.Task[None]:
        self._asking = True
        return self._shared.tasks.spawn(self._answer(question, seq))

    async def _answer(self, question: Coroutine[Any, Any, None], seq: int | None) -> None:
        asked_at = self._shared.monotonic()
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
        now = self._shared.monotonic()
        self.session.waited(now - asked_at, now)
        if self.session.state is State.ONLINE:
            self._shared.presence.note(self.membership)
        self.receive(self._held.take())
        self._alarm.set(self.session.deadline)
        if not self._asking:
            self.link.read(not self._shared.shutdown.stopping)

    async def _arrive(self, claim: Claim) -> None:
        """Get the peer its name, tell it what it missed, and tell the others that it is here."""
        if self._stage is not Stage.HERE:
            return
        shared, folded = self._shared, fold(claim.name)
        if (banned := self._banned(folded)) is not None:
            self.end(banned)  # before the name is claimed: nobody is to hear that it left
            return
        try:
            login = await shared.names.claim(claim, self.link)
        except WireError as error:
            self.perform_all(self.session.refuse(error, shared.monotonic()))
            return
        membership = self._membership = Membership(login, self, shared.parts)
        membership.begin()
        # While Redis was asked somebody may have wanted it to go.
        session = membership.registration.session
        if (ended := shared.orders.early(session) or self._banned(folded)) is not None:
            self.end(ended)
        if self.session.state is State.CLOSED:
            return
        try:
            beginning = await membership.arrive(claim.seen)
        except Exception:
            await membership.leave(CONNECTION_LOST, keep_name=False)
            self._membership = None
            raise
        self._begin(claim, membership, beginning)
        try:
            await membership.catch_up(claim.seen)
        except (BackplaneDown, BackplaneRefused):
            self.end(INTERRUPTED)
        except Exception:
            text = "Something went wrong here while you were told what you had missed."
            self.end(INTERRUPTED._replace(text=text))
            raise

    def _begin(self, claim: Claim, membership: Membership, beginning: Beginning) -> None:
        session, (resumed, seen, entered, out) = self.session, beginning
        rooms = [each.room for each in entered]
        now = self._shared.monotonic()
        self.perform_all(session.granted(claim.name, membership.token, resumed, seen, now, rooms))
        for each in entered:
            # A lobby in which nothing was ever set goes without saying.
            if each.room != LOBBY or each.topic or each.modes != Modes():
                self.perform_all(session.entered(each))
        for refused in out:
            self.perform_all(session.out(refused))
        self.trace.began(membership.registration, membership.outcome)

    def _banned(self, folded: str) -> Reason | None:
        # The address too: a ban may be newer than the connection.
        bans, now = self._shared.bans, self._shared.monotonic()
        return bans.of_address(self.link.ip, now) or bans.of_name(folded, now)

    async def _check_idle(self) -> None:
        left = await self._shared.questions.idle_left(self.membership)
        self.perform_all(self.session.idle_checked(left, self._shared.monotonic()))
        self._alarm.set(self.session.deadline)

    def _tick(self) -> None:
        if self._asking:
            return  # it is we who are waited for
        self.perform_all(self.session.tick(self._shared.monotonic()))
        self._alarm.set(self.session.deadline)

    # The end.

    def _end(self, close: Close) -> None:
        self._alarm.set(None)
        self.link.read(False)
        self._stage, self._close = Stage.ENDING, close
        if self._arriving is not None and self._membership is not None:
            # It is being told what it missed, and may not be reading: that has no end.
            self._arriving.cancel()
        self._leave_if_due()

    def _leave_if_due(self) -> None:
        """Leave, unless what has begun must come to its end first."""
        if self._stage is not Stage.ENDING or self._close is None or self._arriving is not None:
            return
        if self._in_flight and self._close.reason in (QUIT, HUNG_UP):
            return  # the peer waits for these answers
        self._stage = Stage.LEAVING
        self._shared.tasks.spawn(self._leave(self._close))

    async def _leave(self, close: Close) -> None:
        """Tell the peer why it goes, once its name is free, or kept until it comes back."""
        shared, reason = self._shared, close.reason
        shared.meters.ends[reason.code] += 1
        try:
            if self._membership is not None:
                await self._membership.leave(reason, keep_name=close.keep_name)
        finally:
            # Whatever became of the name: nobody stays connected to a session that has ended.
            shared.gone(self)
            self.trace.ended(reason, shared.monotonic())
            after = shared.shutdown.come_back_after() if close.keep_name else None
            shared.hub.close(self.link, reason, after)
