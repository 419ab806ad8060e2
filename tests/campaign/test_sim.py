"""The seeded simulation as CI runs it. `tq campaign sim` runs any number of schedules; a seed that
fails here is told step by step by `tq campaign sim --replay SEED`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tutor_quality.campaign.sim.planted import MISTAKES, Mistake
from tutor_quality.campaign.sim.run import CAUGHT_WITHIN, catch

SCHEDULES = 60_000
FAULTS = 20
"""At least so many a schedule, on average: fewer would prove little."""


@pytest.mark.timeout(1_200)
def test_no_schedule_of_faults_makes_a_number_wrong(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    command = ["campaign", "sim", "--schedules", str(SCHEDULES), "--json", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "tutor_quality.cli", *command],
        stdout=subprocess.PIPE,
        check=False,
    )
    result = json.loads(done.stdout)
    assert result["divergences"] == 0, (result["diverged"], result["first_divergence"])
    assert done.returncode == 0
    assert result["schedules"] == SCHEDULES
    assert result["faults"] > FAULTS * SCHEDULES
    assert result.items() <= json.loads(out.read_text()).items()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_is_caught(mistake: Mistake) -> None:
    assert catch(mistake) is not None, f"not within {CAUGHT_WITHIN} schedules"
