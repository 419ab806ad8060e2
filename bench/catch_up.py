"""Catch-up: how fast a system works off a full topic, on one core, and whether it answers right.

Nothing is asked of the system itself. The broker stamps its outputs, so the time between the first
and the last one is known, and the CPU seconds come from the operating system. What a start costs
is not in the figures, and neither are the few events that were done when the first output came.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from time import monotonic, sleep
from typing import Any

from bench.events import Events, Job, make
from bench.logs import Commits, Log
from bench.oracle import Flip, Score, Truth, differences
from bench.processes import Measured, cores
from bench.stack import PARTITIONS, Stack
from bench.systems import Place, System

SAMPLE_SECONDS = 0.04
ASK_EVERY = 8
"""Samples between two questions for the commits."""
LIMIT_SECONDS = 900


class WrongAnswer(Exception):
    """The system's speed is void."""


@dataclass(frozen=True)
class Source:
    """A job on a broker: its events, their topic for those that only read it, and the truth."""

    job: Job
    topic: str
    events: Events
    truth: Truth
    partitions: int


def prepare(broker: Stack, job: Job, partitions: int = PARTITIONS, *, shared: bool) -> Source:
    """`shared`: there are systems that only read it, so it is sent now and once."""
    events = make(job)
    source = Source(
        job,
        f"bench.sessions.{job.events}",
        events,
        Truth(events, job.tutors),
        partitions,
    )
    if shared:
        log = Log(broker.kafka)
        log.create({source.topic: {"retention.ms": "-1"}}, partitions)
        log.fill(source.topic, events)
    return source


@dataclass(frozen=True)
class Run:
    """CPU seconds are those of the process and its children between first and last output."""

    events: int
    wall_seconds: float
    cpu_seconds: float
    events_per_cpu_second: int
    second_half_events_per_cpu_second: int
    events_per_second: int
    start_cpu_seconds: float
    """Until the first output."""
    seconds_from_start: float
    """Until the last output, the start of the program included."""
    peak_megabytes: int
    scores_per_event: float
    score_bytes: float
    changelog_bytes_per_event: float
    flips: int


@dataclass(frozen=True)
class Progress:
    """How many events were in the scores at an instant."""

    instant: float
    events: int


@dataclass(frozen=True)
class Answers:
    progress: list[Progress]
    scores: dict[int, Score]
    flips: dict[int, list[Flip]]
    written: int
    score_bytes: int


def catch_up(broker: Stack, system: System, source: Source, run: int) -> dict[str, Any]:
    """One `Run`. Raises WrongAnswer, and RuntimeError if the system has died."""
    place = system.place(run, source.topic)
    system.lay_out(broker, place, source.partitions)
    log = Log(broker.kafka)
    if place.input != source.topic:
        log.fill(place.input, source.events)
    try:
        ends = log.ends(place.input)
        process = start(broker, system, place)
        try:
            committed(log, place, ends, process)
        finally:
            process.stop()
        answers = _answers(log, system, place, ends)
        changelog = log.size(place.changelog)
        return asdict(_figures(source, answers, process, changelog))
    finally:
        log.forget([place.scores, place.flips, place.changelog])


def start(broker: Stack, system: System, place: Place) -> Measured:
    return Measured(
        system.command(broker, place),
        broker.folder / f"{system.name}.log",
        system.environment(broker, place),
        cores(system.cores)[0],
    )


def committed(log: Log, place: Place, ends: Sequence[int], process: Measured) -> None:
    """Returns when the system has committed its input up to the ends."""
    commits = Commits(log, place.group, place.input, ends)
    deadline = monotonic() + LIMIT_SECONDS
    try:
        while not commits.reached():
            for _ in range(ASK_EVERY):
                sleep(SAMPLE_SECONDS)
                process.sample()
            if monotonic() > deadline:
                raise WrongAnswer(f"not done in {LIMIT_SECONDS} s:\n{process.last_lines()}")
    finally:
        commits.close()


def _figures(source: Source, answers: Answers, process: Measured, changelog: int) -> Run:
    wrong = differences(source.truth, answers.scores, answers.flips)
    if wrong:
        raise WrongAnswer(f"{len(wrong)} wrong answers: {'; '.join(wrong[:3])}")
    events = len(source.events)
    first, middle, last = _milestones(answers.progress, events)
    wall, cpu = last.instant - first.instant, _cpu(process, first, last)
    second_half = (events - middle.events) / _cpu(process, middle, last)
    return Run(
        events=events,
        wall_seconds=round(wall, 2),
        cpu_seconds=round(cpu, 2),
        events_per_cpu_second=round((events - first.events) / cpu),
        second_half_events_per_cpu_second=round(second_half),
        events_per_second=round((events - first.events) / wall),
        start_cpu_seconds=round(process.cpu_at(first.instant), 2),
        seconds_from_start=round(last.instant - process.started, 2),
        peak_megabytes=round(process.peak_megabytes),
        scores_per_event=round(answers.written / events, 3),
        score_bytes=round(answers.score_bytes / answers.written, 1),
        changelog_bytes_per_event=round(changelog / events, 1),
        flips=sum(map(len, answers.flips.values())),
    )


def _cpu(process: Measured, begin: Progress, end: Progress) -> float:
    return process.cpu_at(end.instant) - process.cpu_at(begin.instant)


def _answers(log: Log, system: System, place: Place, ends: Sequence[int]) -> Answers:
    """What stands in the output topics; the last score of a tutor counts."""
    last: dict[bytes, bytes] = {}
    seen: list[tuple[int, int, int]] = []
    written = size = 0
    for message in log.read(place.scores):
        value, partition = message.value(), message.partition()
        last[message.key()] = value
        # Offsets beyond the end are those of ticks: time that was let pass, no events.
        done = min(system.version(value) + 1, ends[partition])
        seen.append((message.timestamp()[1], partition, done))
        written += 1
        size += len(value)
    return Answers(
        progress=list(_progress(sorted(seen))),
        scores={tutor_number(key): system.score(value) for key, value in last.items()},
        flips=_flips(log, system, place),
        written=written,
        score_bytes=size,
    )


def tutor_number(key: bytes) -> int:
    return int(key[-12:], 16)


def _progress(seen: list[tuple[int, int, int]]) -> Iterator[Progress]:
    """From (when a score was appended in ms, partition, events of it that were done)."""
    done: dict[int, int] = {}
    total = 0
    for at, partition, events in seen:
        more = events - done.get(partition, 0)
        if more > 0:
            done[partition] = events
            total += more
            yield Progress(at / 1000, total)


def _milestones(progress: list[Progress], events: int) -> tuple[Progress, Progress, Progress]:
    """The first score, the first after half of the events, the first after all."""
    if not progress or progress[-1].events < events:
        raise WrongAnswer(f"scores up to {progress[-1:]} of {events} events")
    middle = next(at for at in progress if at.events >= events / 2)
    return progress[0], middle, progress[-1]


def _flips(log: Log, system: System, place: Place) -> dict[int, list[Flip]]:
    """By tutor; what is said twice under one number counts once."""
    values: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for message in log.read(place.flips):
        values[message.key()].append(message.value())
    return {
        tutor_number(key): list(
            {
                flip.number: (flip.instant, flip.is_high) for flip in system.flips(iter(said))
            }.values()
        )
        for key, said in values.items()
    }
