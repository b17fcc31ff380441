"""How long the tests wait for what must come: until it is there, or a deadline is over."""

import os

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
"""What every deadline is multiplied with: more for a slow or a loaded machine."""


def within(seconds: float = 8.0) -> float:
    """A deadline, in this machine's seconds."""
    return seconds * PATIENCE
