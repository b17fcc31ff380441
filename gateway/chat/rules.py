"""The settings that are the same for all sessions of a gateway."""

from __future__ import annotations

from dataclasses import dataclass

from wire.limits import Limits


@dataclass(frozen=True)
class Rules:
    """The settings that sessions go by.

    Attributes:
        gateway: its id.
        idle: seconds of silence that end a session; None for never.
        away_idle: the same for somebody who is away.
        refuse_fallback: a message whose recipients are all absent is refused, and never becomes
            public.
        limits: what a peer may do.
        resumes: whether a client can take its name back with a token. If not, its name is free as
            soon as it goes, also from a gateway that drains.
    """

    gateway: str
    idle: float | None
    away_idle: float | None
    refuse_fallback: bool
    limits: Limits
    resumes: bool = True
