"""Alerts: what changed, and who has seen it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from api import answers
from api.access import ScopedRoute, principal_of, requires
from api.answers import READ_PROBLEMS, answer, problems
from api.errors import Problem
from api.responses import Acknowledgement, AlertPage, alert_item
from api.routes.tutors import CursorText, Limit
from api.services import services_of
from api.times import instant
from tutor_quality.storage import queries
from tutor_quality.storage.queries import AlertFilter

router = APIRouter(route_class=ScopedRoute, tags=["alerts"])

Kind = Literal["tutor_entered", "tutor_evidence_changed", "tutor_left", "session_at_risk"]


@router.get(
    "/api/alerts",
    summary="List alerts, newest first",
    response_model=AlertPage,
    responses=READ_PROBLEMS,
)
@requires("read")
async def list_alerts(
    request: Request,
    kind: Kind | None = None,
    tutor_id: Annotated[UUID | None, Query(description="of this tutor only")] = None,
    acknowledged: Annotated[bool | None, Query(description="missing = both")] = None,
    limit: Limit = 100,
    cursor: CursorText = None,
) -> Response:
    """`Link` names the next page. Rates are percent."""
    after = answers.instant_place("alerts", cursor)
    matching = AlertFilter(kind, tutor_id, acknowledged)
    async with services_of(request).database.reading() as connection:
        version = await queries.data_version(connection)
        rows = await queries.alerts(connection, matching, limit=limit + 1, after=after)
    following = None
    if len(rows) > limit:
        last = rows[limit - 1]
        following = answers.cursor("alerts", last["occurred_at"], last["event_id"])
    page = {
        "alerts": [alert_item(row) for row in rows[:limit]],
        "next_cursor": following,
        "as_of": version.as_of,
    }
    return answer(page, headers=answers.next_link(request, following))


@router.post(
    "/api/alerts/{alert_id}/acknowledge",
    summary="Say that somebody has seen an alert",
    response_model=Acknowledgement,
    responses={**READ_PROBLEMS, **problems(404)},
)
@requires("predict", "admin")
async def acknowledge_alert(
    request: Request,
    alert_id: Annotated[
        UUID, Path(description="the alert", examples=["0d8f8f3e-4a0b-5a86-9d6c-2f6e6a0d0001"])
    ],
) -> Response:
    """The first acknowledgement counts; a second one changes nothing."""
    services = services_of(request)
    name = principal_of(request).name
    async with services.database.writing() as connection:
        await connection.execute(
            "UPDATE alerts SET acknowledged_at = $2, acknowledged_by = $3"
            " WHERE event_id = $1 AND acknowledged_at IS NULL",
            alert_id,
            instant(services.clock.now_ms()),
            name,
        )
        version = await queries.data_version(connection)
        row = await queries.alert(connection, alert_id)
    if row is None:
        raise Problem(404, "There is no alert with this id.")
    services.bookkeeper.note(request, name, "done", 200)
    return answer({"alert": alert_item(row), "as_of": version.as_of})
