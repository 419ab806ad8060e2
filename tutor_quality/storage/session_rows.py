"""Session events into `session_events`, `sessions`, and the first sight of tutors and students.

The batch is copied once into a staging table, and merged from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.columns import LifecycleColumns
from tutor_quality.storage.copy_binary import Layout, instants
from tutor_quality.storage.session_sql import (
    BOOKINGS,
    EVENTS,
    OUTCOMES,
    SEEN_STUDENTS,
    SEEN_TUTORS,
    STAGE,
)
from tutor_quality.storage.slots import winners
from tutor_quality.storage.upserts import ensure_stage

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


@dataclass(frozen=True, slots=True)
class SessionRows:
    """Session events of one partition, no ticks."""

    partition: int
    facts: LifecycleColumns
    texts: Sequence[Sequence[str | None]]
    """student_id, reason_code, reason and context, each aligned with the facts."""

    def __len__(self) -> int:
        return len(self.facts.offset)

    @property
    def first_offset(self) -> int:
        return int(self.facts.offset[0])

    def take(self, places: NDArray[np.int64]) -> "SessionRows":
        facts = self.facts.take(places)
        texts = [[column[place] for place in places.tolist()] for column in self.texts]
        return SessionRows(self.partition, facts, texts)

    def halves(self) -> list["SessionRows"]:
        return [self.take(half) for half in np.array_split(np.arange(len(self)), 2)]

    async def ensure_stage(self, connection: asyncpg.Connection) -> None:
        await ensure_stage(connection, STAGE, CREATE_STAGE)

    async def write(self, connection: asyncpg.Connection) -> None:
        """Within the caller's transaction."""
        # Of another half of the same batch; free when there are none.
        await connection.execute(f"DELETE FROM {STAGE}")
        await connection.copy_to_table(
            STAGE, source=BytesIO(encoded(self)), columns=LAYOUT.columns, format="binary"
        )
        for statement in (SEEN_TUTORS, SEEN_STUDENTS, BOOKINGS, OUTCOMES):
            await connection.execute(statement)
        await connection.execute(EVENTS, self.partition)


def encoded(rows: SessionRows) -> bytes:
    """For the staging table."""
    values = _values(rows.facts)
    values |= {name: instants(values[name]) for name in TIMES}
    return LAYOUT.encode(values, rows.texts)


def _values(facts: LifecycleColumns) -> dict[str, NDArray[Any]]:
    won = winners(facts)
    return {
        **{name: column for name, column in facts._asdict().items() if name in LAYOUT.fixed},
        "recorded_at": facts.timestamp,
        "record_offset": facts.offset,
        **{field.name: getattr(won, field.name) for field in fields(won)},
    }
