"""Session events for tests, and what the codec must give for them."""

import json
import random
from dataclasses import asdict
from typing import Any
from uuid import UUID

from tutor_quality.domain.legality import LATEST_MS
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent

NOON = 1_767_268_800_000
"""2026-01-01 12:00 UTC, ms."""
TUTOR = "33333333-3333-4333-8333-33333333abcd"


def random_event(rng: random.Random, at: int = NOON) -> SessionEvent:
    """A legal event with any fields present, also those that its type ignores."""
    start = at + rng.randrange(-(10**10), 10**10)
    ended = rng.randrange(1, 10**7)
    return SessionEvent(
        event_id=random_uuid(rng),
        event_type=rng.choice(list(EventType)),
        session_id=random_uuid(rng),
        tutor_id=random_uuid(rng),
        student_id=rng.choice([random_uuid(rng), "7", "Zoë", "学" * 255, "s" * 255]),
        scheduled_start=start,
        occurred_at=at + rng.randrange(-(10**9), 300_001),
        duration_minutes=rng.choice([None, 0, 60, 525_600]),
        new_start=rng.choice([None, start + 1, 0]),
        initiator=rng.choice(list(InitiatorName)),
        reason_code=rng.choice([None, "", "ill", "é" * 100]),
        reason=rng.choice([None, "no time", "wörds", "r" * 2000]),
        started_at=rng.choice([None, start]),
        ended_at=rng.choice([None, start + ended]),
        rating=rng.choice([None, 1, 5]),
        is_first_session=rng.choice([None, False, True]),
        context=rng.choice(CONTEXTS),
    )


CONTEXTS = (
    None,
    None,
    "{}",
    ' {"a": 1}',
    '{"a": "{", "ü": null, "c": true}',
    '{"lead_time_days": 12.5, "market_segment": "Online"}',
    json.dumps({"long": "x" * 8000}),
)


def an_event(**changes: Any) -> SessionEvent:
    """A legal `scheduled`, recorded at NOON; other types need what they require."""
    fields: dict[str, Any] = {
        "event_id": "11111111-1111-4111-8111-111111111111",
        "event_type": EventType.SCHEDULED,
        "session_id": "22222222-2222-4222-8222-22222222abcd",
        "tutor_id": TUTOR,
        "student_id": "student-7",
        "scheduled_start": NOON + 86_400_000,
        "occurred_at": NOON,
    }
    return SessionEvent(**{**fields, **changes})


def random_uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128)))


def as_json(event: SessionEvent) -> bytes:
    """As a producer without Avro writes it: nulls left out."""
    fields = {name: value for name, value in asdict(event).items() if value is not None}
    return json.dumps(fields).encode()


COMPLETED = EventType.COMPLETED
MOVED = {"event_type": EventType.RESCHEDULED, "initiator": InitiatorName.TUTOR}

LEGAL = {
    "the shortest student id": an_event(student_id="x"),
    "the longest student id, in characters": an_event(student_id="学" * 255),
    "the longest texts": an_event(reason_code="c" * 100, reason="é" * 2000),
    "the longest context": an_event(context='{"a": "' + "x" * 8183 + '"}'),
    "no duration": an_event(duration_minutes=0),
    "a year of duration": an_event(duration_minutes=525_600),
    "five minutes ahead": an_event(occurred_at=NOON + 300_000),
    "1970 and 2200": an_event(occurred_at=0, scheduled_start=LATEST_MS),
    "moved without a new time": an_event(**MOVED),
    "moved by nothing": an_event(**MOVED, new_start=NOON + 86_400_000),
    "ended when it began": an_event(event_type=COMPLETED, started_at=NOON, ended_at=NOON),
    "only an end": an_event(event_type=COMPLETED, ended_at=0),
    "a rating that its type ignores": an_event(rating=99),
    "a new start that its type ignores": an_event(new_start=NOON + 86_400_000),
    "times that its type ignores": an_event(started_at=NOON, ended_at=-1),
}
"""At the edge of a rule, by what they show."""

ILLEGAL = {
    "student_id is empty": an_event(student_id=""),
    "student_id has 256 characters": an_event(student_id="s" * 256),
    "student_id contains a NUL": an_event(student_id="a\0b"),
    "reason_code has 101 characters": an_event(reason_code="c" * 101),
    "reason has 2001 characters": an_event(reason="r" * 2001),
    "reason contains a NUL": an_event(reason="\0"),
    "context has 8193 characters": an_event(context='{"a": "' + "x" * 8184 + '"}'),
    "context is not a JSON object": an_event(context="[]"),
    "duration_minutes is -1": an_event(duration_minutes=-1),
    "duration_minutes is 525601": an_event(duration_minutes=525_601),
    "scheduled_start is -1": an_event(scheduled_start=-1),
    "occurred_at is -1": an_event(occurred_at=-1),
    "scheduled_start is 7258118400001": an_event(scheduled_start=LATEST_MS + 1),
    "initiator is missing: say who rescheduled": an_event(event_type=EventType.RESCHEDULED),
    "initiator is missing: say who cancelled": an_event(event_type=EventType.CANCELLED),
    "new_start is -1": an_event(**MOVED, new_start=-1),
    "rating is 0": an_event(event_type=COMPLETED, rating=0),
    "rating is 6": an_event(event_type=COMPLETED, rating=6),
    "ended_at is before": an_event(event_type=COMPLETED, started_at=NOON, ended_at=NOON - 1),
    "started_at is -1": an_event(event_type=COMPLETED, started_at=-1),
}
"""One step beyond it, by the start of the message."""
