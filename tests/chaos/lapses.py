"""What Redis lost, and when: only that may be missing."""

from __future__ import annotations

from typing import NamedTuple

PLAZA = "plaza"
"""A room that every bot of a run is in, like the lobby."""

COURT = "court"
"""A room that bots enter and leave, and from which some are put out."""

VAULT = "vault"
"""A room for invited bots only."""

PEOPLE = "people"
"""The data about who is online and who may resume."""


class Lapse(NamedTuple):
    """A moment at which Redis may have lost data.

    Attributes:
        of: a room; `PRIVATE` for everybody's private messages; or `PEOPLE`.
        lost: whether messages may be missing. If not, a gap may still be told, because the
            gateways cannot know.
        epoch: the last epoch of the room's log at that time; 0 if there was no log.
        began: its start, by `time.monotonic`.
        over: its end; later messages must not be missed.
    """

    of: str
    lost: bool
    epoch: int
    began: float
    over: float
