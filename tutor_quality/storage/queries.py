"""Reads for the API. Each is one statement and returns rows as they are shown next, rates as
fractions. `connection` is asyncpg's; nothing here writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from tutor_quality.storage.tables import ATTENDANCE, WINDOWS

Row = Any
"""An asyncpg record: mapping by column, sequence by place."""
Connection = Any

TutorOrder = Literal[
    "reschedule_rate_7d",
    "reschedule_rate_30d",
    "reschedule_rate_90d",
    "total_sessions_30d",
    "name",
]
RiskStatus = Literal["all", "high_risk", "low_risk", "warning"]
Direction = Literal["asc", "desc"]

ORDERS = {
    "reschedule_rate_7d": "s.reschedule_rate_7d",
    "reschedule_rate_90d": "s.reschedule_rate_90d",
    "reschedule_rate_30d": "s.reschedule_rate_30d",
    "total_sessions_30d": "s.total_sessions_30d",
    "name": 'lower(t.name) COLLATE "C"',
}
TYPES = {
    "reschedule_rate_7d": "float8",
    "reschedule_rate_30d": "float8",
    "reschedule_rate_90d": "float8",
    "total_sessions_30d": "int",
    "name": "text",
}
RISKS = {
    "all": "true",
    "high_risk": "s.is_high_risk",
    "low_risk": "s.is_high_risk IS NOT TRUE",
    "warning": "s.risk_level = 'warning'",
}
ONLY_SCORED = frozenset({"high_risk", "warning"})
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DataVersion:
    """What the read model holds; equal versions mean equal answers."""

    as_of: datetime | None
    """All partitions are complete up to here; None = nothing has been applied yet."""
    tag: str


@dataclass(frozen=True, slots=True)
class TutorFilter:
    risk_status: RiskStatus = "all"
    search: str | None = None
    """Part of a name, e-mail address or external id, or a whole tutor id."""


@dataclass(frozen=True, slots=True)
class Place:
    """The last row of a page."""

    value: Any
    """None for null."""
    id: UUID


async def data_version(connection: Connection) -> DataVersion:
    row = await connection.fetchrow(
        "SELECT min(applied_until) AS as_of, coalesce(sum(record_offset), 0)::bigint AS progress,"
        " coalesce(max(generation), 0) AS generation,"
        " (SELECT coalesce(sum(next_offset), 0)::bigint FROM sink_positions) AS written"
        " FROM pipeline_progress"
    )
    tag = f"{row['generation']}.{row['written']}.{row['progress']}"
    return DataVersion(row["as_of"], tag)


async def tutors(
    connection: Connection,
    matching: TutorFilter,
    order: TutorOrder,
    direction: Direction,
    *,
    limit: int,
    offset: int = 0,
    after: Place | None = None,
) -> list[Row]:
    """A page of tutors with their scores, `sort_value` is what a Place needs.

    By a number of the score, tutors without that number come last, and last of all those without
    a score; ties go by id. Two statements then, so that an index gives the order of the first.
    """
    page = _Page(matching, order, direction, limit, offset, after)
    if order == "name":
        return await page.fetch(connection)
    rows: list[Row] = []
    if after is None or after.value != UNSCORED:
        rows = await page.fetch(connection)
    if len(rows) < limit and matching.risk_status not in ONLY_SCORED:
        rows += await page.unscored(connection, rows)
    return rows


UNSCORED = "unscored"
"""The sort value of a tutor without a score."""
ALL_TUTORS = "tutors t LEFT JOIN tutor_scores s ON s.tutor_id = t.id"
SCORED = "tutor_scores s JOIN tutors t ON t.id = s.tutor_id"
TUTOR_COLUMNS = (
    " t.id::text, t.name, t.email, t.external_id,"
    " s.reschedule_rate_7d, s.reschedule_rate_30d, s.reschedule_rate_90d,"
    + "".join(
        f" coalesce(s.{name}_{days}d, 0) AS {name}_{days}d,"
        for name in ("total_sessions", "tutor_reschedules")
        for days in WINDOWS
    )
    + " coalesce(s.is_high_risk, false) AS is_high_risk, s.risk_level, s.evidence,"
    " s.as_of AS last_calculated_at"
)
"""As they are shown, but for the rates: those are fractions here."""


@dataclass(frozen=True, slots=True)
class _Page:
    matching: TutorFilter
    order: TutorOrder
    direction: Direction
    limit: int
    offset: int
    after: Place | None

    @property
    def key(self) -> str:
        return ORDERS[self.order]

    @property
    def ident(self) -> str:
        return "t.id" if self.order == "name" else "s.tutor_id"

    async def fetch(self, connection: Connection) -> list[Row]:
        condition, arguments = _matching(self.matching)
        if self.after is not None:
            statement, more = self._following(condition, self.after, len(arguments))
        else:
            statement = self._skipping(condition, len(arguments))
            more = [self.offset] if self.offset else []
        return await connection.fetch(statement, *arguments, *more)  # type: ignore[no-any-return]

    def _following(self, condition: str, place: Place, taken: int) -> tuple[str, list[Any]]:
        """What comes after a place: its ties, then what lies beyond, then nulls.

        Each is a range of the order's index. Postgres runs the parts of a UNION ALL one after the
        other and none that the limit does not need, so the rows come in order.
        """
        key, ident = self.key, self.ident
        if place.value is None:
            ranges, arguments = [f"{key} IS NULL AND {ident} > ${taken + 1}"], [place.id]
        else:
            value, last = f"${taken + 1}::{TYPES[self.order]}", f"${taken + 2}"
            beyond = "<" if self.direction == "desc" else ">"
            ranges = [
                f"{key} = {value} AND {ident} > {last}",
                f"{key} {beyond} {value}",
                f"{key} IS NULL",
            ]
            arguments = [place.value, place.id]
        # In figures: without knowing how few rows are wanted, Postgres would plan each time anew,
        # which takes it twice as long as the page.
        limit = f"LIMIT {self.limit:d}"
        parts = [
            f"(SELECT{TUTOR_COLUMNS}, {key} AS sort_value FROM {self._source()}"
            f" WHERE {condition} AND {part} {self._order()} {limit})"
            for part in ranges
        ]
        return f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS parts {limit}", arguments

    def _skipping(self, condition: str, taken: int) -> str:
        """With an offset: places first, from the index alone where it can be, then their rows."""
        if not self.offset:
            return (
                f"SELECT{TUTOR_COLUMNS}, {self.key} AS sort_value FROM {self._source()}"
                f" WHERE {condition} {self._order()} LIMIT {self.limit:d}"
            )
        return (
            f"SELECT{TUTOR_COLUMNS}, page.sort_value FROM (SELECT {self.ident} AS id,"
            f" {self.key} AS sort_value FROM {self._narrow_source()} WHERE {condition}"
            f" {self._order()} OFFSET ${taken + 1} LIMIT {self.limit:d}) AS page"
            " JOIN tutors t ON t.id = page.id LEFT JOIN tutor_scores s ON s.tutor_id = page.id"
            f" ORDER BY page.sort_value {self.direction} NULLS LAST, page.id"
        )

    def _order(self) -> str:
        return f"ORDER BY {self.key} {self.direction} NULLS LAST, {self.ident}"

    def _source(self) -> str:
        return ALL_TUTORS if self.order == "name" else SCORED

    def _narrow_source(self) -> str:
        """The table of the order alone where the filter needs no other: every score has a tutor."""
        if self.order == "name":
            return "tutors t" if self.matching.risk_status == "all" else ALL_TUTORS
        return SCORED if self.matching.search else "tutor_scores s"

    async def unscored(self, connection: Connection, before: Sequence[Row]) -> list[Row]:
        """What follows the scored tutors `before` on this page."""
        offset = 0
        if self.offset and not before:
            offset = max(0, self.offset - await _count(connection, SCORED, self.matching))
        condition, arguments = _matching(self.matching)
        if self.after is not None and self.after.value == UNSCORED:
            condition += f" AND t.id > ${len(arguments) + 1}"
            arguments = [*arguments, self.after.id]
        place = len(arguments)
        return await connection.fetch(  # type: ignore[no-any-return]
            f"SELECT{TUTOR_COLUMNS}, '{UNSCORED}' AS sort_value"
            f" FROM {ALL_TUTORS} WHERE s.tutor_id IS NULL AND {condition} ORDER BY t.id"
            f" LIMIT ${place + 1} OFFSET ${place + 2}",
            *arguments,
            self.limit - len(before),
            offset,
        )


async def count_tutors(connection: Connection, matching: TutorFilter) -> int:
    return await _count(connection, ALL_TUTORS, matching)


async def _count(connection: Connection, source: str, matching: TutorFilter) -> int:
    condition, arguments = _matching(matching)
    statement = f"SELECT count(*) FROM {source} WHERE {condition}"
    return int(await connection.fetchval(statement, *arguments))


def _matching(matching: TutorFilter) -> tuple[str, list[Any]]:
    condition = RISKS[matching.risk_status]
    if not matching.search:
        return condition, []
    search = (
        "(t.name ILIKE $1 OR t.email ILIKE $1 OR t.external_id ILIKE $1 OR t.id::text = lower($2))"
    )
    return f"{condition} AND {search}", [f"%{_literal(matching.search)}%", matching.search]


def _literal(text: str) -> str:
    """A LIKE pattern that means the text itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _after(
    key: str, ident: str, kind: str, direction: Direction, place: Place, taken: int
) -> tuple[str, list[Any]]:
    """The condition of what follows `place`, and its arguments after `taken` others."""
    if place.value is None:
        return f"({key} IS NULL AND {ident} > ${taken + 1})", [place.id]
    value, last = f"${taken + 1}::{kind}", f"${taken + 2}"
    if kind == "text":
        value += ' COLLATE "C"'
    beyond = "<" if direction == "desc" else ">"
    condition = f"{key} {beyond} {value} OR ({key} = {value} AND {ident} > {last})"
    return f"({condition} OR {key} IS NULL)", [place.value, place.id]


