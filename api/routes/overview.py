"""The dashboard's first page: is anything wrong today?"""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from api import answers
from api.access import ScopedRoute, requires
from api.answers import NOT_MODIFIED, READ_PROBLEMS, answer
from api.pages import version_of
from api.responses import Overview, percent, rate
from api.routes.tutors import WINDOWS, first_week, week_item
from api.services import services_of
from tutor_quality.storage import queries
from tutor_quality.storage.queries import Row

router = APIRouter(route_class=ScopedRoute, tags=["overview"])

WEEKS = 13
BINS = 20
NEWLY = timedelta(days=7)
NEWLY_SHOWN = 20


@router.get(
    "/api/overview",
    summary="Aggregates over all tutors",
    response_model=Overview,
    responses={**NOT_MODIFIED, **READ_PROBLEMS},
)
@requires("read")
async def get_overview(request: Request) -> Response:
    """Platform rates are sums of reschedules over sums of sessions, not means of rates."""
    services = services_of(request)
    version = version_of(request)
    if answers.has(request, version):
        return answers.not_modified(version)
    async with services.database.reading() as connection:
        totals = await queries.platform_totals(connection)
        histogram = await queries.rate_histogram(connection, BINS)
        weeks: list[Row] = []
        newly: list[Row] = []
        if version.as_of is not None:
            weeks = await queries.weekly(connection, first_week(version.as_of, WEEKS), WEEKS)
            newly = await queries.newly_high_risk(connection, version.as_of - NEWLY, NEWLY_SHOWN)
    overview = {
        "tutors": {name: totals[name] for name in ("total", "high", "warning", "low", "confirmed")},
        "rates": {f"rate_{days}d": _platform_rate(totals, days) for days in WINDOWS},
        "sessions": {f"total_{days}d": totals[f"total_sessions_{days}d"] for days in WINDOWS},
        "threshold": percent(services.risk_threshold),
        "weekly": [week_item(week) for week in weeks],
        "distribution": [_band(row) for row in histogram],
        "newly_high_risk": [_newly(row) for row in newly],
        "as_of": version.as_of,
    }
    return answer(overview, version)


def _platform_rate(totals: Row, days: int) -> float | None:
    return percent(rate(totals[f"tutor_reschedules_{days}d"], totals[f"total_sessions_{days}d"]))


def _newly(row: Row) -> dict[str, Any]:
    rates = (f"reschedule_rate_{days}d" for days in WINDOWS)
    return {**dict(row), **{name: percent(row[name]) for name in rates}}


def _band(row: Row) -> dict[str, Any]:
    return {
        "from": percent(row["bin"] / BINS),
        "to": percent((row["bin"] + 1) / BINS),
        "tutors": row["tutors"],
    }
