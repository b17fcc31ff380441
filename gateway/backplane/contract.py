"""The contract: what all gateways share. `gateway.backplane.redis.backplane` implements it.

The gateway knows names, rooms and lines. Only this package knows which keys, channels and scripts
of Redis they become.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

import msgspec

from gateway.backplane.records import Audited, Ban, GatewayInfo, Member, Registration
from gateway.chat.room_records import Edit
from gateway.chat.rooms import RoomState
from gateway.outcomes import How, Outcome, Put
from wire.frames import Deleted, Reacted

LEASE = 10.0
"""Seconds that a gateway's lease lasts. With a sweep every 3 s, a dead gateway's users are gone
after at most 13 s. A renewal may fail twice before the lease ends."""


class Claimed(NamedTuple):
    """The result of a claim.

    Attributes:
        outcome: the result in one word.
        origin: with "resumed" and "returned": the origin of the older session.
        last: the id in the user's log after which the user begins: the last message, or with
            ``waiting`` the last one before the messages that waited.
        tail: the last id of the user's log.
        former: with "inherited": the dead holder, who has not left the rooms yet; with "taken":
            the holder, for a person who was let in before.
        began: where the origin began (`Registration.began`); None if the claim failed.
        hash: with "locked": the hash of the password; "" if the name is not registered.
        waiting: after ``last`` there are messages that waited for the user.
        unheard: with "resumed" and "returned": the peer showed the token with which the older
            session began. So its welcome, and what came with it, may never have arrived.
        rooms: the rooms of the session; with "resumed" and "returned", of the older session. None
            if the claim failed.
        account: as in `Registration`.
        away: likewise.
        sessions: how many sessions the person has now, this one included; 0 if the claim failed.
    """

    outcome: Outcome
    origin: str = ""
    last: bytes = b""
    tail: bytes = b""
    former: Registration | None = None
    began: dict[str, str] | None = None
    hash: str = ""
    waiting: bool = False
    unheard: bool = False
    rooms: list[str] | None = None
    account: str = ""
    away: str | None = None
    sessions: int = 0


class Found(NamedTuple):
    """A recipient.

    Attributes:
        name: as it is shown; "" if absent.
        how: how the message finds them.
        away: why they are away; None if they have not said that they are.
    """

    name: str
    how: How
    away: str | None = None


ABSENT = Found("", How.ABSENT)


class Whispered(NamedTuple):
    """The result of a private message.

    Attributes:
        id: the id of the sender's copy; None if all recipients are absent and nothing was posted;
            "" if its seq is not new, and its result is no longer known.
        found: one for each recipient.
    """

    id: str | None
    found: list[Found]


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A message for a room. A struct, since one is made for each message: it costs less.

    Attributes:
        body: as `wire.codec.encode_body` makes it.
        origin: the sender's origin (`Registration.origin`); "" for an operator of the chat.
        account: the sender's account; "" for a guest. Only an account, or else the same origin, may
            delete the message later.
        seq: the sender's count. With it the message is posted once, however often it is published.
        name: the sender's account, or a guest's origin; needed with ``slow``.
        slow: seconds that must pass between two messages of that name; 0 for none.
    """

    body: bytes
    origin: str = ""
    seq: int | None = None
    name: str = ""
    slow: int = 0
    account: str = ""


def author_of(user: Registration) -> str:
    """The author of what somebody says, as logs have it."""
    return f"@{user.account}" if user.account else user.origin


class Posted(msgspec.Struct, frozen=True, gc=False):
    """The result of a message for a room.

    Attributes:
        id: the message's id; "" if it was not posted, or if its seq is not new and its id is no
            longer known.
        wait: seconds that its sender must wait, if it was not posted for that reason; else 0.0.
    """

    id: str
    wait: float = 0.0


