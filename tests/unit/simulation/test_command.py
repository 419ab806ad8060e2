"""`tq simulate` to files."""

import csv
import json
from pathlib import Path

import pytest

from tutor_quality.cli import simulate
from tutor_quality.errors import InvalidInput


def run(*arguments: object) -> None:
    simulate.app([str(argument) for argument in arguments], standalone_mode=False)


def test_the_best_possible_predictions_lie_beside_the_events(tmp_path: Path) -> None:
    small = ("--tutors", 5, "--events", 600, "--days", 60, "--seed", 3)
    run(*small, "--out", tmp_path / "events", "--truth", tmp_path / "truth.csv")
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    booked = {
        (event["session_id"], event["scheduled_start"]): event["occurred_at"]
        for event in events
        if event["event_type"] == "scheduled"
    }
    with (tmp_path / "truth.csv").open(newline="") as file:
        best = {
            (row["session_id"], int(row["scheduled_start"])): row for row in csv.DictReader(file)
        }
    assert booked.keys() <= best.keys()
    for slot, created in booked.items():
        assert int(best[slot]["as_of"]) == created
        assert 0 < float(best[slot]["probability"]) < 1


def test_the_truth_beside_no_events_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="where to"):
        run("--truth", tmp_path / "truth.csv")
