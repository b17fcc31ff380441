"""What Redis forgot, and when: so much may be missing, and no more."""

from __future__ import annotations

from typing import NamedTuple

PEOPLE = "people"
"""Who is here, and who may come back."""


class Lapse(NamedTuple):
    """A moment in which something may have been forgotten.

    Attributes:
        of: a room; `PRIVATE` for the private messages of everybody; `PEOPLE`.
        lost: whether anything may be missing. If not, nobody can know that, and a gap may be told
            all the same.
        epoch: the last one that the room's log had by then; 0 if there was no log.
        began: by `time.monotonic`.
        over: the same; what was said later is not to be missed.
    """

    of: str
    lost: bool
    epoch: int
    began: float
    over: float
