"""What all gateways share: the contract. `gateway.backplane.redis.backplane` keeps it with Redis.

The gateway knows names, rooms and lines; which keys, channels and scripts they become is the
business of this package alone.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from gateway.backplane.records import Ban, GatewayInfo, Member, Registration
from gateway.chat.room_records import Edit
from gateway.chat.rooms import RoomState
from gateway.outcomes import How, Outcome

LEASE = 10.0
"""Seconds that a gateway's lease lasts. With a sweep each 3 s, a dead gateway's users are gone
after 13 s at the latest; a renewal may fail twice before the lease runs out."""


class Claimed(NamedTuple):
    """What became of a claim.

    Attributes:
        outcome: in one word.
        origin: with "resumed" and "returned" that of the older session.
        last: id in the user's log behind which the user begins: that of the last message, or with
            ``waiting`` that of the last one before those.
        former: with "inherited": the dead holder, of whom the rooms have not been told yet; with
            "taken": the holder, for one who was let in before.
        began: where the origin began (`Registration.began`); None if the name was not got.
        hash: with "locked": that of the password; "" if the name is not registered.
        waiting: behind ``last`` there are messages that waited for the user.
        unheard: with "resumed" and "returned": the peer showed the token that the older session was
            got with, so the welcome of that one, and what came with it, may never have arrived.
        rooms: the rooms of the session: with "resumed" and "returned" those of the older one. None
            if the name was not got.
        account: as in `Registration`.
    """

    outcome: Outcome
    origin: str = ""
    last: bytes = b""
    former: Registration | None = None
    began: dict[str, str] | None = None
    hash: str = ""
    waiting: bool = False
    unheard: bool = False
    rooms: list[str] | None = None
    account: bool = False


class Found(NamedTuple):
    """What was found of a recipient: the name as it is shown ("" if absent), and how."""

    name: str
    how: How


ABSENT = Found("", How.ABSENT)


class Whispered(NamedTuple):
    """What became of a private message.

    Attributes:
        id: that of the sender's copy; None if all are absent, and nothing was posted; "" if its
            seq is not new, and what became of it is not known any more.
        found: for each recipient.
    """

    id: str | None
    found: list[Found]


class Outgoing(NamedTuple):
    """A message for a room.

    Attributes:
        body: as `wire.codec.encode_body` makes it.
        origin: the sender's (`Registration.origin`); needed with ``seq``.
        seq: the sender's count; with it the message is posted once, however often it is published.
        name: the sender's folded name; needed with ``slow``.
        slow: seconds that must pass between two messages of that name; 0 for none.
        event: not a message, but an event as `wire.codec.encode` makes it, which is not stored.
    """

    body: bytes
    origin: str = ""
    seq: int | None = None
    name: str = ""
    slow: int = 0
    event: bool = False


class Posted(NamedTuple):
    """What became of a message for a room.

    Attributes:
        id: the message's; "" if it was not posted, or its seq is not new and its id is not known
            any longer.
        wait: the seconds that its sender must wait; then it was not posted. 0.0 otherwise.
    """

    id: str
    wait: float = 0.0


class Known(NamedTuple):
    """Somebody who is here, may come back, or has an account.

    Attributes:
        name: as it is shown.
        origin: of the session that has the name, or may come back to it; "" if there is none.
        registered: the name is registered.
    """

    name: str
    origin: str
    registered: bool


class Log(NamedTuple):
    """A log.

    Attributes:
        room: the room, or `wire.frames.PRIVATE`.
        reader: with `PRIVATE` the folded name of the person whose private messages are in it.
    """

    room: str
    reader: str = ""


class Channel(NamedTuple):
    """Where what is stored in a log is published.

    Attributes:
        name: what to subscribe to.
        key: the same as bytes, as deliveries name it.
        log: what it is the channel of.
    """

    name: str
    key: bytes
    log: Log


class Said(NamedTuple):
    """Some messages of a log.

    Attributes:
        tail: the id behind which the next message comes, whether or not the log has the last one
            still.
        start: where whoever came before there was a log stands.
        more: there are more than these.
        messages: id and line each, the oldest first. The line is empty where somebody else wrote
            something into the log.
    """

    tail: bytes
    start: bytes
    more: bool
    messages: list[tuple[bytes, bytes]]


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


class Entry(NamedTuple):
    """What somebody has to show who claims a name without a token.

    Attributes:
        mode: nothing, since this gateway has let them in before ("known"); the password of a
            registered name ("open"); the same, and only registered names are let in ("required").
        hash: that of which the peer has shown the password; "" if none.
    """

    mode: Literal["known", "open", "required"]
    hash: str = ""


KNOWN = Entry("known")


class Arrival(NamedTuple):
    """Somebody comes into a room.

    Attributes:
        folded: the name.
        member: the record.
        told: the others are told; else only gateways are, since nobody knew that they were gone.
    """

    folded: str
    member: Member
    told: bool


class Departure(NamedTuple):
    """Somebody leaves a room, unless a newer session of the same name is in it by now.

    Attributes:
        folded: the name.
        name: as it is shown.
        session: which.
        code: why (`wire.frames.Left`).
    """

    folded: str
    name: str
    session: str
    code: str


class Attended(NamedTuple):
    """What became of some arrivals and departures.

    Attributes:
        tail: the id behind which the next message of the room comes.
        people: how many are in the room now.
        founder: the folded name that became the room's operator, since it made the room; or "".
        moves: how many arrivals and departures there have been, these among them.
    """

    tail: bytes
    people: int
    founder: str
    moves: int


class Attendance(NamedTuple):
    """Some of a room's members.

    Attributes:
        cursor: for the next ones; "0": that was all.
        moves: how many arrivals and departures there had been before this was read.
        members: by their folded names.
    """

    cursor: str
    moves: int
    members: dict[str, Member]


class Mark(NamedTuple):
    """By what a gateway sees that its picture of a room is out of date.

    Attributes:
        version: of its `RoomState`.
        moves: how many arrivals and departures there have been.
    """

    version: str
    moves: int


class Events(Protocol):
    """What a backplane tells its gateway."""

    def deliver(self, channel: bytes, payload: bytes) -> None:
        """Lines were published on a channel, behind a first one that says which kind they are.

        - ``<previous id> <last id>``: messages. The hot path.
        - ``+<moves> <last id>``: `Joined` and `Left` events. ``moves`` counts all arrivals and
          departures, these among them. The id is that of the last message before them.
        - ``~<moves> <last id>``: the same, but for gateways only.
        - ``=<version> <last id>``: the room's state has changed; no lines follow. What is published
          behind this must not reach anybody who is not in the room any more.
        """

    def control(self, verb: str, rest: str) -> None:
        """This gateway was told something.

        Args:
            verb: ``replaced SESSION``: its user has come back over another connection;
                ``invited SESSION ROOM NAME``: the person called NAME invites its user to a room;
                or what an operator wants: ``kick SESSION TEXT``, ``bans`` (they have changed),
                ``drain``, ``probe NONCE``.
            rest: what follows it.
        """

    def known(self, channel: bytes) -> bytes:
        """The last id that was heard on a channel; `gateway.backplane.ids.NOTHING` if none was."""

    def away(self) -> None:
        """Redis is away. Every call raises `BackplaneDown` until `back`."""

    def back(self) -> None:
        """Redis is back, and the subscriptions are. What was published meanwhile was not heard.

        Its memory may be older than what was acknowledged, or empty.
        """


class Admission(Protocol):
    """The part of the backplane that decides who gets in. It raises what the others do."""

    async def bans(self) -> tuple[int, list[Ban]]:
        """Redis' time, milliseconds since 1970, and the bans that hold."""

    async def try_password(self, folded: str, neighbourhood: str, site: str = "") -> float:
        """Count that a password is tried, before it is looked at; `forgive` one that was right.

        Args:
            folded: the name.
            neighbourhood: from where, as `gateway.addresses.neighbourhood` says it.
            site: the same, as `gateway.addresses.site` says it.

        Returns:
            0.0, or the seconds to wait: then it was not counted, and must not be looked at.
        """

    async def forgive(self, folded: str, neighbourhood: str, site: str = "") -> None:
        """Take back that a password was tried: it was right, and remember from where."""


