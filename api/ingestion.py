"""What producers send over HTTP, and the session event that each body becomes.

Two forms, told apart by their keys: the seeds' session payload (has `status`) and our own event
(has `event_type`). Nothing here does input or output; the instant of receipt is an argument.
"""

import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal, cast

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from api.errors import json_pointer
from api.times import iso, milliseconds
from tutor_quality.domain.legality import MAX_REASON, MAX_REASON_CODE, MAX_STUDENT_ID, check_event
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import InvalidRecord

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "tutor-quality")
MINUTE_MS = 60_000
NO_NUL = r"^[^\x00]*$"
"""Postgres cannot store NUL in text."""


def _only_text(value: object) -> object:
    # Pydantic would read a bare number as seconds since the epoch; milliseconds look the same.
    if not isinstance(value, str) or value.lstrip("+-").replace(".", "", 1).isdigit():
        raise PydanticCustomError("instant", "must be an ISO 8601 date and time")
    return value


def _in_utc(value: datetime) -> datetime:
    """To the millisecond, as it is stored; a time without a zone is UTC."""
    whole = value.replace(microsecond=value.microsecond // 1000 * 1000)
    try:
        return whole.replace(tzinfo=UTC) if whole.tzinfo is None else whole.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("instant", "lies outside the years 1 to 9999") from error


Instant = Annotated[
    datetime,
    BeforeValidator(_only_text),
    AfterValidator(_in_utc),
    PlainSerializer(iso, return_type=str, when_used="json"),
]
Minutes = Annotated[int, Field(strict=True)]


class RescheduleInfo(BaseModel):
    """How a session was moved or given up."""

    initiator: Literal["tutor", "student"] = Field(description="who did it")
    original_time: Instant = Field(description="start of the slot that was moved")
    new_time: Instant | None = Field(None, description="start of the new slot; null = no new time")
    reason: str | None = Field(None, max_length=MAX_REASON, pattern=NO_NUL, description="in words")
    reason_code: str | None = Field(None, max_length=MAX_REASON_CODE, pattern=NO_NUL)
    cancelled_at: Instant = Field(description="when it was moved or given up")


class SessionOutcome(BaseModel):
    """A session's outcome as clients of the original send it. Further fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "session_id": "5f0c2b6e-7a5d-4c39-9d57-0c2f8ee3a001",
                    "tutor_id": "9b6f0a4e-13a7-4a52-8d3b-6d1f6f0d0001",
                    "student_id": "student-17",
                    "scheduled_time": "2026-03-02T15:00:00Z",
                    "status": "rescheduled",
                    "duration_minutes": 60,
                    "reschedule_info": {
                        "initiator": "tutor",
                        "original_time": "2026-03-02T15:00:00Z",
                        "new_time": "2026-03-04T15:00:00Z",
                        "reason_code": "schedule_conflict",
                        "cancelled_at": "2026-03-01T09:30:00Z",
                    },
                }
            ]
        }
    )

    session_id: uuid.UUID = Field(description="the lesson")
    tutor_id: uuid.UUID
    student_id: str = Field(min_length=1, max_length=MAX_STUDENT_ID, pattern=NO_NUL)
    scheduled_time: Instant = Field(description="start of the slot; without a zone = UTC")
    status: Literal["completed", "rescheduled", "no_show"]
    completed_time: Instant | None = Field(
        None, description="when it ended; used with status completed only"
    )
    duration_minutes: Minutes | None = Field(None, ge=1, le=300, description="planned length")
    reschedule_info: RescheduleInfo | None = Field(
        None, validate_default=True, description="required with status rescheduled"
    )

    @field_validator("reschedule_info")
    @classmethod
    def _a_move_says_how(
        cls, info: RescheduleInfo | None, others: ValidationInfo
    ) -> RescheduleInfo | None:
        if info is None and others.data.get("status") == "rescheduled":
            raise PydanticCustomError("missing", "is required with status rescheduled")
        return info


class EventBody(BaseModel):
    """One session event in our own form; the fields are those of the topic's schema."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "event_type": "scheduled",
                    "session_id": "5f0c2b6e-7a5d-4c39-9d57-0c2f8ee3a001",
                    "tutor_id": "9b6f0a4e-13a7-4a52-8d3b-6d1f6f0d0001",
                    "student_id": "student-17",
                    "scheduled_start": "2026-03-02T15:00:00Z",
                    "occurred_at": "2026-02-20T08:00:00Z",
                    "duration_minutes": 60,
                }
            ]
        },
    )

    event_id: uuid.UUID | None = Field(
        None, description="the same id again is the same event; derived from the facts if missing"
    )
    event_type: Literal["scheduled", "rescheduled", "cancelled", "completed", "no_show"]
    session_id: uuid.UUID
    tutor_id: uuid.UUID
    student_id: str = Field(min_length=1, max_length=MAX_STUDENT_ID, pattern=NO_NUL)
    scheduled_start: Instant = Field(description="start of the slot that the fact speaks of")
    occurred_at: Instant = Field(
        description="when it happened; at most 5 minutes after the receipt"
    )
    duration_minutes: Minutes | None = Field(None, ge=0, le=525_600, description="planned length")
    new_start: Instant | None = Field(
        None, description="rescheduled: start of the new slot; null = no new time yet"
    )
    initiator: Literal["tutor", "student", "system"] | None = Field(
        None, description="rescheduled, cancelled: who did it"
    )
    reason_code: str | None = Field(None, max_length=MAX_REASON_CODE, pattern=NO_NUL)
    reason: str | None = Field(None, max_length=MAX_REASON, pattern=NO_NUL)
    started_at: Instant | None = Field(None, description="completed: when it really began")
    ended_at: Instant | None = Field(None, description="completed: when it really ended")
    rating: Minutes | None = Field(None, ge=1, le=5, description="completed: the student's rating")
    is_first_session: bool | None = Field(None, strict=True)
    context: dict[str, str | bool | int | float | None] | None = Field(
        None, description="further facts known when the slot was made; features of the models"
    )


