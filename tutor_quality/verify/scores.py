"""What Postgres says, read in one snapshot."""

from dataclasses import dataclass

import asyncpg

from tutor_quality.verify.recount import WHOLE, WINDOWS, Change, Counts

SCORES = """
SELECT tutor_id, partition, version, (extract(epoch FROM as_of) * 1000)::bigint AS as_of,
       total_sessions_7d, total_sessions_30d, total_sessions_90d,
       tutor_reschedules_7d, tutor_reschedules_30d, tutor_reschedules_90d,
       is_high_risk, reasons, risk_threshold
FROM tutor_scores WHERE generation = $1 AND ($2::uuid IS NULL OR tutor_id = $2)
"""
PROGRESS = """
SELECT partition, applied_offset, (extract(epoch FROM applied_until) * 1000)::bigint, stopped
FROM pipeline_progress WHERE generation = $1
"""
CHANGES = """
SELECT tutor_id, (extract(epoch FROM occurred_at) * 1000)::bigint, cause_offset, evidence
FROM risk_changes WHERE generation = $1 AND ($2::uuid IS NULL OR tutor_id = $2)
ORDER BY transition
"""


@dataclass(frozen=True, slots=True)
class Score:
    """One tutor's row; instants in ms."""

    partition: int
    version: int
    """Offset of the last record that it has applied."""
    as_of: int
    counts: Counts
    is_high_risk: bool
    reasons: list[str]
    threshold: int
    """In ten-thousandths."""


@dataclass(frozen=True, slots=True)
class Progress:
    applied_offset: int
    applied_until: int
    """Scores hold up to this instant, ms."""
    stopped: str | None = None
    """Why the partition stands still, and what to do; None = it goes on."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    scores: dict[str, Score]
    progress: dict[int, Progress]
    """By partition of the input."""
    changes: dict[str, list[Change]]
    """By tutor, in the order of their numbers."""


async def read_snapshot(pool: asyncpg.Pool, generation: int, tutor: str | None) -> Snapshot:
    """Of all tutors, or of one."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return Snapshot(
            await _scores(connection, generation, tutor),
            await _progress(connection, generation),
            await _changes(connection, generation, tutor),
        )


async def _scores(
    connection: asyncpg.Connection, generation: int, tutor: str | None
) -> dict[str, Score]:
    rows = await connection.fetch(SCORES, generation, tutor)
    return {str(row["tutor_id"]): _score(row) for row in rows}


def _score(row: asyncpg.Record) -> Score:
    return Score(
        partition=row["partition"],
        version=row["version"],
        as_of=row["as_of"],
        counts=tuple(
            (row[f"total_sessions_{days}d"], row[f"tutor_reschedules_{days}d"]) for days in WINDOWS
        ),
        is_high_risk=row["is_high_risk"],
        reasons=list(row["reasons"]),
        threshold=round(row["risk_threshold"] * WHOLE),
    )


async def _progress(connection: asyncpg.Connection, generation: int) -> dict[int, Progress]:
    rows = await connection.fetch(PROGRESS, generation)
    return {p: Progress(offset, until, stopped) for p, offset, until, stopped in rows}


async def _changes(
    connection: asyncpg.Connection, generation: int, tutor: str | None
) -> dict[str, list[Change]]:
    rows = await connection.fetch(CHANGES, generation, tutor)
    changes: dict[str, list[Change]] = {}
    for name, instant, offset, evidence in rows:
        changes.setdefault(str(name), []).append(Change(instant, offset, evidence))
    return changes