COUNTS = (
    "open_slots",
    *(
        f"{name}_{days}d"
        for days in WINDOWS
        for name in ("total_sessions", "tutor_reschedules", *ATTENDANCE)
    ),
)
SCORE_COLUMNS = (
    " s.version, s.as_of, s.next_change_at, s.risk_level, s.risk_threshold, s.evidence,"
    " coalesce(s.is_high_risk, false) AS is_high_risk, coalesce(s.reasons, '{}') AS reasons,"
    " s.reschedule_rate_7d, s.reschedule_rate_30d, s.reschedule_rate_90d,"
    + ",".join(f" coalesce(s.{name}, 0) AS {name}" for name in COUNTS)
)


async def tutor(connection: Connection, tutor_id: UUID) -> Row | None:
    """Profile, score and `as_of`; before the first score counts are 0 and `version` is null."""
    return await connection.fetchrow(
        f"SELECT t.id::text, t.name, t.email, t.external_id, t.is_active, t.created_at,"
        f"{SCORE_COLUMNS},"
        " coalesce(greatest(s.as_of, p.applied_until),"
        " (SELECT min(applied_until) FROM pipeline_progress)) AS complete_until"
        " FROM tutors t LEFT JOIN tutor_scores s ON s.tutor_id = t.id"
        " LEFT JOIN pipeline_progress p ON p.partition = s.partition WHERE t.id = $1",
        tutor_id,
    )


