"""`tq train`, `tq evaluate` and `tq models` on a file of a small simulated platform."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from models.artefact import save
from models.recipe import Trained
from tests.unit.models.conftest import DAY_MS, START
from tutor_quality.cli import evaluate, models, train
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.errors import InvalidInput

MAPPING = """
name: small
columns:
  session_id: lesson
  tutor_id: tutor
  student_id: student
  created_at: booked
  scheduled_start: begins
  duration_minutes: minutes
  outcome: outcome
  outcome_at: outcome_at
outcomes:
  completed: {event: completed}
  no_show: {event: no_show}
  rescheduled tutor: {event: rescheduled, initiator: tutor}
  rescheduled student: {event: rescheduled, initiator: student}
  rescheduled system: {event: rescheduled, initiator: system}
  cancelled tutor: {event: cancelled, initiator: tutor}
  cancelled student: {event: cancelled, initiator: student}
  cancelled system: {event: cancelled, initiator: system}
  "": {event: none}
context:
  minutes: {type: category}
"""
HEAD = ("lesson", "tutor", "student", "booked", "begins", "minutes", "outcome", "outcome_at")


@pytest.fixture(scope="module")
def files(history: list[SessionEvent], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """map.yaml, earlier.csv and later.csv: the first slots of sessions, split by start."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "map.yaml").write_text(dedent(MAPPING), "utf-8")
    endings = {
        (event.session_id, event.scheduled_start): event
        for event in history
        if event.event_type is not EventType.SCHEDULED
    }
    booked = {e.session_id: e for e in history if e.event_type is EventType.SCHEDULED}.values()
    cut = START + 190 * DAY_MS
    for name, part in (
        ("earlier", [b for b in booked if b.scheduled_start < cut]),
        ("later", [b for b in booked if b.scheduled_start >= cut]),
    ):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEAD)
            writer.writerows(_row(b, endings.get((b.session_id, b.scheduled_start))) for b in part)
    return folder


def _row(booked: SessionEvent, ending: SessionEvent | None) -> tuple[object, ...]:
    said = () if ending is None else (ending.event_type, ending.initiator)
    return (
        booked.session_id,
        booked.tutor_id,
        booked.student_id,
        _iso(booked.occurred_at),
        _iso(booked.scheduled_start),
        booked.duration_minutes,
        " ".join(filter(None, said)),
        "" if ending is None else _iso(ending.occurred_at),
    )


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


def run(module: object, *arguments: object) -> None:
    module.app([str(argument) for argument in arguments], standalone_mode=False)  # type: ignore[attr-defined]


def test_a_model_is_trained_on_one_file_and_judged_on_a_later_one(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = ("--map", files / "map.yaml", "--json")
    run(train, "reschedule", "--data", files / "earlier.csv", "--out", files / "model", *mapping)
    trained = json.loads(capsys.readouterr().out)
    assert trained["test"]["auc"] > 0.6
    assert trained["version"] in (files / "model" / "card.md").read_text("utf-8")

    asked = ("--model", files / "model", "--data", files / "later.csv", *mapping)
    run(evaluate, *asked, "--history", files / "earlier.csv", "--lead-hours", 100_000)
    judged = json.loads(capsys.readouterr().out)
    assert judged["model"] == trained["version"]
    assert judged["auc"] > 0.6
    assert judged["log_loss"] < 0.45
    with_history = judged["auc"]

    run(evaluate, *asked, "--lead-hours", 100_000)
    assert json.loads(capsys.readouterr().out)["auc"] < with_history

    run(models, "show", files / "model", "--json")
    assert json.loads(capsys.readouterr().out)["version"] == trained["version"]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TQ_DATA_DIR", str(tmp_path))
    return tmp_path / "models"


@pytest.fixture
def another(tmp_path: Path, trained: Trained) -> Path:
    save(tmp_path / "another", trained.model, trained.golden, trained.about)
    return tmp_path / "another"


def test_a_model_is_promoted_listed_and_rolled_back_without_a_running_stack(
    registry: Path, another: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(models, "promote", another, "--by", "ann", "--why", "better", "--json")
    said = capsys.readouterr()
    promoted = json.loads(said.out)
    assert not promoted["announced"] and "no stack runs" in said.err
    run(models, "ls", "--json")
    listed = json.loads(capsys.readouterr().out)
    roles = {row["version"]: row["role"] for row in listed["models"]}
    assert roles == {promoted["champion"]: "champion", promoted["previous"]: None}
    (change,) = listed["changes"]
    assert (change["by"], change["why"]) == ("ann", "better")
    run(models, "challenge", promoted["previous"], "--json")
    assert json.loads(capsys.readouterr().out)["challenger"] == promoted["previous"]
    run(models, "withdraw", "--json")
    assert json.loads(capsys.readouterr().out)["challenger"] is None
    run(models, "rollback", "--json")
    assert json.loads(capsys.readouterr().out)["champion"] == promoted["previous"]


def test_a_list_can_be_read(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(models, "ls")
    assert "champion" in capsys.readouterr().out
    assert not registry.exists()


def test_an_empty_folder_is_no_model(files: Path) -> None:
    with pytest.raises(InvalidInput, match="no model there"):
        run(models, "show", files)
