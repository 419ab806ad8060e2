"""tq simulate: a plausible platform, to a file or into the input topic."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tutor_quality.clock import SystemClock
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.lines import as_line
from tutor_quality.ingest.producer import LogWriter
from tutor_quality.local.connections import connections
from tutor_quality.settings import Settings
from tutor_quality.simulation import (
    SimulationConfig,
    SlotTruth,
    World,
    build_world,
    profiles,
    truths,
)
from tutor_quality.simulation import events as world_events

app = typer.Typer(add_completion=False)

DAY_MS = 86_400_000
Share = Annotated[float, typer.Option(min=0, max=1, help="share of the facts")]


@app.command(name="simulate")
def run(
    tutors: Annotated[int, typer.Option(min=1)] = 400,
    events: Annotated[int, typer.Option(min=1, help="about so many")] = 400_000,
    days: Annotated[int, typer.Option(min=1, help="that end now")] = 365,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    late: Share = 0.02,
    duplicates: Share = 0.01,
    out_of_order: Share = 0.01,
    corrections: Share = 0.005,
    out: Annotated[Path | None, typer.Option(help="JSON, one event a line")] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="CSV: the best possible prediction of each slot when it became known"),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="into the input topic")] = False,
) -> None:
    """Draw tutors, students and what happens between them; give --out, --send or both.

    --truth takes about a minute for 400,000 events.
    """
    if out is None and not send:
        raise InvalidInput("where to? give --out FILE, --send or both")
    now = SystemClock().now_ms()
    config = SimulationConfig(
        start_ms=now - days * DAY_MS,
        end_ms=now,
        tutors=tutors,
        events=events,
        late_share=late,
        duplicate_share=duplicates,
        out_of_order_share=out_of_order,
        correction_share=corrections,
    )
    rng = np.random.default_rng(seed)
    world = build_world(config, rng)
    facts = list(world_events(world, rng))
    if truth is not None:
        _write_truth(truth, world)
    if out is not None:
        _write(out, iter(facts))
    if send:
        _send(config, facts, seed)
    print(f"{len(facts)} events of {tutors} tutors")


def _write(out: Path, facts: Iterator[tuple[int, SessionEvent]]) -> None:
    with out.open("wb") as file:
        file.writelines(as_line(recorded_at, event) for recorded_at, event in facts)


def _write_truth(path: Path, world: World) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(SlotTruth)])
        writer.writeheader()
        writer.writerows(asdict(slot) for slot in truths(world))


def _send(config: SimulationConfig, facts: list[tuple[int, SessionEvent]], seed: int) -> None:
    writer = LogWriter(connections(Settings()).kafka_bootstrap, bulk=True)
    for profile in profiles(config, np.random.default_rng(seed)):
        writer.send_tutor(profile)
    for recorded_at, event in facts:
        writer.send_event(event, recorded_at)
    writer.mark_time(config.end_ms)
    writer.flush()