class Known(NamedTuple):
    """Somebody who is here, may come back, or has an account.

    Attributes:
        name: as it is shown.
        origin: the origin of the session that has the name, or may come back to it; or "".
        registered: the name is registered.
        account: the folded name of the account that the name belongs to; "" if it is not
            registered.
    """

    name: str
    origin: str
    registered: bool
    account: str = ""


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
        log: the log.
    """

    name: str
    key: bytes
    log: Log


class LogPage(NamedTuple):
    """Some messages of a log.

    Attributes:
        tail: the id after which the next message comes, whether or not the log still has that one.
        start: the position of a reader who came before there was a log.
        more: there are more messages.
        whole: what is missing before the first of the messages was deleted. If not, it may have
            been trimmed.
        messages: ids and lines, the oldest first. A line is empty if another program wrote the
            entry.
    """

    tail: bytes
    start: bytes
    more: bool
    messages: list[tuple[bytes, bytes]]
    whole: bool = False


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


def by_person(listed: Iterable[Listed]) -> dict[str, list[Listed]]:
    """The sessions of each person, by the folded name; the order stays."""
    people: dict[str, list[Listed]] = {}
    for each in listed:
        people.setdefault(each.registration.folded, []).append(each)
    return people


class Touch(NamedTuple):
    """A user who was active ``ago`` seconds ago."""

    folded: str
    session: str
    ago: float


class Proof(NamedTuple):
    """What a claim without a token has to show.

    Attributes:
        mode: "known": nothing, because this gateway has let the person in before. "open": the
            password, if the name is registered. "required": the password, and the name must be
            registered.
        hash: the stored hash whose password the peer has proved; "" if it has proved none.
    """

    mode: Literal["known", "open", "required"]
    hash: str = ""


KNOWN = Proof("known")


class Arrival(NamedTuple):
    """Somebody comes into a room.

    Attributes:
        folded: the name.
        member: the record.
        told: the other members are told. If not, only gateways are, because nobody knew that the
            person was gone, or because the session is quiet.
    """

    folded: str
    member: Member
    told: bool


class Departure(NamedTuple):
    """Somebody leaves a room, unless a newer session of the same name is in it by now.

    Attributes:
        folded: the name.
        name: as it is shown.
        session: the session that leaves.
        code: why (`wire.frames.Left`).
    """

    folded: str
    name: str
    session: str
    code: str


class Rename(NamedTuple):
    """Somebody in a room has another name from now on.

    Attributes:
        folded: the new name.
        member: the record, with the new name.
        before: the record of the session with the name until now.
    """

    folded: str
    member: Member
    before: Registration


Move = Arrival | Departure | Rename


class Attended(NamedTuple):
    """The result of some arrivals and departures.

    Attributes:
        tail: the id after which the next message of the room comes.
        people: how many members the room has now.
        founder: the account that became the room's operator by making it; or "".
        moves: the number of arrivals and departures so far, including these.
    """

    tail: bytes
    people: int
    founder: str
    moves: int


class Attendance(NamedTuple):
    """Some of a room's members.

    Attributes:
        cursor: where the next ones begin; "0" if these are the last.
        moves: the number of arrivals and departures before this was read.
        members: folded name -> the sessions of the member that are in the room.
    """

    cursor: str
    moves: int
    members: dict[str, list[Member]]


class Mark(NamedTuple):
    """What tells a gateway that its picture of a room is out of date.

    Attributes:
        version: the version of the room's `RoomState`.
        moves: the number of arrivals and departures so far.
    """

    version: str
    moves: int


class Events(Protocol):
    """What a backplane tells its gateway."""

    def deliver(self, channel: bytes, payload: bytes) -> None:
        """Lines were published on a channel, after a first line that says what they are.

        - ``<previous id> <last id>``: messages. The hot path.
        - ``+<moves> <last id>``: `Joined` and `Left` events. ``moves`` counts all arrivals and
          departures, including these. The id belongs to the last message before them.
        - ``~<moves> <last id>``: the same, but for gateways only.
        - ``!0 0-0``: events without an id, for clients. Nothing counts them.
        - ``=<version> <last id>``: the room's state has changed; no lines follow. What is published
          after this must not reach anybody who is no longer in the room.
        """

    def control(self, verb: str, rest: str) -> None:
        """This gateway was told something.

        Args:
            verb: ``replaced SESSION``: its user has come back over another connection;
                ``invited SESSION ROOM NAME``: the person called NAME invites its user to a room;
                ``enter SESSION ROOM``, ``exit SESSION ROOM``: its user did so in another session;
                or what an operator wants: ``kick SESSION TEXT``, ``bans`` (they have changed),
                ``drain``, ``probe NONCE``.
            rest: what follows it.
        """

    def known(self, channel: bytes) -> bytes:
        """The last id that was heard on a channel; `gateway.backplane.ids.NOTHING` if none was."""

    def away(self) -> None:
        """Redis is away. Every call raises `BackplaneDown` until `back`."""

    def back(self) -> None:
        """Redis is back, with the subscriptions. What was published meanwhile was not heard.

        Its data may be older than what was acknowledged, or empty.
        """

    def lost(self, channels: set[bytes]) -> None:
        """The server of these channels is away, and the one with the names is there.

        Calls about their rooms wait, and raise `BackplaneDown` in the end.
        """

    def regained(self, channels: set[bytes]) -> None:
        """These channels are heard again. What was published meanwhile was not heard."""


class Admission(Protocol):
    """The part of the backplane about who gets in. It raises the same errors as the others."""

    async def bans(self) -> tuple[int, list[Ban]]:
        """Redis' time, milliseconds since 1970, and the bans that are in force."""

    async def try_password(self, folded: str, subnet: str, site: str = "") -> float:
        """Count an attempt with a password before it is checked; `forgive` it if it was right.

        Args:
            folded: the name.
            subnet: where it comes from, by `gateway.addresses.subnet`.
            site: where it comes from, by `gateway.addresses.site`.

        Returns:
            0.0, or the seconds to wait: then it was not counted and must not be checked.
        """

    async def forgive(self, folded: str, subnet: str, site: str = "") -> None:
        """Take an attempt back, because the password was right, and remember where it came from."""


