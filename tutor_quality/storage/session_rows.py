"""Session events into `session_events`, `sessions`, and the first sight of tutors and students.

A batch is copied once into a staging table, and merged from there. Few rows are merged from arrays
of arguments: a staging table costs two milliseconds, however little is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.columns import NULL_TIME, LifecycleColumns
from tutor_quality.storage.copy_binary import Layout, instant, instants
from tutor_quality.storage.session_sql import (
    BOOKINGS,
    EVENTS,
    OUTCOMES,
    SEEN_STUDENTS,
    SEEN_TUTORS,
    STAGE,
    of_arrays,
)
from tutor_quality.storage.slots import winners
from tutor_quality.storage.upserts import FEW, ensure_stage

TIMES = (
    "scheduled_start",
    "occurred_at",
    "recorded_at",
    "new_start",
    "started_at",
    "ended_at",
    "booked_start",
    "opened_at",
)
LAYOUT = Layout(
    fixed={
        "event_id": "uuid",
        "session_id": "uuid",
        "tutor_id": "uuid",
        **dict.fromkeys(TIMES, "timestamptz"),
        "record_offset": "bigint",
        "record_partition": "integer",
        "duration_minutes": "integer",
        "rating": "smallint",
        "kind": "smallint",
        "initiator": "smallint",
        "is_first_session": "smallint",
        "fresh": "boolean",
        "books": "boolean",
        "decides": "boolean",
    },
    texts=("student_id", "reason_code", "reason", "context"),
)
CREATE_STAGE = f"CREATE TEMP TABLE {STAGE} ({LAYOUT.definition}) ON COMMIT DELETE ROWS"


ALL_BUT_OUTCOMES_OF_ARRAYS = of_arrays(
    LAYOUT.types, EVENTS, tutors_seen=SEEN_TUTORS, students_seen=SEEN_STUDENTS, booked=BOOKINGS
)
"""One statement must not touch a row twice, and an outcome may be that of a booking beside it."""
OUTCOMES_OF_ARRAYS = of_arrays(LAYOUT.types, OUTCOMES)


@dataclass(frozen=True, slots=True)
class SessionRows:
    """Session events, no ticks."""

    partitions: NDArray[np.int64]
    """Aligned with the facts, as the offset is."""
    facts: LifecycleColumns
    texts: Sequence[Sequence[str | None]]
    """student_id, reason_code, reason and context, each aligned with the facts."""

    def __len__(self) -> int:
        return len(self.facts.offset)

    @property
    def first_place(self) -> tuple[int, int]:
        """(partition, offset)"""
        return int(self.partitions[0]), int(self.facts.offset[0])

    def take(self, places: NDArray[np.int64]) -> "SessionRows":
        facts = self.facts.take(places)
        texts = [[column[place] for place in places.tolist()] for column in self.texts]
        return SessionRows(self.partitions[places], facts, texts)

    def halves(self) -> list["SessionRows"]:
        return [self.take(half) for half in np.array_split(np.arange(len(self)), 2)]

    async def write(self, connection: asyncpg.Connection) -> None:
        """Within the caller's transaction."""
        if len(self) > FEW:
            return await self._write_by_copy(connection)
        try:
            arrays = self._as_arrays()
        except OverflowError:
            # Python's calendar ends before that of Postgres.
            await self._write_by_copy(connection)
        else:
            await connection.execute(ALL_BUT_OUTCOMES_OF_ARRAYS, *arrays.values())
            if any(arrays["decides"]):
                await connection.execute(OUTCOMES_OF_ARRAYS, *arrays.values())

    async def _write_by_copy(self, connection: asyncpg.Connection) -> None:
        await ensure_stage(connection, STAGE, CREATE_STAGE)
        await connection.copy_to_table(
            STAGE, source=BytesIO(encoded(self)), columns=LAYOUT.columns, format="binary"
        )
        for statement in (SEEN_TUTORS, SEEN_STUDENTS, BOOKINGS, OUTCOMES, EVENTS):
            await connection.execute(statement)

    def _as_arrays(self) -> dict[str, Sequence[Any]]:
        """Raises OverflowError for a time after the year 9999."""
        values = _values(self)
        fixed = {
            name: _arguments(values[name], sql_type) for name, sql_type in LAYOUT.fixed.items()
        }
        return fixed | dict(zip(LAYOUT.texts, self.texts, strict=True))


def encoded(rows: SessionRows) -> bytes:
    """For the staging table."""
    values = _values(rows)
    values |= {name: instants(values[name]) for name in TIMES}
    return LAYOUT.encode(values, rows.texts)


def _values(rows: SessionRows) -> dict[str, NDArray[Any]]:
    facts = rows.facts
    won = winners(facts, rows.partitions)
    return {
        **{name: column for name, column in facts._asdict().items() if name in LAYOUT.fixed},
        "recorded_at": facts.timestamp,
        "record_offset": facts.offset,
        "record_partition": rows.partitions,
        **{field.name: getattr(won, field.name) for field in fields(won)},
    }


def _arguments(column: NDArray[Any], sql_type: str) -> list[Any]:
    """As the driver takes them."""
    if sql_type == "uuid":
        return [UUID(bytes=row.tobytes()) for row in column]
    values: list[Any] = column.tolist()
    if sql_type == "timestamptz":
        return [instant(None if time == NULL_TIME else time) for time in values]
    return values