def _form_of(body: object) -> str | None:
    """The tag of the form that a body has."""
    keys = body if isinstance(body, dict) else vars(body) if isinstance(body, BaseModel) else {}
    return "(event)" if "event_type" in keys else "(outcome)"


SessionBody = Annotated[
    Annotated[SessionOutcome, Tag("(outcome)")] | Annotated[EventBody, Tag("(event)")],
    Discriminator(_form_of),
]
SESSION_BODY: TypeAdapter[SessionOutcome | EventBody] = TypeAdapter(SessionBody)


@dataclass(frozen=True, slots=True)
class Draft:
    """The event that a body speaks of, before its time was held against the receipt."""

    body: SessionOutcome | EventBody
    event: SessionEvent
    facts: bytes
    """All that the event says as it was sent."""
    named: bool
    """Its sender gave the id, so that it may stand for these facts only."""


def draft(body: SessionOutcome | EventBody, *, idempotency_id: str | None) -> Draft:
    """`idempotency_id` names the event when the sender gave an Idempotency-Key and no event_id."""
    given = idempotency_id
    if isinstance(body, EventBody):
        event = _event_of_own_form(body)
        if body.event_id is not None:
            given = str(body.event_id)
    else:
        event = _event_of_outcome(body)
    facts = orjson.dumps(asdict(event))
    identity = _outcome_of(event) if isinstance(body, SessionOutcome) else facts
    event_id = given or str(uuid.uuid5(NAMESPACE, f"fact:{identity.decode()}"))
    return Draft(body, replace(event, event_id=event_id), facts, named=given is not None)


def _outcome_of(event: SessionEvent) -> bytes:
    """What the seeds' payload is known by: which slot, and what became of it.

    Not what a client that tries again may say anew: completed_time, cancelled_at, the reason, the
    length, the student.
    """
    return orjson.dumps(
        [
            event.tutor_id,
            event.session_id,
            event.scheduled_start,
            event.event_type,
            event.initiator,
            event.new_start,
        ]
    )


