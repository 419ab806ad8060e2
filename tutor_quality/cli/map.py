"""tq map: what a mapping would make of a file, without sending anything."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from tutor_quality.clock import SystemClock
from tutor_quality.ingest.mapping import load_mapping
from tutor_quality.ingest.matches import MatchRow
from tutor_quality.ingest.replay import Dataset, iso, read_dataset
from tutor_quality.ingest.sessions import SessionRow

app = typer.Typer(help="mappings of CSV files", no_args_is_help=True, add_completion=False)

FIRST_ROWS = 5


@app.callback()
def mappings() -> None:
    """Mappings of CSV files (docs/mappings.md)."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="CSV, plain or gzip")],
    mapping: Annotated[Path, typer.Option("--map")],
    rows: Annotated[int, typer.Option(help="so many are shown", min=0)] = FIRST_ROWS,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Read the whole file and show what its first rows become; exit code 1 if it is refused."""
    dataset = read_dataset([(file, load_mapping(mapping))])
    dataset.refuse_future(SystemClock().now_ms())
    report = describe(dataset, rows)
    print(json.dumps(report, indent=2) if as_json else _as_text(report))


def describe(dataset: Dataset, rows: int) -> dict[str, object]:
    """Counts, span and the first rows of a dataset, as JSON."""
    events = dataset.timeline()
    sessions = [row for file in dataset.sessions for row in file.rows]
    matches = [row for file in dataset.matches for row in file.rows]
    return {
        "rows": sum(len(file.rows) for file in dataset.matches or dataset.sessions),
        "sessions": len({row.scheduled.session_id for row in sessions}),
        "matches": len(matches),
        "tutors": len(dataset.tutors()),
        "students": len(dataset.students()),
        "events": len(events),
        "by_type": dict(Counter(event.event_type.value for event in events)),
        "open": sum(row.outcome is None for row in sessions),
        "outcome_before_creation": sum(map(_is_backwards, sessions)),
        "from": iso(events[0].occurred_at) if events else None,
        "until": iso(events[-1].occurred_at) if events else None,
        "first_rows": [*_shown(islice(matches, rows)), *_shown(islice(sessions, rows))],
    }


def _is_backwards(row: SessionRow) -> bool:
    return row.outcome is not None and row.outcome.occurred_at < row.scheduled.occurred_at


def _shown(rows: Iterable[SessionRow | MatchRow]) -> list[dict[str, object]]:
    return [_match(row) if isinstance(row, MatchRow) else _session(row) for row in rows]


def _session(row: SessionRow) -> dict[str, object]:
    events = [
        {name: _readable(name, value) for name, value in asdict(event).items() if value is not None}
        for event in row.events()
    ]
    return {"row": row.line, "events": events}


def _match(row: MatchRow) -> dict[str, object]:
    facts = {name: _readable(name, value) for name, value in asdict(row).items()}
    return {"row": facts.pop("line"), "match": facts}


def _readable(name: str, value: object) -> object:
    is_time = name.endswith(("_at", "_start")) and isinstance(value, int)
    return iso(value) if is_time and isinstance(value, int) else value


def _as_text(report: dict[str, object]) -> str:
    lines = [f"{name:<24} {value}" for name, value in report.items() if name != "first_rows"]
    shown = report["first_rows"]
    assert isinstance(shown, list)
    return "\n".join([*lines, *(json.dumps(row, ensure_ascii=False) for row in shown)])
