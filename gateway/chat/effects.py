"""What a session wants done. Plain records: whoever carries them out needs no rules."""

from __future__ import annotations

import msgspec

from wire.frames import Event, Msg
from wire.reasons import Reason


class Effect(msgspec.Struct, frozen=True, gc=False):
    """Something that a session wants done."""


class Tell(Effect, frozen=True):
    """Tell this peer an event."""

    event: Event


class Claim(Effect, frozen=True):
    """Claim a name. Answer with `Session.granted` or `Session.refuse`.

    Attributes:
        name: as it is shown.
        client: program and version, if told.
        resume: token that proves an earlier session under this name.
        seen: the last id that the peer saw in each room.
        seq: the peer's count of the hello.
        password: that of a registered name, if told.
    """

    name: str
    client: str | None
    resume: str | None
    seen: dict[str, str]
    seq: int = 0
    password: str | None = None


class Publish(Effect, frozen=True):
    """Publish a message to a room; acknowledge it if it has a ``seq``.

    Attributes:
        room: where.
        message: what.
        seq: of the send.
        absent: whom it was for, of whom nobody is here.
        mentioned: who is here, and is named in it.
    """

    room: str
    message: Msg
    seq: int | None
    absent: list[str] | None = None
    mentioned: list[str] | None = None


class FindMentioned(Effect, frozen=True):
    """Find out who is here of the people whom a message to everyone names.

    That may be a slip: somebody took a message that names people for a private one. Answer with
    `Session.mentioned`.

    Attributes:
        names: the people, as they were written.
        publish: the message.
        refuse: it must not be public if one of them is here.
    """

    names: list[str]
    publish: Publish
    refuse: bool


class Whisper(Effect, frozen=True):
    """Publish a message to those of these people who are here. Answer with `Session.whispered`.

    Attributes:
        names: the recipients, as they were written.
        message: without ``to``, which is known once it is known who is here.
        seq: of the send.
        room: where it goes if nobody is here; None if it must not.
        others: whom the text names besides.
    """

    names: list[str]
    message: Msg
    seq: int | None
    room: str | None
    others: list[str] = []


class ListUsers(Effect, frozen=True):
    """Tell this peer who is here."""

    seq: int | None


class CheckIdle(Effect, frozen=True):
    """Ask what all gateways share whether the user is idle. Answer with `Session.idle_checked`."""


class Close(Effect, frozen=True):
    """End the connection. Nothing comes after it."""

    reason: Reason
