"""Waiting until nothing is behind, as long as anything moves."""

import asyncio
from collections.abc import Mapping
from time import monotonic, sleep

import asyncpg
import psutil

from schemas.topics import LIFECYCLE
from streams.groups import group_of
from tutor_quality.campaign.nemesis.cluster import Cluster
from tutor_quality.campaign.nemesis.observed import GENERATION, read_applied, sink_connections
from tutor_quality.errors import TransientFailure
from tutor_quality.ingest.catch_up import SUNK, Applied, Log, lifecycle_ends

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 120.0
"""Without any movement: then something is stuck."""
LEAK_SECONDS = 30.0
POOL = 4
"""Connections of one sink worker, at most."""
Offsets = dict[tuple[str, int], int]


class Stuck(TransientFailure):
    """Nothing moves, though everything is mended."""


def settle(cluster: Cluster, until: int) -> None:
    """Until every record is applied, every expiry up to the instant `until` has passed, and all
    of it stands in Postgres and is committed. Raises Stuck."""
    log = Log(cluster.addresses.bootstrap)
    seen, moved = "", monotonic()
    while True:
        cluster.revive()
        state, behind = _look(cluster, log, until)
        if not behind:
            return
        if state != seen:
            seen, moved = state, monotonic()
        elif monotonic() - moved > PATIENCE_SECONDS:
            raise Stuck(f"nothing has moved for {PATIENCE_SECONDS:.0f} s: {'; '.join(behind[:5])}")
        sleep(LOOK_SECONDS)


def _look(cluster: Cluster, log: Log, until: int) -> tuple[str, list[str]]:
    """What the state is, and what is behind."""
    try:
        ends = log.ends()
        committed = log.committed(GENERATION)
        written = asyncio.run(read_applied(cluster.addresses.database_url))
    except (TransientFailure, asyncpg.PostgresError) as error:
        return str(error), ["a server is away"]
    return repr((ends, committed, written)), _behind(ends, committed, written, until)


def _behind(
    ends: Offsets, committed: Mapping[str, Offsets], written: Applied, until: int
) -> list[str]:
    behind = []
    for partition, end in lifecycle_ends(ends).items():
        position, instant = written.scored.get(partition, (0, -1))
        if position < end or instant < until:
            behind.append(
                f"partition {partition} is scored to {position} of {end} and {instant} of {until}"
            )
    for (topic, partition), end in ends.items():
        if topic in SUNK and written.sunk.get((topic, partition), 0) < end:
            behind.append(f"the sink is behind {end} in {topic} {partition}")
    for stage, names in (("score", {LIFECYCLE.name}), ("sink", SUNK)):
        offsets = committed.get(group_of(stage, GENERATION))
        if offsets is None:
            behind.append(f"the group of {stage} is not stable")
            continue
        behind += [
            f"{stage} has not committed {end} of {topic} {partition}"
            for (topic, partition), end in ends.items()
            if topic in names and end and offsets.get((topic, partition), 0) < end
        ]
    return behind


def leaks(cluster: Cluster) -> list[str]:
    """Processes and connections that should not be there, once they had time to go."""
    deadline = monotonic() + LEAK_SECONDS
    while True:
        found = _ghosts(cluster) + _children(cluster) + _connections(cluster)
        if not found or monotonic() > deadline:
            return found
        sleep(LOOK_SECONDS)


def _ghosts(cluster: Cluster) -> list[str]:
    cluster.ghosts = [ghost for ghost in cluster.ghosts if ghost.poll() is None]
    return [f"process {ghost.pid} lives on, though it was fenced" for ghost in cluster.ghosts]


def _children(cluster: Cluster) -> list[str]:
    found = [f"process {pid} is nobody's" for pid in cluster.strangers()]
    for name, worker in cluster.workers.items():
        if worker.alive and psutil.Process(worker.process.pid).children():
            found.append(f"{name} has children")
    return found


def _connections(cluster: Cluster) -> list[str]:
    total, idle = asyncio.run(sink_connections(cluster.addresses.database_url))
    sinks = sum(worker.alive for name, worker in cluster.workers.items() if "sink" in name)
    found = []
    if total > POOL * sinks:
        found.append(f"{total} connections of {sinks} sinks to Postgres")
    if idle:
        found.append(f"{idle} connections are idle in a transaction")
    return found
