"""Booked sessions that are still to come."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from struct import Struct
from typing import Annotated, Any
from uuid import UUID, uuid4

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import answers
from api.access import ScopedRoute, principal_of, requires
from api.answers import NOT_MODIFIED, READ_PROBLEMS, answer, problems
from api.errors import Problem, invalid_request, retry_later
from api.pages import version_of
from api.responses import (
    BatchAsked,
    PredictedRisk,
    PredictionAsked,
    PredictionDetail,
    UpcomingPage,
)
from api.routes.tutors import CursorText
from api.services import services_of
from api.times import instant, iso
from schemas.codec import encode
from tutor_quality.storage import queries
from tutor_quality.storage.queries import Direction, Place, Row, SlotFilter, SlotOrder

router = APIRouter(route_class=ScopedRoute, tags=["upcoming sessions"])

BATCH_SESSIONS = 1_000
LIST = "/api/upcoming-sessions"
SessionId = Annotated[
    UUID, Path(description="the session", examples=["5f0c2b6e-7a5d-4c39-9d57-0c2f8ee3a001"])
]


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
    return {**item, "reasons": _reasons(row)}


def _reasons(row: Row) -> Any:
    """Postgres hands JSON out as text."""
    return None if row["reasons"] is None else orjson.loads(row["reasons"])


@router.get(
    "/api/upcoming-sessions/{session_id}/predict",
    summary="The prediction of a session's next slot, with all that it follows from",
    response_model=PredictionDetail,
    responses={**READ_PROBLEMS, **problems(404)},
)
@requires("read")
async def get_prediction(request: Request, session_id: SessionId) -> Response:
    """Of the next slot without an outcome; 400 if there is none any more.

    Predictions are made when a slot is booked, 72, 24, 6 and 2 hours before it, when its tutor has
    changed and on request: this only shows the latest.
    """
    async with services_of(request).database.reading() as connection:
        as_of = (await queries.data_version(connection)).as_of
        slot = (await _slots(connection, as_of, session_id))[0]
        found = await queries.prediction(connection, session_id, slot["scheduled_start"])
    return answer({**_of_slot(slot), **_predicted(found), "as_of": as_of})


async def _slots(connection: Any, as_of: datetime | None, session_id: UUID) -> list[Row]:
    """At least one; raises Problem 404 for an unknown session, 400 for one that is over."""
    slots = await queries.open_slots(connection, as_of, [session_id]) if as_of else []
    if slots:
        return slots
    if await queries.knows_session(connection, session_id):
        raise Problem(400, "The session has no upcoming slot: only those are predicted.")
    raise Problem(404, "There is no session with this id.")


def _of_slot(slot: Row) -> dict[str, Any]:
    return {
        "id": slot["session_id"],
        "tutor_id": slot["tutor_id"],
        "student_id": slot["student_id"],
        "scheduled_time": slot["scheduled_start"],
    }


NOT_PREDICTED = dict.fromkeys(
    (
        "reschedule_probability",
        "risk_level",
        "reasons",
        "source",
        "model_version",
        "predicted_at",
        "asked_for",
        "features",
    )
)


def _predicted(row: Row | None) -> dict[str, Any]:
    if row is None:
        return NOT_PREDICTED
    features = None
    if row["vector"] is not None and row["features"] is not None:
        features = _named(row["features"], row["vector"])
    known = {name: row[name] for name in NOT_PREDICTED}
    return {**known, "reasons": _reasons(row), "features": features}


def _named(names: Sequence[str], vector: bytes) -> dict[str, float | None]:
    """NaN = not known."""
    values = Struct(f"<{len(names)}f").unpack(vector)
    pairs = zip(names, values, strict=True)
    return {name: None if math.isnan(value) else value for name, value in pairs}


ASKED: dict[int | str, dict[str, Any]] = {
    202: {
        "headers": {
            "Location": {
                "description": "where the prediction shows up",
                "schema": {"type": "string"},
            }
        }
    }
}


@router.post(
    "/api/upcoming-sessions/{session_id}/predict",
    status_code=202,
    summary="Ask for a prediction, as refresh does",
    response_model=PredictionAsked,
    responses={**ASKED, **READ_PROBLEMS, **problems(404)},
)
@requires("predict")
async def ask_prediction(request: Request, session_id: SessionId) -> Response:
    """The same as `/refresh`."""
    return await _ask(request, session_id)


@router.post(
    "/api/upcoming-sessions/{session_id}/refresh",
    status_code=202,
    summary="Predict a session anew from all that is known by now",
    response_model=PredictionAsked,
    responses={**ASKED, **READ_PROBLEMS, **problems(404)},
)
@requires("predict")
async def refresh_prediction(request: Request, session_id: SessionId) -> Response:
    """202: the command is durable, the prediction follows within moments.

    The live stream says `predictions` when it is there; `predicted_at` is then not before
    `requested_at`.
    """
    return await _ask(request, session_id)


async def _ask(request: Request, session_id: UUID) -> Response:
    async with services_of(request).database.reading() as connection:
        as_of = (await queries.data_version(connection)).as_of
        slots = await _slots(connection, as_of, session_id)
    commands, requested_at = await _tell(request, slots[:1])
    location = f"{LIST}/{session_id}/predict"
    asked = {
        "id": str(session_id),
        "command_id": commands[0],
        "requested_at": requested_at,
        "location": location,
    }
    return answer(asked, status=202, headers={"location": location})


async def _tell(request: Request, slots: Sequence[Row]) -> tuple[list[str], str]:
    """One command for each session; ids of the commands and the instant they bear."""
    services = services_of(request)
    now_ms, sender = services.clock.now_ms(), principal_of(request).name
    ids = [str(uuid4()) for _ in slots]
    commands = [
        (slot["tutor_id"], _command(command_id, slot, sender, now_ms))
        for command_id, slot in zip(ids, slots, strict=True)
    ]
    for failure in await services.event_log.tell(commands, sender=sender, now_ms=now_ms):
        if failure is not None:
            raise retry_later(str(failure))
    services.bookkeeper.note(request, sender, "done", 202, {"sessions": len(slots)})
    return ids, iso(instant(now_ms))


def _command(command_id: str, slot: Row, sender: str, now_ms: int) -> bytes:
    """All open slots of the session: it rarely has more than one."""
    return encode(
        "command",
        {
            "command_id": command_id,
            "kind": "refresh",
            "requested_at": now_ms,
            "requested_by": sender,
            "tutor_id": slot["tutor_id"],
            "session_id": slot["session_id"],
        },
    )


class BatchPredict(BaseModel):
    """Either sessions by id or all that begin soon."""

    model_config = ConfigDict(extra="forbid")

    session_ids: list[UUID] | None = Field(None, min_length=1, max_length=BATCH_SESSIONS)
    days_ahead: int | None = Field(
        None,
        ge=1,
        le=90,
        description=f"sessions that begin so soon after as_of, the next {BATCH_SESSIONS} at most;"
        " 7 when neither is given",
    )


@router.post(
    "/api/upcoming-sessions/batch-predict",
    status_code=202,
    summary="Predict many sessions anew",
    response_model=BatchAsked,
    responses={**ASKED, **READ_PROBLEMS},
)
@requires("predict")
async def batch_predict(request: Request, body: BatchPredict) -> Response:
    """202: the commands are durable, the predictions follow within moments."""
    if body.session_ids is not None and body.days_ahead is not None:
        detail = "use either session_ids or days_ahead"
        raise invalid_request([{"pointer": "#/days_ahead", "detail": detail}])
    slots = await _wanted(request, body)
    _, requested_at = await _tell(request, slots)
    found = {UUID(slot["session_id"]) for slot in slots}
    unknown = [one for one in dict.fromkeys(body.session_ids or ()) if one not in found]
    asked = {
        "predicted": len(slots),
        "errors": len(unknown),
        "total": len(slots) + len(unknown),
        "unknown": unknown,
        "requested_at": requested_at,
        "location": LIST,
    }
    return answer(asked, status=202, headers={"location": LIST})


async def _wanted(request: Request, body: BatchPredict) -> list[Row]:
    """The next slot of each session."""
    async with services_of(request).database.reading() as connection:
        as_of = (await queries.data_version(connection)).as_of
        if as_of is None:
            return []
        if body.session_ids is not None:
            slots = await queries.open_slots(connection, as_of, body.session_ids)
        else:
            ahead = timedelta(days=body.days_ahead or 7)
            slots = await queries.open_slots_until(connection, as_of, ahead, BATCH_SESSIONS)
    return list({slot["session_id"]: slot for slot in reversed(slots)}.values())
