"""The gateway's errors. Each text is for people, and says what to do next."""

from __future__ import annotations

from collections.abc import Iterable


class StartError(Exception):
    """The gateway cannot start."""


class RedisUnreachable(Exception):
    """Redis cannot be reached, or this one cannot be used."""

    @property
    def sentence(self) -> str:
        """What happened, where, and what to check."""
        return f"Redis cannot be reached: {self}. Is it running, and is --redis right?"


class RedisRefused(RedisUnreachable):
    """Redis answers, but does not let us in or does not do what we ask."""

    @property
    def sentence(self) -> str:
        """Like the base class, but Redis is known to be running."""
        return f"Redis refuses: {self}"


class BackplaneDown(Exception):
    """Redis is away for now: the call got no answer, and may or may not have run."""


class BackplaneRefused(Exception):
    """Redis refused a command; the text is from Redis, without our arguments."""

    @property
    def is_full(self) -> bool:
        """Whether Redis has no memory left to store anything."""
        return "OOM" in str(self)

    @property
    def not_sent(self) -> str:
        """What to tell somebody whose message was not sent."""
        if self.is_full:
            return "Not sent: the chat's storage is full. Try again later."
        return "Not sent: the chat's storage refused it. Please tell the operators of this chat."


class RoomChanged(Exception):
    """A room's state has changed since the caller read it: read it and decide again."""


class NoSuchRoom(Exception):
    """There is no room with this name, and the call does not make one."""


class ProbeFailed(Exception):
    """A frame does not get through: the gateway is not ready."""


class NameLost(Exception):
    """A session has lost its name, so nothing is sent in that name for it."""


class TooMuchWaits(Exception):
    """Somebody is away, and as many messages as allowed are already waiting for them.

    Attributes:
        names: their names, as they are shown.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        super().__init__(", ".join(self.names))
