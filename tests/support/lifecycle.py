"""Session events for tests, and what the codec must give for them."""

import json
import random
from dataclasses import asdict
from uuid import UUID

from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent

NOON = 1_767_268_800_000
"""2026-01-01 12:00 UTC, ms."""


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


def random_uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128)))


def as_json(event: SessionEvent) -> bytes:
    """As a producer without Avro writes it: nulls left out."""
    fields = {name: value for name, value in asdict(event).items() if value is not None}
    return json.dumps(fields).encode()
