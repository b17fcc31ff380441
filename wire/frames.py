"""The frames: requests (a peer asks) and events (a peer is told).

There is one struct for each verb; the field ``op`` says which one it is. Both sides ignore fields
that they do not know, so either side can be newer than the other. ``docs/protocol.md`` describes
every frame for people who write a client in another language.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from wire.limits import Limits

VERSION = 1
"""The version of the wire, which a hello has to name."""

LOBBY = "lobby"
"""The room that everybody enters when they log in, unless the gateway is set up otherwise."""

PRIVATE = "@"
"""Used in place of a room's name for private messages: no room can be called that."""

OPERATOR = "*"
"""Used in place of a name for the operators of the chat: nobody can be called that."""

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A client's own count of its requests. JSON readers keep integers exact up to 2**53."""

Moment = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A time by the clock of Redis: milliseconds since 1970."""

Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""The time on the sender's machine, RFC 3339 with its UTC offset."""


Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=48)]
"""Which message is meant: the ``key`` of a private one, the ``id`` of any other."""


class Frame(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The base of every frame. Frames never change, and hold no reference cycles."""


HISTORY = 100
"""The most earlier messages that a ``join`` may ask for."""

TOPIC = 390
"""The most characters of a topic."""

REASON = 300
"""The most characters of a reason."""

EMOJI = 32
"""The most characters of a reaction."""

IGNORED = 100
"""The most people that one account may ignore."""

Role = Literal["", "voice", "operator"]
"""What somebody may do in a room, beyond what every member may do."""

Action = Literal[
    "kick", "ban", "unban", "mute", "unmute", "invite", "uninvite", "op", "deop", "voice", "devoice"
]
"""What an operator of a room can do to somebody."""


class Modes(Frame, frozen=True):
    """The settings of a room.

    Attributes:
        invite_only: only people who are invited can join.
        secret: only members see the room in the list of rooms.
        read_only: only operators and people with a voice may send to it.
        key: people need its key to join.
        slow: seconds that one person has to wait between two messages; 0 for no wait.
        history: which messages a member may read: all, or only those since joining.
    """

    invite_only: bool = False
    secret: bool = False
    read_only: bool = False
    key: bool = False
    slow: int = 0
    history: Literal["all", "joined"] = "all"


DEFAULT_MODES = Modes()
"""The modes of a room where nobody has set any. Frames leave out this very object."""


class Hello(Frame, frozen=True, tag_field="op", tag="hello"):
    """The first request: log in.

    Attributes:
        v: version of the wire, 1.
        name: the wanted name.
        client: program and version, for operators.
        resume: token of an earlier welcome; takes the name back from that older connection.
        seen: with ``resume``: the last id seen in each room (`PRIVATE` for private messages).
            Rooms that the session is not in are ignored.
        seq: the client's own count: it tells which of two hellos is the later one.
        password: the password of a registered name.
        quiet: nobody is told when the session comes into a room or leaves it.
    """

    v: int
    name: str
    client: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    resume: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    seen: dict[str, str] | None = None
    seq: Seq | None = None
    password: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    quiet: bool = False


class Send(Frame, frozen=True, tag_field="op", tag="send"):
    """Say something.

    Attributes:
        text: the message; a run of ``@name`` words at its end names its recipients.
        seq: the client's own count; a send that has one is acknowledged.
        at: the time on the sender's machine.
        room: the room that a public message goes to. The session has to be in it.
        to: recipients, in place of ``@name`` words; such a message never becomes public.
        kind: as in `Msg`.
        re: as in `Msg`.
    """

    text: str
    seq: Seq | None = None
    at: Time | None = None
    room: str = LOBBY
    to: list[str] | None = None
    kind: Literal["", "me", "notice"] = ""
    re: Reference | None = None


class Active(Frame, frozen=True, tag_field="op", tag="active"):
    """The person is there, for example typing, though nothing is sent."""


class Who(Frame, frozen=True, tag_field="op", tag="who"):
    """Ask who is in the chat. Answered by ``users`` events."""

    seq: Seq | None = None


class Join(Frame, frozen=True, tag_field="op", tag="join"):
    """Enter a room. If it does not exist it is made, unless the gateway forbids that.

    Answered by `Entered`, also if the session is in the room already.

    Attributes:
        room: its name.
        key: the key of the room, if it has one.
        history: how many earlier messages to tell first, as far as the room lets new members
            read them. Ignored if the session is in the room already.
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
    """Ask which rooms there are. Answered by `RoomList` events."""

    seq: Seq | None = None


class ListMembers(Frame, frozen=True, tag_field="op", tag="members"):
    """Ask who is in a room that the session is in. Answered by `MemberList` events."""

    room: str
    seq: Seq | None = None


class AboutRoom(Frame, frozen=True, tag_field="op", tag="about"):
    """Ask for a room's topic, modes and operators. Answered by `RoomInfo`."""

    room: str
    seq: Seq | None = None


class SetTopic(Frame, frozen=True, tag_field="op", tag="topic"):
    """Set the topic of a room; an empty one removes it. Acknowledged if it has a ``seq``."""

    room: str
    topic: Annotated[str, msgspec.Meta(max_length=TOPIC)]
    seq: Seq | None = None


class SetModes(Frame, frozen=True, tag_field="op", tag="set"):
    """Change the modes of a room. A field that is left out stays as it is.

    Acknowledged if it has a ``seq``.

    Attributes:
        room: which.
        invite_only: as in `Modes`.
        secret: likewise.
        read_only: likewise.
        key: the key that people need to join from now on; an empty one removes the key.
        slow: as in `Modes`.
        history: likewise.
        seq: the client's own count.
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
    """Kick, ban, mute or invite somebody, give them rights, or undo one of these.

    Acknowledged if it has a ``seq``.

    Attributes:
        room: where.
        action: what to do.
        name: the person that it is done to.
        reason: why, for that person to read.
        seconds: how long a ban or a mute lasts; None for a ban without end.
        seq: the client's own count.
    """

    room: str
    action: Action
    name: str
    reason: Annotated[str, msgspec.Meta(max_length=REASON)] = ""
    seconds: Annotated[int, msgspec.Meta(ge=1, le=315_360_000)] | None = None
    seq: Seq | None = None


class Delete(Frame, frozen=True, tag_field="op", tag="delete"):
    """Delete a message: your own within an hour, or, as an operator of a room, any of the room.

    Acknowledged if it has a ``seq``; everybody who could read the message is told by `Deleted`.

    Attributes:
        id: the id of the message.
        room: the room that it was said in; None if it is private: then only its author can.
        seq: the client's own count.
    """

    id: Reference
    room: str | None = None
    seq: Seq | None = None


class React(Frame, frozen=True, tag_field="op", tag="react"):
    """React to a message, or take a reaction back.

    Acknowledged if it has a ``seq``; everybody who can read the message is told by `Reacted`.

    Attributes:
        id: the id of the message.
        emoji: the reaction: an emoji, or another short text without white space.
        room: the room that the message was said in; None if it is private.
        on: False to take the reaction back.
        seq: the client's own count.
    """

    id: Reference
    emoji: Annotated[str, msgspec.Meta(min_length=1, max_length=EMOJI)]
    room: str | None = None
    on: bool = True
    seq: Seq | None = None


class ReadHistory(Frame, frozen=True, tag_field="op", tag="history"):
    """Ask for earlier messages. Answered by `Earlier` events.

    Attributes:
        room: of a room that the session is in; None for private messages.
        with_: only private messages from this person or to them. Not with ``room``.
        limit: how many.
        before: only those before this id; the newest of them are told.
        after: only those after this id.
        since: only those that were stored at this time or later, milliseconds since 1970. With
            ``since`` or ``after`` the oldest are told, unless ``before`` or ``until`` is given.
        until: only those that were stored before this time; the newest of them are told.
        id: only this message. What is said above about order and limit does not matter then.
        seq: the client's own count.
    """

    room: str | None = None
    with_: str | None = msgspec.field(default=None, name="with")
    limit: Annotated[int, msgspec.Meta(ge=1, le=HISTORY)] = 50
    before: Reference | None = None
    after: Reference | None = None
    since: Moment | None = None
    until: Moment | None = None
    id: Reference | None = None
    seq: Seq | None = None


class SetAway(Frame, frozen=True, tag_field="op", tag="away"):
    """Say that the person is away. This is not a sign of activity. Acknowledged with a ``seq``."""

    reason: Annotated[str, msgspec.Meta(max_length=REASON)] = ""
    seq: Seq | None = None


class SetBack(Frame, frozen=True, tag_field="op", tag="back"):
    """Say that the person is back. Acknowledged if it has a ``seq``."""

    seq: Seq | None = None


class SetName(Frame, frozen=True, tag_field="op", tag="nick"):
    """Take another name. Answered by `Renamed`.

    Attributes:
        name: the new name. It must be free, and not registered, unless it belongs to the account of
            the session. A session with an account can only take such a name.
        seq: the client's own count.
    """

    name: str
    seq: Seq | None = None


class Ignore(Frame, frozen=True, tag_field="op", tag="ignore"):
    """Ignore somebody: clients do not show what this person says. Kept with the account.

    Acknowledged if it has a ``seq``. All sessions of the account are told by `Ignored`.
    """

    name: str
    seq: Seq | None = None


class Unignore(Frame, frozen=True, tag_field="op", tag="unignore"):
    """Undo an ``ignore``. Acknowledged if it has a ``seq``."""

    name: str
    seq: Seq | None = None


class MarkRead(Frame, frozen=True, tag_field="op", tag="mark"):
    """Say how far the person has read. Kept with the account.

    A mark never goes back. The other sessions of the account are told by `Marks`.

    Attributes:
        room: where; `PRIVATE` for private messages.
        id: the last message that was read.
        seq: the client's own count. The request is acknowledged if it has one.
    """

    room: str
    id: Reference
    seq: Seq | None = None


class Whois(Frame, frozen=True, tag_field="op", tag="whois"):
    """Ask about one person. Answered by `Person`."""

    name: str
    seq: Seq | None = None


Password = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
"""A password as a person types it."""


class Register(Frame, frozen=True, tag_field="op", tag="register"):
    """Register a name, if the gateway lets people do that. Acknowledged if it has a ``seq``.

    Attributes:
        password: the password of the new account. With an account it is the account's own.
        name: another name, for a session that has an account: the name belongs to that account,
            and needs its password. Without it the name of the session is registered.
        seq: the client's own count.
    """

    password: Password
    name: str | None = None
    seq: Seq | None = None


class ChangePassword(Frame, frozen=True, tag_field="op", tag="password"):
    """Change the password of the session's account. Acknowledged if it has a ``seq``.

    All other sessions of the account are ended.
    """

    old: Password
    new: Password
    seq: Seq | None = None


class Ping(Frame, frozen=True, tag_field="op", tag="ping"):
    """Ask whether the gateway is there. Answered by a pong. A ping does not count as activity."""


class Quit(Frame, frozen=True, tag_field="op", tag="quit"):
    """Log out. Answered by a bye, after everything before it has been answered."""


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
    | Delete
    | React
    | ReadHistory
    | SetAway
    | SetBack
    | SetName
    | Ignore
    | Unignore
    | MarkRead
    | Whois
    | Register
    | ChangePassword
    | Ping
    | Quit
)


class Welcome(Frame, frozen=True, tag_field="op", tag="welcome"):
    """The hello was granted.

    Attributes:
        v: version of the wire.
        name: the name as it is shown.
        gateway: id of the gateway.
        resume: secret that takes this name back over a new connection. Until it is used, the
            token before it is good too, for a hello with a higher ``seq``.
        idle: seconds of silence after which the session is ended; None for never.
        away_idle: the same while the person is away; UNSET if it is the same time.
        rooms: the rooms that the session is in.
        limits: what this gateway allows.
        resumed: the hello's resume token was good: what was missed follows.
        seen: for each room in which the hello named no id: the id that the session begins after.
        account: the name of the session's account; empty for a guest.
        sessions: how many sessions the person has now, this one included.
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
    account: str = ""
    sessions: int = 1
    away_idle: float | msgspec.UnsetType | None = msgspec.UNSET


class Ack(Frame, frozen=True, tag_field="op", tag="ack"):
    """A send is stored and on its way; or another request is done.

    Attributes:
        seq: the seq of the request.
        id: the id of the message, or of the event that tells others about it; may be empty.
        room: the room, if it went to everyone there.
        to: the recipients who are here, if it was private.
        absent: the recipients who are not here.
        later: recipients who get it when they are back: their connection broke, or their name is
            registered.
        away: recipients who are here and have said that they are away: name -> reason.
        mentioned: people who are here and are named before the end of the text; the message went
            to everyone in the room.
    """

    seq: int
    id: str
    room: str | None = None
    to: list[str] | None = None
    absent: list[str] | None = None
    later: list[str] | None = None
    mentioned: list[str] | None = None
    away: dict[str, str] | None = None


class Msg(Frame, frozen=True, tag_field="op", tag="msg", kw_only=True):
    """Somebody said something.

    Attributes:
        id: ``<epoch>-<n>``; n counts up by one within a room. Redis gives it, and writes it and
            ``ts`` in front of the encoded frame: empty until then.
        ts: when it was stored, by Redis' clock, milliseconds since 1970. It never falls from one
            message of a room to the next.
        from_: the sender's name; `OPERATOR` for an announcement.
        room: where it was said, if it was public.
        to: the recipients, if it was private.
        text: what was said.
        at: the time on the sender's machine, if the sender's client told it.
        kind: what it is: ``me`` if it says what the sender does, ``notice`` if a program says it
            that expects no answer. Treat an unknown one like none.
        re: the message that this one answers.
        key: with a private message: the same for all who have it, while each has its own ``id``.
        account: the name of the sender's account; empty for a guest.
    """

    id: str = ""
    ts: int = 0
    from_: str = msgspec.field(name="from")
    room: str | None = None
    to: list[str] | None = None
    text: str
    at: Time | None = None
    kind: str = ""
    re: str | None = None
    key: str | None = None
    account: str = ""


class Deleted(Frame, frozen=True, tag_field="op", tag="deleted", kw_only=True):
    """Messages were deleted: do not show them any longer.

    Like a message it has an ``id``, and its place in the order.

    Attributes:
        id: as in `Msg`.
        ts: as in `Msg`.
        room: where, if the messages were public.
        targets: which messages: for each its ``key``, or else its ``id``.
        upto: all messages up to this id, too.
        from_: whose message it was; empty if there may be several people's.
        by: the name of the person who deleted it; `OPERATOR` for the operators of the chat.
    """

    id: str = ""
    ts: int = 0
    room: str | None = None
    targets: list[str] = []
    upto: str | None = None
    from_: str = msgspec.field(default="", name="from")
    by: str


class Reacted(Frame, frozen=True, tag_field="op", tag="reacted", kw_only=True):
    """Somebody reacted to a message, or took a reaction back.

    Like a message it has an ``id``, and its place in the order. It is not a message.

    Attributes:
        id: as in `Msg`.
        ts: as in `Msg`.
        room: where, if the message was public.
        target: which message: its ``key``, or else its ``id``.
        from_: the name of the person who reacted.
        emoji: the reaction.
        on: False if it was taken back.
        count: how many people have reacted to the message with this emoji now.
    """

    id: str = ""
    ts: int = 0
    room: str | None = None
    target: str = ""
    from_: str = msgspec.field(name="from")
    emoji: str
    on: bool = True
    count: int = 0


class Changed(Frame, frozen=True, tag_field="op", tag="changed", kw_only=True):
    """Something about a room has changed. It has its place in the order of the room's messages.

    Attributes:
        id: as in `Msg`: messages and changes of a room are counted together.
        ts: as in `Msg`.
        room: which.
        by: the name of the person who did it; `OPERATOR` for the operators of the chat.
        change: what was done: ``topic``, ``modes``, or one of `Action`.
        topic: with ``topic``: the new one.
        modes: with ``modes``: all modes, as they are now.
        name: with an `Action`: the person it was done to; None if it was a network.
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
    """Messages may be missing here, and cannot be recovered.

    Attributes:
        room: where; `PRIVATE` for private messages.
        after: id of the last message before the gap; None if it is not known.
        text: why, for a person.
    """

    room: str
    text: str
    after: str | None = None


class Entered(Frame, frozen=True, tag_field="op", tag="entered"):
    """You are in a room.

    Attributes:
        room: its name.
        seen: what follows begins after this id.
        topic: its topic; empty for none.
        topic_by: the name of the person who set the topic.
        modes: its settings.
        people: how many members it has, you included.
        role: what you may do in it.
        seq: the seq of the ``join``, if it had one; None after a hello.
    """

    room: str
    seen: str
    topic: str = ""
    topic_by: str = ""
    modes: Modes = DEFAULT_MODES
    people: int = 1
    role: Role = ""
    seq: int | None = None


class Out(Frame, frozen=True, tag_field="op", tag="out"):
    """You are no longer in a room.

    Attributes:
        room: its name.
        code: ``left``, ``kicked``, ``banned``, or ``refused`` if the room does not let you in when
            you log in or come back.
        text: why, for a person.
        seq: the seq of the ``leave``, if that is why and it had one.
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
    modes: Modes = DEFAULT_MODES
    joined: bool = False


class RoomList(Frame, frozen=True, tag_field="op", tag="room_list"):
    """The rooms: a part of the answer to ``rooms``; with ``more`` another part follows."""

    rooms: list[Room]
    more: bool = False
    seq: int | None = None


class RoomMember(Frame, frozen=True):
    """One line of a `MemberList`; ``account`` is the name of their account, empty for a guest."""

    name: str
    role: Role = ""
    account: str = ""


class MemberList(Frame, frozen=True, tag_field="op", tag="member_list"):
    """Who is in a room: a part of the answer to ``members``; with ``more`` another part follows."""

    room: str
    members: list[RoomMember]
    more: bool = False
    seq: int | None = None


class Sanctioned(Frame, frozen=True):
    """Somebody who is banned or muted in a room; ``until`` is as in `Changed`."""

    name: str
    by: str = ""
    reason: str = ""
    until: int | None = None


class RoomInfo(Frame, frozen=True, tag_field="op", tag="room_info"):
    """A room as it is: a part of the answer to ``about``.

    Attributes:
        room: its name.
        people: how many members it has.
        topic: its topic; empty for none.
        topic_by: the name of the person who set the topic.
        topic_at: when the topic was set, milliseconds since 1970; 0 for never.
        modes: its settings.
        operators: the names of its operators.
        voices: the names of the people who have a voice.
        key: the key that people need to join. Only operators are told this and what follows.
        bans: who is banned.
        muted: who is muted.
        invited: the names of the people who are invited.
        more: another part follows, which continues the lists.
        seq: the seq of the ``about``.
    """

    room: str
    people: int
    topic: str = ""
    topic_by: str = ""
    topic_at: int = 0
    modes: Modes = DEFAULT_MODES
    operators: list[str] = []
    voices: list[str] = []
    key: str | None = None
    bans: list[Sanctioned] = []
    muted: list[Sanctioned] = []
    invited: list[str] = []
    more: bool = False
    seq: int | None = None


class Joined(Frame, frozen=True, tag_field="op", tag="joined"):
    """Somebody entered a room; ``account`` is the name of their account, empty for a guest."""

    room: str
    name: str
    account: str = ""


class Left(Frame, frozen=True, tag_field="op", tag="left"):
    """Somebody left a room.

    Attributes:
        room: which.
        name: the person's name.
        code: why: the code of a bye, or the code of an `Out`.
    """

    room: str
    name: str
    code: str


class Renamed(Frame, frozen=True, tag_field="op", tag="renamed"):
    """Somebody has another name from now on.

    Attributes:
        name: the name until now.
        to: the new name.
        room: a room that both are in; None in the answer to your own ``nick``.
        account: the name of the person's account; empty for a guest.
        seen: in the answer to your own ``nick``, if private messages under the new name begin
            after another id than the last one under the old name: that id.
        seq: the seq of the ``nick``.
    """

    name: str
    to: str
    room: str | None = None
    account: str = ""
    seen: str | None = None
    seq: int | None = None


class Away(Frame, frozen=True, tag_field="op", tag="presence"):
    """Somebody in a room says that they are away, or back.

    Attributes:
        room: which.
        name: the person's name.
        away: whether they are away.
        reason: why; may be empty.
    """

    room: str
    name: str
    away: bool
    reason: str = ""


class Ignored(Frame, frozen=True, tag_field="op", tag="ignored"):
    """All people that the account ignores, after a hello and after each change."""

    names: list[str]


class Marks(Frame, frozen=True, tag_field="op", tag="marks"):
    """How far the person has read: room -> id of the last message.

    After a hello with all rooms, later with the ones that changed. `PRIVATE` is for private
    messages.
    """

    marks: dict[str, str]


class PersonSession(Frame, frozen=True):
    """One session of a `Person`.

    Attributes:
        session: its id.
        gateway: id of the gateway that holds the connection.
        since: when the session began, milliseconds since 1970.
        idle: seconds since the last sign of the person.
        client: the program, if it has told its name; only told to the person itself.
    """

    session: str
    gateway: str
    since: int
    idle: float
    client: str | None = None


class Person(Frame, frozen=True, tag_field="op", tag="person"):
    """The answer to a ``whois``.

    Attributes:
        name: as it is shown.
        here: whether they are here.
        registered: the name is registered.
        away: why they are away; None if they have not said that they are.
        sessions: their sessions, the oldest first.
        rooms: the rooms that they and the asking session are both in.
        seq: the seq of the request.
    """

    name: str
    here: bool
    registered: bool = False
    away: str | None = None
    sessions: list[PersonSession] = []
    rooms: list[str] = []
    seq: int | None = None


class Earlier(Frame, frozen=True, tag_field="op", tag="earlier"):
    """Earlier messages: a part of the answer to ``history``.

    Attributes:
        events: `Msg` and `Changed` events, the oldest first. What was deleted is not among them.
        room: as in the request.
        with_: as in the request.
        reactions: for messages in ``events``: ``key`` or ``id`` -> emoji -> names.
        more: another part of the answer follows.
        complete: there is nothing further in that direction.
        seq: the seq of the request.
    """

    events: list[msgspec.Raw]
    room: str | None = None
    with_: str | None = msgspec.field(default=None, name="with")
    reactions: dict[str, dict[str, list[str]]] = {}
    more: bool = False
    complete: bool = False
    seq: int | None = None


class User(Frame, frozen=True):
    """One line of a ``users`` event: one person.

    Attributes:
        name: as it is shown.
        gateway: id of the gateway that holds the connection; of the oldest, with several sessions.
        since: when the oldest session began, milliseconds since 1970.
        idle: seconds since the last sign of the person.
        sessions: how many sessions the person has.
        away: why they are away; None if they have not said that they are.
        account: the name of the person's account; empty for a guest.
    """

    name: str
    gateway: str
    since: int
    idle: float
    sessions: int = 1
    away: str | None = None
    account: str = ""


class Users(Frame, frozen=True, tag_field="op", tag="users"):
    """Who is here: a part of the answer to ``who``; with ``more`` another part follows."""

    users: list[User]
    more: bool = False
    seq: int | None = None


class Notice(Frame, frozen=True, tag_field="op", tag="notice"):
    """Something that a session should know and did not ask for.

    Attributes:
        code: which notice.
        text: the same for a person.
        left: with ``idle_soon``: seconds until the session is ended.
        absent: with ``absent``: recipients who are not here.
        later: with ``later``: recipients who get the message when they are back.
        mentioned: with ``mentioned``: people who are named before the end of a message to everyone.
        room: with ``invited``: the room that the session may enter now.
    """

    code: str
    text: str
    left: float | None = None
    absent: list[str] | None = None
    later: list[str] | None = None
    mentioned: list[str] | None = None
    room: str | None = None


class Error(Frame, frozen=True, tag_field="op", tag="error"):
    """A request was refused.

    Attributes:
        code: which refusal.
        text: what was wrong, for a person.
        seq: the seq of the request, if it had one.
        retry_after: with ``slow_down`` and ``too_many_attempts``: seconds until the request would
            be accepted.
    """

    code: str
    text: str
    seq: int | None = None
    retry_after: float | None = None


class Bye(Frame, frozen=True, tag_field="op", tag="bye"):
    """The connection ends now.

    Attributes:
        code: why.
        text: the same for a person.
        reconnect: whether the client should come back by itself.
        after: seconds to wait before that; None leaves it to the client.
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
    | Deleted
    | Reacted
    | Changed
    | Gap
    | Entered
    | Out
    | Joined
    | Left
    | Renamed
    | Away
    | Ignored
    | Marks
    | Person
    | Earlier
    | Users
    | RoomList
    | MemberList
    | RoomInfo
    | Notice
    | Error
    | Bye
    | Pong
)
