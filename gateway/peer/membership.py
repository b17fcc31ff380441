"""What a session has of the chat: its name, its rooms, and the channels that it listens to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.addresses import Address
from gateway.backplane.contract import Channel
from gateway.backplane.ids import NOTHING, before, epoch_of, parse
from gateway.backplane.records import Registration
from gateway.channels.channels import Channels
from gateway.channels.hub import Hub
from gateway.channels.links import Link
from gateway.channels.reading import gap
from gateway.channels.replay import seen_id
from gateway.fleet.presence import Presence
from gateway.outcomes import Outcome
from gateway.peer.names import Login
from wire.frames import PRIVATE, Event
from wire.reasons import GATEWAY_LOST, Reason


class Holder(Protocol):
    """What a membership asks of its peer."""

    link: Link

    def active_at(self) -> float:
        """When the person was last active, on the monotonic clock."""

    def end(self, reason: Reason) -> None:
        """The connection has to end."""


@dataclass(frozen=True)
class Parts:
    """What the memberships of a gateway share.

    Attributes:
        channels: this gateway's.
        hub: tells links what the channels do not bring.
        presence: keeps the names.
        online: everybody who has a name here, by session.
        resume_within: seconds in which one can come back.
        wall: a clock in seconds since 1970.
        arrived: told of somebody of whom the rooms are to hear that they came.
        departed: told of somebody of whom the rooms are to hear that they left, and why.
    """

    channels: Channels
    hub: Hub
    presence: Presence
    online: dict[str, Membership]
    resume_within: float
    wall: Callable[[], float]
    arrived: Callable[[Registration], None]
    departed: Callable[[Registration, Reason], None]


class Membership:
    """One session's, from the claim that got the name until the name is given back.

    Its life: `begin` says where in each channel it begins, `catch_up` lets it join them, `leave`
    ends all of it. Everybody else sees the session through this: presence, orders, rooms.

    Args:
        login: the name that was got.
        holder: the peer.
        parts: what it works with.

    Attributes:
        registration: the record in Redis.
        token: what takes the name back later.
        link: the peer's.
    """

    __slots__ = ("_holder", "_login", "_parts", "link", "registration", "token")

    def __init__(self, login: Login, holder: Holder, parts: Parts) -> None:
        self.registration = login.registration
        self.token = login.token
        self.link = holder.link
        self._login = login
        self._holder = holder
        self._parts = parts

    @property
    def outcome(self) -> Outcome:
        """How the name was got."""
        return self._login.claimed.outcome

    @property
    def ip(self) -> Address:
        """Where the peer is."""
        return self.link.ip

    def active_at(self) -> float:
        """When the person was last active, on the monotonic clock."""
        return self._holder.active_at()

    def end(self, reason: Reason) -> None:
        """The connection has to end."""
        self._holder.end(reason)

    def tell(self, event: Event) -> None:
        """Tell the person an event."""
        self._parts.hub.tell(self.link, event)

    def resumed(self, seen: dict[str, str]) -> bool:
        """Whether the session goes on where an earlier one of the peer ended.

        Args:
            seen: the last id that the peer saw in each room, as it said.
        """
        login = self._login
        anew = (login.begins_anew(c, seen_id(seen.get(c.log.room))) for c in self._channels)
        return login.resumed and not any(anew)

    def begin(self, seen: dict[str, str]) -> dict[str, str]:
        """Be online; returns the id in each room after which the session begins.

        Args:
            seen: the last id that the peer saw in each room; where one is of use, the session goes
                on after that, and it is not returned.
        """
        self._parts.online[self.registration.session] = self
        if (former := self._login.claimed.former) is not None:
            self._parts.departed(former, GATEWAY_LOST)
        begins = {}
        for channel in self._channels:
            room = channel.log.room
            after = seen_id(seen.get(room))
            if self._login.begins_anew(channel, after):
                begins[room] = self._login.began(channel).decode()
            elif not self._login.resumed or after is None:
                begins[room] = self._start(channel, after).decode()
        return begins

    async def catch_up(self, seen: dict[str, str]) -> None:
        """Join the channels; somebody who comes back is told first what was missed.

        Args:
            seen: as in `begin`, and called in the same turn of the loop.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        channels = self._parts.channels
        behind = []
        for channel in self._channels:
            after = self._catch_up_after(channel, seen_id(seen.get(channel.log.room)))
            if after is None:
                channels.join(self.link, channel)
            else:
                behind.append((channel, after))
        # What was said to the person between the claim and now has waited for this.
        channels.follow(self._login.own, self._login.claimed.last)
        # These take their time; the others begin where the welcome said.
        for channel, after in behind:
            await channels.resume(self.link, channel, after)
        if self.outcome not in (Outcome.RESUMED, Outcome.TAKEN_OVER):  # they never left
            self._parts.arrived(self.registration)

    async def leave(self, reason: Reason, *, keep_name: bool) -> None:
        """Leave the channels, and give the name back.

        Args:
            reason: why.
            keep_name: nobody else may have the name yet: the lease keeps it for its owner.
        """
        parts, registration = self._parts, self.registration
        parts.online.pop(registration.session, None)
        parts.presence.forget(self)
        for channel in self._channels:
            parts.channels.leave(self.link, channel)
            parts.channels.drop(channel)
        if keep_name:
            parts.presence.expect(registration.session)
        else:
            await parts.presence.release(registration, reason)

    @property
    def _channels(self) -> tuple[Channel, ...]:
        return self._login.own, self._login.lobby

    def _catch_up_after(self, channel: Channel, seen: bytes | None) -> bytes | None:
        """The id after which to tell what was missed; None: nothing was, join at once."""
        login = self._login
        if login.resumed and seen is not None:
            if login.begins_anew(channel, seen):
                self._tell_gap(channel, seen)
            # What was said before the origin began was for another, or for nobody of this name.
            return max(seen, login.began(channel), key=parse)
        if channel.log.room == PRIVATE and login.claimed.waiting:
            return login.claimed.last
        if seen is not None:
            # Nobody knows any longer who this was, so nobody knows what was missed.
            self._tell_gap(channel, seen)
            start = self._start(channel, seen)
            if channel.log.room != PRIVATE and start != self._parts.channels.at(channel):
                return start
        return None

    def _start(self, channel: Channel, seen: bytes | None) -> bytes:
        """The id after which somebody begins who does not go on after the last one seen."""
        if channel.log.room == PRIVATE:
            return self._login.claimed.last
        at = self._parts.channels.at(channel)
        if self._login.resumed or seen in (None, NOTHING) or epoch_of(seen) >= epoch_of(at):
            return at
        # Redis has lost its memory, and with it who this was: what the room said since then is for
        # all who were there before.
        since = self._parts.wall() - epoch_of(at) / 1000
        return before(epoch_of(at)) if since < self._parts.resume_within else at

    def _tell_gap(self, channel: Channel, after: bytes) -> None:
        self._parts.hub.tell(self.link, gap(channel.log.room, after))