async def reschedules(
    connection: Connection, tutor_id: UUID, after: datetime, until: datetime, limit: int
) -> list[Row]:
    """Moved and cancelled slots, by anyone, in (after, until] by when it happened; newest first."""
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT id::text, session_id::text, student_id, initiator, original_time, new_time,"
        " reason, reason_code, cancelled_at, hours_before_session::float8, created_at"
        " FROM reschedules WHERE tutor_id = $1 AND cancelled_at > $2 AND cancelled_at <= $3"
        " ORDER BY cancelled_at DESC, id LIMIT $4",
        tutor_id,
        after,
        until,
        limit,
    )


async def weekly(
    connection: Connection, first: datetime, weeks: int, tutor_id: UUID | None = None
) -> list[Row]:
    """Outcomes of `weeks` whole weeks from `first`, by when they happened; empty weeks too.

    `tutor_id` None = all tutors.
    """
    condition = "" if tutor_id is None else " AND tutor_id = $4"
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT week, coalesce(total, 0) AS total, coalesce(reschedules, 0) AS reschedules"
        " FROM generate_series(0, $2 - 1) AS number"
        " CROSS JOIN LATERAL (SELECT $1::timestamptz + number * interval '7 days' AS week) AS weeks"
        " LEFT JOIN (SELECT floor(extract(epoch FROM outcome_at - $1) / 604800)::int AS number,"
        " count(*)::int AS total, (count(*) FILTER (WHERE initiator = 'tutor'"
        " AND status IN ('rescheduled', 'cancelled')))::int AS reschedules FROM sessions"
        f" WHERE outcome_at >= $1 AND outcome_at < $3{condition} GROUP BY 1) AS outcomes"
        " USING (number) ORDER BY week",
        first,
        weeks,
        first + weeks * WEEK,
        *(() if tutor_id is None else (tutor_id,)),
    )


