"""Records for the sink, and what the tables hold afterwards."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from schemas import codec
from schemas.lifecycle import encode_event
from schemas.packed_records import Header
from schemas.topics import Topic
from streams.sink_writer import SinkWriter
from tests.support.builders import HOUR, START, an_id
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.storage.engine import open_pool
from tutor_quality.storage.migrate import upgrade
from tutor_quality.storage.tables import ATTENDANCE, WINDOWS, metadata


@dataclass(frozen=True, slots=True)
class ARecord:
    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int = START
    headers: tuple[Header, ...] = field(default=())


Batch = tuple[Topic, int, Sequence[ARecord]]
"""Topic, partition, records."""


@asynccontextmanager
async def a_database(url: str) -> AsyncIterator[asyncpg.Pool]:
    """`url` with all tables, and a pool on it."""
    await asyncio.to_thread(upgrade, url)
    pool = await open_pool(url, application_name="test")
    try:
        yield pool
    finally:
        await pool.close()


async def contents(pool: asyncpg.Pool) -> dict[str, list[str]]:
    """Every row of every table in Postgres' own text form, which loses no bit."""
    return {
        name: [row[0] for row in await pool.fetch(f"SELECT t::text FROM {name} t ORDER BY 1")]
        for name in metadata.tables
    }


async def empty(pool: asyncpg.Pool) -> None:
    await pool.execute(f"TRUNCATE {', '.join(metadata.tables)}")


async def write_all(pool: asyncpg.Pool, batches: Iterable[Batch]) -> None:
    writer = SinkWriter(pool)
    for topic, partition, records in batches:
        assert await writer.write(topic, partition, records) == []


def shuffled(batches: Sequence[Batch], rng: random.Random) -> list[Batch]:
    """The same records in other batches, some of them twice, in any order."""
    pieces = [
        (topic, partition, piece)
        for topic, partition, records in batches
        for piece in _cut(records, rng)
    ]
    pieces += rng.sample(pieces, len(pieces) // 3)
    rng.shuffle(pieces)
    return pieces


def _cut(records: Sequence[ARecord], rng: random.Random) -> list[Sequence[ARecord]]:
    ends = sorted({len(records), *(rng.randrange(1, len(records) + 1) for _ in range(4))})
    return [records[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def some_facts(rng: random.Random, count: int) -> list[SessionEvent]:
    """Facts that meet in few slots, with equal instants and corrections, but no equal ids."""
    return [_a_fact(rng, number) for number in rng.sample(range(1, 10 * count), count)]


def _a_fact(rng: random.Random, number: int) -> SessionEvent:
    kind = rng.choice(list(EventType))
    start = START + rng.randrange(4) * HOUR
    moved = kind is EventType.RESCHEDULED and rng.random() < 0.7
    return SessionEvent(
        event_id=an_id(number, "e"),
        event_type=kind,
        session_id=an_id(rng.randrange(5), "5"),
        tutor_id=an_id(rng.randrange(3), "7"),
        student_id=f"student-{rng.randrange(4)}",
        scheduled_start=start,
        occurred_at=START + rng.randrange(6) * HOUR,
        duration_minutes=rng.choice([None, 30, 60]),
        new_start=rng.choice([START + n * HOUR for n in range(5) if start != START + n * HOUR])
        if moved
        else None,
        initiator=rng.choice(list(InitiatorName))
        if kind in (EventType.RESCHEDULED, EventType.CANCELLED)
        else None,
        reason_code=rng.choice([None, "ill"]),
        reason=rng.choice([None, "Zoë is ill"]),
        rating=rng.choice([None, 4]) if kind is EventType.COMPLETED else None,
        is_first_session=rng.choice([None, True, False]),
        context=rng.choice([None, '{"lead_time_days": 3}']),
    )


def event_records(facts: Sequence[SessionEvent], rng: random.Random) -> list[ARecord]:
    """Some facts are sent twice, and record timestamps do not follow the offsets."""
    sent = [*facts, *rng.sample(facts, len(facts) // 4)]
    return [
        ARecord(
            fact.tutor_id.encode(),
            encode_event(fact),
            offset,
            START + rng.randrange(6, 20) * HOUR,
        )
        for offset, fact in enumerate(sent)
    ]


def a_score(tutor: str, version: int, **changes: object) -> bytes:
    attendance = dict.fromkeys(ATTENDANCE, version)
    return codec.encode(
        "tutor_score",
        {
            "tutor_id": tutor,
            "generation": 1,
            "version": version,
            "partition": 0,
            "as_of": START + version,
            "next_change_at": None,
            **{f"total_sessions_{d}d": 3 for d in WINDOWS},
            **{f"tutor_reschedules_{d}d": 1 for d in WINDOWS},
            **dict.fromkeys((f"reschedule_rate_{d}d" for d in WINDOWS), 1 / 3),
            "is_high_risk": True,
            "risk_threshold": 0.15,
            "risk_level": "high",
            "reasons": ["7d", "30d"],
            "evidence": "raw",
            "transition": 1,
            "open_slots": 2,
            **{f"attendance_{d}d": attendance for d in WINDOWS},
        }
        | changes,
    )


def a_progress(applied_offset: int, score_offset: int, **changes: object) -> bytes:
    return codec.encode(
        "partition_progress",
        {
            "partition": 0,
            "generation": 1,
            "applied_offset": applied_offset,
            "applied_until": START + applied_offset,
            "score_offset": score_offset,
            "live": False,
        }
        | changes,
    )
