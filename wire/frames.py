"""The frames: requests (a peer asks) and events (a peer is told).

One struct a verb; the field ``op`` says which. Unknown fields are ignored by both sides, so that
either can be newer than the other. ``docs/protocol.md`` describes each for people who write a
client in another language.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from wire.limits import Limits

VERSION = 1
"""The wire's version, said in the hello."""

LOBBY = "lobby"
"""The room that everybody is in at the start, unless the gateway says otherwise."""

PRIVATE = "@"
"""Stands where a room's name stands when private messages are meant: no room can have it."""

OPERATOR = "*"
"""Stands where a sender's name stands when the operators announce something: nobody can have it."""

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A client's own count of its sends. 2**53: the largest that every JSON reader keeps exact."""

Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""A sender's machine time, RFC 3339 with its UTC offset."""


class Frame(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What every frame has in common: none is ever changed, none holds a cycle."""


HISTORY = 100
"""The most messages from before one's joining that a ``join`` may ask for."""

Role = Literal["", "voice", "operator"]
"""What somebody may do in a room, beyond what everybody in it may."""

Action = Literal[
    "kick", "ban", "unban", "mute", "unmute", "invite", "uninvite", "op", "deop", "voice", "devoice"
]
"""What an operator of a room does about somebody."""


class Modes(Frame, frozen=True):
    """What holds in a room.

    Attributes:
        invite_only: only who is invited can join.
        secret: only who is in it sees it in the list of rooms.
        read_only: only operators and those with a voice may say something.
        key: one needs the key to join.
        slow: seconds between two messages of one person; 0 for none.
        history: whether one may read what was said before one joined.
    """

    invite_only: bool = False
    secret: bool = False
    read_only: bool = False
    key: bool = False
    slow: int = 0
    history: Literal["all", "joined"] = "all"


class Hello(Frame, frozen=True, tag_field="op", tag="hello"):
    """The first request: who I am.

    Attributes:
        v: version of the wire, 1.
        name: the wanted name.
        client: program and version, for operators.
        resume: token of an earlier welcome; takes the name back from its own older connection.
        seen: with ``resume``: the last id seen in each room (`PRIVATE` for private messages). What
            it says of rooms that the session is not in is ignored.
        seq: the client's own count: of two hellos it tells which is the later one.
        password: that of a registered name.
    """

    v: int
    name: str
    client: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    resume: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    seen: dict[str, str] | None = None
    seq: Seq | None = None
    password: Annotated[str, msgspec.Meta(max_length=256)] | None = None


class Send(Frame, frozen=True, tag_field="op", tag="send"):
    """Say something.

    Attributes:
        text: the message; a run of ``@name`` words at its end names its recipients.
        seq: the client's own count; present = acknowledged.
        at: the sender's machine time.
        room: where a public message goes.
        to: recipients, in place of ``@name`` words; never falls back to the room.
    """

    text: str
    seq: Seq | None = None
    at: Time | None = None
    room: str = LOBBY
    to: list[str] | None = None


class Active(Frame, frozen=True, tag_field="op", tag="active"):
    """The person is there (is typing, say), though nothing is sent."""


class Who(Frame, frozen=True, tag_field="op", tag="who"):
    """Who is here? Answered by ``users`` events."""

    seq: Seq | None = None


class Join(Frame, frozen=True, tag_field="op", tag="join"):
    """Enter a room; it is made if there is none and the gateway allows that.

    Answered by `Entered`, also for a room that one is in already.

    Attributes:
        room: its name.
        key: what the room asks for, if it does.
        history: how many of the last messages to be told first; as many as may be read.
        seq: the client's own count: the answer carries it.
    """

    room: str
    key: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    history: Annotated[int, msgspec.Meta(ge=0, le=HISTORY)] = 0
    seq: Seq | None = None


class Leave(Frame, frozen=True, tag_field="op", tag="leave"):
    """Leave a room. Answered by `Out`."""

    room: str
    seq: Seq | None = None


class ListRooms(Frame, frozen=True, tag_field="op", tag="rooms"):
    """Which rooms are there? Answered by `RoomList` events."""

    seq: Seq | None = None


class ListMembers(Frame, frozen=True, tag_field="op", tag="members"):
    """Who is in a room? Answered by `MemberList` events."""

    room: str
    seq: Seq | None = None


class AboutRoom(Frame, frozen=True, tag_field="op", tag="about"):
    """What holds in a room? Answered by `RoomInfo`."""

    room: str
    seq: Seq | None = None


class SetTopic(Frame, frozen=True, tag_field="op", tag="topic"):
    """Say what a room is about; an empty ``topic`` for nothing. Acknowledged by its ``seq``."""

    room: str
    topic: str
    seq: Seq | None = None


class SetModes(Frame, frozen=True, tag_field="op", tag="set"):
    """Change what holds in a room: see `Modes`. What is left out stays. Acknowledged by ``seq``.

    Attributes:
        key: what one needs to join from now on; "" for nothing.
    """

    room: str
    invite_only: bool | None = None
    secret: bool | None = None
    read_only: bool | None = None
    key: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    slow: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None
    history: Literal["all", "joined"] | None = None
    seq: Seq | None = None


class Moderate(Frame, frozen=True, tag_field="op", tag="moderate"):
    """Do something about somebody in a room. Acknowledged by its ``seq``.

    Attributes:
        room: where.
        action: what.
        name: about whom.
        reason: why, for the person it is about.
        seconds: how long a ban or a mute lasts; None for ever.
    """

    room: str
    action: Action
    name: str
    reason: Annotated[str, msgspec.Meta(max_length=300)] = ""
    seconds: Annotated[int, msgspec.Meta(ge=1, le=315_360_000)] | None = None
    seq: Seq | None = None


class Ping(Frame, frozen=True, tag_field="op", tag="ping"):
    """Is the gateway there? Answered by a pong; the one request that is no sign of a person."""


class Quit(Frame, frozen=True, tag_field="op", tag="quit"):
    """I leave. Answered by a bye, after everything before it has been answered."""


Request = (
    Hello
    | Send
    | Active
    | Who
    | Join
    | Leave
    | ListRooms
    | ListMembers
    | AboutRoom
    | SetTopic
    | SetModes
    | Moderate
    | Ping
    | Quit
)


class Welcome(Frame, frozen=True, tag_field="op", tag="welcome"):
    """The hello was granted.

    Attributes:
        v: version of the wire.
        name: the name as it is shown.
        gateway: id of the gateway.
        resume: secret that takes this name back over a new connection. Until this one is
            used the one before it is good too, for a hello with a higher ``seq``.
        idle: seconds of silence after which the session is ended; None for never.
        rooms: the rooms that the session is in.
        limits: what this gateway allows.
        resumed: the hello's resume token was good: what was missed follows.
        seen: the id in each room behind which the session begins, where the hello told none.
    """

    v: int
    name: str
    gateway: str
    resume: str
    idle: float | None
    rooms: list[str]
    limits: Limits
    resumed: bool = False
    seen: dict[str, str] = {}


class Ack(Frame, frozen=True, tag_field="op", tag="ack"):
    """A send with a ``seq`` is stored and on its way; or a topic, a set or a moderate is done.

    Attributes:
        seq: that of the request.
        id: the message's id.
        room: the room, if it went to everyone there.
        to: the recipients who are here, if it was private.
        absent: the names that were asked for and are not here.
        later: recipients whose connection broke: they get it when they are back.
        mentioned: people who are here, and whom the text names before its end: it went to
            everyone all the same.
    """

    seq: int
    id: str
    room: str | None = None
    to: list[str] | None = None
    absent: list[str] | None = None
    later: list[str] | None = None
    mentioned: list[str] | None = None


class Msg(Frame, frozen=True, tag_field="op", tag="msg", kw_only=True):
    """Somebody said something.

    Attributes:
        id: ``<epoch>-<n>``; n counts up by one within a room. Given by Redis, which writes it and
            ``ts`` in front of the encoded frame: empty until then.
        from_: the sender's name; `OPERATOR` for an announcement.
        room: where it was said, if public.
        to: whom it was said to, if private.
        text: what was said.
        at: the sender's machine time, if the sender's client told it.
        ts: when it was stored, by Redis' clock, milliseconds since 1970: never less than that of
            the message before it.
    """

    id: str = ""
    ts: int = 0
    from_: str = msgspec.field(name="from")
    room: str | None = None
    to: list[str] | None = None
    text: str
    at: Time | None = None


class Changed(Frame, frozen=True, tag_field="op", tag="changed", kw_only=True):
    """Something about a room has changed. It has its place in the order of the room's messages.

    Attributes:
        id: as that of a `Msg`: both count in one order.
        ts: likewise.
        room: which.
        by: the name of who did it; `OPERATOR` for the operators of the chat.
        change: what was done: ``topic``, ``modes``, or one of `Action`.
        topic: with ``topic``: the new one.
        modes: with ``modes``: what holds from now on.
        name: whom it is about.
        reason: why.
        until: when a ban or a mute ends, milliseconds since 1970; None for never.
    """

    id: str = ""
    ts: int = 0
    room: str
    by: str
    change: Action | Literal["topic", "modes"]
    topic: str | None = None
    modes: Modes | None = None
    name: str | None = None
    reason: str = ""
    until: int | None = None


class Gap(Frame, frozen=True, tag_field="op", tag="gap"):
    """Messages may be missing here, and cannot be had any more.

    Attributes:
        room: where; `PRIVATE` for private messages.
        after: id of the last message before the gap; None if that is not known.
        text: why, for a person.
    """

    room: str
    text: str
    after: str | None = None


class Entered(Frame, frozen=True, tag_field="op", tag="entered"):
    """You are in a room.

    Attributes:
        room: its name.
        seen: the id behind which what follows begins.
        topic: what it is about; empty for nothing.
        topic_by: who said so.
        modes: what holds in it.
        people: how many are in it, you among them.
        role: what you may do in it.
        seq: that of the ``join``, if it had one; None after a hello.
    """

    room: str
    seen: str
    topic: str = ""
    topic_by: str = ""
    modes: Modes = Modes()
    people: int = 1
    role: Role = ""
    seq: int | None = None


class Out(Frame, frozen=True, tag_field="op", tag="out"):
    """You are in a room no more.

    Attributes:
        room: its name.
        code: ``left``, ``kicked``, ``banned`` or ``refused``: the room does not let you in again.
        text: for a person.
        seq: that of the ``leave``, if there was one.
    """

    room: str
    code: str
    text: str
    seq: int | None = None


class Room(Frame, frozen=True):
    """One line of a `RoomList`."""

    room: str
    people: int
    topic: str = ""
    modes: Modes = Modes()
    joined: bool = False


class RoomList(Frame, frozen=True, tag_field="op", tag="room_list"):
    """The rooms: a part of the answer to ``rooms``; ``more`` says that another follows."""

    rooms: list[Room]
    more: bool = False
    seq: int | None = None


class RoomMember(Frame, frozen=True):
    """One line of a `MemberList`; ``account``: the name is registered."""

    name: str
    role: Role = ""
    account: bool = False


class MemberList(Frame, frozen=True, tag_field="op", tag="member_list"):
    """Who is in a room: a part of the answer to ``members``."""

    room: str
    members: list[RoomMember]
    more: bool = False
    seq: int | None = None


class Sanctioned(Frame, frozen=True):
    """Somebody who is banned or muted in a room; ``until`` as in `Changed`."""

    name: str
    by: str = ""
    reason: str = ""
    until: int | None = None


class RoomInfo(Frame, frozen=True, tag_field="op", tag="room_info"):
    """What holds in a room: the answer to ``about``.

    Attributes:
        room: its name.
        people: how many are in it.
        topic: what it is about.
        topic_by: who said so.
        topic_at: when, milliseconds since 1970; 0 for never.
        modes: what holds.
        operators: their names.
        voices: who has a voice.
        key: what one needs to join. This and what follows is told to operators only.
        bans: who is banned.
        muted: who is muted.
        invited: who is invited.
        seq: that of the ``about``.
    """

    room: str
    people: int
    topic: str = ""
    topic_by: str = ""
    topic_at: int = 0
    modes: Modes = Modes()
    operators: list[str] = []
    voices: list[str] = []
    key: str | None = None
    bans: list[Sanctioned] = []
    muted: list[Sanctioned] = []
    invited: list[str] = []
    seq: int | None = None


class Joined(Frame, frozen=True, tag_field="op", tag="joined"):
    """Somebody came into a room; ``account``: the name is registered."""

    room: str
    name: str
    account: bool = False


class Left(Frame, frozen=True, tag_field="op", tag="left"):
    """Somebody left a room.

    Attributes:
        room: which.
        name: who.
        code: that of the reason for which the connection ended, or of `Out`.
    """

    room: str
    name: str
    code: str


class User(Frame, frozen=True):
    """One line of a ``users`` event.

    Attributes:
        name: as it is shown.
        gateway: id of the gateway that holds the connection.
        since: when the session began, milliseconds since 1970.
        idle: seconds since the last sign of the person.
    """

    name: str
    gateway: str
    since: int
    idle: float


class Users(Frame, frozen=True, tag_field="op", tag="users"):
    """Who is here: a part of the answer to ``who``; ``more`` says that another follows."""

    users: list[User]
    more: bool = False
    seq: int | None = None


class Notice(Frame, frozen=True, tag_field="op", tag="notice"):
    """Something that a session should know, and did not ask for.

    Attributes:
        code: which one.
        text: for a person.
        left: with ``idle_soon``: seconds until the session is ended.
        absent: with ``absent``: names that were asked for and are not here.
        later: with ``later``: recipients who get the message when they are back.
        mentioned: with ``mentioned``: people whom a message to everyone names before its end.
    """

    code: str
    text: str
    left: float | None = None
    absent: list[str] | None = None
    later: list[str] | None = None
    mentioned: list[str] | None = None


class Error(Frame, frozen=True, tag_field="op", tag="error"):
    """A request was refused.

    Attributes:
        code: which refusal.
        text: what was wrong, for a person.
        seq: that of the request, where it had one.
        retry_after: with ``slow_down`` and ``too_many_attempts``: seconds until it would be
            accepted.
    """

    code: str
    text: str
    seq: int | None = None
    retry_after: float | None = None


class Bye(Frame, frozen=True, tag_field="op", tag="bye"):
    """The connection ends now.

    Attributes:
        code: that of the reason.
        text: for a person.
        reconnect: whether to come back.
        after: seconds to wait before that; whoever is not told waits as it likes.
    """

    code: str
    text: str
    reconnect: bool
    after: float | None = None


class Pong(Frame, frozen=True, tag_field="op", tag="pong"):
    """The answer to a ping."""


Event = (
    Welcome
    | Ack
    | Msg
    | Changed
    | Gap
    | Entered
    | Out
    | Joined
    | Left
    | Users
    | RoomList
    | MemberList
    | RoomInfo
    | Notice
    | Error
    | Bye
    | Pong
)
