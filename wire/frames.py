"""The frames: requests (a peer asks) and events (a peer is told).

One struct a verb; the field ``op`` says which. Unknown fields are ignored by both sides, so that
either can be newer than the other. ``docs/protocol.md`` describes each for people who write a
client in another language.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from wire.limits import Limits

VERSION = 1
"""The wire's version, said in the hello."""

LOBBY = "lobby"
"""The room that everybody is in."""

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


class Hello(Frame, frozen=True, tag_field="op", tag="hello"):
    """The first request: who I am.

    Attributes:
        v: version of the wire, 1.
        name: the wanted name.
        client: program and version, for operators.
        resume: token of an earlier welcome; takes the name back from its own older connection.
        seen: with ``resume``: the last id seen in each room (`PRIVATE` for private messages).
        seq: the client's own count: of two hellos it tells which is the later one.
        password: that of a registered name.
    """

    v: int
    name: str
    client: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    resume: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    seen: Annotated[dict[str, str], msgspec.Meta(max_length=32)] | None = None
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


class Ping(Frame, frozen=True, tag_field="op", tag="ping"):
    """Is the gateway there? Answered by a pong; the one request that is no sign of a person."""


class Quit(Frame, frozen=True, tag_field="op", tag="quit"):
    """I leave. Answered by a bye, after everything before it has been answered."""


Request = Hello | Send | Active | Who | Ping | Quit


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
    """A send with a ``seq`` is stored and on its way.

    Attributes:
        seq: that of the send.
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
        id: ``<epoch>-<n>``; n counts up by one within a room. Given by Redis, which writes it in
            front of the encoded frame: empty until then.
        from_: the sender's name; `OPERATOR` for an announcement.
        room: where it was said, if public.
        to: whom it was said to, if private.
        text: what was said.
        at: the sender's machine time, if the sender's client told it.
        ts: the gateway's clock, milliseconds since 1970.
    """

    id: str = ""
    from_: str = msgspec.field(name="from")
    room: str | None = None
    to: list[str] | None = None
    text: str
    at: Time | None = None
    ts: int


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


class Joined(Frame, frozen=True, tag_field="op", tag="joined"):
    """Somebody came into a room."""

    room: str
    name: str


class Left(Frame, frozen=True, tag_field="op", tag="left"):
    """Somebody left a room; ``code`` is that of the reason."""

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


Event = Welcome | Ack | Msg | Gap | Joined | Left | Users | Notice | Error | Bye | Pong
