"""The outcomes of what a gateway asks Redis for, in the words that the scripts use."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a claim."""

    GRANTED = "granted"
    """The name was free, or this session has it already."""
    RESUMED = "resumed"
    """The peer resumed its own older session, which was still online."""
    RETURNED = "returned"
    """The peer resumed its own older session, which had left."""
    INHERITED = "inherited"
    """The name was free because its holder's gateway is dead."""
    TAKEN_OVER = "taken_over"
    """The peer gave the password; the session that held the name is ended."""
    TAKEN = "taken"
    """Somebody else has the name."""
    LOCKED = "locked"
    """The name needs a password that was not given."""


class How(StrEnum):
    """How a private message finds its recipient."""

    HERE = "here"
    """They are connected."""
    LATER = "later"
    """They have gone but may resume: the message waits."""
    ABSENT = "absent"
    """Nobody has the name."""
