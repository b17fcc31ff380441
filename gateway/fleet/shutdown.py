"""How far a gateway is on its way out, and what that means for the people on it."""

from __future__ import annotations

import random


class Shutdown:
    """Nothing of it at first.

    Attributes:
        draining: the gateway sends its people to the others, whose names are kept until they
            come back there.
        stopping: nothing more is read from anybody.
        spread: seconds over which the people should come back; 0: at once.
    """

    def __init__(self) -> None:
        self.draining = False
        self.stopping = False
        self.spread = 0.0

    def come_back_after(self) -> float:
        """Seconds that somebody whose name is kept should wait: another number for each."""
        return round(random.uniform(0.0, self.spread), 1)
