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
    """

    host: str
    port: int
    redis: str
    prefix: str
    idle: float | None
    fallback: Fallback
    limits: Limits
    history: int
