"""From what producers send to the event that is appended: every rule of the seeds' payload."""

import copy
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.errors import described_errors
from api.ingestion import (
    SESSION_BODY,
    Draft,
    EventBody,
    SessionOutcome,
    described,
    draft,
    named_by_key,
    received,
)
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import EventFromTheFuture, IllegalEvent

T0 = 1_772_463_600_000
"""2026-03-02T15:00:00Z"""
MINUTE = 60_000
HOUR = 60 * MINUTE
LATER = T0 + 1000 * HOUR
SESSION = "5f0c2b6e-7a5d-4c39-9d57-0c2f8ee3a001"
TUTOR = "9b6f0a4e-13a7-4a52-8d3b-6d1f6f0d0001"


def an_outcome(**changes: Any) -> dict[str, Any]:
    body = {
        "session_id": SESSION,
        "tutor_id": TUTOR,
        "student_id": "student-17",
        "scheduled_time": "2026-03-02T15:00:00Z",
        "status": "completed",
        "duration_minutes": 60,
    }
    return {**body, **changes}


def a_move(status: str = "rescheduled", **changes: Any) -> dict[str, Any]:
    info = {
        "initiator": "tutor",
        "original_time": "2026-03-02T15:00:00Z",
        "new_time": "2026-03-04T15:00:00Z",
        "reason": "ill",
        "reason_code": "illness",
        "cancelled_at": "2026-03-01T15:00:00Z",
    }
    return an_outcome(status=status, reschedule_info={**info, **changes})


def an_event(**changes: Any) -> dict[str, Any]:
    body = {
        "event_type": "scheduled",
        "session_id": SESSION,
        "tutor_id": TUTOR,
        "student_id": "student-17",
        "scheduled_start": "2026-03-02T15:00:00Z",
        "occurred_at": "2026-02-20T08:00:00Z",
    }
    return {**body, **changes}


def drafted(body: dict[str, Any], key: str | None = None) -> Draft:
    return draft(SESSION_BODY.validate_python(body), idempotency_id=key)


def event_of(body: dict[str, Any], now_ms: int = LATER) -> SessionEvent:
    return received(drafted(body), now_ms)


def errors_of(body: dict[str, Any]) -> list[dict[str, str]]:
    with pytest.raises(ValidationError) as raised:
        SESSION_BODY.validate_python(body)
    located = [{**error, "loc": ("body", *error["loc"])} for error in raised.value.errors()]
    return described_errors(located)


def test_a_completed_session_happened_at_its_completed_time() -> None:
    event = event_of(an_outcome(completed_time="2026-03-02T16:10:00Z"))
    assert event == SessionEvent(
        event_id=event.event_id,
        event_type=EventType.COMPLETED,
        session_id=SESSION,
        tutor_id=TUTOR,
        student_id="student-17",
        scheduled_start=T0,
        occurred_at=T0 + 70 * MINUTE,
        duration_minutes=60,
    )


def test_without_a_completed_time_it_happened_at_the_end_of_the_slot() -> None:
    assert event_of(an_outcome()).occurred_at == T0 + HOUR


def test_without_a_length_the_slot_ends_where_it_starts() -> None:
    event = event_of(an_outcome(duration_minutes=None))
    assert (event.occurred_at, event.duration_minutes) == (T0, None)


def test_a_no_show_happened_at_the_end_of_the_slot_whatever_completed_time_says() -> None:
    event = event_of(an_outcome(status="no_show", completed_time="2026-03-02T15:05:00Z"))
    assert (event.event_type, event.occurred_at) == (EventType.NO_SHOW, T0 + HOUR)


def test_a_rescheduled_session_speaks_of_the_original_slot() -> None:
    body = a_move(original_time="2026-03-02T14:00:00Z")
    event = event_of(body)
    assert event.event_type is EventType.RESCHEDULED
    assert event.scheduled_start == T0 - HOUR
    assert event.occurred_at == T0 - 24 * HOUR
    assert event.new_start == T0 + 48 * HOUR
    assert event.initiator is InitiatorName.TUTOR
    assert (event.reason, event.reason_code) == ("ill", "illness")


def test_without_a_new_time_it_was_cancelled() -> None:
    event = event_of(a_move(new_time=None, initiator="student"))
    assert (event.event_type, event.new_start) == (EventType.CANCELLED, None)
    assert event.initiator is InitiatorName.STUDENT


def test_rescheduled_without_the_info_is_refused_at_the_missing_member() -> None:
    (error,) = errors_of(an_outcome(status="rescheduled"))
    assert error == {
        "pointer": "#/reschedule_info",
        "detail": "is required with status rescheduled",
    }


def test_the_info_of_another_status_changes_nothing() -> None:
    assert event_of(a_move("no_show")).event_type is EventType.NO_SHOW


def test_times_without_a_zone_are_utc_and_others_are_converted() -> None:
    naive = event_of(an_outcome(scheduled_time="2026-03-02T15:00:00"))
    zoned = event_of(an_outcome(scheduled_time="2026-03-02T20:30:00+05:30"))
    assert naive.scheduled_start == zoned.scheduled_start == T0


