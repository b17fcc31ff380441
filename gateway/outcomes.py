"""The outcomes of what a gateway asks Redis for, in the words that the scripts use."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a claim."""

    GRANTED = "granted"
    """The name was free, or this session has it already."""
    JOINED = "joined"
    """The name has other sessions of the same account, and this one is beside them."""
    RESUMED = "resumed"
    """The peer resumed its own older session, which was still online."""
    RETURNED = "returned"
    """The peer resumed its own older session, which had left."""
    INHERITED = "inherited"
    """The name was free because its holder's gateway is dead."""
    TAKEN_OVER = "taken_over"
    """The peer gave the password; there were too many sessions, and another one is ended."""
    TAKEN = "taken"
    """Somebody else has the name."""
    LOCKED = "locked"
    """The name needs a password that was not given."""


class How(StrEnum):
    """How a private message finds its recipient."""

    HERE = "here"
    """They are connected."""
    LATER = "later"
    """They are not here, but may resume or have a registered name: the message waits."""
    ABSENT = "absent"
    """Nobody has the name."""


class Put(StrEnum):
    """What became of an account that somebody wanted to write."""

    DONE = "DONE"
    """It was written."""
    EXISTS = "EXISTS"
    """The name is registered already."""
    NONE = "NONE"
    """The name is not registered, or the account is not that it should belong to."""
    OWNED = "OWNED"
    """The name belongs to another account, whose password it needs."""
    MANY = "MANY"
    """The account has as many names as it may have."""
    TAKEN = "TAKEN"
    """Somebody else has the name now."""
    GONE = "GONE"
    """The session that asked has lost its name."""
