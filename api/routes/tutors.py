"""Tutors: list, detail, history, events, risk timeline."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import answers, tables
from api.access import ScopedRoute, requires
from api.answers import NOT_MODIFIED, READ_PROBLEMS, answer, problems
from api.errors import Problem, invalid_request
from api.pages import version_of
from api.responses import (
    RiskTimeline,
    SessionEventPage,
    TutorDetail,
    TutorHistory,
    TutorPage,
    percent,
    rate,
)
from api.services import Services, services_of
from tutor_quality.storage import queries
from tutor_quality.storage.queries import (
    DataVersion,
    Direction,
    Place,
    RiskStatus,
    Row,
    TutorFilter,
    TutorOrder,
)

router = APIRouter(route_class=ScopedRoute, tags=["tutors"])

DEFAULT_LIMIT = 100
EXPORT_PAGE = 1000
WINDOWS = (7, 30, 90)
RATES = tuple(f"reschedule_rate_{days}d" for days in WINDOWS)
DAY = timedelta(days=1)

TutorId = Annotated[
    UUID, Path(description="the tutor", examples=["9b6f0a4e-13a7-4a52-8d3b-6d1f6f0d0001"])
]
Limit = Annotated[int, Query(ge=1, le=1000, description="items of a page")]
CursorText = Annotated[
    str | None, Query(max_length=2000, description="`next_cursor` of the page before")
]


@router.get(
    "/api/tutors",
    summary="List tutors with their rates",
    response_model=TutorPage,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **NOT_MODIFIED,
        **READ_PROBLEMS,
    },
)
@requires("read")
async def list_tutors(
    request: Request,
    risk_status: Annotated[
        RiskStatus,
        Query(
            description="high_risk: any rate > threshold; low_risk: all others; warning: of those,"
            " any rate in the warning band"
        ),
    ] = "all",
    search: Annotated[
        str | None,
        Query(
            max_length=200, pattern=r"^[^\x00]*$", description="part of name, e-mail, external id"
        ),
    ] = None,
    sort_by: Annotated[TutorOrder, Query(description="tutors without a rate come last")] = (
        "reschedule_rate_30d"
    ),
    sort_order: Direction = "desc",
    limit: Annotated[
        int | None, Query(ge=1, le=1000, description="items of a page, 100 if missing; CSV: all")
    ] = None,
    offset: Annotated[int, Query(ge=0, le=2**31, description="items to skip; or use cursor")] = 0,
    cursor: CursorText = None,
    format: Annotated[
        Literal["json", "csv"] | None, Query(description="csv by Accept: text/csv too")
    ] = None,
) -> Response:
    """Rates are percent. Ties go by id, so that pages never overlap. `Link` names the next page.

    CSV has the same filters and order; cells that a spreadsheet would run as a formula are quoted.
    """
    services = services_of(request)
    listing = _Listing(TutorFilter(risk_status, search), sort_by, sort_order)
    after = listing.place(cursor)
    if after is not None and offset:
        detail = "use either offset or cursor"
        raise invalid_request([{"parameter": "offset", "detail": detail}])
    if format == "csv" or (format is None and _prefers_csv(request)):
        return _export(services, listing, after, offset, limit)
    version = version_of(request)
    if answers.has(request, version):
        return answers.not_modified(version)
    size = limit or DEFAULT_LIMIT
    # Who asks for one page by offset after the other need not be made to wait for a walk each time.
    begin = after or services.places.get((version.tag, listing, offset))
    skip = 0 if begin else offset
    async with services.database.reading() as connection:
        rows = await listing.rows(connection, begin, offset=skip, limit=size + 1)
        total = await services.totals.of(
            version.tag,
            listing.matching,
            lambda: queries.count_tutors(connection, listing.matching),
        )
    following = None
    if len(rows) > size:
        last = rows[size - 1]
        following = listing.cursor(last)
        if after is None:
            place = Place(last["sort_value"], UUID(last["id"]))
            services.places.keep((version.tag, listing, offset + size), place)
    page = {
        "tutors": [_item(row) for row in rows[:size]],
        "total": total,
        "limit": size,
        "offset": offset,
        "next_cursor": following,
        "as_of": version.as_of,
    }
    return answer(page, version, headers=answers.next_link(request, following))


@dataclass(frozen=True, slots=True)
class _Listing:
    """One selection of tutors in one order."""

    matching: TutorFilter
    order: TutorOrder
    direction: Direction

    @property
    def name(self) -> str:
        return f"tutors:{self.order}:{self.direction}:{self.matching.risk_status}"

    def cursor(self, row: Row) -> str:
        return answers.cursor(self.name, row["sort_value"], row["id"])

    def place(self, cursor: str | None) -> Place | None:
        if cursor is None:
            return None
        found = answers.place(self.name, cursor)
        if not _fits(self.order, found.value):
            raise invalid_request([{"parameter": "cursor", "detail": "is not a cursor"}])
        return found

    async def rows(
        self, connection: Any, after: Place | None, *, offset: int, limit: int
    ) -> list[Row]:
        return await queries.tutors(
            connection,
            self.matching,
            self.order,
            self.direction,
            limit=limit,
            offset=offset,
            after=after,
        )


def _fits(order: TutorOrder, value: Any) -> bool:
    """Whether Postgres can compare a cursor's value with the sort key."""
    if order == "name":
        return isinstance(value, str) and "\0" not in value
    if value == queries.UNSCORED:
        return True
    if order == "total_sessions_30d":
        return isinstance(value, int) and abs(value) < 2**31
    return value is None or isinstance(value, float | int)


