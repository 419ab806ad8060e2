"""The read model anew from the log, beside the live one, which goes on meanwhile.

Only Postgres is written: the sink's writer reads the log outside the sink's group, and nothing is
sent or announced, so no mail or alert is repeated.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from schemas.topics import CATALOGUE
from streams.sink_writer import SinkWriter
from tutor_quality.errors import TransientFailure
from tutor_quality.operations.read_model import (
    BESIDE,
    FROM_THE_LOG,
    Difference,
    compare,
    qualified,
    swap,
)
from tutor_quality.operations.stretches import Place, check_beginnings, read_stretches
from tutor_quality.storage.engine import open_pool
from tutor_quality.storage.migrate import upgrade
from tutor_quality.storage.upserts import SWAP_LOCK

REBUILD_LOCK = 7_462_004
"""Advisory lock: one rebuild at a time."""
ROUNDS = 2
"""The first takes as long as the log is, the second what came meanwhile; then the sink waits."""
TOPICS = {topic.name: topic for topic in CATALOGUE}

Advance = Callable[[int, int], None]
"""Told the number of records read and of all."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    tables: int
    rows: int
    differences: list[Difference]
    swapped: bool


async def rebuild(bootstrap: str, database_url: str, *, execute: bool, advance: Advance) -> Rebuilt:
    """Build and compare; with `execute` the new tables take the place of the live ones.

    The sink waits only while the last records are caught up (and, with `execute`, compared), so
    that both sides speak of the same log. Raises ConfigurationError when the log does not hold
    its beginning any more, TransientFailure when another rebuild runs.
    """
    async with _connected(database_url) as control:
        if not await control.fetchval("SELECT pg_try_advisory_lock($1)", REBUILD_LOCK):
            raise TransientFailure("another rebuild runs in this database: wait for its end")
        await control.execute(f"DROP SCHEMA IF EXISTS {BESIDE} CASCADE; CREATE SCHEMA {BESIDE}")
        try:
            await asyncio.to_thread(upgrade, database_url, BESIDE)
            return await _built(bootstrap, database_url, control, execute, advance)
        finally:
            await control.execute(f"DROP SCHEMA {BESIDE} CASCADE")


async def _built(
    bootstrap: str,
    database_url: str,
    control: asyncpg.Connection,
    execute: bool,
    advance: Advance,
) -> Rebuilt:
    builder = Builder(bootstrap, advance)
    async with await open_pool(database_url, application_name="tq-rebuild", schema=BESIDE) as pool:
        for _ in range(ROUNDS):
            await builder.catch_up(pool, await _positions(control))
        await control.execute("ANALYZE " + ", ".join(qualified(FROM_THE_LOG)))
        live = await control.fetchval("SELECT current_schema()")
        async with _connected(database_url) as alone:
            await alone.execute("SELECT pg_advisory_lock($1)", SWAP_LOCK)
            await builder.catch_up(pool, await _positions(control))
            async with _snapshot(database_url) as snapshot:
                if not execute:
                    await alone.execute("SELECT pg_advisory_unlock($1)", SWAP_LOCK)
                rows, differences = await compare(snapshot, live)
            if execute:
                async with alone.transaction():
                    await swap(alone, live)
    return Rebuilt(len(FROM_THE_LOG), rows, differences, execute)


class Builder:
    """Writes the log into the tables beside, up to given positions."""

    def __init__(self, bootstrap: str, advance: Advance) -> None:
        self._bootstrap = bootstrap
        self._advance = advance
        self._reached: dict[Place, int] = {}
        self._read = 0

    async def catch_up(self, pool: asyncpg.Pool, positions: Mapping[Place, int]) -> None:
        """Until everything below `positions` is written."""
        stretches = {
            at: (self._reached.get(at, 0), end)
            for at, end in positions.items()
            if end > self._reached.get(at, 0)
        }
        if not stretches:
            return
        if not self._reached:
            await check_beginnings(self._bootstrap, list(stretches))
        writer = SinkWriter(pool, live=False)
        async for found in read_stretches(self._bootstrap, stretches):
            await asyncio.gather(
                *(
                    writer.write(TOPICS[topic], partition, records)
                    for (topic, partition), records in found.items()
                )
            )
            self._read += sum(map(len, found.values()))
            self._advance(self._read, sum(positions.values()))
        self._reached.update(positions)


async def _positions(connection: asyncpg.Connection) -> dict[Place, int]:
    rows = await connection.fetch("SELECT topic, partition, next_offset FROM sink_positions")
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


@asynccontextmanager
async def _connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(
            database_url,
            server_settings={"application_name": "tq-rebuild", "timezone": "UTC"},
        )
    except (OSError, asyncpg.CannotConnectNowError) as error:
        raise TransientFailure(f"cannot reach Postgres: {error!r}. Is it running?") from error
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _snapshot(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that sees everything as it is now, for as long as it lasts."""
    async with (
        _connected(database_url) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        # The snapshot is taken by the first statement.
        await connection.execute("SELECT 1")
        yield connection
