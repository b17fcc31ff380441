"""The settings of a gateway. Their names, units, defaults and help are in `chatctl.options`."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, NamedTuple

from wire.limits import Limits

Auth = Literal["open", "required"]
RoomsBy = Literal["open", "closed"]
AccountsBy = Literal["open", "operators"]
Fallback = Literal["public", "refuse"]
Networks = tuple[IPv4Network | IPv6Network, ...]


class Certificate(NamedTuple):
    """Paths of PEM files: the certificate with its chain, and its key."""

    chain: str
    key: str


@dataclass(frozen=True, kw_only=True)
class AddressLimits:
    """The limits of one IPv4 address, or of one /64 of IPv6.

    Attributes:
        connections: the most connections at a time; None for no limit.
        connects: the most new connections per minute; None for no limit.
        exempt: networks without these limits.
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
        prefix: the beginning of every key and channel in Redis.
        idle: seconds of silence before a user is told ``Bye!``; None for never.
        away_idle: the same for a user who is away.
        fallback: what to do with a message when none of its ``@names`` is online: send it to the
            whole room ("public"), or refuse it ("refuse").
        auth: whether names that are not registered are let in ("open") or not ("required").
        rooms: whether anybody makes a room by joining it ("open"), or only operators ("closed").
        accounts: whether anybody may register a name ("open"), or only operators ("operators").
        lobby: whether everybody is in the lobby at the start.
        limits: the limits of a peer.
        address_limits: the limits of an address.
        history: roughly how many messages a room's log keeps.
        history_age: roughly how many seconds a room's log keeps a message.
        resume_within: seconds in which a client can resume after its connection broke.
        outbox: the most bytes that may wait while Redis is away.
        drain: seconds over which the clients of a stopping gateway are told to reconnect; 0 for no
            drain: their names are released at once.
        http: host and port for health and metrics; None for none.
        irc: host and port for clients of IRC; None for none.
        irc_tls: the same, with TLS.
        irc_name: the name of the server, as clients of IRC see it.
        certificate: for TLS on the chat port; None for no TLS.
        proxies: networks of balancers: connections from them begin with a PROXY header.
        rebalance: how many people it sends on to others in a second, if it has far more than they
            have; None for none.
        reuse_port: whether other gateways on this machine may listen on the same port.
        version: the program's version, as operators see it.
    """

    host: str
    port: int
    redis: str
    prefix: str
    idle: float | None
    away_idle: float | None
    fallback: Fallback
    auth: Auth
    rooms: RoomsBy
    accounts: AccountsBy
    lobby: bool
    limits: Limits
    address_limits: AddressLimits
    history: int
    history_age: float
    resume_within: float
    outbox: int
    drain: float
    http: tuple[str, int] | None
    irc: tuple[str, int] | None
    irc_tls: tuple[str, int] | None
    irc_name: str
    certificate: Certificate | None
    proxies: Networks
    rebalance: float | None
    reuse_port: bool
    version: str
