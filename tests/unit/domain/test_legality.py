import pytest

from tests.support.lifecycle import ILLEGAL, LEGAL, NOON, an_event
from tutor_quality.domain.legality import (
    check_event,
    context_is_legal,
    contexts_are_legal,
)
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import EventFromTheFuture, IllegalEvent


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
def test_anything_else_is_no_context_alone_or_among_others(context: str) -> None:
    assert not context_is_legal(context)
    assert not contexts_are_legal([b"{}", context.encode(), b"{}"])


def test_contexts_that_only_together_look_like_objects_are_not_accepted() -> None:
    assert not contexts_are_legal([b'{"a": "}', b'{"}, {}'])
    assert not contexts_are_legal([b"{}, {}", b""])
    assert not contexts_are_legal([b'{"a": [{}', b"{}]}, {}"])
    assert not contexts_are_legal([b"{}, {}", b"1"])
    assert not contexts_are_legal([b'{"a": "x', b'{"}, 1'])
    assert not contexts_are_legal([b'"{"', b"{}"])


def test_usual_contexts_are_accepted_in_one_look() -> None:
    assert contexts_are_legal([b'{"lead_time_days": 3}', b"{}", b'{"market": "Online TA"}'])
