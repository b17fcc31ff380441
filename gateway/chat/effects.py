"""What a session wants done. Plain records: the code that carries them out needs no rules."""

from __future__ import annotations

import msgspec

from gateway.chat.room_changes import Change
from wire.frames import (
    ChangePassword,
    Delete,
    Event,
    Ignore,
    MarkRead,
    Msg,
    React,
    ReadHistory,
    Register,
    SetAway,
    SetBack,
    SetName,
    Unignore,
    Whois,
)
from wire.reasons import Reason

MessageRequest = Delete | React | ReadHistory
PeopleRequest = SetAway | SetBack | SetName | Ignore | Unignore | MarkRead | Whois
AccountRequest = Register | ChangePassword


class Effect(msgspec.Struct, frozen=True, gc=False):
    """Something that a session wants done."""


class Tell(Effect, frozen=True):
    """Tell this peer an event."""

    event: Event


class Claim(Effect, frozen=True):
    """Claim a name. Answer with `Session.granted` or `Session.refuse`.

    Attributes:
        name: as it is shown.
        client: program and version, if the peer told them.
        resume: token that proves an earlier session under this name.
        seen: the last id that the peer saw in each room.
        seq: of the hello.
        password: the password of a registered name, if the peer told it.
        quiet: nobody is told when the session comes into a room or leaves it.
    """

    name: str
    client: str | None
    resume: str | None
    seen: dict[str, str]
    seq: int = 0
    password: str | None = None
    quiet: bool = False


class Publish(Effect, frozen=True):
    """Publish a message to a room; acknowledge it if it has a ``seq``.

    Attributes:
        room: where.
        message: what.
        seq: of the send.
        absent: the names it was meant for, if nobody with these names is here.
        mentioned: the people who are named in it and are here.
    """

    room: str
    message: Msg
    seq: int | None
    absent: list[str] | None = None
    mentioned: list[str] | None = None


class FindMentioned(Effect, frozen=True):
    """Find out which of the people named in a message to everyone are here.

    Its sender may have taken it for a private message. Answer with `Session.mentioned`.

    Attributes:
        names: the people, as they were written.
        publish: the message.
        refuse: it must not be public if one of them is here.
    """

    names: list[str]
    publish: Publish
    refuse: bool


class Whisper(Effect, frozen=True):
    """Publish a message to the people among these who are here. Answer with `Session.whispered`.

    Attributes:
        names: the recipients, as they were written.
        message: without ``to``, since it is not known yet who is here.
        seq: of the send.
        room: where it goes if nobody is here; None if it must not become public.
        others: the other people who are named in the text.
    """

    names: list[str]
    message: Msg
    seq: int | None
    room: str | None
    others: list[str] = []


class ShowUsers(Effect, frozen=True):
    """Tell this peer who is here."""

    seq: int | None


class EnterRoom(Effect, frozen=True):
    """Enter a room. Answer with `Session.entered` or `Session.refuse`.

    Attributes:
        room: its name, folded.
        key: the key that the peer showed, if any.
        history: how many of the last messages to tell after the answer.
        seq: of the join.
        already: the session is in the room: only the answer is wanted, and no history.
    """

    room: str
    key: str | None
    history: int
    seq: int | None
    already: bool = False


class LeaveRoom(Effect, frozen=True):
    """Leave a room that the session is in. Answer with `Session.out`.

    Attributes:
        room: its name, folded.
        seq: of the leave.
    """

    room: str
    seq: int | None


class ShowRooms(Effect, frozen=True):
    """Tell this peer which rooms there are."""

    seq: int | None


class ShowMembers(Effect, frozen=True):
    """Tell this peer who is in a room. The session may not be in it.

    Attributes:
        room: its name, folded.
        seq: of the request.
    """

    room: str
    seq: int | None


class ShowRoom(Effect, frozen=True):
    """Tell this peer the topic, the modes and the like of a room. The session may not be in it.

    Attributes:
        room: its name, folded.
        seq: of the request.
    """

    room: str
    seq: int | None


class ChangeRoom(Effect, frozen=True):
    """Change a room, if the rules allow that. Answer with `Session.done` or `Session.refuse`.

    Attributes:
        request: what the peer asked for. Its ``room`` is folded, and its ``name`` a possible one.
    """

    request: Change


class DoToMessage(Effect, frozen=True):
    """Delete a message, react to one, or show earlier ones.

    Answer with `Session.done` or `Session.refuse`; a `ReadHistory` has no other answer than its
    events.

    Attributes:
        request: what the peer asked for. Its ``room``, if it has one, is folded and the session is
            in it.
    """

    request: MessageRequest


class DoToPeople(Effect, frozen=True):
    """Change how others see the person, or what is kept about others for the person.

    Answer with `Session.done`, `Session.renamed` or `Session.refuse`; a `Whois` has no other answer
    than its event.

    Attributes:
        request: what the peer asked for. Its ``name``, if it has one, is a possible one; its
            ``room`` is folded.
    """

    request: PeopleRequest


class DoToAccount(Effect, frozen=True):
    """Register a name or change a password. Answer with `Session.done` or `Session.refuse`.

    Attributes:
        request: what the peer asked for. Its ``name``, if it has one, is a possible one.
    """

    request: AccountRequest


class CheckIdle(Effect, frozen=True):
    """Ask Redis whether the user is idle on all gateways. Answer with `Session.idle_checked`."""


class Close(Effect, frozen=True):
    """End the connection. Nothing comes after it.

    Attributes:
        reason: why.
        keep_name: nobody else may have the name yet: its owner is expected back in a moment.
    """

    reason: Reason
    keep_name: bool = False
