"""Writes of decoded records, keyed by entity or event id. Each may run twice, in any order.

State is last value by version, history is insert once; nothing is ever incremented.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import asyncpg
from sqlalchemy import Table

from tutor_quality.storage import tables

Row = Mapping[str, Any]


FEW = 48
"""Up to so many rows are merged one by one: a staging table costs two milliseconds."""


@dataclass(frozen=True)
class Target:
    """How rows of one table are merged; `version` empty = the first row of a key stays.

    `first_seen` is a column that keeps its least value, whichever version wins. `ascending` False =
    the least version wins.
    """

    table: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]
    version: tuple[str, ...] = ()
    first_seen: str | None = None
    ascending: bool = True

    @property
    def stage(self) -> str:
        return f"staged_{self.table.name}"

    @property
    def create_stage(self) -> str:
        columns = ", ".join(self.columns)
        return (
            f"CREATE TEMP TABLE {self.stage} ON COMMIT DELETE ROWS"
            f" AS SELECT {columns} FROM {self.table.name} WITH NO DATA"
        )

    @cached_property
    def merge(self) -> str:
        """From the staging table."""
        columns, key = ", ".join(self.columns), ", ".join(self.key)
        # Two transactions that lock rows in different orders wait for each other.
        return f"{self._insert} SELECT {columns} FROM {self.stage} ORDER BY {key} {self._or_update}"

    @cached_property
    def merge_one(self) -> str:
        """Of a row of arguments."""
        arguments = ", ".join(f"${n}" for n in range(1, len(self.columns) + 1))
        return f"{self._insert} VALUES ({arguments}) {self._or_update}"

    @property
    def _insert(self) -> str:
        return f"INSERT INTO {self.table.name} AS known ({', '.join(self.columns)})"

    @property
    def _or_update(self) -> str:
        return f"ON CONFLICT ({', '.join(self.key)}) DO {self._on_conflict}"

    @property
    def _on_conflict(self) -> str:
        if not self.version:
            return "NOTHING"
        fixed = {*self.key, self.first_seen}
        changed = [name for name in self.columns if name not in fixed]
        changes = ", ".join(f"{name} = excluded.{name}" for name in changed)
        new = ", ".join(f"excluded.{name}" for name in self.version)
        old = ", ".join(f"known.{name}" for name in self.version)
        sign = ">" if self.ascending else "<"
        return (
            f"UPDATE SET {changes} WHERE known.{self.version[0]} IS NULL OR ({new}) {sign} ({old})"
        )

    @cached_property
    def lower_first_seen(self) -> str:
        column, same_key = self.first_seen, " AND ".join(f"known.{k} = new.{k}" for k in self.key)
        return (
            f"UPDATE {self.table.name} AS known SET {column} = new.{column}"
            f" FROM {self.stage} AS new WHERE {same_key} AND new.{column} < known.{column}"
        )

    @cached_property
    def lower_first_seen_of_one(self) -> str:
        """Arguments are `first_seen` and the key."""
        same_key = " AND ".join(f"{name} = ${n}" for n, name in enumerate(self.key, 2))
        column = self.first_seen
        return f"UPDATE {self.table.name} SET {column} = $1 WHERE {same_key} AND $1 < {column}"

    def winners(self, rows: Iterable[Row]) -> list[Row]:
        """One row per key: Postgres refuses to touch a row twice in one statement."""
        best: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            key = _values(row, self.key)
            best[key] = self._merged(best[key], row) if key in best else row
        return list(best.values())

    def _merged(self, one: Row, other: Row) -> Row:
        new, old = _values(other, self.version), _values(one, self.version)
        winner = other if (new > old if self.ascending else new < old) else one
        if self.first_seen is None:
            return winner
        return {**winner, self.first_seen: min(one[self.first_seen], other[self.first_seen])}


def _values(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _names(table: Table, *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(c.name for c in table.columns if c.computed is None and c.name not in without)


PROFILE_VERSION = ("profile_updated_at", "profile_offset")
TUTORS = Target(
    tables.tutors,
    columns=_names(tables.tutors),
    key=("id",),
    version=PROFILE_VERSION,
    first_seen="created_at",
)
STUDENTS = Target(
    tables.students,
    columns=_names(tables.students),
    key=("id",),
    version=PROFILE_VERSION,
    first_seen="created_at",
)
TUTOR_SCORES = Target(
    tables.tutor_scores,
    columns=_names(tables.tutor_scores),
    key=("tutor_id",),
    version=("generation", "version"),
)
RISK_CHANGES = Target(tables.risk_changes, columns=_names(tables.risk_changes), key=("event_id",))
ALERTS = Target(
    tables.alerts,
    columns=_names(tables.alerts, without=("acknowledged_at", "acknowledged_by")),
    key=("event_id",),
)
PREDICTIONS = Target(
    tables.session_reschedule_predictions,
    columns=_names(tables.session_reschedule_predictions),
    key=("session_id", "scheduled_start"),
    version=("predicted_at", "version"),
)
SERVED_PREDICTIONS = Target(
    tables.served_predictions, columns=_names(tables.served_predictions), key=("event_id",)
)
SESSION_FEATURES = Target(
    tables.session_features, columns=_names(tables.session_features), key=("event_id",)
)
MODEL_STATUS = Target(
    tables.model_status,
    columns=_names(tables.model_status),
    key=("model", "partition"),
    version=("version",),
)
PENDING_PROGRESS = Target(
    tables.pending_progress,
    columns=_names(tables.pending_progress),
    key=("partition", "record_offset"),
)
DEAD_LETTERS = Target(
    tables.dead_letters,
    columns=_names(tables.dead_letters, without=("retried_at", "dropped_at")),
    key=("topic", "partition", "record_offset"),
    version=("failed_at", "letter_partition", "letter_offset"),
    ascending=False,
)


async def merge(connection: asyncpg.Connection, target: Target, rows: Iterable[Row]) -> None:
    """Within the caller's transaction."""
    winners = target.winners(rows)
    if len(winners) <= FEW:
        await _merge_one_by_one(connection, target, winners)
    else:
        await _merge_at_once(connection, target, winners)


