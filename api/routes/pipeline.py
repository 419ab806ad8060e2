"""Is data flowing? The progress of each partition, refused records, the sink's positions."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from api.access import ScopedRoute, requires
from api.answers import READ_PROBLEMS, answer
from api.responses import Pipeline
from api.services import services_of
from api.times import instant
from tutor_quality.storage import queries
from tutor_quality.storage.queries import Row

router = APIRouter(route_class=ScopedRoute, tags=["pipeline"])


@router.get(
    "/api/pipeline",
    summary="Progress, lag and refused records",
    response_model=Pipeline,
    responses=READ_PROBLEMS,
)
@requires("read")
async def get_pipeline(request: Request) -> Response:
    """Lag is the time between now and the instant up to which everything is in the scores."""
    services = services_of(request)
    async with services.database.reading() as connection:
        version = await queries.data_version(connection)
        partitions = await queries.progress(connection)
        positions = await queries.sink_positions(connection)
        letters = await queries.dead_letter_counts(connection)
    now = instant(services.clock.now_ms())
    states = [_state(row, now) for row in partitions]
    lags = [state["lag_seconds"] for state in states if state["lag_seconds"] is not None]
    pipeline = {
        "partitions": states,
        "lag_seconds": max(lags, default=None),
        "dead_letters": _dead_letters(letters),
        "sink": [dict(row) for row in positions],
        "as_of": version.as_of,
    }
    return answer(pipeline)


def _dead_letters(rows: Sequence[Row]) -> dict[str, Any]:
    by_reason: Counter[str] = Counter()
    by_topic: Counter[str] = Counter()
    for row in rows:
        by_reason[row["reason"]] += row["count"]
        by_topic[row["topic"]] += row["count"]
    return {"total": by_topic.total(), "by_reason": dict(by_reason), "by_topic": dict(by_topic)}


def _state(row: Row, now: datetime) -> dict[str, Any]:
    behind = max(0.0, round((now - row["applied_until"]).total_seconds(), 3))
    return {**dict(row), "lag_seconds": behind if row["live"] else None}
