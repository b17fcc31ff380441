"""Ids of messages, ``<epoch>-<n>``: within an epoch of a log, n counts up by one."""

from __future__ import annotations

_GREATEST = 2**64 - 1

NOTHING = b"0-0"
"""The id before every message: the last id of a log that does not exist yet."""


def parse_id(id: bytes) -> tuple[int, int]:
    """Epoch and n, the form in which ids are compared.

    Raises:
        ValueError: it is not an id.
    """
    epoch, _, n = id.partition(b"-")
    return int(epoch), int(n)


def before(epoch: int) -> bytes:
    """The id before the first of an epoch: the greatest possible id of the epoch before."""
    return b"%d-%d" % (epoch - 1, _GREATEST)


def epoch_of(id: bytes) -> int:
    """The epoch of an id; the id before the first of an epoch counts as part of that epoch."""
    epoch, n = parse_id(id)
    return epoch + 1 if n == _GREATEST else epoch


def is_beginning(id: bytes) -> bool:
    """Whether the message after an id is the first of its epoch."""
    return id == NOTHING or parse_id(id)[1] == _GREATEST


def follows(id: bytes, previous: bytes) -> bool:
    """Whether there can be no message between two messages of a log."""
    epoch, n = parse_id(id)
    return parse_id(previous) == (epoch, n - 1) if n else previous == before(epoch)