async def session_events(
    connection: Connection, tutor_id: UUID, *, limit: int, after: Place | None
) -> list[Row]:
    """Newest first by (occurred_at, event_id)."""
    seek, arguments = _older("occurred_at", after, 2)
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT event_id::text, event_type, session_id::text, student_id, scheduled_start,"
        " occurred_at, recorded_at, duration_minutes, new_start, initiator, reason_code, reason,"
        " started_at, ended_at, rating, is_first_session"
        f" FROM session_events WHERE tutor_id = $1{seek}"
        " ORDER BY occurred_at DESC, event_id DESC LIMIT $2",
        tutor_id,
        limit,
        *arguments,
    )


async def risk_changes(
    connection: Connection, tutor_id: UUID, *, limit: int, after: Place | None
) -> list[Row]:
    """Newest first by (occurred_at, event_id)."""
    seek, arguments = _older("occurred_at", after, 2)
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT event_id::text, transition, occurred_at, is_high_risk, was_high_risk, evidence,"
        " previous_evidence, reasons, total_sessions_7d, total_sessions_30d, total_sessions_90d,"
        " tutor_reschedules_7d, tutor_reschedules_30d, tutor_reschedules_90d, risk_threshold,"
        f" cause FROM risk_changes WHERE tutor_id = $1{seek}"
        " ORDER BY occurred_at DESC, event_id DESC LIMIT $2",
        tutor_id,
        limit,
        *arguments,
    )