class NewName(NamedTuple):
    """A session has another name.

    Attributes:
        last: the last id of the log under the old name.
        start: the id in the log under the new name after which the session begins. A guest takes
            the log along; each name of an account has its own.
        tail: the last id of that log; after ``start`` if messages wait.
    """

    last: bytes
    start: bytes
    tail: bytes


class People(Protocol):
    """The part of the backplane about what one does with people, and about accounts.

    It raises the same errors as the others.
    """

    async def set_away(self, user: Registration, away: str | None) -> tuple[str | None, str | None]:
        """Record why a person is away, or None for back.

        Returns:
            Why the person was away before and is now. A person with several sessions is away if all
            of them are.

        Raises:
            NameLost: the session has lost its name.
        """

    async def rename(self, user: Registration, name: str) -> NewName:
        """Give a session another name.

        Raises:
            NameLost: the session has lost its name.
            WireError: it cannot have the new one.
        """

    async def sessions(self, folded: str) -> list[Listed]:
        """The sessions of a person, the oldest first."""

    async def ignored(self, account: str) -> list[str]:
        """The names of the people that an account ignores."""

    async def ignore(self, account: str, name: str, *, on: bool) -> None:
        """Add somebody to them, or take them out.

        Raises:
            WireError: there are too many.
        """

    async def marks(self, account: str) -> dict[str, str]:
        """How far a person has read: room -> id."""

    async def mark(self, account: str, room: str, id: str) -> bool:
        """Record that; returns whether it is further than before."""

    async def tell(self, account: str, line: bytes) -> None:
        """Tell all sessions of an account an event without an id, whatever their names."""

    async def tell_room(self, room: str, line: bytes) -> None:
        """The same for everybody in a room."""

    async def count_registered(self, network: str) -> bool:
        """Count a name that somebody registers; False if too many were, and it was not counted."""

    async def hash_of(self, account: str) -> str:
        """The hash of an account's password; "" without an account."""

    async def register(
        self, user: Registration, name: str, hash: str, *, of: str = "", text: str = ""
    ) -> Put:
        """Register a name for a session, which goes on.

        Args:
            user: the session.
            name: its name, or a free name for its account.
            hash: of the password; "" with ``of``.
            of: the account that the name will belong to.
            text: for other people whose sessions end.
        """

    async def change_password(self, user: Registration, hash: str, text: str) -> Put:
        """Change the password of a session's account, and end all its other sessions.

        Args:
            user: the session.
            hash: of the new password.
            text: for those other sessions.
        """


