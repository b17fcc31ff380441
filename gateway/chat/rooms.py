"""What holds in a room, and who may do what there. Pure.

A gateway decides from its picture of a room, a `RoomState`, and tells Redis which version that
picture is of. The script that does what was decided refuses if the room has changed meanwhile:
then the gateway reads the room again and decides again. So equal gateways cannot disagree, and
all rules are here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from wire.frames import Modes

PLAIN = Modes()
"""What holds where nothing was ever set."""

NEVER = "0"
"""The version of a room about which nothing was ever decided."""


class Person(NamedTuple):
    """A session, as the rules of rooms know it.

    Attributes:
        folded: the name, as it is compared.
        name: as it is shown.
        origin: as in `gateway.backplane.records.Registration`.
        account: the name is registered, and its password or token was shown.
        ip: the address that the connection comes from.
    """

    folded: str
    name: str
    origin: str
    account: bool
    ip: str


class Sanction(NamedTuple):
    """A ban or a mute.

    Attributes:
        name: whom or what it is about, as it was written.
        by: who gave it.
        reason: why; may be empty.
        until: when it ends, milliseconds since 1970 by Redis' clock; None for never.
    """

    name: str
    by: str
    reason: str
    until: int | None


@dataclass(frozen=True, kw_only=True)
class RoomState:
    """What Redis says about a room, but for who is in it.

    Attributes:
        room: its name, folded: a room has no other.
        version: it changes with each change of anything below; `NEVER` if there was none.
        exists: whether there is such a room.
        topic: what it is about; empty for nothing.
        topic_by: who said so.
        topic_at: when, milliseconds since 1970; 0 for never.
        modes: what holds.
        key: what one needs to join; empty for nothing.
        operators: folded name -> name, of accounts.
        voices: likewise.
        bans: ``name:<folded name>`` or ``network:<network>`` -> the ban.
        muted: folded name -> the mute.
        invited: folded name -> name and to which session's origin the invitation is bound; to the
            account, whoever holds it, if that is empty.
    """

    room: str
    version: str = NEVER
    exists: bool = True
    topic: str = ""
    topic_by: str = ""
    topic_at: int = 0
    modes: Modes = PLAIN
    key: str = ""
    operators: dict[str, str] = field(default_factory=dict)
    voices: dict[str, str] = field(default_factory=dict)
    bans: dict[str, Sanction] = field(default_factory=dict)
    muted: dict[str, Sanction] = field(default_factory=dict)
    invited: dict[str, tuple[str, str]] = field(default_factory=dict)


class Edit(NamedTuple):
    """One change of a `RoomState`, as it is kept in Redis.

    Attributes:
        where: which part of it: ``meta`` holds topic, modes and key.
        name: which entry.
        value: its new value as text; None: it is taken out.
    """

    where: Literal["meta", "operators", "voices", "bans", "muted", "invited"]
    name: str
    value: str | None
