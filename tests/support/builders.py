"""Valid objects by default; a test spells out only what it is about."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from tutor_quality.domain.columns import NULL_TIME, Initiator, Kind, LifecycleColumns
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent

DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000
START = 1_760_000_000_000
"""An instant in October 2025."""

TUTOR = "7a1f0000-0000-4000-8000-000000000001"


def an_id(number: int, of: str = "0") -> str:
    """A readable UUID: the number at its end, one hexadecimal digit at its front."""
    return f"{of}0000000-0000-4000-8000-{number:012x}"


def an_event(number: int = 1, **changes: object) -> SessionEvent:
    """A completed hour with the default tutor, told as it ended."""
    start = changes.get("scheduled_start", START)
    assert isinstance(start, int)
    fields: dict[str, object] = {
        "event_id": an_id(number, "e"),
        "event_type": EventType.COMPLETED,
        "session_id": an_id(number, "5"),
        "tutor_id": TUTOR,
        "student_id": "student-1",
        "scheduled_start": start,
        "occurred_at": start + HOUR,
        "duration_minutes": 60,
    }
    if changes.get("event_type") in (EventType.RESCHEDULED, EventType.CANCELLED):
        fields["initiator"] = InitiatorName.TUTOR
    return SessionEvent(**(fields | changes))  # type: ignore[arg-type]


_KINDS = {name: Kind[name.upper()] for name in EventType}
_INITIATORS = {name: Initiator[name.upper()] for name in InitiatorName}


def columns_of(
    records: Sequence[tuple[int, int, SessionEvent | None]], key: str = TUTOR
) -> LifecycleColumns:
    """Columns of (offset, timestamp, event) records of the tutor `key`; None stands for a tick."""
    blank = an_event(tutor_id=key)
    events = [blank if event is None else event for _, _, event in records]
    return LifecycleColumns(
        offset=np.array([offset for offset, _, _ in records], np.int64),
        timestamp=np.array([timestamp for _, timestamp, _ in records], np.int64),
        tutor_id=_ids([key] * len(events)),
        kind=np.array(
            [Kind.TICK if e is None else _KINDS[e.event_type] for _, _, e in records], np.uint8
        ),
        event_id=_ids([event.event_id for event in events]),
        session_id=_ids([event.session_id for event in events]),
        scheduled_start=np.array([event.scheduled_start for event in events], np.int64),
        occurred_at=np.array([event.occurred_at for event in events], np.int64),
        duration_minutes=_nullable([event.duration_minutes for event in events], -1, np.int32),
        new_start=_nullable([event.new_start for event in events], NULL_TIME, np.int64),
        initiator=np.array(
            [-1 if e.initiator is None else _INITIATORS[e.initiator] for e in events], np.int8
        ),
        started_at=_nullable([event.started_at for event in events], NULL_TIME, np.int64),
        ended_at=_nullable([event.ended_at for event in events], NULL_TIME, np.int64),
        rating=_nullable([event.rating for event in events], 0, np.int8),
        is_first_session=_nullable([event.is_first_session for event in events], -1, np.int8),
    )


def _ids(texts: list[str]) -> np.ndarray:
    raw = b"".join(UUID(text).bytes for text in texts)
    return np.frombuffer(bytearray(raw), np.uint8).reshape(-1, 16)


def _nullable(values: Sequence[int | None], null: int, dtype: type) -> np.ndarray:
    return np.array([null if value is None else value for value in values], dtype)