@pytest.mark.parametrize("body", [an_outcome(), a_move(cancelled_at="2026-03-02T16:00:00Z")])
def test_an_instant_after_the_receipt_becomes_the_receipt(body: dict[str, Any]) -> None:
    assert event_of(body, now_ms=T0 + 5 * MINUTE).occurred_at == T0 + 5 * MINUTE


def test_ids_are_written_in_lower_case() -> None:
    event = event_of(an_outcome(session_id=SESSION.upper(), tutor_id=TUTOR.upper()))
    assert (event.session_id, event.tutor_id) == (SESSION, TUTOR)


def test_the_same_facts_are_the_same_event_whenever_they_arrive() -> None:
    early, late = event_of(an_outcome(), T0), event_of(an_outcome(), LATER)
    assert early.event_id == late.event_id
    assert early.occurred_at < late.occurred_at


def test_what_is_not_a_fact_does_not_make_another_event() -> None:
    plain = an_outcome(status="no_show")
    sent = an_outcome(status="no_show", completed_time="2026-03-02T16:00:00Z", shoe_size=44)
    respelt = an_outcome(status="no_show", scheduled_time="2026-03-02T16:00:00+01:00")
    assert event_of(plain).event_id == event_of(sent).event_id == event_of(respelt).event_id


@pytest.mark.parametrize(
    "again",
    [
        an_outcome(completed_time="2026-03-02T16:10:00Z"),
        an_outcome(duration_minutes=45),
        an_outcome(student_id="student-18"),
    ],
)
def test_the_same_session_and_status_is_the_same_event(again: dict[str, Any]) -> None:
    assert event_of(again).event_id == event_of(an_outcome()).event_id


@pytest.mark.parametrize(
    "again",
    [
        a_move(reason="at the dentist's"),
        a_move(reason_code=None),
        a_move(cancelled_at="2026-03-01T15:00:05Z"),
    ],
)
def test_the_same_move_told_anew_is_the_same_event(again: dict[str, Any]) -> None:
    assert event_of(again).event_id == event_of(a_move()).event_id


@pytest.mark.parametrize(
    "other",
    [
        a_move(initiator="student"),
        a_move(new_time=None),
        a_move(new_time="2026-03-05T15:00:00Z"),
        a_move(original_time="2026-03-04T15:00:00Z", new_time="2026-03-06T15:00:00Z"),
    ],
)
def test_another_move_is_another_event(other: dict[str, Any]) -> None:
    assert event_of(other).event_id != event_of(a_move()).event_id


def test_our_own_event_without_an_id_is_known_by_all_its_facts() -> None:
    first, other = an_event(duration_minutes=60), an_event(duration_minutes=45)
    assert event_of(first).event_id == event_of(first).event_id != event_of(other).event_id


def test_times_are_told_as_they_are_stored_to_the_millisecond() -> None:
    body = SESSION_BODY.validate_python(
        a_move(
            original_time="2026-03-02T15:00:00.123999Z", cancelled_at="2026-03-01T16:00:00.5+01:00"
        )
    )
    echo = body.model_dump(mode="json")
    assert echo["reschedule_info"]["original_time"] == "2026-03-02T15:00:00.123Z"
    assert echo["reschedule_info"]["cancelled_at"] == "2026-03-01T15:00:00.500Z"
    assert echo["scheduled_time"] == "2026-03-02T15:00:00Z"
    assert drafted(echo).event == draft(body, idempotency_id=None).event


@pytest.mark.parametrize(
    "other",
    [
        an_outcome(status="no_show"),
        an_outcome(session_id=TUTOR),
        an_outcome(scheduled_time="2026-03-02T15:00:01Z"),
        a_move(),
        a_move(initiator="student"),
        a_move(new_time=None),
    ],
)
def test_another_outcome_is_another_event(other: dict[str, Any]) -> None:
    assert event_of(other).event_id != event_of(an_outcome()).event_id


def test_an_idempotency_key_names_the_event_of_a_body_without_an_id() -> None:
    name = named_by_key("key:a", "retry-1", 0)
    assert drafted(an_outcome(), name).event.event_id == name
    given_id = str(UUID(int=7))
    assert drafted(an_event(event_id=given_id), name).event.event_id == given_id


def test_an_idempotency_key_is_of_one_caller_and_one_place_in_a_batch() -> None:
    names = {named_by_key(who, "k", index) for who in ("key:a", "key:b") for index in (0, 1)}
    assert len(names) == 4


def test_our_own_form_says_everything_itself() -> None:
    body = an_event(
        event_type="completed",
        event_id=str(UUID(int=7)),
        occurred_at="2026-03-02T16:00:00Z",
        duration_minutes=0,
        started_at="2026-03-02T15:01:00Z",
        ended_at="2026-03-02T15:59:00Z",
        rating=5,
        is_first_session=True,
        context={"lead_time_days": 3, "segment": "online", "flag": True, "none": None},
    )
    event = event_of(body)
    assert (event.event_id, event.event_type) == (str(UUID(int=7)), EventType.COMPLETED)
    assert (event.started_at, event.ended_at) == (T0 + MINUTE, T0 + 59 * MINUTE)
    assert (event.duration_minutes, event.rating, event.is_first_session) == (0, 5, True)
    assert orjson.loads(event.context or "") == body["context"]


