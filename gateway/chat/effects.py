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
    """Publish a message to a room; acknowledge it if it has a ``seq``."""

    room: str
    message: Msg
    seq: int | None
    absent: list[str] | None = None


class Whisper(Effect, frozen=True):
    """Publish a message to those of these people who are here. Answer with `Session.whispered`.

    Attributes:
        names: the recipients, as they were written.
        message: without ``to``, which is known once it is known who is here.
        seq: of the send.
        room: where it goes if nobody is here; None if it must not.
    """

    names: list[str]
    message: Msg
    seq: int | None
    room: str | None


class ListUsers(Effect, frozen=True):
    """Tell this peer who is here."""

    seq: int | None


class CheckIdle(Effect, frozen=True):
    """Ask what all gateways share whether the user is idle. Answer with `Session.idle_checked`."""


class Close(Effect, frozen=True):
    """End the connection. Nothing comes after it."""

    reason: Reason
