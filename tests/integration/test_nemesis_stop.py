"""A worker that is told to stop stops, whatever else happens at that moment."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest
from confluent_kafka import Consumer

from schemas.topics import LIFECYCLE
from streams.groups import group_of
from streams.wiring import CRASHED
from tests.support.builders import an_event
from tutor_quality.campaign.nemesis.cluster import LOOK_SECONDS, Cluster
from tutor_quality.campaign.nemesis.observed import GENERATION
from tutor_quality.ingest.catch_up import Log
from tutor_quality.ingest.producer import LogWriter
from tutor_quality.local.groups import Groups
from tutor_quality.settings import Settings

pytestmark = pytest.mark.integration

GROUP = group_of("sink", GENERATION)
WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
PATIENCE_SECONDS = 30.0
"""Without the mends it would not stop within any time."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, Settings())
    with cluster.running({"sink": 1}):
        writer = LogWriter(cluster.addresses.bootstrap, bulk=False)
        event = an_event()
        writer.send_event(event, event.occurred_at)
        writer.flush()
        yield cluster


async def test_a_stopping_worker_does_not_wait_for_batches_of_partitions_that_it_has_lost(
    cluster: Cluster,
) -> None:
    """Found by `tq campaign nemesis`, seed 18: it waited until it was killed."""
    stopping = cluster.workers["sink-0"].process
    async with a_write_that_waits(cluster):
        stopping.send_signal(signal.SIGTERM)
        with another_member(cluster) as member:
            stopped = asyncio.create_task(exit_code(stopping))
            while not stopped.done():
                await asyncio.to_thread(member.poll, LOOK_SECONDS)
        assert await stopped == 0


async def test_a_worker_that_stops_gives_its_partitions_up_at_once(cluster: Cluster) -> None:
    """Else nobody would work on them until its session has timed out."""
    await a_commit(cluster)
    assert cluster.workers["sink-0"].stop()
    assert Groups(cluster.addresses.bootstrap).members(GROUP) == set()


async def test_a_worker_without_a_broker_drains_and_stops(cluster: Cluster) -> None:
    """It has nothing to commit, and its fetches wait for the broker."""
    await a_commit(cluster)
    cluster.broker.kill()
    stopping = cluster.workers["sink-0"].process
    stopping.send_signal(signal.SIGTERM)
    assert await exit_code(stopping) == 0


async def test_a_worker_that_cannot_commit_stops_all_the_same(cluster: Cluster) -> None:
    """A commit without a broker is tried for ever."""
    stopping = cluster.workers["sink-0"].process
    async with a_write_that_waits(cluster):
        cluster.broker.kill()
        stopping.send_signal(signal.SIGTERM)
    assert await exit_code(stopping) == CRASHED


async def a_commit(cluster: Cluster) -> None:
    log = Log(cluster.addresses.bootstrap)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not log.committed(GENERATION).get(GROUP):  # noqa: ASYNC110 - another process commits
            await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def a_write_that_waits(cluster: Cluster) -> AsyncIterator[None]:
    """For a lock, until the end of the context."""
    url = cluster.addresses.database_url
    async with connected(url) as locking, connected(url) as watching, locking.transaction():
        await locking.execute("LOCK TABLE session_events IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await watching.fetch(WAITING):  # noqa: ASYNC110 - another process waits
                await asyncio.sleep(LOOK_SECONDS)
        yield


@contextmanager
def another_member(cluster: Cluster) -> Iterator[Consumer]:
    """One that joins more quickly than a worker would."""
    member = Consumer(
        {
            "bootstrap.servers": cluster.addresses.bootstrap,
            "group.id": GROUP,
            "partition.assignment.strategy": "roundrobin",
            "enable.auto.commit": False,
        }
    )
    member.subscribe([LIFECYCLE.name])
    try:
        yield member
    finally:
        member.close()


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def exit_code(process: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(process.wait, PATIENCE_SECONDS)
