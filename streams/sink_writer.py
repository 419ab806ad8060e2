"""Records of any topic into Postgres, one transaction a batch.

A crash, a retry or a lost answer to COMMIT writes the same batch again, which changes nothing.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import asyncpg
import numpy as np
import orjson

from schemas.lifecycle import decode_records
from schemas.topics import LIFECYCLE, PROGRESS, SCORE, Topic
from streams.outlet import Incoming
from streams.sink_rows import LANDINGS, Landing
from tutor_quality.domain.columns import Kind
from tutor_quality.errors import InvalidRecord
from tutor_quality.storage import upserts
from tutor_quality.storage.session_rows import SessionRows

log = logging.getLogger(__name__)

CHANNEL = "tq_changes"
"""LISTEN here for {"topic", "partition", "offset"} of every batch that landed."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0

FAILURES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # A backend was terminated while its connection was idle: until the end of the connection has
    # come too, asyncpg's answer to any use of it is this (MagicStack/asyncpg#1069).
    asyncpg.InternalClientError,
)
"""What writing may raise; the pool drops the connection."""
TRANSIENT_CLASSES = ("08", "40", "53", "57", "58")
"""Connection, deadlock and serialization, resources (disk full), operator or timeout, system."""
TRANSIENT_STATES = ("55P03", "25P03", "25006")
"""Lock timeout, idle too long in the transaction, a server that became a read-only standby."""
REFUSING_CLASSES = ("22", "23", "54")
"""A value, a constraint, a limit such as that of an index row."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A record for the dead letters; everything else of its batch has landed."""

    offset: int
    reason: str


class Rows(Protocol):
    """Rows of one batch that can be written, or halved to find the one that is refused."""

    def __len__(self) -> int: ...
    @property
    def first_offset(self) -> int: ...
    def halves(self) -> "Sequence[Rows]": ...
    async def ensure_stage(self, connection: asyncpg.Connection) -> None: ...
    async def write(self, connection: asyncpg.Connection) -> None: ...


class SinkWriter:
    """One for all topics and partitions; `write` may run for several partitions at once."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        live: bool = True,
    ) -> None:
        """`jitter` gives numbers in [0, 1). `live` False: the tables are a copy that nobody reads
        yet, so nothing is announced and no swap of tables is waited for."""
        self._pool = pool
        self._sleep = sleep
        self._jitter = jitter
        self._live = live
        self.skipped = 0
        """Records so far that are the score stage's business: ticks and what it dead-letters."""

    async def write(
        self, topic: Topic, partition: int, records: Sequence[Incoming]
    ) -> list[RefusedRow]:
        """Returns when all records but the refused ones are committed.

        `records` are in offset order. While Postgres is away it tries for as long as it takes.
        """
        rows, refused = self._rows(topic, partition, records)
        end = records[-1].offset + 1
        attempt = 0
        while True:
            try:
                return refused + await self._transaction(topic, partition, rows, end)
            except FAILURES as error:
                if not _is_transient(error) or self._pool.is_closing():
                    raise
                log.warning(
                    "sink: %s partition %d below offset %d is not written yet: %s",
                    *(topic.name, partition, end, _about(error)),
                )
            await self._sleep(self._pause(attempt))
            attempt += 1

    def _pause(self, attempt: int) -> float:
        """Seconds; grows to the longest, half of it chance so that workers spread."""
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 16))
        return longest * (0.5 + 0.5 * self._jitter())

    def _rows(
        self, topic: Topic, partition: int, records: Sequence[Incoming]
    ) -> tuple[Rows, list[RefusedRow]]:
        if topic is LIFECYCLE:
            return self._session_rows(partition, records), []
        return _landing_rows(LANDINGS[topic.name], partition, records)

    def _session_rows(self, partition: int, records: Sequence[Incoming]) -> SessionRows:
        batch = decode_records(records)
        texts = batch.texts
        everything = SessionRows(
            partition,
            batch.columns,
            [texts.student_id, texts.reason_code, texts.reason, texts.context],
        )
        events = np.flatnonzero(batch.columns.kind < Kind.TICK)
        self.skipped += len(records) - len(events)
        return everything if len(events) == len(everything) else everything.take(events)

    async def _transaction(
        self, topic: Topic, partition: int, rows: Rows, end: int
    ) -> list[RefusedRow]:
        async with self._pool.acquire() as connection, connection.transaction():
            if self._live:
                await upserts.share_swap_lock(connection)
            if topic in (SCORE, PROGRESS):
                await upserts.lock_progress(connection, partition)
            await rows.ensure_stage(connection)
            refused = await _land(connection, rows)
            await upserts.advance(connection, topic.name, partition, end)
            if topic in (SCORE, PROGRESS):
                await upserts.apply_progress(connection, SCORE.name, partition)
            if self._live:
                await _notify(connection, topic, partition, end - 1)
            return refused


@dataclass(frozen=True, slots=True)
class LandingRows:
    """Rows of a landing with the offsets they came from."""

    landing: Landing
    offsets: Sequence[int]
    rows: Sequence[upserts.Row]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def first_offset(self) -> int:
        return self.offsets[0]

    def halves(self) -> Sequence["LandingRows"]:
        middle = len(self) // 2
        return [
            LandingRows(self.landing, self.offsets[half], self.rows[half])
            for half in (slice(middle), slice(middle, None))
        ]

    async def ensure_stage(self, connection: asyncpg.Connection) -> None:
        for target, _ in self._parts():
            await upserts.ensure_stage(connection, target.stage, target.create_stage)

    async def write(self, connection: asyncpg.Connection) -> None:
        for target, rows in self._parts():
            await upserts.merge(connection, target, rows)

    def _parts(self) -> list[tuple[upserts.Target, Sequence[upserts.Row]]]:
        landing = self.landing
        parts = [(landing.target, self.rows)]
        if landing.latest is not None:
            parts.append((landing.latest, [row for row in self.rows if landing.shown(row)]))
        return parts


def _landing_rows(
    landing: Landing, partition: int, records: Sequence[Incoming]
) -> tuple[LandingRows, list[RefusedRow]]:
    offsets, rows, refused = [], [], []
    for record in landing.newest(records):
        try:
            rows.append(landing.row(record, partition))
            offsets.append(record.offset)
        except (InvalidRecord, OverflowError) as error:
            refused.append(RefusedRow(record.offset, str(error)))
    return LandingRows(landing, offsets, rows), refused


async def _land(connection: asyncpg.Connection, rows: Rows) -> list[RefusedRow]:
    """Write what Postgres accepts; halves what it refuses until single rows are left."""
    if not len(rows):
        return []
    try:
        async with connection.transaction():
            await rows.write(connection)
    except asyncpg.PostgresError as error:
        if not (error.sqlstate or "").startswith(REFUSING_CLASSES):
            raise
        if len(rows) == 1:
            return [RefusedRow(rows.first_offset, _about(error))]
    else:
        return []
    return [refused for half in rows.halves() for refused in await _land(connection, half)]


async def _notify(
    connection: asyncpg.Connection, topic: Topic, partition: int, offset: int
) -> None:
    payload = orjson.dumps({"topic": topic.name, "partition": partition, "offset": offset})
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload.decode())


def _is_transient(error: Exception) -> bool:
    """Whether others will mend it: the rest is a mistake of ours and must be seen."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(TRANSIENT_CLASSES) or state in TRANSIENT_STATES
    # The connection broke or the command timeout struck; ValueError is a wrong argument.
    return not isinstance(error, ValueError)


def _about(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