class Rooms(Protocol):
    """The part of the backplane that is about rooms: who is in them, and what holds there.

    It raises what the others do.
    """

    async def state(self, room: str) -> tuple[int, RoomState]:
        """Redis' time, milliseconds since 1970, and what holds in a room."""

    async def attend(
        self, room: str, version: str, items: list[Arrival | Departure], *, create: bool
    ) -> Attended:
        """Write down who comes into a room and who leaves it, in order, and tell of it.

        A room without members and operators ends some time later, with its history.

        Args:
            room: which.
            version: of the state by which the arrivals were allowed. Departures need none.
            items: who.
            create: make the room if there is none; the first arrival with an account becomes its
                operator.

        Raises:
            RoomChanged: it is of another version; nothing was done.
            NoSuchRoom: there is none, and ``create`` is False.
        """

    async def change(
        self,
        room: str,
        version: str,
        edits: list[Edit],
        event: bytes,
        *,
        removed: Departure | None = None,
        invite_members: bool = False,
    ) -> str:
        """Change what holds in a room, and say so in its log.

        Args:
            room: which.
            version: of the state by which this was decided.
            edits: what changes.
            event: a `wire.frames.Changed` as `wire.codec.encode_body` makes it; b"" for none: then
                only gateways are told.
            removed: who is put out of the room by it, whichever session has the name.
            invite_members: everybody who is in the room counts as invited.

        Returns:
            The id of the event, or without one that of what was stored last.

        Raises:
            RoomChanged: it is of another version; nothing was done.
            NoSuchRoom: there is none.
        """

    async def members(self, room: str, cursor: str) -> Attendance:
        """Some of those who are in a room. Begin with "0"."""

    async def marks(self, rooms: list[str]) -> list[Mark]:
        """How far the pictures of these rooms have come."""

    async def all(self) -> list[tuple[RoomState, int]]:
        """All rooms there are, with how many are in each; of the states no lists of people."""

    async def keep(self, user: Registration) -> None:
        """Write ``rooms`` and ``began`` of a session into its record, if it has its name still."""

    async def tell_invited(self, folded: str, room: str, by: str) -> None:
        """Have the person with a name told about an invitation; nothing happens if nobody has it.

        Args:
            folded: the name.
            room: the room that the person may enter now.
            by: the name of the person who invites them.
        """


