"""What all gateways share: the contract. `gateway.backplane.redis` keeps it with Redis.

The gateway knows names, rooms and lines; which keys, channels and scripts they become is the
business of this package alone.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import msgspec


class Registration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who holds a name: the record in Redis.

    Attributes:
        name: as it is shown.
        folded: as it is compared.
        session: id of the session, made anew for each connection: what every write compares.
        gateway: id of the gateway that holds the connection.
        address: the peer's, ``host:port``.
        since: when the session began, milliseconds since 1970.
        resume: SHA-256 of the token that takes the name back; the token itself is not kept.
        rooms: the rooms that the session is in.
        client: program and version, if told.
    """

    name: str
    folded: str
    session: str
    gateway: str
    address: str
    since: int
    resume: str
    rooms: list[str]
    client: str | None = None


class Claimed(NamedTuple):
    """What became of a claim.

    Attributes:
        outcome: the name was free ("granted"); taken back from the peer's own older session
            ("resumed"); free, since its holder's gateway is dead ("inherited"); or it is somebody
            else's ("taken").
        former: with "inherited": the dead holder, of whom the rooms have not been told yet.
    """

    outcome: Literal["granted", "resumed", "inherited", "taken"]
    former: Registration | None = None


class Whispered(NamedTuple):
    """What became of a private message.

    Attributes:
        id: its id; None if nobody was here.
        found: for each recipient the name as it is shown, or "" for who is not here.
    """

    id: str | None
    found: list[str]


class Listed(NamedTuple):
    """A user, as a list shows one.

    Attributes:
        registration: the record.
        idle: seconds since the last activity.
        left: seconds until the user is evicted; None for never.
    """

    registration: Registration
    idle: float
    left: float | None


class Touch(NamedTuple):
    """A user who was active ``ago`` seconds ago."""

    folded: str
    session: str
    ago: float


class Events(Protocol):
    """What a backplane tells its gateway."""

    def deliver(self, channel: bytes, lines: bytes) -> None:
        """Lines were published on a channel. The hot path."""

    def replaced(self, session: str) -> None:
        """A session's user has come back over another connection."""

    def away(self) -> None:
        """Redis is away. Every call raises `BackplaneDown` until `back`."""

    def back(self) -> None:
        """Redis is back, and the subscriptions are. What was published meanwhile was not heard."""


class Backplane(Protocol):
    """What a gateway does with what all gateways share.

    Every method may raise `gateway.errors.BackplaneDown`: Redis is away, and the call may or may
    not have had its effect.
    """

    def user_channel(self, folded: str) -> str:
        """The channel of what is for one user."""

    def room_channel(self, room: str) -> str:
        """The channel of what is for everyone in a room."""

    async def subscribe(self, channel: str) -> None:
        """Have what is published on a channel delivered, from the return of this call on."""

    def unsubscribe(self, channel: str) -> None:
        """Have it delivered no more."""

    async def claim(self, user: Registration, ago: float, resume: str | None) -> Claimed:
        """Claim a name; a claim by the session that has it already renews it.

        Args:
            user: who.
            ago: seconds since the last activity.
            resume: SHA-256 of the token that the peer showed.
        """

    async def release(self, users: list[Registration]) -> list[str]:
        """Give names back; returns the ids of the sessions that had theirs until now."""

    async def touch(self, touches: list[Touch]) -> list[str]:
        """Write activity down; returns the ids of the sessions that lost their names."""

    async def idle_left(self, folded: str, session: str) -> float:
        """Seconds of inactivity that a user has left; 0 if none."""

    async def publish(self, room: str, lines: list[bytes]) -> list[str]:
        """Publish lines to a room, in order.

        Args:
            room: where.
            lines: messages as `wire.codec.encode_body` makes them, which are stored and given
                ids, and whole events, which are only published.

        Returns:
            The ids of the messages, in order.
        """

    async def whisper(self, sender: str, names: list[str], body: bytes) -> Whispered:
        """Publish a message to those of these people who are here, and to its sender.

        Args:
            sender: folded name.
            names: folded names.
            body: as `wire.codec.encode_body` makes it, without ``to``.
        """

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        """Some of the users: the next cursor ("0": that was all), and they. Begin with "0"."""

    async def renew_lease(self) -> bool:
        """Say that this gateway lives; False if its lease had run out.

        Then others may have taken its names.
        """

    async def sweep(self) -> list[Registration]:
        """Take the names of gateways that died from them; returns who was on them."""