def _item(row: Row) -> dict[str, Any]:
    # By place: that takes half as long as asking a record for each name, and a page has fifty.
    item = dict(zip(_COLUMNS, row, strict=False))
    for name in RATES:
        item[name] = percent(item[name])
    return item


def _windows(row: Row) -> dict[str, Any]:
    return {
        "reschedule_rate_7d": percent(row["reschedule_rate_7d"]),
        "reschedule_rate_30d": percent(row["reschedule_rate_30d"]),
        "reschedule_rate_90d": percent(row["reschedule_rate_90d"]),
        "total_sessions_7d": row["total_sessions_7d"],
        "total_sessions_30d": row["total_sessions_30d"],
        "total_sessions_90d": row["total_sessions_90d"],
        "tutor_reschedules_7d": row["tutor_reschedules_7d"],
        "tutor_reschedules_30d": row["tutor_reschedules_30d"],
        "tutor_reschedules_90d": row["tutor_reschedules_90d"],
    }


def _prefers_csv(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "text/csv" in accepted and "application/json" not in accepted


def _export(
    services: Services, listing: _Listing, after: Place | None, offset: int, limit: int | None
) -> Response:
    return StreamingResponse(
        _csv_lines(services, listing, after, offset, limit),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="tutors.csv"', "vary": "accept"},
    )


async def _csv_lines(
    services: Services, listing: _Listing, after: Place | None, offset: int, limit: int | None
) -> AsyncIterator[bytes]:
    """One page at a time, so that an export of any length takes the memory of one."""
    left = limit
    yield tables.header(_COLUMNS)
    while left is None or left > 0:
        size = EXPORT_PAGE if left is None else min(left, EXPORT_PAGE)
        async with services.database.reading() as connection:
            rows = await listing.rows(connection, after, offset=offset, limit=size)
        yield tables.lines(_COLUMNS, [_item(row) for row in rows])
        if len(rows) < size:
            return
        after, offset = listing.place(listing.cursor(rows[-1])), 0
        left = None if left is None else left - size


# As they are in queries.TUTOR_COLUMNS.
_COLUMNS = (
    "id",
    "name",
    "email",
    "external_id",
    *(f"reschedule_rate_{days}d" for days in WINDOWS),
    *(f"total_sessions_{days}d" for days in WINDOWS),
    *(f"tutor_reschedules_{days}d" for days in WINDOWS),
    "is_high_risk",
    "risk_level",
    "evidence",
    "last_calculated_at",
)


@router.get(
    "/api/tutors/{tutor_id}",
    summary="One tutor",
    response_model=TutorDetail,
    responses={**NOT_MODIFIED, **READ_PROBLEMS, **problems(404)},
)
@requires("read")
async def get_tutor(request: Request, tutor_id: TutorId) -> Response:
    """`as_of` is the later of this tutor's clock and the progress of its partition."""
    version = version_of(request)
    if answers.has(request, version):
        return answers.not_modified(version)
    services = services_of(request)
    async with services.database.reading() as connection:
        row = await _existing(connection, tutor_id)
    threshold = services.risk_threshold if row["version"] is None else row["risk_threshold"]
    detail = {
        "id": row["id"],
        "name": row["name"],
        "email": row["email"],
        "external_id": row["external_id"],
        "is_active": row["is_active"],
        "created_at": row["created_at"],
        "as_of": row["complete_until"],
        "scores": _scores(row, threshold),
        "statistics": _statistics(row),
    }
    return answer(detail, version)


async def _existing(connection: Any, tutor_id: UUID) -> Row:
    row = await queries.tutor(connection, tutor_id)
    if row is None:
        raise Problem(404, "There is no tutor with this id.")
    return row


def _scores(row: Row, threshold: float) -> dict[str, Any]:
    return {
        **_windows(row),
        "is_high_risk": row["is_high_risk"],
        "risk_level": row["risk_level"],
        "risk_threshold": percent(threshold),
        "reasons": row["reasons"],
        "evidence": row["evidence"],
        "last_calculated_at": row["as_of"],
        "next_change_at": row["next_change_at"],
    }


def _statistics(row: Row) -> dict[str, Any]:
    statistics = _windows(row)
    for days in WINDOWS:
        statistics |= {f"{name}_{days}d": value for name, value in _attendance(row, days).items()}
    for name in ("completed", "no_shows", "cancelled", "first_sessions", "first_sessions_lost"):
        statistics[f"{name}_30d"] = row[f"{name}_30d"]
    return {**statistics, "open_slots": row["open_slots"]}


def _attendance(row: Row, days: int) -> dict[str, float | None]:
    def share(part: str, whole: str) -> float | None:
        return rate(row[f"{part}_{days}d"], row[f"{whole}_{days}d"])

    return {
        "no_show_rate": percent(share("no_shows", "total_sessions")),
        "late_start_rate": percent(share("late_starts", "starts_known")),
        "early_end_rate": percent(share("early_ends", "ends_known")),
        "average_rating": share("rating_sum", "ratings"),
    }


@router.get(
    "/api/tutors/{tutor_id}/history",
    summary="Moved and cancelled sessions of a tutor, and the weekly trend",
    response_model=TutorHistory,
    responses={**NOT_MODIFIED, **READ_PROBLEMS, **problems(404)},
)
@requires("read")
async def get_history(
    request: Request,
    tutor_id: TutorId,
    days: Annotated[int, Query(ge=1, le=365, description="before as_of")] = 90,
    limit: Limit = 100,
) -> Response:
    """The trend has the last `days // 7` closed calendar weeks, at least one."""
    version = version_of(request)
    if answers.has(request, version):
        return answers.not_modified(version)
    async with services_of(request).database.reading() as connection:
        as_of = (await _existing(connection, tutor_id))["complete_until"]
        if as_of is None:
            return answer(_history([], [], None), version)
        moves = await queries.reschedules(connection, tutor_id, as_of - days * DAY, as_of, limit)
        count = max(1, days // 7)
        weeks = await queries.weekly(connection, first_week(as_of, count), count, tutor_id)
    return answer(_history(moves, weeks, as_of), version)


def _history(moves: list[Row], weeks: list[Row], as_of: datetime | None) -> dict[str, Any]:
    return {
        "reschedules": [dict(move) for move in moves],
        "trend": {"reschedule_rate_by_week": [week_item(week) for week in weeks]},
        "as_of": as_of,
    }


def first_week(as_of: datetime, count: int) -> datetime:
    """Monday 00:00 UTC of the first of the last `count` whole weeks before `as_of`."""
    midnight = as_of.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - (midnight.weekday() + 7 * count) * DAY


def week_item(row: Row) -> dict[str, Any]:
    return {
        "week": row["week"].date(),
        "rate": percent(rate(row["reschedules"], row["total"])),
        "total": row["total"],
        "tutor_reschedules": row["reschedules"],
    }


@router.get(
    "/api/tutors/{tutor_id}/events",
    summary="Session events of a tutor, newest first",
    response_model=SessionEventPage,
    responses={**NOT_MODIFIED, **READ_PROBLEMS, **problems(404)},
)
@requires("read")
async def list_events(
    request: Request, tutor_id: TutorId, limit: Limit = 100, cursor: CursorText = None
) -> Response:
    """Every fact that was accepted, corrected ones too."""
    after = answers.instant_place("events", cursor)
    version = version_of(request)
    if answers.has(request, version):
        return answers.not_modified(version)
    async with services_of(request).database.reading() as connection:
        as_of = (await _existing(connection, tutor_id))["complete_until"]
        rows = await queries.session_events(connection, tutor_id, limit=limit + 1, after=after)
    return _page(request, version, "events", [dict(row) for row in rows], limit, as_of)


@router.get(
    "/api/tutors/{tutor_id}/risk-timeline",
    summary="Changes of a tutor's risk, newest first",
    response_model=RiskTimeline,
    responses={**NOT_MODIFIED, **READ_PROBLEMS, **problems(404)},
)
@requires("read")
async def list_risk_changes(
    request: Request, tutor_id: TutorId, limit: Limit = 100, cursor: CursorText = None
) -> Response:
    """Each at the exact instant it became true, expiries included."""
    after = answers.instant_place("changes", cursor)
    version = version_of(request)
    if answers.has(request, version):
        return answers.not_modified(version)
    async with services_of(request).database.reading() as connection:
        as_of = (await _existing(connection, tutor_id))["complete_until"]
        rows = await queries.risk_changes(connection, tutor_id, limit=limit + 1, after=after)
    return _page(request, version, "changes", [_change(row) for row in rows], limit, as_of)


def _change(row: Row) -> dict[str, Any]:
    rates = {
        f"reschedule_rate_{days}d": percent(
            rate(row[f"tutor_reschedules_{days}d"], row[f"total_sessions_{days}d"])
        )
        for days in WINDOWS
    }
    return {**dict(row), **rates, "risk_threshold": percent(row["risk_threshold"])}


def _page(
    request: Request,
    version: DataVersion,
    name: str,
    items: list[dict[str, Any]],
    limit: int,
    as_of: datetime | None,
) -> Response:
    """A page of what is ordered by (occurred_at, event_id); `items` may hold one more."""
    following = None
    if len(items) > limit:
        last = items[limit - 1]
        following = answers.cursor(name, last["occurred_at"], last["event_id"])
    page = {name: items[:limit], "next_cursor": following, "as_of": as_of}
    return answer(page, version, headers=answers.next_link(request, following))