class Names(Protocol):
    """The part of the backplane that is about people. It raises what the others do."""

    async def claim(
        self, user: Registration, ago: float, resume: str | None, auth: Entry = KNOWN
    ) -> Claimed:
        """Claim a name; a claim by the session that has it already renews it.

        Args:
            user: who.
            ago: seconds since the last activity.
            resume: SHA-256 of the token that the peer showed.
            auth: what it has to show besides.
        """

    async def release(self, users: list[Registration], *, for_good: bool) -> list[str]:
        """Give names back; returns the ids of the sessions that had theirs until now.

        Args:
            users: who.
            for_good: they cannot resume.
        """

    async def touch(self, touches: list[Touch]) -> list[str]:
        """Write activity down; returns the ids of the sessions that lost their names."""

    async def idle_left(self, folded: str, session: str) -> float:
        """Seconds of inactivity that a user has left; 0 if none."""

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        """Some of the users, with the next cursor. Begin with "0"; "0" is returned at the end."""

    async def look_up(self, folded: str) -> Known | None:
        """What is known of somebody by a folded name; None if it is nobody's."""

    async def present(self, names: list[str]) -> list[str]:
        """Which of these people (folded names) are here, or may come back.

        Returns:
            For each the name as it is shown, or "" if nobody has it.
        """


