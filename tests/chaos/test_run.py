"""A short chaos run, and that the run would find what it looks for."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import report
from tests.chaos.run import run

SEED = 287
"""Its plan has something of everything that is over soon."""


@pytest.mark.timeout(180)
async def test_everybody_survives_a_short_run():
    outcome = await run(SEED, minutes=0.3)
    assert not outcome.violations, report(outcome)
    assert len(outcome.survived) > 10