SlotOrder = Literal[
    "scheduled_time", "student_id", "student_name", "tutor_name", "reschedule_probability"
]
SLOT_ORDERS = {
    "scheduled_time": ("x.scheduled_start", "timestamptz"),
    "student_id": ('x.student_id COLLATE "C"', "text"),
    "student_name": ('lower(coalesce(u.name, x.student_id)) COLLATE "C"', "text"),
    "tutor_name": ('lower(coalesce(t.name, x.tutor_id::text)) COLLATE "C"', "text"),
    "reschedule_probability": ("p.reschedule_probability", "float8"),
}
SLOT = "md5(concat(x.session_id, extract(epoch FROM x.scheduled_start)))::uuid"
"""A session may have several open slots: what tells them apart in a cursor."""
UPCOMING = (
    " FROM sessions x LEFT JOIN tutors t ON t.id = x.tutor_id"
    " LEFT JOIN students u ON u.id = x.student_id"
    " LEFT JOIN session_reschedule_predictions p"
    " ON p.session_id = x.session_id AND p.scheduled_start = x.scheduled_start"
    " LEFT JOIN tutor_scores s ON s.tutor_id = x.tutor_id"
    " LEFT JOIN pipeline_progress g ON g.partition = s.partition"
    " WHERE x.status = 'scheduled' AND x.scheduled_start > $1 AND x.scheduled_start <= $1 + $2"
    " AND x.scheduled_start > coalesce(g.applied_until, $1)"
    " AND ($3::text IS NULL OR p.risk_level = $3) AND ($4::uuid IS NULL OR x.tutor_id = $4)"
)


@dataclass(frozen=True, slots=True)
class SlotFilter:
    ahead: timedelta
    risk_level: str | None = None
    """Of the prediction; None = any."""
    tutor_id: UUID | None = None
    """None = any."""


@dataclass(frozen=True, slots=True)
class SlotPage:
    order: SlotOrder
    direction: Direction
    limit: int
    offset: int = 0
    after: Place | None = None


async def upcoming(
    connection: Connection, as_of: datetime, matching: SlotFilter, page: SlotPage
) -> list[Row]:
    """Open slots that begin after `as_of`, and after what their own partition has applied."""
    key, kind = SLOT_ORDERS[page.order]
    arguments = [as_of, matching.ahead, matching.risk_level, matching.tutor_id]
    seek = ""
    if page.after is not None:
        condition, more = _after(key, SLOT, kind, page.direction, page.after, len(arguments))
        seek, arguments = f" AND {condition}", [*arguments, *more]
    place = len(arguments)
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT x.session_id::text AS id, x.tutor_id::text, t.name AS tutor_name, x.student_id,"
        " u.name AS student_name, x.scheduled_start AS scheduled_time, x.duration_minutes,"
        " x.status, p.reschedule_probability, p.risk_level, p.reasons, p.source,"
        " p.model_version, p.predicted_at,"
        f" {key} AS sort_value, {SLOT}::text AS slot{UPCOMING}{seek}"
        f" ORDER BY {key} {page.direction} NULLS LAST, {SLOT}"
        f" LIMIT ${place + 1} OFFSET ${place + 2}",
        *arguments,
        page.limit,
        page.offset,
    )


async def count_upcoming(connection: Connection, as_of: datetime, matching: SlotFilter) -> int:
    arguments = (as_of, matching.ahead, matching.risk_level, matching.tutor_id)
    return int(await connection.fetchval(f"SELECT count(*){UPCOMING}", *arguments))


OPEN_SLOTS = (
    "SELECT x.session_id::text, x.tutor_id::text, x.student_id, x.scheduled_start"
    " FROM sessions x LEFT JOIN tutor_scores s ON s.tutor_id = x.tutor_id"
    " LEFT JOIN pipeline_progress g ON g.partition = s.partition"
    " WHERE x.status = 'scheduled' AND x.scheduled_start > $1"
    " AND x.scheduled_start > coalesce(g.applied_until, $1)"
)


async def open_slots(
    connection: Connection, as_of: datetime, session_ids: Sequence[UUID]
) -> list[Row]:
    """Upcoming slots of these sessions, the next ones first."""
    return await connection.fetch(  # type: ignore[no-any-return]
        f"{OPEN_SLOTS} AND x.session_id = any($2::uuid[]) ORDER BY x.scheduled_start, x.session_id",
        as_of,
        session_ids,
    )


