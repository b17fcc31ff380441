"""What a gateway needs to know to run. Names, units, defaults and help are `chatctl.options`'."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, NamedTuple

from wire.limits import Limits

Auth = Literal["open", "required"]
RoomsBy = Literal["open", "closed"]
Fallback = Literal["public", "refuse"]
Networks = tuple[IPv4Network | IPv6Network, ...]


class Certificate(NamedTuple):
    """Paths of PEM files: the certificate with its chain, and its key."""

    chain: str
    key: str


@dataclass(frozen=True, kw_only=True)
class AddressLimits:
    """What one address may do: a whole /64 where it is of IPv6.

    Attributes:
        connections: how many it may have at once; None for no limit.
        connects: how many it may begin in a minute; None for no limit.
        exempt: networks that this does not apply to.
    """

    connections: int | None
    connects: int | None
    exempt: Networks


@dataclass(frozen=True, kw_only=True)
class GatewayConfig:
    """The settings of one gateway.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 for any free one.
        redis: URL of the Redis that all gateways share.
        prefix: what every key and channel in Redis begins with.
        idle: seconds of silence before a user is told ``Bye!``; None for never.
        fallback: what becomes of a message to ``@names`` of whom none is here: it goes to the
            whole room ("public"), or it is refused ("refuse").
        auth: whether names that are not registered are let in ("open") or not ("required").
        rooms: whether a room is made by joining it ("open"), or by operators only ("closed").
        lobby: whether everybody is in the lobby at the start.
        limits: what peers may do.
        address_limits: what their addresses may do, before anybody knows who they are.
        history: messages that a room's log keeps, roughly.
        history_age: seconds that a room's log keeps a message, roughly.
        resume_within: seconds in which a client whose connection broke can resume.
        outbox: bytes that may wait while Redis is away.
        drain: seconds over which the clients of a stopping gateway are told to come back; 0 for
            no drain: their names are given back at once.
        http: where health and metrics are told; None for nowhere.
        certificate: for TLS on the chat port; None for none.
        proxies: networks of balancers: what connects from there begins with a PROXY header.
        reuse_port: other gateways of this machine may listen on the same port.
        version: of the program, as operators are told it.
    """

    host: str
    port: int
    redis: str
    prefix: str
    idle: float | None
    fallback: Fallback
    auth: Auth
    rooms: RoomsBy
    lobby: bool
    limits: Limits
    address_limits: AddressLimits
    history: int
    history_age: float
    resume_within: float
    outbox: int
    drain: float
    http: tuple[str, int] | None
    certificate: Certificate | None
    proxies: Networks
    reuse_port: bool
    version: str