class Audit(Protocol):
    """The audit log. It raises the same errors as the others."""

    async def note(self, entry: Audited) -> None:
        """Write down what an operator did. Roughly the last 10,000 entries are kept."""


class Rooms(Protocol):
    """The part of the backplane about rooms: their members and their states.

    It raises the same errors as the others.
    """

    async def state(self, room: str, known: RoomState | None = None) -> tuple[int, RoomState]:
        """Redis' time, milliseconds since 1970, and the state of a room.

        Args:
            room: its name, folded.
            known: the state as it was read before. If it still has this version, it is returned,
                and its lists are not read again: they may have thousands of entries. Only the
                people who were kicked are read each time, because they have no version.
        """

    async def attend(
        self,
        room: str,
        version: str,
        items: list[Move],
        *,
        create: bool,
        founding: bool = True,
    ) -> Attended:
        """Write down arrivals, departures and new names of a room, in order, and publish them.

        A room without members and operators ends some time later, with its history.

        Args:
            room: its name, folded.
            version: the version of the state that allowed the arrivals. Departures need none.
            items: the arrivals and departures.
            create: make the room if it does not exist.
            founding: if it is made, the first arrival with an account becomes its operator. False
                if Redis must have forgotten the room.

        Raises:
            RoomChanged: the room has another version; nothing was done.
            NoSuchRoom: the room does not exist, and ``create`` is False.
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
        """Change the state of a room, and write it into the room's log.

        Args:
            room: its name, folded.
            version: the version of the state that this was decided from.
            edits: what changes.
            event: a `wire.frames.Changed` as `wire.codec.encode_body` makes it; b"" to tell only
                the gateways.
            removed: a person who is put out of the room, whichever session has the name.
            invite_members: everybody who is in the room counts as invited.

        Returns:
            The id of the event; without an event, the id of the last entry of the log.

        Raises:
            RoomChanged: the room has another version; nothing was done.
            NoSuchRoom: the room does not exist.
        """

    async def count_made(self, account: str, most: int) -> bool:
        """Count a room that somebody is about to make.

        Args:
            account: the folded name of the person's account.
            most: how many rooms an account may make in a day.

        Returns:
            Whether the room may be made; if not, it was not counted.
        """

    async def members(self, room: str, cursor: str) -> Attendance:
        """Some of the members of a room. Begin with "0"."""

    async def marks(self, rooms: list[str]) -> list[Mark | None]:
        """The versions and moves of these rooms; None for one that cannot be read."""

    async def all(self) -> list[tuple[RoomState, int]]:
        """The states of all rooms, without their lists of people, and the number of members.

        An empty room that is about to end is left out, and so is one whose server is away.
        """

    async def keep(self, user: Registration) -> None:
        """Write rooms, ``began`` and ``mail`` into a session's record, if it has its name still."""


