"""Ids of messages, ``<epoch>-<n>``: n counts up by one within a log and an epoch."""

from __future__ import annotations

_GREATEST = 2**64 - 1


def parse(id: bytes) -> tuple[int, int]:
    """Epoch and n: ids are compared as these.

    Raises:
        ValueError: it is no id.
    """
    epoch, _, n = id.partition(b"-")
    return int(epoch), int(n)


def before(epoch: str) -> bytes:
    """The id before the first of an epoch: the greatest that there could have been."""
    return b"%d-%d" % (int(epoch) - 1, _GREATEST)


def follows(id: bytes, previous: bytes) -> bool:
    """Whether nothing can have been between two messages of a room."""
    (epoch, n), (previous_epoch, previous_n) = parse(id), parse(previous)
    if n == 0:
        return (previous_epoch, previous_n) == (epoch - 1, _GREATEST)
    return (previous_epoch, previous_n) == (epoch, n - 1)


def is_of(id: bytes, epoch: str) -> bool:
    """Whether an id is of an epoch, or the one before its first."""
    return parse(id)[0] == int(epoch) or id == before(epoch)
