"""What scripts rely on in the answer of `tq status`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.topics import LIFECYCLE, PROGRESS
from tutor_quality.cli import FAILED
from tutor_quality.cli.status import app
from tutor_quality.local.groups import STAGES, inputs


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_is_ever_behind_on_what_the_stages_say_of_themselves(stage: str) -> None:
    assert LIFECYCLE.name in inputs(stage)
    assert PROGRESS.name not in inputs(stage)


def test_a_program_gets_the_same_form_of_answer_when_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_DATA_DIR", str(tmp_path))
    for name in ("TQ_KAFKA_BOOTSTRAP", "TQ_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    asked = CliRunner().invoke(app, ["--json"])
    answer = json.loads(asked.stdout)
    assert asked.exit_code == FAILED
    assert (answer["ready"], answer["api"]["url"], answer["stages"]) == (False, None, {})
    assert "tq up" in answer["problems"][0]
