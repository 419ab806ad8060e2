"""Records of any topic into Postgres, one transaction a batch.

A crash, a retry or a lost answer to COMMIT writes the same batch again, which changes nothing.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain
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


Place = tuple[int, int]
"""(partition, offset)"""
Part = tuple[int, Sequence[Incoming]]
"""A partition and records of it, in offset order, at least one."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A record for the dead letters; everything else of its batch has landed."""

    partition: int
    offset: int
    reason: str


class Rows(Protocol):
    """Rows of one batch that can be written, or halved to find the one that is refused."""

    def __len__(self) -> int: ...
    @property
    def first_place(self) -> Place: ...
    def halves(self) -> "Sequence[Rows]": ...
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
        return await self.write_together(topic, [(partition, records)])

    async def write_together(self, topic: Topic, parts: Sequence[Part]) -> list[RefusedRow]:
        """In one transaction; returns when all records but the refused ones are committed.

        While Postgres is away it tries for as long as it takes.
        """
        rows, refused = self._rows(topic, parts)
        ends = [(partition, records[-1].offset + 1) for partition, records in parts]
        attempt = 0
        while True:
            try:
                return refused + await self._transaction(topic, rows, ends)
            except FAILURES as error:
                if not _is_transient(error) or self._pool.is_closing():
                    raise
                log.warning(
                    "sink: %s is not written yet below (partition, offset) %s: %s",
                    *(topic.name, ", ".join(map(str, ends)), _about(error)),
                )
            await self._sleep(self._pause(attempt))
            attempt += 1

    def _pause(self, attempt: int) -> float:
        """Seconds; grows to the longest, half of it chance so that workers spread."""
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 16))
        return longest * (0.5 + 0.5 * self._jitter())

    def _rows(self, topic: Topic, parts: Sequence[Part]) -> tuple[Rows, list[RefusedRow]]:
        if topic is LIFECYCLE:
            return self._session_rows(parts), []
        return _landing_rows(LANDINGS[topic.name], parts)

    def _session_rows(self, parts: Sequence[Part]) -> SessionRows:
        partitions, records = zip(*parts, strict=True)
        together = records[0] if len(parts) == 1 else list(chain.from_iterable(records))
        batch = decode_records(together)
        texts = batch.texts
        of_records = np.repeat(np.array(partitions, np.int64), [len(part) for part in records])
        everything = SessionRows(
            np.delete(of_records, [refused.index for refused in batch.refused]),
            batch.columns,
            [texts.student_id, texts.reason_code, texts.reason, texts.context],
        )
        events = np.flatnonzero(batch.columns.kind < Kind.TICK)
        self.skipped += len(together) - len(events)
        return everything if len(events) == len(everything) else everything.take(events)

    async def _transaction(
        self, topic: Topic, rows: Rows, ends: Sequence[Place]
    ) -> list[RefusedRow]:
        async with self._pool.acquire() as connection:
            try:
                return await self._attempt(connection, topic, rows, ends, _all_at_once)
            except asyncpg.PostgresError as error:
                if not _is_refusal(error):
                    raise
                return await self._attempt(connection, topic, rows, ends, _the_accepted)

    async def _attempt(
        self,
        connection: asyncpg.Connection,
        topic: Topic,
        rows: Rows,
        ends: Sequence[Place],
        land: Callable[[asyncpg.Connection, Rows], Awaitable[list[RefusedRow]]],
    ) -> list[RefusedRow]:
        about_scores = topic in (SCORE, PROGRESS)
        partitions = sorted({partition for partition, _ in ends})
        async with connection.transaction():
            if self._live:
                await upserts.begin_live(connection, CHANNEL, [_notice(topic, *at) for at in ends])
            if about_scores:
                await upserts.lock_progress(connection, partitions)
            refused = await land(connection, rows)
            await upserts.advance(connection, topic.name, ends)
            if about_scores:
                await upserts.apply_progress(connection, SCORE.name, partitions)
            return refused


@dataclass(frozen=True, slots=True)
class LandingRows:
    """Rows of a landing with the places they came from."""

    landing: Landing
    places: Sequence[Place]
    rows: Sequence[upserts.Row]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def first_place(self) -> Place:
        return self.places[0]

    def halves(self) -> Sequence["LandingRows"]:
        middle = len(self) // 2
        return [
            LandingRows(self.landing, self.places[half], self.rows[half])
            for half in (slice(middle), slice(middle, None))
        ]

    async def write(self, connection: asyncpg.Connection) -> None:
        for target, rows in self._parts():
            await upserts.merge(connection, target, rows)

    def _parts(self) -> list[tuple[upserts.Target, Sequence[upserts.Row]]]:
        landing = self.landing
        parts = [(landing.target, self.rows)]
        if landing.latest is not None:
            parts.append((landing.latest, [row for row in self.rows if landing.shown(row)]))
        return parts


def _landing_rows(landing: Landing, parts: Sequence[Part]) -> tuple[LandingRows, list[RefusedRow]]:
    places, rows, refused = [], [], []
    for partition, records in parts:
        for record in landing.newest(records):
            try:
                rows.append(landing.row(record, partition))
                places.append((partition, record.offset))
            except (InvalidRecord, OverflowError) as error:
                refused.append(RefusedRow(partition, record.offset, str(error)))
    return LandingRows(landing, places, rows), refused


async def _all_at_once(connection: asyncpg.Connection, rows: Rows) -> list[RefusedRow]:
    if len(rows):
        await rows.write(connection)
    return []


async def _the_accepted(connection: asyncpg.Connection, rows: Rows) -> list[RefusedRow]:
    """Write what Postgres accepts; halves what it refuses until single rows are left."""
    try:
        async with connection.transaction():
            return await _all_at_once(connection, rows)
    except asyncpg.PostgresError as error:
        if not _is_refusal(error):
            raise
        if len(rows) == 1:
            return [RefusedRow(*rows.first_place, _about(error))]
    return [refused for half in rows.halves() for refused in await _the_accepted(connection, half)]


def _notice(topic: Topic, partition: int, end: int) -> str:
    notice = {"topic": topic.name, "partition": partition, "offset": end - 1}
    return orjson.dumps(notice).decode()


def _is_refusal(error: asyncpg.PostgresError) -> bool:
    return (error.sqlstate or "").startswith(REFUSING_CLASSES)


def _is_transient(error: Exception) -> bool:
    """Whether others will mend it: the rest is a mistake of ours and must be seen."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(TRANSIENT_CLASSES) or state in TRANSIENT_STATES
    # The connection broke or the command timeout struck; ValueError is a wrong argument.
    return not isinstance(error, ValueError)


def _about(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
