"""The seeded simulation as CI runs it. `tq campaign sim` runs any number of schedules; a seed that
fails here is told step by step by `tq campaign sim --replay SEED`."""

import json
import subprocess
import sys

import pytest

from tutor_quality.campaign.sim.planted import MISTAKES, Mistake
from tutor_quality.campaign.sim.run import CAUGHT_WITHIN, catch

SCHEDULES = 60_000
PIECE = 5_000
FAULTS = 20
"""At least so many a schedule, on average: fewer would prove little."""


@pytest.mark.parametrize("first", range(0, SCHEDULES, PIECE))
def test_no_schedule_of_faults_makes_a_number_wrong(first: int) -> None:
    """In a process of its own, so that its memory goes with it."""
    command = ["campaign", "sim", "--schedules", str(PIECE), "--seed", str(first), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "tutor_quality.cli", *command],
        stdout=subprocess.PIPE,
        check=False,
    )
    result = json.loads(done.stdout)
    assert result["divergences"] == 0, result["first_divergence"]
    assert done.returncode == 0
    assert result["schedules"] == PIECE
    assert result["faults"] > FAULTS * PIECE


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_is_caught(mistake: Mistake) -> None:
    assert catch(mistake) is not None, f"not within {CAUGHT_WITHIN} schedules"
