"""Which session events are legal: the rules that the schema cannot say.

Fields that mean nothing for an event's type (a rating of a cancelled slot) are ignored, not
refused. `schemas/lifecycle/plain.py` holds the same rules, compiled; tests keep them equal.
"""

from collections.abc import Sequence

import orjson

from tutor_quality.domain.sessions import FUTURE_TOLERANCE_MS, EventType, SessionEvent
from tutor_quality.errors import EventFromTheFuture, IllegalEvent

EARLIEST_MS = 0
LATEST_MS = 7_258_118_400_000
"""2200-01-01: later times are units mixed up, e.g. microseconds."""
MAX_DURATION_MINUTES = 525_600
"""A year."""
MAX_RATING = 5
MAX_STUDENT_ID = 255
MAX_REASON_CODE = 100
MAX_REASON = 2000
MAX_CONTEXT = 8192

HAS_INITIATOR = frozenset({EventType.RESCHEDULED, EventType.CANCELLED})
"""Types whose initiator counts; a slot moved by nobody could not be judged."""


def check_event(event: SessionEvent, *, recorded_at: int) -> None:
    """Raises IllegalEvent or EventFromTheFuture.

    `recorded_at` is the timestamp of the Kafka record, ms; ids are taken to be UUIDs.
    """
    _check_time("scheduled_start", event.scheduled_start)
    _check_time("occurred_at", event.occurred_at)
    _check_texts(event)
    _check_number("duration_minutes", event.duration_minutes, 0, MAX_DURATION_MINUTES)
    if event.event_type in HAS_INITIATOR and event.initiator is None:
        raise IllegalEvent(f"initiator is missing: say who {event.event_type} the slot")
    if event.event_type is EventType.RESCHEDULED:
        _check_time("new_start", event.new_start)
    if event.event_type is EventType.COMPLETED:
        _check_completion(event)
    if event.occurred_at - FUTURE_TOLERANCE_MS > recorded_at:
        ahead = (event.occurred_at - recorded_at) // 1000
        raise EventFromTheFuture(f"occurred_at is {ahead} s after the record's timestamp")


def context_is_legal(context: str | bytes) -> bool:
    """Whether it is a JSON object of scalars that Postgres can hold: no NUL, no lone surrogate."""
    try:
        facts = orjson.loads(context)
    except orjson.JSONDecodeError:
        return False
    return isinstance(facts, dict) and not any(
        isinstance(value, dict | list) or (isinstance(value, str) and "\0" in value) or "\0" in key
        for key, value in facts.items()
    )


def contexts_are_legal(contexts: Sequence[bytes]) -> bool:
    """Whether all are certainly legal, in one parse; False means: look at each by itself.

    One list is made of them. No string can reach over a raw newline, and where nothing is nested
    every context is as many items of the list as it holds objects: at least one, as each starts
    with a brace. So as many items as contexts means one object each.
    """
    if not contexts:
        return True
    joined = b"[" + b",\n".join(contexts) + b"]"
    if joined.count(b"{") != len(contexts) or joined.count(b"[") != 1 or b"\\u0000" in joined:
        return False
    if not all(context.startswith(b"{") for context in contexts):
        return False
    try:
        return len(orjson.loads(joined)) == len(contexts)
    except orjson.JSONDecodeError:
        return False


def _check_texts(event: SessionEvent) -> None:
    if not event.student_id:
        raise IllegalEvent("student_id is empty")
    _check_text("student_id", event.student_id, MAX_STUDENT_ID)
    _check_text("reason_code", event.reason_code, MAX_REASON_CODE)
    _check_text("reason", event.reason, MAX_REASON)
    _check_text("context", event.context, MAX_CONTEXT)
    if event.context is not None and not context_is_legal(event.context):
        raise IllegalEvent("context is not a JSON object of strings, numbers, booleans and nulls")


def _check_completion(event: SessionEvent) -> None:
    _check_time("started_at", event.started_at)
    _check_time("ended_at", event.ended_at)
    _check_number("rating", event.rating, 1, MAX_RATING)
    if event.started_at is None or event.ended_at is None:
        return
    if event.ended_at < event.started_at:
        raise IllegalEvent("ended_at is before started_at")


def _check_time(name: str, time: int | None) -> None:
    if time is not None and not EARLIEST_MS <= time <= LATEST_MS:
        raise IllegalEvent(f"{name} is {time}: expected milliseconds between 1970 and 2200")


def _check_number(name: str, number: int | None, least: int, most: int) -> None:
    if number is not None and not least <= number <= most:
        raise IllegalEvent(f"{name} is {number}: expected {least} to {most}")


def _check_text(name: str, text: str | None, longest: int) -> None:
    if text is None:
        return
    if len(text) > longest:
        raise IllegalEvent(f"{name} has {len(text)} characters: at most {longest} are allowed")
    if "\0" in text:
        raise IllegalEvent(f"{name} contains a NUL character")
