"""What is kept in Redis as JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from wire.names import fold


class Registration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who holds a name, or has left and may come back: the record in Redis.

    Attributes:
        name: as it is shown.
        folded: as it is compared.
        session: id of the session, made anew for each connection: what every write compares.
        gateway: id of the gateway that holds the connection.
        address: the peer's, ``host:port``.
        since: when the session began, milliseconds since 1970.
        origin: what stays the same when a session resumes another: with a seq it names a send.
        began: room, or "@" for private messages -> id of the last message before the origin was
            made: what is up to it was another's, and is never told.
        resume: SHA-256 of the token that takes the name back; the token itself is not kept.
        rooms: the rooms that the session is in.
        shown: SHA-256 of the token that it was got with, if any: good until ``resume`` is used,
            since the peer may never hear of that one.
        hello: the peer's count of the hello that it was got with: ``shown`` is good for later ones.
        client: program and version, if told.
        account: the name is registered, and whoever has it has shown its password, or the token of
            a session that had.
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
    account: bool = False


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is in a room: the record in the room's own slot.

    Attributes:
        name: as it is shown.
        session: as in `Registration`.
        gateway: likewise.
        origin: likewise.
        account: likewise.
    """

    name: str
    session: str
    gateway: str
    origin: str
    account: bool = False


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A registered name.

    Attributes:
        name: as it is shown.
        hash: of its password, as argon2 writes it.
        since: when it was registered, milliseconds since 1970.
    """

    name: str
    hash: str
    since: int


class Ban(msgspec.Struct, frozen=True, kw_only=True):
    """Who may not come in.

    Attributes:
        subject: a name as it was given, or a network such as ``192.0.2.0/24``.
        kind: which of the two it is.
        since: when it was given, milliseconds since 1970, by Redis' clock.
        until: when it ends, likewise; None for never.
        reason: why, for the person it is about; may be empty.
    """

    subject: str
    kind: Literal["name", "network"]
    since: int
    until: int | None = None
    reason: str = ""

    @property
    def key(self) -> str:
        """What it is called in the hash: ``name:<folded name>`` or ``network:<network>``."""
        subject = fold(self.subject) if self.kind == "name" else self.subject
        return f"{self.kind}:{subject}"


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a gateway that concern the whole chat: all should have the same.

    Attributes:
        auth: whether names that are not registered are let in: "open" or "required".
        tls: clients need TLS.
        fallback: what becomes of a message to people who are not here: "public" or "refuse".
        history: messages that a room's log keeps.
        history_age: seconds that it keeps one.
        idle: seconds of silence before a user is disconnected; None for never.
        resume_within: seconds in which one can come back.
        text: characters of the longest text.
        rate: requests a second in the long run; None for no limit.
        burst: requests at once.
        rooms: whether joining a room makes it: "open" or "closed".
        lobby: everybody starts in the lobby.
        quiet_room: people above which nobody is told who comes into a room and who leaves it.
        rooms_per_person: rooms that one person may be in at once.
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
    # A gateway that does not report these knows no room but the lobby.
    rooms: str = "open"
    lobby: bool = True
    quiet_room: int = 200
    rooms_per_person: int = 50


class GatewayInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway tells of itself with each renewal of its lease: the lease's value.

    Attributes:
        listen: where it listens, ``host:port``.
        host: the machine's name.
        version: of the program.
        since: when it started, milliseconds since 1970, by its own clock.
        at: when it wrote this, likewise.
        connections: how many there are.
        most_connections: how many there may be, by its limit of open files; None for no limit.
        sessions: how many of them have a name.
        received: lines that came from peers, since it started.
        delivered: lines that were written to peers, since it started.
        lag: seconds that its event loop was late at the worst, since it wrote the last one.
        draining: it takes nobody any more, and will end.
        settings: those that all gateways of the chat should share; None of an older version.
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