def named_by_key(principal: str, idempotency_key: str, index: int) -> str:
    """The id of the `index`-th event that a caller sent under an Idempotency-Key."""
    return str(uuid.uuid5(NAMESPACE, f"idempotency:{principal}:{index}:{idempotency_key}"))


def received(draft: Draft, now_ms: int) -> SessionEvent:
    """The event as the log will accept it at `now_ms`; raises InvalidRecord if it never will.

    Existing clients send a completed_time ahead of now, so an instant of the seeds' form that
    lies after the receipt becomes the receipt.
    """
    event = draft.event
    if isinstance(draft.body, SessionOutcome):
        event = replace(event, occurred_at=min(event.occurred_at, now_ms))
    check_event(event, recorded_at=now_ms)
    return event


def described(draft: Draft, error: InvalidRecord) -> dict[str, str]:
    """Which member of the body breaks the rule: messages of rules begin with the field's name."""
    field = str(error).split(" ", 1)[0]
    path = [field]
    if isinstance(draft.body, SessionOutcome):
        path = _path_in_outcome(draft.body, field)
    return {"pointer": json_pointer(path), "detail": str(error)}


def _path_in_outcome(body: SessionOutcome, field: str) -> list[str]:
    if body.status == "rescheduled":
        moved = {
            "scheduled_start": "original_time",
            "new_start": "new_time",
            "occurred_at": "cancelled_at",
        }
        return ["reschedule_info", moved[field]] if field in moved else [field]
    ended = "completed_time" if body.completed_time else "scheduled_time"
    return [{"scheduled_start": "scheduled_time", "occurred_at": ended}.get(field, field)]


def _event_of_own_form(body: EventBody) -> SessionEvent:
    return SessionEvent(
        event_id="",
        event_type=EventType(body.event_type),
        session_id=str(body.session_id),
        tutor_id=str(body.tutor_id),
        student_id=body.student_id,
        scheduled_start=milliseconds(body.scheduled_start),
        occurred_at=milliseconds(body.occurred_at),
        duration_minutes=body.duration_minutes,
        new_start=_milliseconds(body.new_start),
        initiator=InitiatorName(body.initiator) if body.initiator else None,
        reason_code=body.reason_code,
        reason=body.reason,
        started_at=_milliseconds(body.started_at),
        ended_at=_milliseconds(body.ended_at),
        rating=body.rating,
        is_first_session=body.is_first_session,
        context=None if body.context is None else orjson.dumps(body.context).decode(),
    )


def _event_of_outcome(body: SessionOutcome) -> SessionEvent:
    if body.status == "rescheduled":
        return _move(body, cast(RescheduleInfo, body.reschedule_info))
    if body.status == "completed" and body.completed_time is not None:
        return _fact(body, EventType.COMPLETED, body.scheduled_time, body.completed_time)
    completed = body.status == "completed"
    event_type = EventType.COMPLETED if completed else EventType.NO_SHOW
    event = _fact(body, event_type, body.scheduled_time, body.scheduled_time)
    # Without a length the slot ends where it starts: nothing is made up.
    return replace(event, occurred_at=event.occurred_at + (body.duration_minutes or 0) * MINUTE_MS)


def _move(body: SessionOutcome, info: RescheduleInfo) -> SessionEvent:
    event_type = EventType.CANCELLED if info.new_time is None else EventType.RESCHEDULED
    return replace(
        _fact(body, event_type, info.original_time, info.cancelled_at),
        new_start=_milliseconds(info.new_time),
        initiator=InitiatorName(info.initiator),
        reason_code=info.reason_code,
        reason=info.reason,
    )


def _fact(
    body: SessionOutcome, event_type: EventType, slot: datetime, occurred_at: datetime
) -> SessionEvent:
    return SessionEvent(
        event_id="",
        event_type=event_type,
        session_id=str(body.session_id),
        tutor_id=str(body.tutor_id),
        student_id=body.student_id,
        scheduled_start=milliseconds(slot),
        occurred_at=milliseconds(occurred_at),
        duration_minutes=body.duration_minutes,
    )


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else milliseconds(instant)
