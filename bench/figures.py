"""The figures of one machine: replay and latency.

    python -m bench.figures replay FILE... --map MAPPING...
    python -m bench.figures latency --rate 100 --seconds 30

Prints one JSON object. Wall times depend on what else the machine does; CPU times hardly do.
"""

import argparse
import asyncio
import json
import statistics
from collections.abc import Callable
from functools import partial
from time import monotonic, time_ns
from typing import Any

import asyncpg
from confluent_kafka import Producer

from bench import stack
from bench.latency import WARM_UP_SECONDS
from schemas import topics
from schemas.lifecycle import encode_event, encode_tick
from tutor_quality.domain.sessions import EventType, SessionEvent

HOUR = 3_600_000
Figures = dict[str, Any]


def replay(files: list[str], mappings: list[str]) -> Figures:
    """Send the files, then let the score stage and the sink catch up, one after the other."""
    with stack.running() as bench:
        starts = {stage: bench.start_cost(stage) for stage in ("score", "sink")}
        named = [word for mapping in mappings for word in ("--map", mapping)]
        began = monotonic()
        bench.tq("replay", *files, *named, "--json")
        sent = {"replay_seconds": round(monotonic() - began, 1)}
        return sent | _catch_up(bench, starts)


def _catch_up(bench: stack.Stack, starts: dict[str, float]) -> Figures:
    events = bench.count(stack.LIFECYCLE)
    figures: Figures = {"events": events}
    began = monotonic()
    score = bench.start("score")
    used = bench.until_caught_up("score", score)
    figures["score"] = _stage(events, monotonic() - began, used, starts["score"])
    changelog = bench.bytes_of(topics.SCORE_CHANGELOG.name)
    figures["changelog_bytes_per_event"] = round(changelog / events, 1)
    before, began = bench.postgres_cpu(), monotonic()
    sink = bench.start("sink")
    used = bench.until_caught_up("sink", sink)
    figures["sink"] = _stage(events, monotonic() - began, used, starts["sink"])
    figures["sink"]["postgres_cpu_seconds"] = round(bench.postgres_cpu() - before, 1)
    figures["verified"] = json.loads(bench.tq("verify", "--json"))["differences"] == []
    for process in (score, sink):
        stack.stop(process)
    return figures


def _stage(events: int, wall: float, used: stack.Used, start: float) -> Figures:
    """Wall and CPU seconds have the start of the program in them; the rate a CPU second has not."""
    return {
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(used.cpu_seconds, 1),
        "of_which_start": round(start, 1),
        "events_per_second": round(events / wall),
        "events_per_cpu_second": round(events / (used.cpu_seconds - start)),
        "peak_megabytes": round(used.peak_megabytes),
    }


def latency(rate: int, seconds: int) -> Figures:
    """Milliseconds from before the event is sent until a reader sees the row it changed.

    The first seconds are not counted: the broker is still being compiled.
    """
    with stack.running() as bench:
        processes = [bench.start("score"), bench.start("sink")]
        _send(bench, [_event(0, time_ns() // 1_000_000)])
        for stage, process in zip(("score", "sink"), processes, strict=True):
            bench.until_caught_up(stage, process)
        every = asyncio.run(_latencies(bench, rate, WARM_UP_SECONDS + seconds))
        taken = sorted(every[WARM_UP_SECONDS * rate :])
        for process in processes:
            stack.stop(process)
    cuts = statistics.quantiles(taken, n=100)
    return {
        "rate": rate,
        "events": len(taken),
        "row_ms": {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1), "max": round(taken[-1])},
    }


async def _latencies(bench: stack.Stack, rate: int, seconds: int) -> list[float]:
    """One tutor an event, so that each row appears once; the sink's notice says when to look."""
    connection = await asyncpg.connect(bench.database)
    # Until the table is analyzed, the reader would search all of it for a few rows each time, and
    # take a growing part of the machine.
    by_index = {"enable_seqscan": "off"}
    reader = await asyncpg.connect(bench.database, server_settings=by_index)
    changed = asyncio.Event()
    await connection.add_listener("tq_changes", lambda *_: changed.set())
    sent: dict[str, float] = {}
    taken: list[float] = []
    feeding = asyncio.create_task(_feed(bench, rate, seconds, sent))
    while not feeding.done() or sent:
        await asyncio.wait_for(changed.wait(), 30)
        changed.clear()
        rows = await reader.fetch(
            "SELECT tutor_id::text FROM tutor_scores WHERE tutor_id = ANY($1::uuid[])", list(sent)
        )
        seen = monotonic()
        taken += [(seen - sent.pop(row[0])) * 1000 for row in rows]
    await asyncio.gather(connection.close(), reader.close(), feeding)
    return taken


async def _feed(bench: stack.Stack, rate: int, seconds: int, sent: dict[str, float]) -> None:
    producer = _producer(bench, linger_ms=0)
    began = monotonic()
    for number in range(1, rate * seconds + 1):
        await asyncio.sleep(max(0.0, began + number / rate - monotonic()))
        event = _event(number, time_ns() // 1_000_000)
        sent[event.tutor_id] = monotonic()
        _produce(producer, event)
        producer.poll(0)
    producer.flush()


def _event(number: int, at: int) -> SessionEvent:
    return SessionEvent(
        event_id=f"e0000000-0000-4000-8000-{number:012x}",
        event_type=EventType.COMPLETED,
        session_id=f"50000000-0000-4000-8000-{number:012x}",
        tutor_id=f"70000000-0000-4000-8000-{number:012x}",
        student_id="student",
        scheduled_start=at - HOUR,
        occurred_at=at,
        duration_minutes=60,
    )


def _producer(bench: stack.Stack, linger_ms: int = 20) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bench.kafka,
            "partitioner": "murmur2_random",
            "linger.ms": linger_ms,
            "queue.buffering.max.messages": 1_000_000,
        }
    )


def _produce(producer: Producer, event: SessionEvent) -> None:
    produce: Callable[..., None] = partial(producer.produce, stack.LIFECYCLE)
    produce(encode_event(event), event.tutor_id, timestamp=event.occurred_at)


def _send(bench: stack.Stack, events: list[SessionEvent]) -> None:
    producer = _producer(bench)
    for event in events:
        _produce(producer, event)
        producer.poll(0)
    for partition in range(stack.PARTITIONS):
        mark = encode_tick(None, events[-1].occurred_at)
        producer.produce(
            stack.LIFECYCLE, mark, b"", partition=partition, timestamp=events[-1].occurred_at
        )
    producer.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("replay")
    command.add_argument("files", nargs="+")
    command.add_argument("--map", dest="mappings", action="append", required=True)
    command.set_defaults(run=lambda a: replay(a.files, a.mappings))
    command = commands.add_parser("latency")
    command.add_argument("--rate", type=int, default=100)
    command.add_argument("--seconds", type=int, default=30)
    command.set_defaults(run=lambda a: latency(a.rate, a.seconds))
    arguments = parser.parse_args()
    print(json.dumps(arguments.run(arguments), indent=2))


if __name__ == "__main__":
    main()