async def open_slots_until(
    connection: Connection, as_of: datetime, ahead: timedelta, limit: int
) -> list[Row]:
    """Upcoming slots of the next time, the next ones first."""
    return await connection.fetch(  # type: ignore[no-any-return]
        f"{OPEN_SLOTS} AND x.scheduled_start <= $1 + $2"
        " ORDER BY x.scheduled_start, x.session_id LIMIT $3",
        as_of,
        ahead,
        limit,
    )


async def knows_session(connection: Connection, session_id: UUID) -> bool:
    found = await connection.fetchval("SELECT 1 FROM sessions WHERE session_id = $1", session_id)
    return found is not None


async def prediction(connection: Connection, session_id: UUID, start: datetime) -> Row | None:
    """The latest of a slot with its vector, and the names of the vector's parts if any worker
    has said them; None = nothing was predicted yet."""
    return await connection.fetchrow(
        "SELECT p.reschedule_probability, p.risk_level, p.reasons, p.source, p.model_version,"
        " p.predicted_at, f.reason AS asked_for, f.vector,"
        " (SELECT features FROM model_status m WHERE m.fingerprint = f.fingerprint LIMIT 1)"
        " AS features"
        " FROM session_reschedule_predictions p"
        " LEFT JOIN session_features f ON f.event_id = p.features_id"
        " WHERE p.session_id = $1 AND p.scheduled_start = $2",
        session_id,
        start,
    )


async def models(connection: Connection) -> list[Row]:
    """Which model answers, one row for each partition."""
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT model, partition, champion, challenger, wanted, degraded, why, fingerprint, said_at"
        " FROM model_status ORDER BY model, partition"
    )


ALERT = (
    "SELECT a.event_id::text, a.kind, a.tutor_id::text, t.name AS tutor_name,"
    " a.session_id::text, a.occurred_at, a.evidence, a.reasons, a.reschedule_rate_7d,"
    " a.reschedule_rate_30d, a.reschedule_rate_90d, a.risk_threshold, a.probability,"
    " a.scheduled_start, a.acknowledged_at, a.acknowledged_by"
    " FROM alerts a LEFT JOIN tutors t ON t.id = a.tutor_id"
)


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """None = any."""

    kind: str | None = None
    tutor_id: UUID | None = None
    acknowledged: bool | None = None


async def alerts(
    connection: Connection, matching: AlertFilter, *, limit: int, after: Place | None
) -> list[Row]:
    """Newest first by (occurred_at, event_id)."""
    seek, arguments = _older("a.occurred_at", after, 4, "a.event_id")
    return await connection.fetch(  # type: ignore[no-any-return]
        f"{ALERT} WHERE ($1::text IS NULL OR a.kind = $1)"
        " AND ($2::uuid IS NULL OR a.tutor_id = $2)"
        f" AND ($3::bool IS NULL OR (a.acknowledged_at IS NOT NULL) = $3){seek}"
        " ORDER BY a.occurred_at DESC, a.event_id DESC LIMIT $4",
        matching.kind,
        matching.tutor_id,
        matching.acknowledged,
        limit,
        *arguments,
    )


async def alert(connection: Connection, event_id: UUID) -> Row | None:
    return await connection.fetchrow(f"{ALERT} WHERE a.event_id = $1", event_id)


def _older(
    time: str, place: Place | None, taken: int, ident: str = "event_id"
) -> tuple[str, Sequence[Any]]:
    if place is None:
        return "", ()
    return f" AND ({time}, {ident}) < (${taken + 1}, ${taken + 2})", (place.value, place.id)


