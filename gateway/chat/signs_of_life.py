"""Whether the person is still there, and whether the connection is. Pure.

A line is a sign of both, a ping of the connection only: clients ping by themselves.
"""

from __future__ import annotations

WARNING = 15.0
"""Seconds before the end at which an idle user is warned; a quarter of short idle times."""

SILENCE = 75.0
"""Seconds without a line after which a peer that has pinged before is taken for lost: five of the
client's pings. One that never pings (``nc``) is left to the kernel."""

MOMENT = 0.001
"""Seconds that are none: Redis counts no finer, and floats leave less than that over."""


class SignsOfLife:
    """What was heard of one peer, and when.

    Args:
        idle: seconds of inactivity that a user is given; None for no end.
        now: reading of a monotonic clock, seconds; all later readings are of the same clock.

    Attributes:
        active_at: when the person was last active.
        warned: the person was told that the time is nearly up.
    """

    __slots__ = ("_heard_at", "_idle", "_pings", "active_at", "warned")

    def __init__(self, idle: float | None, now: float) -> None:
        self._idle = idle
        self._pings = False
        self.active_at = self._heard_at = now
        self.warned = False

    def typed(self, now: float) -> None:
        """The person is there."""
        self.active_at = self._heard_at = now
        self.warned = False

    def pinged(self, now: float) -> bool:
        """The connection is there, and should go on saying so; returns whether it did not yet."""
        first, self._pings = not self._pings, True
        self._heard_at = now
        return first

    def active_elsewhere(self, left: float, now: float) -> bool:
        """Redis gives the user so many seconds more; whether there is any time left."""
        assert self._idle is not None
        self.active_at = max(self.active_at, now + left - self._idle)
        still = self.left(now)
        # The warning holds for the last moments, and not for a new span.
        self.warned = self.warned and still <= self._warning()
        return still > MOMENT

    def left(self, now: float) -> float:
        """Seconds of inactivity that are left; below 0 if the clock is late."""
        assert self._idle is not None
        return self._idle - (now - self.active_at)

    def next_look(self) -> float | None:
        """When the clock has to be looked at again; None: never."""
        idle, lost = self._idle_look(), self._lost_at()
        return lost if idle is None else idle if lost is None else min(idle, lost)

    def lost(self, now: float) -> bool:
        """Whether the connection must be taken for lost."""
        lost = self._lost_at()
        return lost is not None and now >= lost

    def idle(self, now: float) -> bool:
        """Whether it is time for the warning, or for the end if there was one."""
        look = self._idle_look()
        return look is not None and now >= look

    def _lost_at(self) -> float | None:
        return self._heard_at + SILENCE if self._pings else None

    def _idle_look(self) -> float | None:
        if self._idle is None:
            return None
        return self.active_at + self._idle - (0.0 if self.warned else self._warning())

    def _warning(self) -> float:
        assert self._idle is not None
        return min(WARNING, self._idle / 4)
