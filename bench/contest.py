"""`make bench`: everybody does job W, in turn, on one broker; whatever is measured is kept at once.

Parts: catch-up, bounds, latency, expiry, recovery, sink, row-latency. Each can be measured alone
and later; the results file is merged.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from bench import figures, processes, results, stack
from bench.catch_up import Source, WrongAnswer, catch_up, prepare
from bench.events import Job
from bench.latency import expiry_lags, latencies
from bench.quick import bounds
from bench.recovery import recovery
from bench.sink import sink
from bench.stack import Stack
from bench.systems import SYSTEMS, KafkaStreams, Ours, System

FULL = Job(events=2_000_000, tutors=15_000)
SMALLER_BY = 5
"""Slow systems get so many times fewer events and tutors."""
RATES = (100, 500, 5_000)
LATENCY_SECONDS = 15
ROW_RATES = (100, 500)
PARTS = ("catch-up", "bounds", "latency", "expiry", "recovery", "sink", "row-latency")
FAILURES = (WrongAnswer, RuntimeError, KafkaException)
"""The others are measured all the same."""
Figures = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A system with a job, as the page names the pair."""

    name: str
    system: System
    source: Source


@dataclass(frozen=True)
class Asked:
    systems: Sequence[str]
    parts: Sequence[str]
    job: Job
    runs: int
    into: Path


def smaller(job: Job) -> Job:
    return replace(job, events=job.events // SMALLER_BY, tutors=job.tutors // SMALLER_BY)


def contest(asked: Asked) -> None:
    with processes.on_cores(processes.cores()[1]):
        if {"catch-up", "bounds", "latency", "expiry", "recovery"} & set(asked.parts):
            with stack.kafka_alone() as broker:
                _on_kafka(broker, asked)
        if "sink" in asked.parts:
            _keep(asked, "sink", "ours", sink, smaller(asked.job))
    if "row-latency" in asked.parts:
        # Many processes have to do with it, each where the system puts it.
        for rate in ROW_RATES:
            _keep(asked, "row-latency", str(rate), figures.latency, rate, LATENCY_SECONDS)


def _on_kafka(broker: Stack, asked: Asked) -> None:
    numbers = count(1)
    full = prepare(broker, asked.job, shared=True)
    if "catch-up" in asked.parts:
        small = prepare(broker, smaller(asked.job), shared=True)
        _catch_ups(broker, asked, list(_entries(asked, full, small)), numbers)
    if "bounds" in asked.parts:
        _bounds(broker, asked, full)
    for system in _live(asked):
        if "latency" in asked.parts:
            run = next(numbers)
            live = broker, system, RATES, LATENCY_SECONDS, run
            _keep(asked, "latency", system.name, latencies, *live)
        if "recovery" in asked.parts:
            _keep(asked, "recovery", system.name, recovery, broker, system, full, next(numbers))
    if "expiry" in asked.parts and "ours" in asked.systems:
        _keep(asked, "expiry", "ours", expiry_lags, broker, Ours(), next(numbers))


def _entries(asked: Asked, full: Source, small: Source) -> Iterator[Entry]:
    """Ours does the smaller job too, so that there is one job that all have done."""
    for system in SYSTEMS:
        if system.name in asked.systems:
            if not system.slow:
                yield Entry(system.name, system, full)
            if system.slow or isinstance(system, Ours):
                yield Entry(f"{system.name}, smaller job", system, small)


def _live(asked: Asked) -> list[System]:
    """Those whose answers are soon enough to be waited for, set up for that."""
    every: tuple[System, ...] = (Ours(), KafkaStreams(linger_ms=0))
    return [system for system in every if system.name in asked.systems]


def _catch_ups(
    broker: Stack, asked: Asked, entries: Sequence[Entry], numbers: Iterator[int]
) -> None:
    """In turn; another one begins each round."""
    runs: dict[str, list[Figures]] = {entry.name: [] for entry in entries}
    void: dict[str, str] = {}
    for turn in range(asked.runs):
        first = turn % len(entries)
        for entry in (*entries[first:], *entries[:first]):
            if entry.name not in void:
                try:
                    runs[entry.name].append(
                        catch_up(broker, entry.system, entry.source, next(numbers))
                    )
                except FAILURES as wrong:
                    void[entry.name] = str(wrong)
            _say(entry.name, void.get(entry.name) or runs[entry.name][-1])
    for entry in entries:
        kept = {
            "title": entry.system.title,
            "emission": entry.system.emission,
            "job": asdict(entry.source.job),
            "void": void.get(entry.name),
            "runs": runs[entry.name],
        }
        results.keep(asked.into, "catch-up", {entry.name: kept})


def _bounds(broker: Stack, asked: Asked, source: Source) -> None:
    turns = [bounds(broker, source) for _ in range(asked.runs)]
    for name in turns[0]:
        runs = [turn[name] for turn in turns]
        _say(name, runs)
        results.keep(asked.into, "bounds", {name: {"runs": runs}})


def _keep(
    asked: Asked, part: str, name: str, measure: Callable[..., Figures], *arguments: object
) -> None:
    """What fails is said on the page as well."""
    try:
        measured = measure(*arguments)
    except FAILURES as failed:
        measured = {"void": str(failed)}
    _say(f"{part}, {name}", measured)
    results.keep(asked.into, part, {name: measured})


def _say(name: str, figures: object) -> None:
    print(f"{name}: {figures}", flush=True)
