"""A short chaos run."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import report
from tests.chaos.run import run

SEED = 287
"""The plan of this seed has some of every short fault."""


@pytest.mark.timeout(180)
async def test_everybody_survives_a_short_run():
    outcome = await run(SEED, minutes=0.3)
    assert not outcome.violations, report(outcome)
    assert len(outcome.survived) > 10