class Messages(Protocol):
    """The part of the backplane that takes what is said. It raises what the others do."""

    async def publish(self, room: str, version: str, messages: list[Outgoing]) -> list[Posted]:
        """Publish messages to a room, in order.

        Args:
            room: where.
            version: of the `RoomState` by which they were allowed.
            messages: which.

        Returns:
            What became of each message, in order; nothing for events.

        Raises:
            RoomChanged: the room is of another version; nothing was posted.
        """

    async def whisper(
        self, sender: Registration, names: list[str], body: bytes, *, seq: int | None
    ) -> Whispered:
        """Send a message to those of these people who are here or may come back, and to its sender.

        Args:
            sender: who.
            names: folded names.
            body: as `wire.codec.encode_body` makes it, without ``to``.
            seq: the sender's count; with it the message is posted once, however often it comes.

        Raises:
            NameLost: the sender's session has lost its name.
            TooMuchWaits: for one of them, who is away. Nothing was posted.
        """


class Logs(Protocol):
    """The part of the backplane that knows what was said. It raises what the others do."""

    async def tails(self, logs: list[Log]) -> list[bytes]:
        """The ids behind which the next messages of logs come: those of the last ones.

        A log that has lost what it gave ids to (as `Events.known` knows, or since Redis is another
        one) begins a new epoch: then, and where there is no log yet, it is the id before the first
        of an epoch.
        """

    async def said(self, log: Log, after: bytes, count: int) -> Said:
        """Messages of a log, up to some 64 KiB of them.

        Args:
            log: which.
            after: the id behind which to begin.
            count: how many at most.
        """

    async def trim(self, logs: list[Log]) -> None:
        """Forget what is too old in these logs."""

    def keep(self, history: int, age: float) -> None:
        """From now on the logs keep this many messages each, for ``age`` seconds."""


class Gateways(Protocol):
    """The part of the backplane by which gateways know of each other. It raises what others do."""

    async def renew_lease(self, seconds: float = LEASE) -> bool:
        """Say that this gateway lives; False if its lease had run out.

        Then others may have taken its names.
        """

    async def neighbours(self) -> dict[str, GatewayInfo]:
        """The other gateways that live, by their ids, if what they tell can be read."""

    async def own_users(self, cursor: str) -> tuple[str, list[Registration]]:
        """Some of the users of this gateway, by Redis, with the next cursor, as `Names.users`."""

    async def sweep(self) -> list[Registration]:
        """Take the names of gateways that died from them; returns the users who were on them."""


class Backplane(Names, Messages, Logs, Gateways, Protocol):
    """What a gateway does with what all gateways share.

    Every method may raise `gateway.errors.BackplaneDown`: Redis is away, and the call may or may
    not have had its effect.
    """

    @property
    def admission(self) -> Admission:
        """Who gets in."""

    @property
    def rooms(self) -> Rooms:
        """Who is in which room, and what holds there."""

    def room(self, room: str) -> Channel:
        """The channel of what is for everyone in a room."""

    def user(self, folded: str) -> Channel:
        """The channel of what is for one user."""

    async def subscribe(self, channel: str) -> None:
        """Have what is published on a channel delivered, from the return of this call on."""

    def unsubscribe(self, channel: str) -> None:
        """End that."""

    @property
    def up(self) -> bool:
        """Whether Redis is there, as far as is known."""

    @property
    def run_id(self) -> str:
        """Which start of Redis this is: another one may have forgotten anything."""

    async def probe(self) -> float:
        """Have a frame travel through Redis; returns the seconds that it took.

        Raises:
            ProbeFailed: the text says where it ended.
        """

    async def answer_probe(self, nonce: str) -> None:
        """The same, for a command that looks for the answer in Redis."""
