"""Booked sessions that are still to come."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api import answers
from api.access import ScopedRoute, requires
from api.answers import NOT_MODIFIED, READ_PROBLEMS, answer
from api.errors import invalid_request
from api.pages import version_of
from api.responses import PredictedRisk, UpcomingPage
from api.routes.tutors import CursorText
from api.services import services_of
from tutor_quality.storage import queries
from tutor_quality.storage.queries import Direction, Place, SlotFilter, SlotOrder

router = APIRouter(route_class=ScopedRoute, tags=["upcoming sessions"])


@router.get(
    "/api/upcoming-sessions",
    summary="List booked sessions that are still to come",
    response_model=UpcomingPage,
    responses={**NOT_MODIFIED, **READ_PROBLEMS},
)
@requires("read")
async def list_upcoming(
    request: Request,
    days_ahead: Annotated[int, Query(ge=1, le=90, description="after as_of")] = 7,
    risk_level: Annotated[
        PredictedRisk | None, Query(description="of the prediction; missing = any, or none yet")
    ] = None,
    tutor_id: Annotated[UUID | None, Query(description="of this tutor only")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="items of a page")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31, description="items to skip; or use cursor")] = 0,
    cursor: CursorText = None,
    sort_by: Annotated[
        SlotOrder, Query(description="sessions without a prediction come last")
    ] = "scheduled_time",
    sort_order: Direction = "asc",
) -> Response:
    """Slots without an outcome that begin after `as_of`: what has begun leaves the list by itself.

    `reschedule_probability` is a fraction. `Link` names the next page.
    """
    services = services_of(request)
    name = f"upcoming:{sort_by}:{sort_order}"
    after = _place(name, sort_by, cursor)
    if after is not None and offset:
        detail = "use either offset or cursor"
        raise invalid_request([{"parameter": "offset", "detail": detail}])
    matching = SlotFilter(timedelta(days=days_ahead), risk_level, tutor_id)
    version = version_of(request)
    if answers.has(request, version):
        return answers.not_modified(version)
    async with services.database.reading() as connection:
        rows, total = [], 0
        if as_of := version.as_of:
            page = queries.SlotPage(sort_by, sort_order, limit + 1, offset, after)
            rows = await queries.upcoming(connection, as_of, matching, page)
            total = await services.totals.of(
                version.tag, matching, lambda: queries.count_upcoming(connection, as_of, matching)
            )
    following = None
    if len(rows) > limit:
        last = rows[limit - 1]
        following = answers.cursor(name, last["sort_value"], last["slot"])
    body = {
        "sessions": [_item(row) for row in rows[:limit]],
        "total": total,
        "limit": limit,
        "offset": offset,
        "next_cursor": following,
        "as_of": version.as_of,
    }
    return answer(body, version, headers=answers.next_link(request, following))


def _place(name: str, order: SlotOrder, cursor: str | None) -> Place | None:
    if order == "scheduled_time":
        return answers.instant_place(name, cursor)
    if cursor is None:
        return None
    found = answers.place(name, cursor)
    number = order == "reschedule_probability"
    fits = found.value is None or isinstance(found.value, float | int)
    if fits if number else isinstance(found.value, str) and "\0" not in found.value:
        return found
    raise answers.not_a_cursor()


def _item(row: Any) -> dict[str, Any]:
    item = dict(row)
    del item["sort_value"], item["slot"]
    return item
