"""Decodes one record of the lifecycle topic: the authority on what is refused and why."""

from typing import Any

from schemas.codec import decode
from schemas.lifecycle.batch import Tick
from schemas.registry import release_of, schema_id_of
from tutor_quality.domain.legality import EARLIEST_MS, LATEST_MS, check_event
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import IllegalEvent, UndecodableRecord


def decode_record(key: bytes | None, value: bytes | None, timestamp: int) -> SessionEvent | Tick:
    """Raises InvalidRecord; `timestamp` is the Kafka record's, ms."""
    if value is None:
        raise UndecodableRecord("no value: a fact cannot be deleted, only corrected")
    if value[:1] != b"{" and release_of(schema_id_of(value)).subject == "tutor_tick":
        return _tick(key, value)
    event = _event(decode("session_event", value))
    _check_key(key, event.tutor_id)
    check_event(event, recorded_at=timestamp)
    return event


def _tick(key: bytes | None, value: bytes) -> Tick:
    tick = Tick(**decode("tutor_tick", value))
    if tick.tutor_id is not None:
        _check_key(key, tick.tutor_id)
    if not EARLIEST_MS <= tick.due_at <= LATEST_MS:
        raise IllegalEvent(f"due_at is {tick.due_at}: expected milliseconds from 1970 to 2200")
    return tick


def _event(fields: dict[str, Any]) -> SessionEvent:
    fields["event_type"] = EventType(fields["event_type"])
    if fields["initiator"] is not None:
        fields["initiator"] = InitiatorName(fields["initiator"])
    return SessionEvent(**fields)


def _check_key(key: bytes | None, tutor_id: str) -> None:
    if key != tutor_id.encode():
        raise IllegalEvent("the record's key is not its tutor_id in lower case")
