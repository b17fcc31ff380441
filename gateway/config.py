"""What a gateway needs to know to run. Names, units, defaults and help are `chatctl.options`'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wire.limits import Limits

Fallback = Literal["public", "refuse"]


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
        limits: what peers may do.
        history: messages that a room's log keeps, roughly.
        history_age: seconds that a room's log keeps a message, roughly.
        resume_within: seconds in which a client whose connection broke can resume.
        outbox: bytes that may wait while Redis is away.
        drain: seconds over which the clients of a stopping gateway are told to come back; 0 for
            no drain: their names are given back at once.
    """

    host: str
    port: int
    redis: str
    prefix: str
    idle: float | None
    fallback: Fallback
    limits: Limits
    history: int
    history_age: float
    resume_within: float
    outbox: int
    drain: float
