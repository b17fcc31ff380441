"""Ids of messages, ``<epoch>-<n>``: n counts up by one within a log and an epoch."""

from __future__ import annotations

_GREATEST = 2**64 - 1

NOTHING = b"0-0"
"""The id before every message: that of a log that is not there yet."""


def parse(id: bytes) -> tuple[int, int]:
    """Epoch and n: ids are compared as these.

    Raises:
        ValueError: it is no id.
    """
    epoch, _, n = id.partition(b"-")
    return int(epoch), int(n)


def before(epoch: int) -> bytes:
    """The id before the first of an epoch: the greatest that there could have been."""
    return b"%d-%d" % (epoch - 1, _GREATEST)


def epoch_of(id: bytes) -> int:
    """The epoch that an id is of; the id before the first of an epoch counts as of that one."""
    epoch, n = parse(id)
    return epoch + 1 if n == _GREATEST else epoch


def is_beginning(id: bytes) -> bool:
    """Whether nothing of its epoch is before the message that follows an id."""
    return id == NOTHING or parse(id)[1] == _GREATEST


def follows(id: bytes, previous: bytes) -> bool:
    """Whether nothing can have been between two messages of a log."""
    epoch, n = parse(id)
    return parse(previous) == (epoch, n - 1) if n else previous == before(epoch)
