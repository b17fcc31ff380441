"""The records that are kept in Redis as JSON.

Each has the field ``v``: the version of its kind. A reader ignores fields that it does not know,
and skips a record of a version that it does not know. So a new field needs a default and no new
version; a change that an older release would misread needs one. Who rewrites a record keeps the
fields that it does not know.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from wire.names import fold

UNKNOWN = "?"
"""In place of ``Registration.mail`` when a name is released and only Redis knows it."""


IRC = "irc"
"""The client of a session that came through the IRC door: it cannot resume."""


class Registration(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1
):
    """One session of a person who holds a name, or who has left and may come back.

    Attributes:
        name: the name as it is shown.
        folded: the name as it is compared.
        session: the session's id, new for each connection; every write compares it.
        gateway: the id of the gateway that holds the connection.
        address: the peer's address, ``host:port``.
        since: when the session began, milliseconds since 1970.
        origin: an id that is kept when a session is resumed; with a seq it identifies a send.
        began: for each room, and "@" for private messages, the id of the last message before the
            origin began: messages up to it were for others, and are never replayed.
        resume: the SHA-256 of the token that resumes the session; the token itself is not kept.
        rooms: the rooms that the session is in.
        shown: the SHA-256 of the token that this session was resumed with, if any. It is valid
            until ``resume`` is used, because the peer may never receive that one.
        hello: the peer's number of the hello that began this session; ``shown`` is valid only for
            later hellos.
        client: the client's program and version, if it has told them.
        account: the folded name of the account, if the holder has shown its password or resumed a
            session that had; empty for a guest. An account may have several names.
        away: why the person is away; None if they have not said that they are.
        mail: the id before the private messages that waited when the session began, until the
            client has said something: its welcome may never have arrived. Empty for none.
        quiet: nobody is told when the session comes into a room or leaves it.
    """

    name: str
    folded: str
    session: str
    gateway: str
    address: str
    since: int
    origin: str
    resume: str
    rooms: list[str]
    began: dict[str, str] = {}
    shown: str = ""
    hello: int = 0
    client: str | None = None
    account: str = ""
    away: str | None = None
    mail: str = ""
    quiet: bool = False


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """One session of a member of a room: a line of the record in the room's own slot.

    Attributes:
        name: the name as it is shown.
        session: as in `Registration`.
        gateway: as in `Registration`.
        origin: as in `Registration`.
        account: as in `Registration`.
        quiet: as in `Registration`.
    """

    name: str
    session: str
    gateway: str
    origin: str
    account: str = ""
    quiet: bool = False


class Account(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag=1):
    """A registered name.

    Attributes:
        name: the name as it is shown.
        hash: the argon2 hash of its password; empty with ``owner``, whose password counts.
        since: when it was registered, milliseconds since 1970.
        owner: the folded name of the account that the name belongs to; empty if it is the account's
            own.
        names: the folded names of the other names of the account.
        changed: when its password was set, milliseconds since 1970.
        kept: the session that set it, and was not ended by that; empty for none.
    """

    name: str
    hash: str
    since: int
    owner: str = ""
    names: list[str] = []
    changed: int = 0
    kept: str = ""


class Ban(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag=1):
    """A ban from the chat.

    Attributes:
        subject: a name as it was given, or a network like ``192.0.2.0/24``.
        kind: which of the two it is.
        since: when it began, milliseconds since 1970 by Redis' clock.
        until: when it ends, by the same clock; None for never.
        reason: why, for the banned person; may be empty.
    """

    subject: str
    kind: Literal["name", "network"]
    since: int
    until: int | None = None
    reason: str = ""

    @property
    def key(self) -> str:
        """Its field in the hash: ``name:<folded name>`` or ``network:<network>``."""
        subject = fold(self.subject) if self.kind == "name" else self.subject
        return f"{self.kind}:{subject}"


class Audited(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """Something that an operator did, for the audit log.

    Attributes:
        at: when, milliseconds since 1970 by Redis' clock; not kept in the record itself.
        by: who: a person's name, or ``user@host`` for a command.
        account: the account of that person; empty for a command.
        address: where the person was connected from; empty for a command.
        gateway: the gateway that carried it out; empty for a command.
        act: what was done, for example "kick" or "account add".
        room: in which room; empty for the whole chat.
        target: the person or thing that it was done to; may be empty.
        reason: why, or what else is worth knowing; may be empty.
    """

    at: int = 0
    by: str
    account: str = ""
    address: str = ""
    gateway: str = ""
    act: str
    room: str = ""
    target: str = ""
    reason: str = ""


def audited_by(who: Registration, act: str, **more: str) -> Audited:
    """What a person did, for the audit log.

    Args:
        who: the person's session.
        act: as in `Audited`.
        more: its further fields.
    """
    return Audited(
        by=who.name,
        account=who.account,
        address=who.address,
        gateway=who.gateway,
        act=act,
        **more,  # type: ignore[arg-type]
    )


AS_IDLE = -1.0
"""In place of ``ChatSettings.away_idle``: as ``idle``."""


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that all gateways of a chat should share.

    Attributes:
        auth: whether names that are not registered are let in: "open" or "required".
        tls: whether clients need TLS.
        fallback: what to do with a message to people who are not online: "public" or "refuse".
        history: how many messages a room's log keeps.
        history_age: how many seconds it keeps a message.
        idle: seconds of silence before a user is disconnected; None for never.
        away_idle: the same for a user who is away; `AS_IDLE` if it is the same time.
        resume_within: seconds in which a session can be resumed.
        text: the most characters of a text.
        rate: requests per second in the long run; None for no limit.
        burst: requests in a burst.
        rooms: whether joining a room makes it: "open" or "closed".
        lobby: whether everybody starts in the lobby.
        quiet_room: with more people than this, a room is not told who joins and leaves.
        rooms_per_person: the most rooms that one person may be in.
        sessions_per_account: the most sessions that one registered name may have.
        accounts: who registers names: everybody ("open") or only operators ("operators").
    """

    auth: str
    tls: bool
    fallback: str
    history: int
    history_age: float
    idle: float | None
    resume_within: float
    text: int
    rate: float | None
    burst: int
    # A gateway that does not report these knows only the lobby.
    rooms: str = "open"
    lobby: bool = True
    quiet_room: int = 200
    rooms_per_person: int = 50
    sessions_per_account: int = 1
    accounts: str = "operators"
    away_idle: float | None = AS_IDLE


class GatewayInfo(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag=1):
    """A gateway's report about itself: the value of its lease, written at each renewal.

    Attributes:
        listen: where it listens, ``host:port``.
        host: the machine's name.
        version: the program's version.
        since: when it started, milliseconds since 1970 by its own clock.
        at: when it wrote this report, by the same clock.
        connections: how many connections it has.
        most_connections: how many it can have, by its limit of open files; None for no limit.
        sessions: how many of its connections have a name.
        received: lines received from peers since it started.
        delivered: lines written to peers since it started.
        lag: the most seconds that its event loop was late since its last report.
        draining: whether it takes no new people and will end.
        settings: the settings that all gateways should share; None from an older version.
    """

    listen: str
    host: str
    version: str
    since: int
    at: int
    connections: int = 0
    most_connections: int | None = None
    sessions: int = 0
    received: int = 0
    delivered: int = 0
    lag: float = 0.0
    draining: bool = False
    settings: ChatSettings | None = None
