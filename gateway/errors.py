"""The gateway's own errors: each text is for a person, and says what to do next."""

from __future__ import annotations

from collections.abc import Iterable


class StartError(Exception):
    """The gateway cannot start."""


class RedisUnreachable(Exception):
    """Redis cannot be reached, or is not one that can be used."""

    @property
    def sentence(self) -> str:
        """What happened and where, and what to look at, for people."""
        return f"Redis cannot be reached: {self}. Is it running, and is --redis right?"


class RedisRefused(RedisUnreachable):
    """Redis answers, and does not let us in, or does not do what it was asked."""

    @property
    def sentence(self) -> str:
        """As that of any other, but that it runs is known."""
        return f"Redis refuses: {self}"


class BackplaneDown(Exception):
    """Redis is away for the moment: the call was not answered, and may or may not have run."""


class BackplaneRefused(Exception):
    """Redis refused a command; the text is its own, without our arguments."""

    @property
    def is_full(self) -> bool:
        """Whether Redis has no memory left for what it was to store."""
        return "OOM" in str(self)

    @property
    def not_sent(self) -> str:
        """What it means to somebody who wanted to say something."""
        if self.is_full:
            return "The chat's memory is full: not sent. Try again later."
        return "The chat's memory refuses this: not sent. Tell whoever runs the chat."


class RoomChanged(Exception):
    """A room's rules are no longer those that the caller knows: read them, decide again."""


class NoSuchRoom(Exception):
    """There is no room of this name, and the call was not to make one."""


class ProbeFailed(Exception):
    """A frame does not travel: the gateway is not ready."""


class NameLost(Exception):
    """A session does not have its name any more: nothing is said for it in that name."""


class TooMuchWaits(Exception):
    """Somebody is away, and as much waits for them already as may.

    Attributes:
        names: as they are shown.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        super().__init__(", ".join(self.names))