def test_our_own_form_may_be_five_minutes_ahead_and_no_more() -> None:
    body = an_event(occurred_at="2026-03-02T15:05:00Z")
    assert event_of(body, T0).occurred_at == T0 + 5 * MINUTE
    with pytest.raises(EventFromTheFuture):
        event_of(body, T0 - 1)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (an_event(event_type="cancelled"), "#/initiator"),
        (
            an_event(event_type="rescheduled", initiator="tutor", new_start="1950-03-02T15:00:00Z"),
            "#/new_start",
        ),
        (an_event(scheduled_start="1969-03-02T15:00:00Z"), "#/scheduled_start"),
        (a_move(new_time="1950-03-02T15:00:00Z"), "#/reschedule_info/new_time"),
        (a_move(original_time="1950-01-01T00:00:00Z"), "#/reschedule_info/original_time"),
        (a_move(cancelled_at="1950-01-01T00:00:00Z"), "#/reschedule_info/cancelled_at"),
        (an_outcome(scheduled_time="2950-01-01T00:00:00Z"), "#/scheduled_time"),
        (an_outcome(completed_time="1950-01-01T00:00:00Z"), "#/completed_time"),
        (an_outcome(scheduled_time="9999-12-31T23:59:59Z"), "#/scheduled_time"),
    ],
)
def test_a_rule_of_the_domain_names_the_member_that_breaks_it(
    body: dict[str, Any], pointer: str
) -> None:
    made = drafted(body)
    with pytest.raises(IllegalEvent) as raised:
        received(made, LATER)
    assert described(made, raised.value)["pointer"] == pointer


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"session_id": "no"}, "#/session_id"),
        ({"tutor_id": None}, "#/tutor_id"),
        ({"student_id": ""}, "#/student_id"),
        ({"student_id": "x" * 256}, "#/student_id"),
        ({"student_id": "a\x00b"}, "#/student_id"),
        ({"student_id": 7}, "#/student_id"),
        ({"scheduled_time": "tomorrow"}, "#/scheduled_time"),
        ({"scheduled_time": 1_772_463_600}, "#/scheduled_time"),
        ({"scheduled_time": "1772463600"}, "#/scheduled_time"),
        ({"scheduled_time": "0001-01-01T00:00:00+14:00"}, "#/scheduled_time"),
        ({"status": "scheduled"}, "#/status"),
        ({"duration_minutes": 0}, "#/duration_minutes"),
        ({"duration_minutes": 301}, "#/duration_minutes"),
        ({"duration_minutes": "60"}, "#/duration_minutes"),
        ({"duration_minutes": True}, "#/duration_minutes"),
        ({"reschedule_info": {"initiator": "system"}}, "#/reschedule_info/initiator"),
    ],
)
def test_a_member_that_does_not_validate_is_pointed_at(
    change: dict[str, Any], pointer: str
) -> None:
    assert pointer in [error["pointer"] for error in errors_of(an_outcome(**change))]


def test_our_own_form_refuses_members_that_do_not_exist() -> None:
    (error,) = errors_of(an_event(new_time="2026-03-02T15:00:00Z"))
    assert error["pointer"] == "#/new_time"


@pytest.mark.parametrize("body", [[], 7, None, "x", {}])
def test_what_is_no_event_is_refused(body: Any) -> None:
    assert errors_of(body)


def test_a_refusal_never_repeats_what_was_sent() -> None:
    secret = "Ada Lovelace, 0171 555"
    assert secret not in str(errors_of(an_outcome(student_id={"name": secret}, status=secret)))


NAIVE = (datetime(2020, 1, 1), datetime(2030, 1, 1))  # noqa: DTZ001  # as some clients send them
instants = st.datetimes(*NAIVE).map(datetime.isoformat)


@given(
    status=st.sampled_from(["completed", "no_show", "rescheduled"]),
    scheduled=instants,
    completed=st.none() | instants,
    minutes=st.none() | st.integers(1, 300),
    new_time=st.none() | instants,
    now_ms=st.integers(1_577_836_800_000, 2_000_000_000_000),
)
def test_whatever_validates_is_legal_at_its_receipt(
    status: str,
    scheduled: str,
    completed: str | None,
    minutes: int | None,
    new_time: str | None,
    now_ms: int,
) -> None:
    body = copy.deepcopy(a_move(status, original_time=scheduled, new_time=new_time))
    body |= {
        "scheduled_time": scheduled,
        "completed_time": completed,
        "duration_minutes": minutes,
    }
    made = drafted(body)
    event = received(made, now_ms)
    assert event.occurred_at <= now_ms
    assert event.event_id == made.event.event_id


def test_the_two_forms_are_told_apart_by_event_type() -> None:
    assert isinstance(SESSION_BODY.validate_python(an_outcome()), SessionOutcome)
    assert isinstance(SESSION_BODY.validate_python(an_event()), EventBody)
