"""What producers send over HTTP, and the session event that each body becomes.

Two forms, told apart by their keys: the seeds' session payload (has `status`) and our own event
(has `event_type`). Nothing here does input or output; the instant of receipt is an argument.
"""

import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self, cast

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tutor_quality.domain.sessions import (
    FUTURE_TOLERANCE_MS,
    EventType,
    InitiatorName,
    SessionEvent,
)

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "tutor-quality")
NO_NUL = r"^[^\x00]*$"
"""Postgres cannot store NUL in text."""


def _only_text(value: object) -> object:
    # Pydantic would read a bare number as seconds since the epoch; milliseconds look the same.
    if not isinstance(value, str) or value.lstrip("+-").replace(".", "", 1).isdigit():
        raise PydanticCustomError("instant", "must be an ISO 8601 date and time")
    return value


def _in_utc(value: datetime) -> datetime:
    """A time without a zone is UTC."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("instant", "lies outside the years 1 to 9999") from error


Instant = Annotated[datetime, BeforeValidator(_only_text), AfterValidator(_in_utc)]
Minutes = Annotated[int, Field(strict=True)]


def milliseconds(instant: datetime) -> int:
    """Since the epoch, rounded down."""
    return (instant - EPOCH) // MILLISECOND


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else milliseconds(instant)


class RescheduleInfo(BaseModel):
    """How a session was moved or given up."""

    initiator: Literal["tutor", "student"] = Field(description="who did it")
    original_time: Instant = Field(description="start of the slot that was moved")
    new_time: Instant | None = Field(None, description="start of the new slot; null = no new time")
    reason: str | None = Field(None, max_length=2000, pattern=NO_NUL, description="in words")
    reason_code: str | None = Field(None, max_length=100, pattern=NO_NUL)
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
    student_id: str = Field(min_length=1, max_length=255, pattern=NO_NUL)
    scheduled_time: Instant = Field(description="start of the slot; without a zone = UTC")
    status: Literal["completed", "rescheduled", "no_show"]
    completed_time: Instant | None = Field(
        None, description="when it ended; used with status completed only"
    )
    duration_minutes: Minutes | None = Field(None, ge=1, le=300, description="planned length")
    reschedule_info: RescheduleInfo | None = Field(
        None, description="required with status rescheduled"
    )

    @model_validator(mode="after")
    def _a_move_says_how(self) -> Self:
        if self.status == "rescheduled" and self.reschedule_info is None:
            raise PydanticCustomError("reschedule_info", "status rescheduled needs reschedule_info")
        return self


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
    student_id: str = Field(min_length=1, max_length=255, pattern=NO_NUL)
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
    reason_code: str | None = Field(None, max_length=100, pattern=NO_NUL)
    reason: str | None = Field(None, max_length=2000, pattern=NO_NUL)
    started_at: Instant | None = Field(None, description="completed: when it really began")
    ended_at: Instant | None = Field(None, description="completed: when it really ended")
    rating: Minutes | None = Field(None, ge=1, le=5, description="completed: the student's rating")
    is_first_session: bool | None = Field(None, strict=True)
    context: dict[str, Any] | None = Field(
        None, description="further facts known when the slot was made; features of the models"
    )


def _form_of(body: object) -> str | None:
    """The tag of the form that a body has."""
    keys = body if isinstance(body, dict) else vars(body) if isinstance(body, BaseModel) else {}
    return "event" if "event_type" in keys else "outcome"


SessionBody = Annotated[
    Annotated[SessionOutcome, Tag("outcome")] | Annotated[EventBody, Tag("event")],
    Discriminator(_form_of),
]
SESSION_BODY: TypeAdapter[SessionOutcome | EventBody] = TypeAdapter(SessionBody)


@dataclass(frozen=True, slots=True)
class Draft:
    """A session event whose time may still have to be set to the receipt."""

    event: SessionEvent
    facts: bytes
    """All that the event says as it was sent: the same facts are the same event."""


def draft(body: SessionOutcome | EventBody, *, idempotency_id: str | None) -> Draft:
    """The event that a body speaks of.

    `idempotency_id` names the event when the sender gave an Idempotency-Key and no event_id.
    """
    if isinstance(body, EventBody):
        event = _event_of_own_form(body)
        given = str(body.event_id) if body.event_id else idempotency_id
    else:
        event = _event_of_outcome(body)
        given = idempotency_id
    facts = orjson.dumps(asdict(event))
    event_id = given or str(uuid.uuid5(NAMESPACE, f"fact:{facts.decode()}"))
    return Draft(replace(event, event_id=event_id), facts)


def named_by_key(principal: str, idempotency_key: str, index: int) -> str:
    """The event id that stands for the `index`-th event under an Idempotency-Key."""
    return str(uuid.uuid5(NAMESPACE, f"idempotency:{principal}:{index}:{idempotency_key}"))


def at_receipt(body: SessionOutcome | EventBody, event: SessionEvent, now_ms: int) -> SessionEvent:
    """The event with a time that the log accepts.

    Existing clients send a completed_time ahead of now, so the seeds' form is set to the receipt;
    our own form must be right: an event too far ahead raises PydanticCustomError.
    """
    if isinstance(body, EventBody):
        if event.occurred_at > now_ms + FUTURE_TOLERANCE_MS:
            raise PydanticCustomError("future", "lies more than 5 minutes in the future")
        return event
    return replace(event, occurred_at=min(event.occurred_at, now_ms))


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
        return _move_of(body, cast(RescheduleInfo, body.reschedule_info))
    end = body.scheduled_time + timedelta(minutes=body.duration_minutes or 0)
    completed = body.status == "completed"
    occurred_at = body.completed_time if completed and body.completed_time else end
    return _fact(
        body,
        EventType.COMPLETED if completed else EventType.NO_SHOW,
        slot=body.scheduled_time,
        occurred_at=occurred_at,
    )


def _move_of(body: SessionOutcome, info: RescheduleInfo) -> SessionEvent:
    given_up = info.new_time is None
    event = _fact(
        body,
        EventType.CANCELLED if given_up else EventType.RESCHEDULED,
        slot=info.original_time,
        occurred_at=info.cancelled_at,
    )
    return replace(
        event,
        new_start=_milliseconds(info.new_time),
        initiator=InitiatorName(info.initiator),
        reason_code=info.reason_code,
        reason=info.reason,
    )


def _fact(
    body: SessionOutcome, event_type: EventType, *, slot: datetime, occurred_at: datetime
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
