"""One connected peer: the only place where a session, its link and the backplane meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

from gateway.backplane import Registration
from gateway.backplane.connection import RedisError
from gateway.chat.effects import (
    CheckIdle,
    Claim,
    Close,
    Effect,
    ListUsers,
    Publish,
    Tell,
    Whisper,
)
from gateway.chat.names import fold
from gateway.chat.session import Session, State
from gateway.core import Gateway
from gateway.errors import BackplaneDown
from gateway.hub import Link
from gateway.login import log_in
from wire.codec import decode_request, encode, encode_body
from wire.frames import Ack, Error, Event, User, Users
from wire.lines import LineTooLong
from wire.reasons import CONNECTION_LOST, GATEWAY_LOST, QUIT, ErrorCode, Reason, WireError

log = logging.getLogger(__name__)

USERS_IN_LINE = 50
"""So that a line of them stays below 16 KiB, whatever their names."""

_HANG_UP = b'{"op":"quit"}'


class Peer:
    """Carries out what a session wants.

    Requests are taken one after the other. While one waits for Redis (a claim, a private
    message) those behind it wait too, and no more is read from the peer: so order is kept, and
    what waits is bounded.

    Args:
        gateway: where it is connected.
        link: its write end.
    """

    __slots__ = (
        "_asking",
        "_channels",
        "_gateway",
        "_held",
        "_in_flight",
        "_leaving",
        "_session",
        "_timer",
        "link",
        "registration",
    )

    registration: Registration

    def __init__(self, gateway: Gateway, link: Link) -> None:
        self._gateway = gateway
        self.link = link
        self._session = Session(gateway.rules, gateway.monotonic())
        self._held: list[bytes | LineTooLong] = []
        self._asking = False
        self._in_flight = 0
        self._leaving: Reason | None = None
        self._channels: tuple[str, ...] = ()
        self._timer: asyncio.TimerHandle | None = None
        gateway.peers.add(self)
        self._set_timer()

    # From the listener.

    def receive(self, lines: Iterable[bytes | LineTooLong]) -> None:
        """The peer has sent these lines."""
        if self._asking:
            self._held.extend(lines)
            return
        gateway = self._gateway
        now, ts = gateway.monotonic(), round(gateway.wall() * 1000)
        session = self._session
        lines = iter(lines)
        for line in lines:
            try:
                if isinstance(line, LineTooLong):
                    limit = gateway.rules.limits.line
                    raise WireError(
                        ErrorCode.LINE_TOO_LONG, f"the line has more than {limit} bytes"
                    )
                effects = session.receive(decode_request(line), now, ts)
            except WireError as error:
                effects = session.refuse(error, now)
            for effect in effects:
                self._perform(effect)
            if self._asking:
                self._held.extend(lines)
                self.link.read(False)
                break
        if session.active_at == now and session.state is State.ONLINE:
            gateway.presence.note(self)

    def hung_up(self) -> None:
        """The peer sends no more: it leaves once it has its answers."""
        self.receive([_HANG_UP])

    def end(self, reason: Reason) -> None:
        """The connection is lost, or has to end."""
        for effect in self._session.close(reason):
            self._perform(effect)

    # For the gateway.

    def active_at(self) -> float:
        """When the user was last active."""
        return self._session.active_at

    def published(self, publish: Publish, id: str | None) -> None:
        """It is known what became of a message."""
        self._in_flight -= 1
        if id is None:
            self._unavailable(publish.seq)
        elif publish.seq is not None:
            ack = Ack(seq=publish.seq, id=id, room=publish.room, absent=publish.absent)
            self._tell(ack)
        if self._leaving is not None and not self._in_flight:
            self._gateway.spawn(self._leave(self._leaving))

    # Effects.

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Publish():
                self._in_flight += 1
                self._gateway.outbox.send(effect, encode_body(effect.message), self)
            case Tell():
                self._tell(effect.event)
            case Claim():
                self._ask(self._claim(effect))
            case Whisper():
                self._ask(self._whisper(effect))
            case ListUsers():
                self._ask(self._list_users(effect))
            case CheckIdle():
                self._gateway.spawn(self._check_idle())
            case Close():
                self._close(effect.reason)

    def _ask(self, question: Coroutine[Any, Any, None]) -> None:
        self._asking = True
        self._gateway.spawn(self._answer(question))

    async def _answer(self, question: Coroutine[Any, Any, None]) -> None:
        try:
            await question
        finally:
            self._asking = False
        held, self._held = self._held, []
        self.receive(held)
        self._set_timer()
        if not self._asking:
            self.link.read(True)

    async def _claim(self, claim: Claim) -> None:
        gateway, session = self._gateway, self._session
        try:
            login = await log_in(gateway, claim, self.link.address)
        except (BackplaneDown, RedisError) as error:
            log.warning("a claim failed: %s", error)
            self._unavailable(None)
            return
        now = gateway.monotonic()
        if login is None:
            self._perform_all(session.taken(claim.name, now))
            return
        self.registration, self._channels = login.registration, login.channels
        if session.state is State.CLOSED:
            await self._release(CONNECTION_LOST)  # gone while Redis was asked
            return
        gateway.online[login.registration.session] = self
        self._perform_all(session.granted(claim.name, login.token, now))
        for channel in login.channels:
            gateway.hub.join(channel.encode(), self.link)
        if login.claimed.former is not None:
            gateway.announce_left(login.claimed.former, GATEWAY_LOST)
        if login.claimed.outcome != "resumed":
            gateway.announce_joined(login.registration)

    async def _whisper(self, whisper: Whisper) -> None:
        backplane = self._gateway.backplane
        try:
            id, found = await backplane.whisper(
                self.registration.folded,
                [fold(name) for name in whisper.names],
                encode_body(whisper.message),
            )
        except (BackplaneDown, RedisError) as error:
            log.warning("a private message failed: %s", error)
            self._unavailable(whisper.seq)
            return
        to = list(dict.fromkeys(name for name in found if name))
        absent = [name for name, shown in zip(whisper.names, found, strict=True) if not shown]
        now = self._gateway.monotonic()
        self._perform_all(self._session.whispered(whisper, id, to, absent, now))

    async def _list_users(self, effect: ListUsers) -> None:
        cursor = "0"
        try:
            while True:
                cursor, listed = await self._gateway.backplane.users(cursor)
                users = [
                    User(name=r.name, gateway=r.gateway, since=r.since, idle=round(idle, 1))
                    for r, idle, _ in listed
                ]
                more = cursor != "0"
                while len(users) > USERS_IN_LINE:
                    self._tell(Users(users=users[:USERS_IN_LINE], more=True, seq=effect.seq))
                    del users[:USERS_IN_LINE]
                self._tell(Users(users=users, more=more, seq=effect.seq))
                if not more:
                    return
        except (BackplaneDown, RedisError):
            self._unavailable(effect.seq)

    async def _check_idle(self) -> None:
        registration = self.registration
        try:
            left = await self._gateway.backplane.idle_left(
                registration.folded, registration.session
            )
        except (BackplaneDown, RedisError):
            left = 0.0  # nobody knows better than this gateway
        self._perform_all(self._session.idle_checked(left, self._gateway.monotonic()))
        self._set_timer()

    def _perform_all(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._perform(effect)

    def _unavailable(self, seq: int | None) -> None:
        text = "The chat's memory is away: this was not confirmed. Try again in a moment."
        self._tell(Error(code=ErrorCode.UNAVAILABLE, text=text, seq=seq))

    def _tell(self, event: Event) -> None:
        self._gateway.hub.tell(self.link, encode(event))

    # The end.

    def _close(self, reason: Reason) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.link.read(False)
        if reason is QUIT and self._in_flight:
            self._leaving = reason  # once everything before it has been answered
            return
        self._gateway.spawn(self._leave(reason))

    async def _leave(self, reason: Reason) -> None:
        gateway = self._gateway
        for channel in self._channels:
            gateway.hub.leave(channel.encode(), self.link)
        # The name is free by the time that the peer hears the bye.
        await self._release(reason)
        gateway.hub.close(self.link, reason)
        gateway.forget(self)

    async def _release(self, reason: Reason) -> None:
        if not self._channels:
            return
        gateway, registration = self._gateway, self.registration
        gateway.online.pop(registration.session, None)
        gateway.presence.forget(self)
        gateway.subscriptions.drop_all(self._channels)
        self._channels = ()
        await gateway.presence.release(registration, reason)

    # The clock.

    def _set_timer(self) -> None:
        deadline = self._session.deadline
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            delay = max(0.0, deadline - self._gateway.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._perform_all(self._session.tick(self._gateway.monotonic()))
        self._set_timer()
