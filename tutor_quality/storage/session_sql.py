"""The statements that merge staged session events. Each may run twice, and in any order.

Rows are sorted by key, because two transactions that lock rows in different orders wait for each
other. Rows that stay as they are are not touched: even a lock would write them anew.
"""

from collections.abc import Mapping

from tutor_quality.domain.columns import Initiator, Kind

STAGE = "staged_events"


def _name_of(column: str, members: type[Kind] | type[Initiator]) -> str:
    """SQL: the name of an enum's member; null for -1."""
    names = ", ".join(f"'{member.name.lower()}'" for member in members)
    return f"(ARRAY[{names}])[{column} + 1]"


def _merge(table: str, values: dict[str, str], rows: str, key: str, on_conflict: str) -> str:
    """`values`: column -> expression over the staging table."""
    return (
        f"INSERT INTO {table} AS known ({', '.join(values)})"
        f" SELECT {', '.join(values.values())} FROM {STAGE} WHERE {rows} ORDER BY {key}"
        f" ON CONFLICT ({key}) DO UPDATE SET {on_conflict}"
    )


def _replace(columns: dict[str, str], *, when: str) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in columns) + f" WHERE {when}"


def _choose(columns: dict[str, str], *, when: str) -> str:
    return ", ".join(
        f"{name} = CASE WHEN {when} THEN excluded.{name} ELSE known.{name} END" for name in columns
    )


def _first_seen(table: str, stage_column: str, name: str) -> str:
    """Who a record speaks of exists from the least timestamp of such records."""
    return f"""
    INSERT INTO {table} (id, name, created_at)
    SELECT id, {name}, first_at
    FROM (SELECT {stage_column} AS id, min(recorded_at) AS first_at FROM {STAGE} GROUP BY 1) AS seen
    LEFT JOIN {table} AS known USING (id)
    WHERE known.id IS NULL OR first_at < known.created_at
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET created_at = least({table}.created_at, excluded.created_at)"""


SEEN_TUTORS = _first_seen("tutors", "tutor_id", "'Tutor ' || left(id::text, 8)")
SEEN_STUDENTS = _first_seen("students", "student_id", "id")

PERSONS = {"tutor_id": "tutor_id", "student_id": "student_id"}
OUTCOME_DETAILS = {
    "initiator": _name_of("initiator", Initiator),
    "reason_code": "reason_code",
    "reason": "reason",
    "new_start": "nullif(new_start, '-infinity')",
    "started_at": "nullif(started_at, '-infinity')",
    "ended_at": "nullif(ended_at, '-infinity')",
    "rating": "nullif(rating, 0)",
}
MINUTES = "nullif(duration_minutes, -1)"

EVENT = {
    "session_id": "session_id",
    "scheduled_start": "scheduled_start",
    "occurred_at": "occurred_at",
    "recorded_at": "recorded_at",
    "record_partition": "record_partition",
    "record_offset": "record_offset",
    "duration_minutes": MINUTES,
    "is_first_session": "nullif(is_first_session, -1) = 1",
    "event_type": _name_of("kind", Kind),
    "context": "context",
    **PERSONS,
    **OUTCOME_DETAILS,
}
EARLIER_RECORD = """(excluded.record_partition, excluded.record_offset)
    < (known.record_partition, known.record_offset)"""
EVENTS = _merge(
    "session_events",
    {"event_id": "event_id", **EVENT},
    rows="fresh",
    key="event_id",
    on_conflict=_replace(EVENT, when=EARLIER_RECORD),
)
"""The first record of an event id stays, whichever is written first."""

BOOKING = {
    "booked_at": "occurred_at",
    "booking_event_id": "event_id",
    "booking_explicit": f"kind = {Kind.SCHEDULED:d}",
    "booked_minutes": MINUTES,
    # Who moves a slot here says what was known of the old one.
    "context": f"CASE WHEN kind = {Kind.SCHEDULED:d} THEN context END",
}
NEWER_BOOKING = """(known.booking_event_id IS NULL
    OR (excluded.booking_explicit, excluded.booked_at, excluded.booking_event_id)
     > (known.booking_explicit, known.booked_at, known.booking_event_id))"""
BOOKINGS = _merge(
    "sessions",
    {
        "session_id": "session_id",
        "scheduled_start": "booked_start",
        "status": "'scheduled'",
        "opened_at": "opened_at",
        **PERSONS,
        **BOOKING,
    },
    rows="books",
    key="session_id, scheduled_start",
    on_conflict="opened_at = least(known.opened_at, excluded.opened_at), "
    + _choose(BOOKING, when=NEWER_BOOKING)
    + ", "
    + _choose(PERSONS, when=f"known.outcome_event_id IS NULL AND {NEWER_BOOKING}")
    + f" WHERE excluded.opened_at < known.opened_at OR {NEWER_BOOKING}",
)

OUTCOME = {
    "status": _name_of("kind", Kind),
    "outcome_at": "occurred_at",
    "outcome_event_id": "event_id",
    "outcome_minutes": MINUTES,
    **PERSONS,
    **OUTCOME_DETAILS,
}
NEWER_OUTCOME = """known.outcome_event_id IS NULL
    OR (excluded.outcome_at, excluded.outcome_event_id)
     > (known.outcome_at, known.outcome_event_id)"""
OUTCOMES = _merge(
    "sessions",
    {"session_id": "session_id", "scheduled_start": "scheduled_start", **OUTCOME},
    rows="decides",
    key="session_id, scheduled_start",
    on_conflict=_replace(OUTCOME, when=NEWER_OUTCOME),
)


def of_arrays(columns: Mapping[str, str], final: str, **others: str) -> str:
    """The statements as one, over arrays of arguments in place of the staging table.

    `columns`: name -> SQL type, in the order of the arguments.
    """
    arrays = ", ".join(f"${n}::{sql_type}[]" for n, sql_type in enumerate(columns.values(), 1))
    rows = f"SELECT * FROM unnest({arrays}) AS rows ({', '.join(columns)})"
    parts = ", ".join(f"{name} AS ({sql})" for name, sql in {STAGE: rows, **others}.items())
    return f"WITH {parts} {final}"