class Names(Protocol):
    """The part of the backplane about people and names. It raises the same errors as the others."""

    async def claim(
        self, user: Registration, ago: float, resume: str | None, auth: Proof = KNOWN
    ) -> Claimed:
        """Claim a name. A claim by the session that has it already renews it.

        Args:
            user: who.
            ago: seconds since the last activity.
            resume: SHA-256 of the token that the peer showed.
            auth: what the claim has to show without a token.
        """

    async def release(self, users: list[Registration], *, for_good: bool) -> list[str]:
        """Give names back, and return the ids of the sessions that still had theirs.

        Args:
            users: who.
            for_good: the users cannot resume.
        """

    async def touch(self, touches: list[Touch]) -> list[str]:
        """Write activity down, and return the ids of the sessions that have lost their names."""

    async def idle_left(self, session: str) -> float:
        """Seconds of inactivity that a session has left; 0 if none."""

    async def order(self, folded: str, verb: str, rest: str, but: str = "") -> None:
        """Give the gateways of a name's sessions an order about each of these.

        Nothing happens if nobody has the name.

        Args:
            folded: the name.
            verb: as in `Events.control`.
            rest: what follows the session.
            but: a session that is not meant.
        """

    async def users(self, cursor: str) -> tuple[str, list[Listed]]:
        """Some of the users, with the next cursor. Begin with "0"; "0" is returned at the end."""

    async def look_up(self, folded: str) -> Known | None:
        """What is known about the holder of a folded name; None if nobody has it."""

    async def present(self, names: list[str]) -> list[str]:
        """Find out which of these people (folded names) are here, or may come back.

        Returns:
            For each the name as it is shown, or "" if nobody has it.
        """


class Messages(Protocol):
    """The part of the backplane that takes messages. It raises the same errors as the others."""

    async def erase(
        self,
        room: str,
        version: str,
        ids: list[str],
        by: str,
        *,
        author: str = "",
        within: float | None = None,
    ) -> str:
        """Delete messages of a room, and tell everybody there.

        Args:
            room: where.
            version: the version of the `RoomState` that allowed it.
            ids: the messages.
            by: the name of the person who deletes them.
            author: the only author whose messages may be deleted (`author_of`); "" for any.
            within: seconds that the messages may be old; None for any.

        Returns:
            The id of the `wire.frames.Deleted` event.

        Raises:
            RoomChanged: the room has another version; nothing was done.
            WireError: a message is not there, too old or of another author; nothing was done.
        """

    async def react(self, room: str, version: str, reaction: Reacted, person: str) -> str:
        """React to a message of a room, or take a reaction back, and tell everybody there.

        Args:
            room: where.
            version: the version of the `RoomState` that allowed it.
            reaction: what to tell; its ``target`` is the id of the message.
            person: the account or the folded name of the person, who is counted once.

        Returns:
            The id of the event; "" if that was so already.

        Raises:
            RoomChanged: the room has another version; nothing was done.
            WireError: the message is not there, or has too many reactions; nothing was done.
        """

    async def mark_private(
        self,
        user: Registration,
        id: str,
        event: Deleted | Reacted,
        people: list[str],
        *,
        within: float,
    ) -> str:
        """Delete a private message, or react to it, for all who have it, and tell them.

        Args:
            user: the person who asks.
            id: of the message, in that person's log.
            event: what to tell, without what the message itself says.
            people: the folded names of all who may have a copy.
            within: seconds that a message may be old to be deleted.

        Returns:
            The id of the event in the person's own log; "" if a reaction was so already.

        Raises:
            NameLost: the session has lost its name; nothing was done.
            WireError: as in `erase` and `react`; nothing was done.
        """

    async def publish(self, room: str, version: str, messages: list[Outgoing]) -> list[Posted]:
        """Publish messages to a room, in order.

        Args:
            room: where.
            version: the version of the `RoomState` that allowed the messages.
            messages: the messages.

        Returns:
            The result of each message, in order.

        Raises:
            RoomChanged: the room has another version; nothing was posted.
        """

    async def whisper(
        self, sender: Registration, names: list[str], body: bytes, *, seq: int | None
    ) -> Whispered:
        """Send a message to its sender, and to each recipient who is here or may come back.

        Args:
            sender: who.
            names: folded names.
            body: as `wire.codec.encode_body` makes it, without ``to``.
            seq: the sender's count. With it the message is posted once, however often it comes.

        Raises:
            NameLost: the sender's session has lost its name.
            TooMuchWaits: for a recipient who is away. Nothing was posted.
        """


