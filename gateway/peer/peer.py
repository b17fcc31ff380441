"""One connected peer: the only place where a session, its link and the backplane meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec.structs import replace

from gateway.addresses import subnet
from gateway.alarm import Alarm
from gateway.backplane.contract import Outgoing, Posted
from gateway.channels.hub import Hub
from gateway.channels.links import Link
from gateway.channels.outbox import Allowed, Outbox
from gateway.chat.effects import (
    ChangeRoom,
    CheckIdle,
    Claim,
    Close,
    DoToAccount,
    DoToMessage,
    DoToPeople,
    Effect,
    EnterRoom,
    FindMentioned,
    LeaveRoom,
    Publish,
    ShowMembers,
    ShowRoom,
    ShowRooms,
    ShowUsers,
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
from gateway.peer.about_accounts import AboutAccounts
from gateway.peer.about_messages import AboutMessages
from gateway.peer.about_people import AboutPeople
from gateway.peer.claims import Claims
from gateway.peer.held import HeldLines, Line
from gateway.peer.in_flight import InFlight
from gateway.peer.membership import Beginning, Membership, Parts
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
    NAME_LOST,
    QUIT,
    ErrorCode,
    OutCode,
    Reason,
    WireError,
)

log = logging.getLogger(__name__)

MAX_HELD = 32
"""The lines that may wait before reading from a peer stops: half a MiB of the longest."""


@dataclass(frozen=True)
class Shared:
    """What the peers of a gateway share.

    Attributes:
        rules: the rules of the chat.
        hub: writes to links.
        outbox: publishes messages to rooms.
        claims: gets names.
        parts: the parts that memberships need.
        rooms: know who may send what in which room.
        questions: asks Redis about all gateways.
        about_messages: deletes messages, reacts to them, and reads earlier ones.
        about_people: changes how people see each other.
        about_accounts: registers names and changes passwords.
        presence: is told who was active.
        orders: knows sessions that must end as soon as they begin.
        bans: this gateway's copy of the bans.
        shutdown: says whether the gateway is shutting down.
        tasks: run things in the background.
        meters: where to count.
        monotonic: a clock in seconds that never goes back.
        gone: called with each peer that has left.
    """

    rules: Rules
    hub: Hub
    outbox: Outbox
    claims: Claims
    parts: Parts
    rooms: Rooms
    questions: Questions
    about_messages: AboutMessages
    about_people: AboutPeople
    about_accounts: AboutAccounts
    presence: Presence
    orders: Orders
    bans: Bans
    shutdown: Shutdown
    tasks: Tasks
    meters: Meters
    monotonic: Callable[[], float]
    gone: Callable[[Peer], None]


class Stage(Enum):
    """The stage of a peer. It only goes forward."""

    HERE = "here"
    """Its requests are accepted."""
    ENDING = "ending"
    """Nothing more is accepted, but something that has begun must finish first."""
    LEAVING = "leaving"
    """It leaves its channels and its name, and then its link is closed."""


class Peer:
    """Carries out what a session wants.

    Requests are handled one after the other. While one waits for Redis (a claim, a private
    message), the next ones wait too, except pings. When many wait, reading from the peer stops. So
    order is kept, and what waits is bounded. During such a wait the peer's clock stands still.

    `Stage` says how a peer ends. Two things must finish first: a claim, because only a name that
    was got can be released, and the answers to the peer's messages, if the peer waits for them.

    Args:
        link: its write end.
        number: its number on this gateway.
        shared: what the peers of the gateway share.
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
        "network",
        "session",
        "trace",
    )

    def __init__(self, link: Link, number: int, shared: Shared) -> None:
        self.link = link
        self.network = subnet(link.ip)
        self.session = Session(shared.rules, now := shared.monotonic())
        self.trace = Trace(number, link.address, now)
        self.lost = False
        self._shared = shared
        self._membership: Membership | None = None
        self._held = HeldLines()
        self._in_flight = InFlight()
        self._arriving: asyncio.Task[None] | None = None
        self._asking = False
        self._stage = Stage.HERE
        self._close: Close | None = None
        self._alarm = Alarm(shared.monotonic, self._tick)
        self._alarm.set(self.session.deadline)

    # From the listener.

    def receive(self, lines: Iterable[Line]) -> None:
        """The client has sent these lines."""
        # What came while it was arriving may have been sent before it was welcomed.
        if not self._asking and self.session.state is State.ONLINE:
            self.membership.has_spoken()
        self._take_all(lines)

    def _take_all(self, lines: Iterable[Line]) -> None:
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
                break  # a read can bring 100,000 lines: going through all would block the loop
        if session.life.active_at == now and session.state is State.ONLINE:
            shared.presence.note(self.membership)
        if session.deadline != self._alarm.at:
            self._alarm.set(session.deadline)  # the session may have a deadline for pings now

    def hung_up(self) -> None:
        """The client sends no more: the peer leaves once it has its answers."""
        self._take_all([None])

    def end(self, reason: Reason, *, keep_name: bool = False) -> None:
        """End the peer: its connection is lost, or must end.

        Args:
            reason: why.
            keep_name: keep the name for now, because the client should reconnect in a moment.
        """
        if reason is NAME_LOST:
            self.lost = True
        self.perform_all(self.session.close(reason, keep_name=keep_name))

    def _hold(self, lines: Iterable[Line]) -> None:
        """Keep lines for later, but answer pings: the connection is alive even if Redis is away."""
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
        if len(self._held) > MAX_HELD:
            self.link.read(False)

    def _take(self, line: Line, now: float) -> list[Effect]:
        self.trace.requests += 1
        if isinstance(line, bytes):
            return self.session.receive(self.link.speech.request(line), now)
        if isinstance(line, LineTooLong):
            limit = self._shared.rules.limits.line
            raise WireError(ErrorCode.LINE_TOO_LONG, f"the line has more than {limit} bytes")
        if line is not None:
            return self.session.receive(line, now)
        return self.session.close(HUNG_UP)

    # For the parts that work for the peer.

    @property
    def membership(self) -> Membership:
        """Its membership; only a session that is online has one."""
        assert self._membership is not None
        return self._membership

    async def answered(self) -> None:
        """Wait until all its messages to rooms are answered."""
        await self._in_flight.settled()

    def active_at(self) -> float:
        """When the person was last active."""
        return self.session.life.active_at

    def allowed(self, publish: Publish) -> Allowed:
        """A message in the backplane's form, by the room's rules as they are known now.

        Raises:
            WireError: the rules do not allow it.
        """
        member, room = self.membership, publish.room
        if not member.is_in(room):
            raise not_in_room(room)
        version, slow = self._shared.rooms.terms(room, member)
        record, body = member.registration, encode_body(publish.message)
        # Slow mode counts the person, whatever name the person has by now.
        person, account = record.account or record.origin, record.account
        outgoing = Outgoing(body, record.origin, publish.seq, person, slow, account)
        return outgoing, version

    def published(self, publish: Publish, posted: Posted) -> None:
        """A message was published, or Redis says why not."""
        if posted.wait:
            self.refused(publish, too_fast(publish.room, posted.wait))
        elif not posted.id:
            self.refused(publish, stale(publish.seq))
        else:
            if publish.seq is not None:
                self.tell(acknowledged(publish, posted.id))
            self._in_flight.done()
            self._leave_if_due()

    def refused(self, publish: Publish, error: WireError) -> None:
        """A message was not published, because the rules do not allow it."""
        self._refuse(publish, error)
        self._answered_one()

    def in_doubt(self, publish: Publish, why: str = "") -> None:
        """A message was not published, or that is not known."""
        if why:
            self.tell(Error(code=ErrorCode.UNAVAILABLE, text=why, seq=publish.seq))
        else:
            self.unavailable(publish.seq)
        self._answered_one()

    def entered(self, entered: Entered) -> None:
        """The session is in a room, because the person entered it in another session."""
        self.perform_all(self.session.entered(entered))

    def out(self, out: Out) -> None:
        """The session was put out of a room."""
        self.perform_all(self.session.out(out))

    def _answered_one(self) -> None:
        self._in_flight.done()
        self._leave_if_due()

    def perform_all(self, effects: list[Effect]) -> None:
        """Carry out what the session wants."""
        for effect in effects:
            self._perform(effect)

    def unavailable(self, seq: int | None, why: str = "The chat's storage is away") -> None:
        """Tell the peer that the outcome of a request is unknown."""
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
            case DoToMessage() | DoToPeople() | DoToAccount():
                self._do(effect)
            case _:
                self._perform_in_turn(effect)

    def _perform_in_turn(self, effect: Effect) -> None:
        """Carry out an effect that takes time; the peer's next requests wait for it."""
        questions = self._shared.questions
        match effect:
            case Whisper():
                self._ask(questions.whisper(self, effect), effect.seq)
            case FindMentioned():
                self._ask(questions.find_mentioned(self, effect), effect.publish.seq)
            case ShowUsers():
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

    def _do(self, effect: DoToMessage | DoToPeople | DoToAccount) -> None:
        """Carry out a request about messages, people or accounts; the next ones wait for it."""
        shared, seq = self._shared, effect.request.seq
        match effect:
            case DoToMessage():
                self._ask(shared.about_messages.do(self, effect.request), seq)
            case DoToPeople():
                self._ask(shared.about_people.do(self, effect.request), seq)
            case DoToAccount():
                self._ask(shared.about_accounts.do(self, effect.request), seq)

    def _publish(self, publish: Publish) -> None:
        try:
            self._hand_in(publish)
        except WireError as error:
            if self._asking:
                self._refuse(publish, error)
            else:
                self._ask(self._publish_again(publish), publish.seq)

    async def _publish_again(self, publish: Publish) -> None:
        """Publish a message again that was refused by rules that may be outdated."""
        await self._shared.rooms.refresh(publish.room)
        try:
            self._hand_in(publish)
        except WireError as error:
            self._refuse(publish, error)

    def _hand_in(self, publish: Publish) -> None:
        if self._shared.outbox.send(publish, self):
            self._in_flight.add()
            return
        text = "Not sent: too much is already waiting to be sent. Try again in a moment."
        self.tell(Error(code=ErrorCode.OUTBOX_FULL, text=text, seq=publish.seq))

    def _refuse(self, publish: Publish, error: WireError) -> None:
        error.seq = publish.seq
        self.perform_all(self.session.refuse(error, self._shared.monotonic()))

    async def _enter_room(self, effect: EnterRoom) -> None:
        def tell(entered: Entered) -> None:
            self.perform_all(self.session.entered(replace(entered, seq=effect.seq)))

        try:
            await self.membership.enter(effect.room, effect.key or "", effect.history, tell)
            if not effect.already:
                await self.membership.tell_own("enter", effect.room)
        except WireError as error:
            error.seq = effect.seq
            self.perform_all(self.session.refuse(error, self._shared.monotonic()))

    async def _leave_room(self, effect: LeaveRoom) -> None:
        await self._in_flight.settled()  # earlier messages are sent first
        self.membership.leave_room(effect.room)
        await self.membership.kept()
        text = f"You have left the room {effect.room}."
        out = Out(room=effect.room, code=OutCode.LEFT, text=text, seq=effect.seq)
        self.perform_all(self.session.out(out))
        await self.membership.tell_own("exit", effect.room)

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
        self._take_all(self._held.take())
        self._alarm.set(self.session.deadline)
        if not self._asking:
            self.link.read(not self._shared.shutdown.stopping)

    async def _arrive(self, claim: Claim) -> None:
        """Get the peer its name, send it what it missed, and tell the others that it has joined."""
        if self._stage is not Stage.HERE:
            return
        shared, folded = self._shared, fold(claim.name)
        if (banned := self._banned(folded)) is not None:
            self.end(banned)  # before the name is claimed, so that nobody is told that it left
            return
        try:
            login = await shared.claims.claim(claim, self.link)
        except WireError as error:
            self.perform_all(self.session.refuse(error, shared.monotonic()))
            return
        membership = self._membership = Membership(login, self, shared.parts)
        membership.begin()
        kept = await shared.about_people.kept(membership.registration)
        # In the meantime an order or a ban may have come.
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
        for each in kept:
            self.tell(each)
        await membership.catch_up(claim.seen)

    def _begin(self, claim: Claim, membership: Membership, beginning: Beginning) -> None:
        session, (resumed, seen, entered, out) = self.session, beginning
        rooms = [each.room for each in entered]
        now = self._shared.monotonic()
        self.perform_all(
            session.granted(
                claim.name,
                membership.token,
                resumed,
                seen,
                now,
                rooms,
                account=membership.registration.account,
                sessions=membership.sessions,
                away=membership.registration.away is not None,
            )
        )
        for each in entered:
            # A lobby without topic and modes needs no event.
            if each.room != LOBBY or each.topic or each.modes != Modes():
                self.perform_all(session.entered(each))
        for refused in out:
            self.perform_all(session.out(refused))
        self.trace.began(membership.registration, membership.outcome)

    def _banned(self, folded: str) -> Reason | None:
        # Check the address too: a ban may be newer than the connection.
        bans, now = self._shared.bans, self._shared.monotonic()
        return bans.of_address(self.link.ip, now) or bans.of_name(folded, now)

    async def _check_idle(self) -> None:
        left = await self._shared.questions.idle_left(self.membership)
        self.perform_all(self.session.idle_checked(left, self._shared.monotonic()))
        self._alarm.set(self.session.deadline)

    def _tick(self) -> None:
        if self._asking:
            return  # the peer is waiting for us
        self.perform_all(self.session.tick(self._shared.monotonic()))
        self._alarm.set(self.session.deadline)

    # The end.

    def _end(self, close: Close) -> None:
        self._alarm.set(None)
        self.link.read(False)
        self._stage, self._close = Stage.ENDING, close
        if self._arriving is not None and self._membership is not None:
            # Its replay may never end, because it may not be reading.
            self._arriving.cancel()
        self._leave_if_due()

    def _leave_if_due(self) -> None:
        """Leave, unless something must finish first."""
        if self._stage is not Stage.ENDING or self._close is None or self._arriving is not None:
            return
        if self._in_flight and self._close.reason in (QUIT, HUNG_UP):
            return  # the peer waits for these answers
        self._stage = Stage.LEAVING
        self._shared.tasks.spawn(self._leave(self._close))

    async def _leave(self, close: Close) -> None:
        """Tell the peer why it ends, once its name is released, or kept for its return."""
        shared, reason = self._shared, close.reason
        shared.meters.ends[reason.code] += 1
        try:
            if self._membership is not None:
                await self._membership.leave(reason, keep_name=close.keep_name)
        finally:
            # Even if releasing the name failed, the connection must end with its session.
            shared.gone(self)
            self.trace.ended(reason, shared.monotonic())
            after = shared.shutdown.come_back_after() if close.keep_name else None
            shared.hub.close(self.link, reason, after)
