import pytest

from tests.support.lifecycle import NOON, an_event
from tutor_quality.domain.legality import (
    LATEST_MS,
    check_event,
    context_is_legal,
    contexts_are_legal,
)
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import EventFromTheFuture, IllegalEvent

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
    "moved by a millisecond": an_event(**MOVED, new_start=NOON + 86_400_001),
    "ended when it began": an_event(event_type=COMPLETED, started_at=NOON, ended_at=NOON),
    "only an end": an_event(event_type=COMPLETED, ended_at=0),
    "a rating that its type ignores": an_event(rating=99),
    "a new start that its type ignores": an_event(new_start=NOON + 86_400_000),
    "times that its type ignores": an_event(started_at=NOON, ended_at=-1),
}

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
    "new_start equals": an_event(**MOVED, new_start=NOON + 86_400_000),
    "rating is 0": an_event(event_type=COMPLETED, rating=0),
    "rating is 6": an_event(event_type=COMPLETED, rating=6),
    "ended_at is before": an_event(event_type=COMPLETED, started_at=NOON, ended_at=NOON - 1),
    "started_at is -1": an_event(event_type=COMPLETED, started_at=-1),
}


@pytest.mark.parametrize("event", LEGAL.values(), ids=LEGAL)
def test_what_is_within_the_rules_is_legal(event: SessionEvent) -> None:
    check_event(event, recorded_at=NOON)


@pytest.mark.parametrize(("message", "event"), ILLEGAL.items(), ids=ILLEGAL)
def test_what_breaks_a_rule_is_illegal_and_the_message_says_which(
    message: str, event: SessionEvent
) -> None:
    with pytest.raises(IllegalEvent, match=message):
        check_event(event, recorded_at=NOON)


def test_more_than_five_minutes_ahead_of_its_record_is_from_the_future() -> None:
    with pytest.raises(EventFromTheFuture, match="300 s after"):
        check_event(an_event(occurred_at=NOON + 300_001), recorded_at=NOON)


@pytest.mark.parametrize(
    "context",
    ["{}", ' {"a": 1}\n', '{"a": "{[", "b": null, "c": true, "d": -1.5e3}', '{"ü": "学"}'],
)
def test_an_object_of_scalars_is_a_context(context: str) -> None:
    assert context_is_legal(context)


@pytest.mark.parametrize(
    "context",
    [
        *("", "null", "1", "{", "{}{}", "{'a': 1}", '{"a": 1,}', "[" * 5000),
        *('{"a": {}}', '{"a": []}', '{"a": NaN}'),
        *('{"a": "\\u0000"}', '{"\\u0000": 1}', '{"a": "\\ud800"}'),
    ],
)
def test_anything_else_is_no_context(context: str) -> None:
    assert not context_is_legal(context)


def test_contexts_that_only_together_look_like_objects_are_not_accepted() -> None:
    assert not contexts_are_legal([b'{"a": "}', b'{"}, {}'])
    assert not contexts_are_legal([b"{}, {}", b""])
    assert not contexts_are_legal([b'{"a": [{}', b"{}]}, {}"])
    assert not contexts_are_legal([b"{}, {}", b"1"])


def test_usual_contexts_are_accepted_in_one_look() -> None:
    assert contexts_are_legal([b'{"lead_time_days": 3}', b"{}", b'{"market": "Online TA"}'])
