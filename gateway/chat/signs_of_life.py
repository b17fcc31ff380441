"""Whether the person is still there, and whether the connection is. Pure.

A line is a sign of both. A ping is a sign of the connection only, since clients ping by themselves.
"""

from __future__ import annotations

WARNING = 15.0
"""An idle user is warned these seconds before the end; for short times, a quarter of the time."""

SILENCE = 75.0
"""Seconds without a line after which a peer that has pinged counts as lost: five of the client's
pings. The kernel looks after a peer that never pings (``nc``)."""

MOMENT = 0.001
"""Seconds that count as no time: Redis counts no finer, and rounding leaves less than this."""


class SignsOfLife:
    """When one peer was last heard.

    Args:
        idle: seconds of inactivity that the user may have at first; None for no limit.
        now: reading of a monotonic clock, seconds; all later readings are of the same clock.

    Attributes:
        idle: seconds of inactivity that the user may have.
        active_at: when the person was last active.
        warned: the person was told that the time is nearly up.
    """

    __slots__ = ("_heard_at", "_pings", "active_at", "idle", "warned")

    def __init__(self, idle: float | None, now: float) -> None:
        self.idle = idle
        self._pings = False
        self.active_at = self._heard_at = now
        self.warned = False

    def typed(self, now: float) -> None:
        """The person is there."""
        self.active_at = self._heard_at = now
        self.warned = False

    def heard(self, now: float) -> None:
        """The connection is there."""
        self._heard_at = now

    def pinged(self, now: float) -> bool:
        """The connection is there, and must go on pinging; returns whether this was the first."""
        first, self._pings = not self._pings, True
        self._heard_at = now
        return first

    def active_elsewhere(self, left: float, now: float) -> bool:
        """Redis gives the user ``left`` more seconds; returns whether there is any time left."""
        assert self.idle is not None
        self.active_at = max(self.active_at, now + left - self.idle)
        still = self.left(now)
        # A warning counts for the last moments only, and not if there is much time again.
        self.warned = self.warned and still <= self._warning()
        return still > MOMENT

    def left(self, now: float) -> float:
        """Seconds of inactivity that the user has left; below 0 if this is asked late."""
        assert self.idle is not None
        return self.idle - (now - self.active_at)

    def next_look(self) -> float | None:
        """When to check the clock again; None for never."""
        idle, lost = self._idle_look(), self._lost_at()
        return lost if idle is None else idle if lost is None else min(idle, lost)

    def lost(self, now: float) -> bool:
        """Whether the connection counts as lost."""
        lost = self._lost_at()
        return lost is not None and now >= lost

    def is_idle(self, now: float) -> bool:
        """Whether it is time for the warning, or for the end if there was a warning."""
        look = self._idle_look()
        return look is not None and now >= look

    def _lost_at(self) -> float | None:
        return self._heard_at + SILENCE if self._pings else None

    def _idle_look(self) -> float | None:
        if self.idle is None:
            return None
        return self.active_at + self.idle - (0.0 if self.warned else self._warning())

    def _warning(self) -> float:
        assert self.idle is not None
        return min(WARNING, self.idle / 4)
