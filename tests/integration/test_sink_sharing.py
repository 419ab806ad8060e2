"""Partitions that share transactions, on a real Postgres."""

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import orjson
import pytest

from schemas.lifecycle import encode_event, encode_tick
from schemas.topics import LIFECYCLE, PROGRESS, SCORE, TUTOR_PROFILE
from streams.sharing import LITTLE, SharedWriter
from streams.sink_writer import SinkWriter
from tests.support.builders import START, an_id
from tests.support.sink import (
    ARecord,
    Batch,
    a_progress,
    a_score,
    contents,
    empty,
    event_records,
    some_facts,
    write_all,
)
from tutor_quality.domain.sessions import SessionEvent

pytestmark = pytest.mark.integration
PARTITIONS = 4


@pytest.fixture
async def writer(pool: asyncpg.Pool) -> AsyncIterator[SharedWriter]:
    writer = SharedWriter(SinkWriter(pool))
    yield writer
    await writer.close()


def _some_scores(partition: int, count: int) -> Batch:
    tutors = [an_id(100 * partition + number, "7") for number in range(count)]
    records = [ARecord(t.encode(), a_score(t, n + 1), n) for n, t in enumerate(tutors)]
    return SCORE, partition, records


def _a_profile(number: int, name: str) -> bytes:
    return orjson.dumps({"tutor_id": an_id(number, "7"), "updated_at": START, "name": name})


async def _transactions(pool: asyncpg.Pool) -> int:
    """That left rows in the table of scores."""
    return int(await pool.fetchval("SELECT count(DISTINCT xmin::text) FROM tutor_scores"))


@pytest.mark.parametrize("seed", range(3))
async def test_what_shares_a_transaction_lands_as_if_alone(
    pool: asyncpg.Pool, writer: SharedWriter, seed: int
) -> None:
    """All partitions speak of the same slots, tutors and students; some have much to write."""
    rng = random.Random(seed)
    sizes = [rng.choice([1, 7, LITTLE + 10]) for _ in range(PARTITIONS)]
    facts = some_facts(rng, sum(sizes))
    batches: list[Batch] = []
    for partition, size in enumerate(sizes):
        mine = [facts.pop() for _ in range(size)]
        batches.append((LIFECYCLE, partition, event_records(mine, rng)))
        batches.append(_some_scores(partition, size))
        batches.append(
            (PROGRESS, partition, [ARecord(b"0", a_progress(9, size, partition=partition), 0)])
        )
    await write_all(pool, batches)
    alone = await contents(pool)
    await empty(pool)
    await asyncio.gather(*(writer.write(*batch) for batch in batches))
    assert await contents(pool) == alone
    assert len(alone["pipeline_progress"]) == PARTITIONS


async def test_what_comes_during_a_transaction_shares_the_next_one(
    pool: asyncpg.Pool, writer: SharedWriter
) -> None:
    writings = [_some_scores(partition, 2) for partition in range(PARTITIONS)]
    await asyncio.gather(*(writer.write(*writing) for writing in writings))
    assert await _transactions(pool) == 1
    assert await pool.fetchval("SELECT count(*) FROM sink_positions WHERE next_offset = 2") == 4


async def test_who_has_much_to_write_keeps_nobody_waiting(
    pool: asyncpg.Pool, writer: SharedWriter
) -> None:
    writings = [_some_scores(0, LITTLE + 1), _some_scores(1, 1)]
    await asyncio.gather(*(writer.write(*writing) for writing in writings))
    assert await _transactions(pool) == 2


def _beside_nonsense(fact: SessionEvent, *values: bytes | None) -> list[ARecord]:
    """None stands for the event."""
    key, at = fact.tutor_id.encode(), fact.occurred_at
    return [ARecord(key, value or encode_event(fact), n, at) for n, value in enumerate(values)]


async def test_records_keep_their_partition_beside_those_that_are_no_events(
    pool: asyncpg.Pool, writer: SharedWriter
) -> None:
    facts = some_facts(random.Random(1), PARTITIONS)
    ticks = [encode_tick(fact.tutor_id, START) for fact in facts]
    batches = [
        _beside_nonsense(fact, b"nonsense", tick, None, b"nonsense")
        for fact, tick in zip(facts, ticks, strict=True)
    ]
    await asyncio.gather(*(writer.write(LIFECYCLE, p, batch) for p, batch in enumerate(batches)))
    rows = await pool.fetch("SELECT record_partition, record_offset FROM session_events ORDER BY 1")
    assert [tuple(row) for row in rows] == [(p, 2) for p in range(PARTITIONS)]


async def test_nonsense_beside_an_event_leaves_the_event_whole(
    pool: asyncpg.Pool, writer: SharedWriter
) -> None:
    (fact,) = some_facts(random.Random(1), 1)
    for values in ((b"nonsense", None), (None, b"nonsense")):
        assert await writer.write(LIFECYCLE, 0, _beside_nonsense(fact, *values)) == []
    rows = await pool.fetch("SELECT record_offset, student_id FROM session_events")
    assert [tuple(row) for row in rows] == [(0, fact.student_id)]


async def test_a_refused_row_is_told_to_its_own_partition(writer: SharedWriter) -> None:
    # An index row must fit into a third of a page; random text does not compress.
    too_long = random.Random(1).randbytes(8000).hex()
    names = ["Ana", too_long, "Bo"]
    refused = await asyncio.gather(
        *(
            writer.write(TUTOR_PROFILE, p, [ARecord(b"k", _a_profile(p, name), 5)])
            for p, name in enumerate(names)
        )
    )
    assert [[(row.partition, row.offset) for row in rows] for rows in refused] == [[], [(1, 5)], []]


async def test_a_partition_that_is_revoked_leaves_the_others_their_share(
    pool: asyncpg.Pool, writer: SharedWriter
) -> None:
    tasks = [asyncio.create_task(writer.write(*_some_scores(p, 1))) for p in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await asyncio.gather(*tasks[1:]) == [[], []]
    assert await pool.fetchval("SELECT count(*) FROM tutor_scores") >= 2


async def test_a_writer_that_is_closed_waits_for_no_database(
    pool: asyncpg.Pool, postgres_url: str
) -> None:
    writer = SharedWriter(SinkWriter(pool))
    other = await asyncpg.connect(postgres_url)
    async with other.transaction():
        await other.execute("LOCK TABLE tutor_scores")
        task = asyncio.create_task(writer.write(*_some_scores(0, 1)))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(2):
            await writer.close()
        with pytest.raises(asyncio.CancelledError):
            await task
    await other.close()
    assert await pool.fetchval("SELECT count(*) FROM tutor_scores") == 0
