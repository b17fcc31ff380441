"""How fast a client may go, and how long it may be silent. Pure.

A client of IRC is not refused when it is too fast, but has to wait, as its people are used to. What
it asks for after it came back, for each of its rooms, has an allowance of its own.
"""

from __future__ import annotations

from gateway.chat.budget import Budget
from wire.limits import Limits

ASKS = 10
"""How many questions are allowed in place of one message."""

OURS, BAD = "", "?"
"""Stand for what the door itself does, and for what is not even a command."""

FREE = frozenset({OURS, "PONG", "QUIT", "CAP", "AUTHENTICATE", "PASS", "NICK", "USER"})
"""Commands that cost nothing: their number is limited otherwise, or they end everything."""

SPEAKS = frozenset({"PRIVMSG", "NOTICE", "TAGMSG", "TOPIC", "KICK", "INVITE", "REDACT", "AWAY"})
"""Commands that others see."""

ASK_AFTER = 90.0
"""Seconds of silence after which a client is asked whether it is there."""

LOST_AFTER = 150.0
"""Seconds of silence after which its connection counts as lost."""


class Pace:
    """One client's.

    Args:
        limits: how much it may ask for.
        now: reading of a monotonic clock, seconds; all later readings are of the same clock.
    """

    __slots__ = ("_asking", "_speaking", "heard_at", "spoke_at")

    def __init__(self, limits: Limits, now: float) -> None:
        rate = limits.rate
        self._speaking = Budget(limits.burst, rate, now)
        self._asking = Budget(limits.burst * ASKS, None if rate is None else rate * ASKS, now)
        self.heard_at = self.spoke_at = now

    def wait(self, command: str, now: float) -> float:
        """The seconds until a command may be carried out; 0 if it may, and then it is counted."""
        if command in FREE:
            return 0.0
        if command in SPEAKS:
            self.spoke_at = now
            return self._speaking.take(now)
        return self._asking.take(now)

    def silence(self, now: float) -> float:
        """Seconds since the client was heard."""
        return now - self.heard_at
