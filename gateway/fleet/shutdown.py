"""The shutdown of a gateway: how far it is, and when its people should reconnect."""

from __future__ import annotations

import random


class Shutdown:
    """The state of the shutdown; at first it has not begun.

    Attributes:
        draining: the gateway sends its people to the others, and keeps their names until they
            are there.
        stopping: nothing more is read from anybody.
        spread: seconds over which people should reconnect; 0 for at once.
    """

    def __init__(self) -> None:
        self.draining = False
        self.stopping = False
        self.spread = 0.0

    def come_back_after(self) -> float:
        """Seconds that a person whose name is kept should wait; a random number for each."""
        return round(random.uniform(0.0, self.spread), 1)