async def platform_totals(connection: Connection) -> Row:
    """Sums over all tutors, and how many there are of each risk."""
    return await connection.fetchrow(
        "SELECT count(*)::int AS total,"
        " (count(*) FILTER (WHERE s.risk_level = 'low'))::int AS low,"
        " (count(*) FILTER (WHERE s.risk_level = 'warning'))::int AS warning,"
        " (count(*) FILTER (WHERE s.risk_level = 'high'))::int AS high,"
        " (count(*) FILTER (WHERE s.evidence = 'confirmed'))::int AS confirmed,"
        + ",".join(
            f" coalesce(sum(s.total_sessions_{days}d), 0)::bigint AS total_sessions_{days}d,"
            f" coalesce(sum(s.tutor_reschedules_{days}d), 0)::bigint AS tutor_reschedules_{days}d"
            for days in (7, 30, 90)
        )
        + " FROM tutors t LEFT JOIN tutor_scores s ON s.tutor_id = t.id"
    )


async def rate_histogram(connection: Connection, bins: int) -> list[Row]:
    """Tutors by 30-day rate in `bins` equal steps of [0, 1]; the last step includes 1.

    Tutors without a rate are in none: to Postgres, least(NULL, 19) is 19.
    """
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT bin, count(s.tutor_id)::int AS tutors FROM generate_series(0, $1 - 1) AS bin"
        " LEFT JOIN tutor_scores s"
        " ON s.reschedule_rate_30d IS NOT NULL"
        " AND least(floor(s.reschedule_rate_30d * $1)::int, $1 - 1) = bin"
        " GROUP BY bin ORDER BY bin",
        bins,
    )


async def newly_high_risk(connection: Connection, after: datetime, limit: int) -> list[Row]:
    """Tutors at high risk now whose last entry came after `after`, latest first."""
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT t.id::text AS tutor_id, t.name, s.evidence, s.reasons, s.reschedule_rate_7d,"
        " s.reschedule_rate_30d, s.reschedule_rate_90d, entered.occurred_at"
        " FROM (SELECT tutor_id, max(occurred_at) AS occurred_at FROM risk_changes"
        " WHERE occurred_at > $1 AND is_high_risk AND NOT was_high_risk GROUP BY tutor_id)"
        " AS entered JOIN tutor_scores s USING (tutor_id) JOIN tutors t ON t.id = s.tutor_id"
        " WHERE s.is_high_risk ORDER BY entered.occurred_at DESC, t.id LIMIT $2",
        after,
        limit,
    )


async def progress(connection: Connection) -> list[Row]:
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT partition, generation, applied_offset, applied_until, score_offset, live,"
        " stopped FROM pipeline_progress ORDER BY partition"
    )


async def sink_positions(connection: Connection) -> list[Row]:
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT topic, partition, next_offset FROM sink_positions ORDER BY topic, partition"
    )


async def dead_letter_counts(connection: Connection) -> list[Row]:
    """Of letters that wait for an operator: neither retried nor dropped."""
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT topic, reason, count(*)::int AS count FROM dead_letters"
        " WHERE retried_at IS NULL AND dropped_at IS NULL"
        " GROUP BY topic, reason ORDER BY topic, reason"
    )


async def risk_changes_since(connection: Connection, since: datetime, limit: int) -> list[Row]:
    """Of all tutors, oldest first, from `since` on."""
    return await connection.fetch(  # type: ignore[no-any-return]
        "SELECT event_id::text, tutor_id::text, occurred_at, is_high_risk, was_high_risk,"
        " evidence, reasons FROM risk_changes WHERE occurred_at >= $1"
        " ORDER BY occurred_at, event_id LIMIT $2",
        since,
        limit,
    )


async def alerts_since(connection: Connection, since: datetime, limit: int) -> list[Row]:
    """Oldest first, from `since` on."""
    return await connection.fetch(  # type: ignore[no-any-return]
        f"{ALERT} WHERE a.occurred_at >= $1 ORDER BY a.occurred_at, a.event_id LIMIT $2",
        since,
        limit,
    )


async def newest_change(connection: Connection) -> datetime | None:
    """When the newest risk change or alert occurred."""
    return await connection.fetchval(  # type: ignore[no-any-return]
        "SELECT greatest((SELECT max(occurred_at) FROM risk_changes),"
        " (SELECT max(occurred_at) FROM alerts))"
    )
