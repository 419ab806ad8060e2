"""Session events as JSON, one a line: what `tq simulate` writes and `tq produce` reads."""

from dataclasses import asdict, fields

import orjson

from schemas.codec import decode
from tutor_quality.domain.legality import check_event
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import InvalidInput, InvalidRecord

RECORDED_AT = "recorded_at"
"""Timestamp of the record, ms: a field of the line beside the event's."""
FIELDS = frozenset({RECORDED_AT, *(field.name for field in fields(SessionEvent))})


def as_line(recorded_at: int, event: SessionEvent) -> bytes:
    """With its line break; fields that are None are left out."""
    facts = {name: value for name, value in asdict(event).items() if value is not None}
    return orjson.dumps({RECORDED_AT: recorded_at, **facts}) + b"\n"


def parse_line(line: bytes, *, now: int) -> tuple[int, SessionEvent]:
    """(timestamp of the record, event). Without `recorded_at` it is recorded `now`, ms.

    Raises InvalidInput for what the pipeline would refuse, and for fields that nobody knows.
    """
    try:
        given = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"not JSON: {error}") from None
    if not isinstance(given, dict):
        raise InvalidInput("not a JSON object")
    unknown = sorted(set(given) - FIELDS)
    if unknown:
        raise InvalidInput(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(FIELDS))}")
    recorded_at = given.pop(RECORDED_AT, now)
    if not isinstance(recorded_at, int):
        raise InvalidInput(f"{RECORDED_AT} is {recorded_at!r}: expected milliseconds")
    return recorded_at, _event(orjson.dumps(given), recorded_at)


def _event(text: bytes, recorded_at: int) -> SessionEvent:
    try:
        facts = decode("session_event", text)
        facts["event_type"] = EventType(facts["event_type"])
        if facts["initiator"] is not None:
            facts["initiator"] = InitiatorName(facts["initiator"])
        event = SessionEvent(**facts)
        check_event(event, recorded_at=recorded_at)
    except InvalidRecord as error:
        raise InvalidInput(str(error)) from None
    return event