class Logs(Protocol):
    """The part of the backplane about stored messages. It raises the same errors as the others."""

    async def tails(self, logs: list[Log]) -> list[bytes]:
        """The ids of the last messages of some logs; the next messages come after them.

        A log that has lost messages (by `Events.known`, or because another run of Redis began it)
        begins a new epoch. Then, and if there is no log yet, it is the id before the first of an
        epoch. It is `gateway.backplane.ids.NOTHING` for a log whose server is away, if others are
        there.
        """

    async def read_log(self, log: Log, after: bytes, count: int) -> LogPage:
        """Some messages of a log, up to about 64 KiB.

        Args:
            log: which.
            after: the id after which to begin.
            count: how many at most.
        """

    async def read_back(
        self, log: Log, before: bytes | None, count: int
    ) -> tuple[list[bytes], bool]:
        """Some messages of a log before an id, the newest first, as lines.

        Args:
            log: which.
            before: the id; None for the end of the log.
            count: how many at most. Fewer may come if they are long.

        Returns:
            The lines, and whether the log has nothing before them.
        """

    async def reactions(self, log: Log, messages: list[str]) -> dict[str, dict[str, list[str]]]:
        """The reactions to messages (by their keys or ids): message -> emoji -> names."""

    async def trim(self, logs: list[Log]) -> None:
        """Forget what is too old in these logs."""

    def keep(self, history: int, age: float) -> None:
        """From now on each log keeps ``history`` messages, for ``age`` seconds."""


class Gateways(Protocol):
    """The part of the backplane about gateways. It raises the same errors as the others."""

    async def renew_lease(self, seconds: float = LEASE) -> bool:
        """Say that this gateway lives; False if its lease had ended.

        Then others may have taken its names.
        """

    async def neighbours(self) -> dict[str, GatewayInfo]:
        """The other gateways that live, by their ids, if what they tell can be read."""

    async def own_users(self, cursor: str) -> tuple[str, list[Registration]]:
        """Some of the users of this gateway, by Redis, with the next cursor, as `Names.users`."""

    async def sweep(self) -> list[Registration]:
        """Take the names of dead gateways from them, and return the users who were on them."""


class Backplane(Names, Messages, Logs, Gateways, Protocol):
    """Everything that a gateway asks of what all gateways share.

    Every method may raise `gateway.errors.BackplaneDown`: Redis is away, and the call may or may
    not have had its effect.
    """

    @property
    def admission(self) -> Admission:
        """Who gets in."""

    @property
    def rooms(self) -> Rooms:
        """The members and the states of rooms."""

    @property
    def audit(self) -> Audit:
        """What operators did."""

    @property
    def people(self) -> People:
        """What one does with people, and accounts."""

    def room(self, room: str) -> Channel:
        """The channel of what is for everyone in a room."""

    def user(self, folded: str) -> Channel:
        """The channel of what is for one user."""

    async def subscribe(self, channel: str) -> None:
        """Deliver what is published on a channel, from the return of this call on."""

    def unsubscribe(self, channel: str) -> None:
        """End that."""

    @property
    def up(self) -> bool:
        """Whether Redis is there, as far as is known."""

    @property
    def run_id(self) -> str:
        """Which run of Redis this is: another run may have forgotten anything."""

    async def probe(self) -> float:
        """Send a frame through Redis, and return the seconds that it took.

        Raises:
            ProbeFailed: the text says where it ended.
        """

    async def answer_probe(self, nonce: str) -> None:
        """The same, for a command that reads the answer from Redis."""