async def _merge_at_once(
    connection: asyncpg.Connection, target: Target, rows: Sequence[Row]
) -> None:
    await ensure_stage(connection, target.stage, target.create_stage)
    await connection.copy_records_to_table(
        target.stage,
        columns=target.columns,
        records=[_values(row, target.columns) for row in rows],
    )
    await connection.execute(target.merge)
    if target.first_seen is not None:
        await connection.execute(target.lower_first_seen)


async def _merge_one_by_one(
    connection: asyncpg.Connection, target: Target, rows: Sequence[Row]
) -> None:
    ordered = sorted(rows, key=lambda row: _values(row, target.key))
    await connection.executemany(
        target.merge_one, [_values(row, target.columns) for row in ordered]
    )
    if target.first_seen is not None:
        await connection.executemany(
            target.lower_first_seen_of_one,
            [_values(row, (target.first_seen, *target.key)) for row in ordered],
        )


async def ensure_stage(connection: asyncpg.Connection, name: str, create: str) -> None:
    """Have it, and have it empty: another half of the same batch may have filled it."""
    if await connection.fetchval("SELECT to_regclass($1)", f"pg_temp.{name}") is None:
        await connection.execute(create)
    else:
        await connection.execute(f"DELETE FROM {name}")


ADVANCE = """
INSERT INTO sink_positions AS known (topic, partition, next_offset) VALUES ($1, $2, $3)
ON CONFLICT (topic, partition) DO UPDATE SET
    next_offset = greatest(known.next_offset, excluded.next_offset)"""


async def advance(
    connection: asyncpg.Connection, topic: str, ends: Sequence[tuple[int, int]]
) -> None:
    """`ends` = (partition, next offset): everything of the partition below that is in this
    transaction or was before."""
    await connection.executemany(ADVANCE, [(topic, *end) for end in sorted(ends)])


SWAP_LOCK = 7_462_003
"""Advisory lock: who writes the read model shares it, who swaps its tables has it alone."""


BEGIN_LIVE = "SELECT pg_advisory_xact_lock_shared($1), pg_notify($2, $3)"


async def begin_live(connection: asyncpg.Connection, channel: str, notices: Sequence[str]) -> None:
    """First in a transaction on the tables that are read: all of it goes to those of before or
    after a swap, and listeners hear of it when it is committed."""
    await connection.executemany(BEGIN_LIVE, [(SWAP_LOCK, channel, notice) for notice in notices])


# Advisory lock of two numbers: this one and the partition.
PROGRESS_LOCK = 7_462_002
NEWEST = "generation, applied_offset, applied_until, record_offset"
PROGRESS = ", ".join(PENDING_PROGRESS.columns)
APPLY_PROGRESS = f"""
WITH reached AS (
    DELETE FROM pending_progress WHERE partition = $2 AND score_offset <= coalesce(
        (SELECT next_offset FROM sink_positions WHERE topic = $1 AND partition = $2), 0)
    RETURNING *)
INSERT INTO pipeline_progress AS known ({PROGRESS})
SELECT {PROGRESS} FROM reached ORDER BY ({NEWEST}) DESC LIMIT 1
ON CONFLICT (partition) DO UPDATE SET
    generation = excluded.generation, applied_offset = excluded.applied_offset,
    applied_until = excluded.applied_until, score_offset = excluded.score_offset,
    live = excluded.live, stopped = excluded.stopped, drain_until = excluded.drain_until,
    record_offset = excluded.record_offset
WHERE (excluded.generation, excluded.applied_offset, excluded.applied_until, excluded.record_offset)
    > (known.generation, known.applied_offset, known.applied_until, known.record_offset)"""


LOCK_PROGRESS = "SELECT pg_advisory_xact_lock($1, $2)"


async def lock_progress(connection: asyncpg.Connection, partitions: Sequence[int]) -> None:
    """Take before writing scores or progress of these partitions, in ascending order.

    Without it a progress record and the scores it waits for could land side by side, neither
    seeing the other, and the progress would wait for the next score.
    """
    await connection.executemany(LOCK_PROGRESS, [(PROGRESS_LOCK, one) for one in partitions])


async def apply_progress(
    connection: asyncpg.Connection, score_topic: str, partitions: Sequence[int]
) -> None:
    """Let the newest progress record whose scores are all here take effect."""
    await connection.executemany(APPLY_PROGRESS, [(score_topic, one) for one in partitions])
