"""Session events: facts in the past tense about one slot."""

from dataclasses import dataclass
from enum import StrEnum

FUTURE_TOLERANCE_MS = 5 * 60_000
"""A fact may claim to have happened this much after its record's timestamp, not more."""


class EventType(StrEnum):
    SCHEDULED = "scheduled"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    NO_SHOW = "no_show"


class InitiatorName(StrEnum):
    TUTOR = "tutor"
    STUDENT = "student"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """One fact. Ids are UUIDs in lower case; times are milliseconds since the epoch, UTC."""

    event_id: str
    event_type: EventType
    session_id: str
    tutor_id: str
    student_id: str
    scheduled_start: int
    """Start of the slot that the fact speaks of."""
    occurred_at: int
    duration_minutes: int | None = None
    """Planned, known for every outcome alike."""
    new_start: int | None = None
    """rescheduled: start of the new slot; None = no new time yet."""
    initiator: InitiatorName | None = None
    """rescheduled and cancelled: who did it."""
    reason_code: str | None = None
    reason: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    rating: int | None = None
    """1 to 5."""
    is_first_session: bool | None = None
    context: str | None = None
    """JSON object of further facts known when the slot was made."""
