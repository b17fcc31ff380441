"""How what a gateway asked of Redis can end, in one word each; the scripts say the same words."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a claim."""

    GRANTED = "granted"
    """The name was free, or this session has it already."""
    RESUMED = "resumed"
    """The peer has taken it back from its own older session, which was still here."""
    RETURNED = "returned"
    """The peer has taken it back from its own older session, which had left."""
    INHERITED = "inherited"
    """It was free, since its holder's gateway is dead."""
    TAKEN_OVER = "taken_over"
    """The peer has shown its password; the session that held it is ended."""
    TAKEN = "taken"
    """Somebody else has it."""
    LOCKED = "locked"
    """It needs a password that was not shown."""


class How(StrEnum):
    """How a private message finds its recipient."""

    HERE = "here"
    """Connected."""
    LATER = "later"
    """Gone for the moment and able to come back: the message waits."""
    ABSENT = "absent"
    """Nobody has the name."""
