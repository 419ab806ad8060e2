"""How the cost of an event grows: one thing is changed at a time, by the product's own means."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from bench import processes, results, stack
from bench.catch_up import WrongAnswer, catch_up, prepare
from bench.events import DAYS, Job
from bench.stack import PARTITIONS, Stack
from bench.systems import Ours

BASE = Job(events=600_000, tutors=3_000)
YEAR = 365 / 90
"""A window of 365 days holds this many times more than one of 90. The windows are the product's:
instead of them time is changed, so that as many more events fall into them."""


Figures = dict[str, Any]


@dataclass(frozen=True)
class Step:
    name: str
    job: Job
    why: str
    """What explains the difference to the first step."""
    partitions: int = PARTITIONS
    workers: int = 1


def steps(events: int) -> Iterator[Step]:
    base = replace(BASE, events=events)
    yield Step(
        "3,000 tutors",
        base,
        "The base: a record batch holds several events of each tutor, who gets one score and, twice"
        " a second, one row in the changelog.",
    )
    for tutors in (15_000, 100_000):
        yield Step(
            f"{tutors:,} tutors",
            replace(base, tutors=tutors),
            "Fewer events of one tutor fall into a batch and into half a second, so there are more"
            " scores and rows per event to encode and send; each row is smaller.",
        )
    yield Step(
        "windows of 365 days instead of 90",
        replace(base, days=DAYS / YEAR),
        "An event enters and leaves each window once, however long it is; only the row in the"
        " changelog is longer.",
    )
    for partitions in (16, 64):
        yield Step(
            f"{partitions} partitions",
            base,
            "The same events come in more and smaller batches; each has its own fetch, fold, send"
            " and acknowledgement.",
            partitions=partitions,
        )
    yield Step(
        "half of all events are one tutor's",
        replace(base, hot_share=0.5),
        "One row holds tens of thousands of outcomes and is written anew twice a second; its"
        " partition has more than half of the work.",
    )
    yield Step(
        "two workers on two cores",
        base,
        "Each has two partitions and its own start, group membership and flushes; the broker"
        " shares the cores with them.",
        workers=2,
    )


def growth(events: int, runs: int, into: Path) -> None:
    """Each step `runs` times, in turn, on one broker."""
    numbers = count(1)
    every = list(steps(events))
    done: dict[str, list[Figures]] = {step.name: [] for step in every}
    with processes.on_cores(processes.cores()[1]), stack.kafka_alone() as broker:
        for _ in range(runs):
            for step in every:
                done[step.name].append(_once(broker, step, next(numbers)))
                print(f"{step.name}: {done[step.name][-1]}", flush=True)
    for step in every:
        kept = {
            "job": asdict(step.job),
            "partitions": step.partitions,
            "workers": step.workers,
            "why": step.why,
            "runs": done[step.name],
        }
        results.keep(into, "growth", {step.name: kept})


def _once(broker: Stack, step: Step, run: int) -> Figures:
    source = prepare(broker, step.job, step.partitions, shared=False)
    try:
        return catch_up(broker, Ours(step.workers), source, run)
    except (WrongAnswer, RuntimeError) as wrong:
        return {"void": str(wrong)}
