"""Recovery: killed with all of its state made, until it answers again.

The state of the dead process is nowhere but in its changelog: a folder that it kept is deleted, as
on a new machine.
"""

import shutil
from time import monotonic, sleep, time_ns
from typing import Any

from bench.catch_up import Source, committed, start
from bench.latency import READY_SECONDS, Reader, Sender, topics_of
from bench.logs import Log
from bench.processes import now
from bench.stack import Stack
from bench.systems import Place, System

PROBES = 100
"""Tutors, enough to be in all partitions."""


def recovery(broker: Stack, system: System, source: Source, run: int) -> dict[str, Any]:
    """Seconds, and CPU seconds, from the start of the new process until every partition answers."""
    place = system.place(run, f"bench.recovery.{run}")
    system.lay_out(broker, place, source.partitions)
    log = Log(broker.kafka)
    if place.input == f"bench.recovery.{run}":
        log.create({place.input: {"retention.ms": "-1"}}, source.partitions)
    log.fill(place.input, source.events)
    try:
        _work_off_and_die(broker, system, place)
        return {"events": len(source.events), **_answer_again(broker, system, place)}
    finally:
        log.forget(topics_of(place))


def _work_off_and_die(broker: Stack, system: System, place: Place) -> None:
    log = Log(broker.kafka)
    ends = log.ends(place.input)
    process = start(broker, system, place)
    try:
        committed(log, place, ends, process)
    finally:
        process.kill()
    shutil.rmtree(broker.folder / place.group, ignore_errors=True)


def _answer_again(broker: Stack, system: System, place: Place) -> dict[str, float]:
    log = Log(broker.kafka)
    sender = Sender(log, place.input)
    for tutor in range(PROBES):
        sender.send(tutor, time_ns() // 1_000_000)
    sender.flush()
    asked = {key: offset for key, offset, _ in sender.sent}
    reader = Reader(log, place.scores, at_end=True)
    process = start(broker, system, place)
    deadline = monotonic() + READY_SECONDS
    answered: set[bytes] = set()
    try:
        while len(answered) < PROBES:
            sleep(0.02)
            process.sample()
            for _, key, value in reader.take():
                if key in asked and system.version(value) >= asked[key]:
                    answered.add(key)
            if monotonic() > deadline:
                raise RuntimeError(f"no answer in {READY_SECONDS} s:\n{process.last_lines()}")
        at = now()
        return {
            "seconds": round(at - process.started, 2),
            "cpu_seconds": round(process.cpu_at(at), 2),
            "peak_megabytes": round(process.peak_megabytes),
        }
    finally:
        reader.close()
        process.stop()
