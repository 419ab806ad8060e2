"""`make bench-quick`: ours and what its Kafka client can do at most, in less than three minutes.

The same measurements as `make bench`, with fewer events. The last line is one JSON object.
"""

import json
import statistics
import subprocess
import sys
from time import monotonic
from typing import Any

from bench import processes, stack
from bench.catch_up import Source, WrongAnswer, catch_up, prepare
from bench.events import Job
from bench.latency import latencies
from bench.stack import Stack
from bench.systems import Ours

JOB = Job(events=400_000, tutors=3_000)
"""As many events of each tutor as in the full job."""
RUNS = 3
RUN_UNTIL_SECONDS = 60
"""No further run is begun after that; a slow machine makes one or two."""
RATE = 500
SECONDS = 20
Figures = dict[str, Any]
BOUNDS = (
    ("confluent", "bare"),
    ("confluent", "decode"),
    ("aiokafka", "bare"),
    ("aiokafka", "decode"),
)


def quick() -> None:
    began = monotonic()
    ours: list[Figures] = []
    rest: list[Figures] = []
    verified = True
    with processes.on_cores(processes.cores()[1]), stack.kafka_alone() as broker:
        source = prepare(broker, JOB, shared=True)
        while len(rest) < RUNS and (not rest or monotonic() - began < RUN_UNTIL_SECONDS):
            try:
                ours.append(catch_up(broker, Ours(), source, len(rest) + 1))
                print("ours:", ours[-1], flush=True)
            except WrongAnswer as wrong:
                print("ours: void,", wrong, flush=True)
                verified = False
            rest.append(bounds(broker, source))
            print("bounds:", rest[-1], flush=True)
        live = latencies(broker, Ours(), [RATE], SECONDS, RUNS + 1)[str(RATE)]
    print(f"milliseconds at {RATE} events/s:", live, flush=True)
    bare = [run["aiokafka bare"] for run in rest]
    answer = {
        "ours": _typical(ours) if verified else None,
        "aiokafka_bound": _typical(bare),
        "latency_ms": {"p50": live["p50"], "p99": live["p99"]},
        "verified": verified,
    }
    print(json.dumps(answer))


def _typical(runs: list[Figures]) -> int:
    return int(statistics.median(run["events_per_cpu_second"] for run in runs))


def bounds(broker: Stack, source: Source) -> Figures:
    """One run of each client."""
    return {f"{client} {what}": _bound(broker, source, client, what) for client, what in BOUNDS}


def _bound(broker: Stack, source: Source, client: str, what: str) -> Figures:
    asked = [broker.kafka, source.topic, str(source.partitions), client, what]
    with processes.on_cores(processes.cores()[0]):
        done = subprocess.run(
            [sys.executable, "-m", "bench.bounds", *asked],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    figures: Figures = json.loads(done.stdout)
    return figures
