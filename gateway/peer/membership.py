"""A membership: what a session has in the chat, its name, its rooms and its channels."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from gateway.addresses import Address
from gateway.backplane.contract import Backplane, Channel, NewName
from gateway.backplane.ids import NOTHING, before, epoch_of, parse_id
from gateway.backplane.records import Registration
from gateway.channels.channels import Channels
from gateway.channels.hub import Hub
from gateway.channels.links import Link
from gateway.channels.reading import gap, read_on
from gateway.channels.replay import seen_id
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.fleet.presence import Presence
from gateway.journal import event
from gateway.outcomes import Outcome
from gateway.peer.claims import Login
from gateway.rooms.rooms import Entry, Rooms
from wire.frames import PRIVATE, Entered, Event, Out
from wire.names import fold
from wire.reasons import (
    CONNECTION_LOST,
    GATEWAY_LOST,
    INTERRUPTED,
    NAME_LOST,
    ErrorCode,
    OutCode,
    Reason,
    WireError,
)

log = logging.getLogger(__name__)


class Holder(Protocol):
    """What a membership needs from its peer."""

    link: Link

    def active_at(self) -> float:
        """When the person was last active, by the monotonic clock."""

    def end(self, reason: Reason, *, keep_name: bool = False) -> None:
        """End the connection."""

    def entered(self, entered: Entered) -> None:
        """The session is in a room, because the person entered it in another session."""

    def out(self, out: Out) -> None:
        """The session is no longer in a room."""


@dataclass(frozen=True)
class Parts:
    """What the memberships of a gateway share.

    Attributes:
        backplane: what all gateways share.
        channels: this gateway's channels.
        hub: tells links what channels do not bring.
        rooms: the rooms that are open here.
        presence: keeps and releases names.
        online: everybody who has a name here, by session.
        by_name: the same, by folded name. Tuples, since nearly all have one member.
        resume_within: seconds in which a session can be resumed.
        spawn: runs a coroutine in the background.
        wall: a clock in seconds since 1970.
    """

    backplane: Backplane
    channels: Channels
    hub: Hub
    rooms: Rooms
    presence: Presence
    online: dict[str, Membership]
    by_name: dict[str, tuple[Membership, ...]]
    resume_within: float
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    wall: Callable[[], float]


class Beginning(NamedTuple):
    """How a session begins, as the welcome tells it.

    Attributes:
        resumed: it goes on where an earlier session of the peer ended.
        seen: the id in each room after which it starts, if that is not the id that the peer saw.
        entered: the rooms that it is in.
        out: the rooms of the earlier session that do not let it in.
    """

    resumed: bool
    seen: dict[str, str]
    entered: list[Entered]
    out: list[Out]


class _Start(NamedTuple):
    """Where in a channel a session starts.

    Attributes:
        id: the id of the message after which it starts.
        replayed: later messages are sent from the log; otherwise the channel has just come there.
        gap: messages before it are missing, and the peer is told.
        anew: an earlier session goes on, but not from the id that the peer saw.
    """

    id: bytes
    replayed: bool = False
    gap: bool = False
    anew: bool = False


class Membership:
    """The membership of one session, from the claim of its name until the name is released.

    The other parts see the session through this: presence, orders, rooms.

    Args:
        login: the name that was got.
        holder: the peer.
        parts: the parts of the gateway that it needs.

    Attributes:
        registration: the record in Redis, as it is or is about to be.
        token: the token that resumes the session.
        link: the peer's link.
    """

    __slots__ = (
        "_channels",
        "_holder",
        "_keeping",
        "_left",
        "_login",
        "_parts",
        "_replays",
        "link",
        "registration",
        "token",
    )

    def __init__(self, login: Login, holder: Holder, parts: Parts) -> None:
        self.registration = login.registration
        self.token = login.token
        self.link = holder.link
        self._login = login
        self._holder = holder
        self._parts = parts
        self._channels = {PRIVATE: login.own}
        self._replays: dict[str, asyncio.Future[None]] = {}
        self._keeping: asyncio.Future[None] | None = None
        self._left = False

    @property
    def outcome(self) -> Outcome:
        """How the name was got."""
        return self._login.claimed.outcome

    @property
    def sessions(self) -> int:
        """How many sessions the person had when this one began."""
        return self._login.claimed.sessions

    @property
    def ip(self) -> Address:
        """The peer's address."""
        return self.link.ip

    def active_at(self) -> float:
        """When the person was last active, by the monotonic clock."""
        return self._holder.active_at()

    def end(self, reason: Reason, *, keep_name: bool = False) -> None:
        """End the connection."""
        self._holder.end(reason, keep_name=keep_name)

    def tell(self, event: Event) -> None:
        """Tell the person an event."""
        self._parts.hub.tell(self.link, event)

    # Arriving.

    def begin(self) -> None:
        """Go online: from now on others see the session and can end it."""
        record, parts = self.registration, self._parts
        parts.online[record.session] = self
        for other in parts.by_name.get(record.folded, ()):
            # Redis has forgotten that one. It must not hear what is for the new holder of the name.
            if not other.is_same_person(record):
                other.end(NAME_LOST)
                parts.channels.leave(other.link, self._login.own)
        self._remember_name()

    def is_same_person(self, record: Registration) -> bool:
        """Whether another session of this name is of the same person."""
        own = self.registration
        return own.origin == record.origin or (bool(own.account) and own.account == record.account)

    async def arrive(self, seen: Mapping[str, str]) -> Beginning:
        """Enter the rooms of the session; `catch_up` must be called in the turn of the return.

        Args:
            seen: the last id that the peer saw in each room, as the peer says.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        parts, resumed = self._parts, self._login.resumed
        returning = resumed or self._login.claimed.outcome in (Outcome.JOINED, Outcome.TAKEN_OVER)
        if (former := self._login.claimed.former) is not None:
            parts.rooms.depart(former, GATEWAY_LOST.code)  # before this session has the name
        found = await parts.rooms.enter_all(self.registration.rooms, self, returning=returning)
        entries = {room: each for room, each in found.items() if isinstance(each, Entry)}
        for room, entry in entries.items():
            self._channels[room] = parts.backplane.room(room)
            self._add(room, self.registration.began.get(room, entry.at.decode()))
        for room in found.keys() - entries.keys():
            self._remove(room)
        starts = {r: self._start(c, _seen(seen, r)) for r, c in self._channels.items()}
        return Beginning(
            resumed and not any(start.anew for start in starts.values()),
            {
                room: start.id.decode()
                for room, start in starts.items()
                if start.anew or not resumed or _seen(seen, room) is None
            },
            [
                replace(entry.entered, seen=starts[room].id.decode())
                for room, entry in entries.items()
            ],
            [
                Out(room=room, code=OutCode.REFUSED, text=each.text)
                for room, each in found.items()
                if isinstance(each, WireError)
            ],
        )

    async def catch_up(self, seen: Mapping[str, str]) -> None:
        """Join the channels; somebody who comes back gets first what they missed.

        Args:
            seen: as in `arrive`.
        """
        parts, behind = self._parts, []
        with self._interrupted_by_failure():
            for room, channel in self._channels.items():
                last = _seen(seen, room)
                start = self._start(channel, last)
                if start.gap:
                    parts.hub.tell(self.link, gap(room, last))
                if start.replayed or self._is_elsewhere(channel, start.id):
                    behind.append((channel, start.id))
                else:
                    parts.channels.join(self.link, channel)
            # Private messages between the claim and now have waited for this.
            parts.channels.follow(self._login.own, self._login.claimed.tail)
            # These take their time; the other channels start where the welcome says.
            await self._replay(behind)

    def _is_elsewhere(self, channel: Channel, id: bytes) -> bool:
        """Whether a channel is delivered here already, and is not at an id: for a namesake."""
        channels = self._parts.channels
        return channels.is_followed(channel) and channels.at(channel) != id

    # Rooms.

    def is_in(self, room: str) -> bool:
        """Whether the session is in a room."""
        return room in self._channels

    async def enter(
        self,
        room: str,
        key: str,
        history: int,
        tell: Callable[[Entered], None],
        *,
        returning: bool = False,
    ) -> None:
        """Enter a room; if the session is in it already, only tell the peer about it.

        Args:
            room: its name, folded.
            key: the key that the peer gave, for a room that needs one.
            history: how many earlier messages it wants.
            tell: tells the peer that it is in the room, before any message of the room.
            returning: another session of the person is in the room: no key is needed.

        Raises:
            WireError: it may not enter.
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        parts, inside = self._parts, self.is_in(room)
        wanted = 0 if inside else history
        entry = await parts.rooms.enter(room, self, key=key, history=wanted, returning=returning)
        if self._left:
            parts.rooms.leave(room, self, CONNECTION_LOST.code)
            return
        if self.is_in(room):
            parts.hub.flush()  # so that the peer has everything up to the id that it is told
            tell(entry.entered)
            return
        channel = self._channels[room] = parts.backplane.room(room)
        self._add(room, entry.at.decode())
        await self.kept()
        if not self.is_in(room):
            raise WireError(ErrorCode.NOT_IN_ROOM, f"you were put out of the room {room} at once")
        tell(entry.entered)
        if entry.history:
            parts.hub.forward(self.link, entry.history)
        with self._interrupted_by_failure():
            if entry.at == parts.channels.at(channel):
                parts.channels.join(self.link, channel)
            else:
                await self._replay([(channel, entry.at)])

    def has_spoken(self) -> None:
        """The client has said something: so it has got its welcome, and what had waited."""
        if self.registration.mail:
            self._keep(replace(self.registration, mail=""))

    def is_away(self, reason: str | None) -> None:
        """The person is away in this session, and Redis knows it; None for back."""
        self.registration = replace(self.registration, away=reason)

    def has_account(self, account: str) -> None:
        """The session has an account from now on, and Redis knows it."""
        self.registration = replace(self.registration, account=account)
        for room in self._channels.keys() - {PRIVATE}:
            self._parts.rooms.tell_account(room, self)

    async def enter_too(self, room: str) -> None:
        """Enter a room, as the person did in another session."""
        if not self.is_in(room):
            # The sessions show different rooms then; that does no harm.
            with contextlib.suppress(WireError, BackplaneDown, BackplaneRefused):
                await self.enter(room, "", 0, self._holder.entered, returning=True)

    def leave_too(self, room: str) -> None:
        """Leave a room, as the person did in another session."""
        if self.is_in(room):
            self.leave_room(room)
            text = f"You left the room {room} in another session."
            self._holder.out(Out(room=room, code=OutCode.LEFT, text=text))

    async def tell_own(self, verb: str, room: str) -> None:
        """Have the person's other sessions do what this one did: ``enter`` or ``exit`` a room."""
        record = self.registration
        if record.account:
            with contextlib.suppress(BackplaneDown, BackplaneRefused):
                await self._parts.backplane.order(record.folded, verb, room, but=record.session)

    async def take_name(self, name: str) -> NewName:
        """Give the session another name. What was said to the old one is still delivered.

        Raises:
            WireError: it cannot have the name.
            NameLost: it has lost its own.
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        parts, before, own = self._parts, self.registration, self._channels[PRIVATE]
        new = parts.backplane.user(fold(name))
        await parts.channels.need(new)
        try:
            renamed = await parts.backplane.people.rename(before, name)
        except BaseException:
            parts.channels.drop(new)
            raise
        self._forget_name()
        began = (
            before.began if not before.account else before.began | {PRIVATE: renamed.start.decode()}
        )
        self.registration = replace(before, name=name, folded=fold(name), began=began)
        self._remember_name()
        if new != own:
            with self._interrupted_by_failure():
                await self._change_own_channel(own, new, renamed)
        parts.channels.drop(own)
        for room in self._channels.keys() - {PRIVATE}:
            parts.rooms.rename(room, self, before)
        return renamed

    async def _change_own_channel(self, own: Channel, new: Channel, renamed: NewName) -> None:
        parts = self._parts
        parts.hub.flush()  # what has come so far is delivered
        at = parts.channels.at(own)
        parts.channels.leave(self.link, own)
        self._channels[PRIVATE] = new
        if self.registration.account:
            # The old name keeps its log: its last messages may not have come yet.
            while parse_id(at) < parse_id(renamed.last):
                page = await read_on(parts.backplane, own.log, at)
                parts.hub.forward(self.link, page.lines)
                at = page.upto
                if not page.more:
                    break
            at = renamed.start
        parts.channels.follow(new, max(at, renamed.tail, key=parse_id))
        await self._replay([(new, at)])

    def _remember_name(self) -> None:
        folded, by_name = self.registration.folded, self._parts.by_name
        by_name[folded] = (*by_name.get(folded, ()), self)

    def _forget_name(self) -> None:
        folded, by_name = self.registration.folded, self._parts.by_name
        namesakes = tuple(each for each in by_name.pop(folded, ()) if each is not self)
        if namesakes:
            by_name[folded] = namesakes

    def leave_room(self, room: str) -> None:
        """Leave a room; does nothing if the session is not in it."""
        if self.is_in(room):
            self._detach(room)
            self._parts.rooms.leave(room, self, OutCode.LEFT)
            self._remove(room)

    def put_out(self, room: str, code: str, text: str) -> None:
        """Take the session out of a room; `gateway.rooms.rooms.Rooms` has removed it already."""
        if self.is_in(room):
            self._detach(room)
            self._remove(room)
            self._holder.out(Out(room=room, code=code, text=text))

    # Leaving.

    async def leave(self, reason: Reason, *, keep_name: bool) -> None:
        """Leave all channels and rooms, and release the name; does nothing the second time.

        Args:
            reason: why.
            keep_name: keep the name for its owner for now; the lease protects it.
        """
        if self._left:
            return
        parts, registration = self._parts, self.registration
        own, self._left = self._channels[PRIVATE], True
        parts.online.pop(registration.session, None)
        self._forget_name()
        parts.presence.forget(self)
        for room in list(self._channels):
            self._detach(room)
        parts.rooms.abandon(self)
        parts.channels.drop(own)
        if keep_name:
            parts.presence.expect(registration.session)
        else:
            await parts.presence.release(registration, reason)

    def _detach(self, room: str) -> None:
        """Stop everything from a room's channel, including its replay."""
        self._parts.channels.leave(self.link, self._channels.pop(room))
        if (replay := self._replays.get(room)) is not None:
            replay.cancel()

    @contextlib.contextmanager
    def _interrupted_by_failure(self) -> Iterator[None]:
        """End the session if it cannot join a channel: it would be in a room and not hear it.

        The client can come back and have everything again.
        """
        try:
            yield
        except (BackplaneDown, BackplaneRefused):
            self.end(INTERRUPTED)
        except Exception:
            text = "Something went wrong here while you were told what you had missed."
            self.end(INTERRUPTED._replace(text=text))
            raise

    async def _replay(self, behind: list[tuple[Channel, bytes]]) -> None:
        """Send what came in each channel after an id, and join it; all channels at the same time.

        A replay ends early if the session leaves the room.
        """
        if not behind:
            return
        resume, turn = self._parts.channels.resume, asyncio.Lock()
        replays = {
            channel.log.room: asyncio.ensure_future(resume(self.link, channel, after, turn))
            for channel, after in behind
        }
        self._replays |= replays
        try:
            done, _ = await asyncio.wait(replays.values(), return_when=asyncio.FIRST_EXCEPTION)
            for replay in done:
                if not replay.cancelled():
                    replay.result()
        finally:
            for room, replay in replays.items():
                replay.cancel()
                del self._replays[room]

    # The record in Redis.

    def _add(self, room: str, began: str) -> None:
        record = self.registration
        rooms = record.rooms if room in record.rooms else [*record.rooms, room]
        self._keep(replace(record, rooms=rooms, began={**record.began, room: began}))

    def _remove(self, room: str) -> None:
        record = self.registration
        self._keep(
            replace(
                record,
                rooms=[each for each in record.rooms if each != room],
                began={of: id for of, id in record.began.items() if of != room},
            )
        )

    async def kept(self) -> None:
        """Return once Redis has the record: a session that resumes this one is in its rooms."""
        if self._keeping is not None:
            await asyncio.shield(self._keeping)

    def _keep(self, record: Registration) -> None:
        if record != self.registration:
            self.registration = record
            if self._keeping is None:
                self._keeping = asyncio.get_running_loop().create_future()
                self._parts.spawn(self._keep_all(self._keeping))

    async def _keep_all(self, keeping: asyncio.Future[None]) -> None:
        """Write the record to Redis until Redis has the newest one."""
        kept = None
        try:
            while kept is not self.registration and not self._left:
                await self._parts.presence.ready()
                kept = self.registration
                try:
                    await self._parts.backplane.rooms.keep(kept)
                except BackplaneDown:
                    kept = None
        except BackplaneRefused as error:
            event(log, logging.ERROR, "Redis refused", why=error)
        finally:
            self._keeping = None
            keeping.set_result(None)

    # Where to begin.

    def _start(self, channel: Channel, seen: bytes | None) -> _Start:
        login, private = self._login, channel.log.room == PRIVATE
        at = login.claimed.last if private else self._parts.channels.at(channel)
        if login.resumed and seen is not None:
            if (known := login.registration.began.get(channel.log.room)) is None:
                # The session ended before that was written down.
                return _Start(at, gap=True, anew=True)
            # Messages from before the origin began were for somebody else with this name.
            began = known.encode()
            # The peer was unknown, its hello was granted, and the welcome may never have arrived.
            # Now the peer says hello again, with the same ids as before.
            anew = login.claimed.unheard and parse_id(seen) < parse_id(began)
            return _Start(max(seen, began, key=parse_id), replayed=True, gap=anew, anew=anew)
        if private and login.claimed.waiting:
            return _Start(at, replayed=True)
        if seen is None:
            return _Start(at)
        # The old session is no longer known, so nobody knows what was missed.
        if private or seen == NOTHING or epoch_of(seen) >= epoch_of(at):
            return _Start(at, gap=True)
        room = self._parts.rooms.get(channel.log.room)
        if room is not None and room.state.modes.history != "all":
            return _Start(at, gap=True)
        # Redis has lost its data, and with it the old session: the room's messages since then are
        # for everybody who was there before.
        since = self._parts.wall() - epoch_of(at) / 1000
        start = before(epoch_of(at)) if since < self._parts.resume_within else at
        return _Start(start, replayed=start != at, gap=True)


def _seen(seen: Mapping[str, str], room: str) -> bytes | None:
    return seen_id(seen.get(room))
