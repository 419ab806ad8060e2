"""The proof judges records by its own rules; they must be the pipeline's."""

import random
from dataclasses import replace

import orjson
import pytest

from schemas.lifecycle import decode_lifecycle, encode_event, encode_tick
from tests.support.builders import START, TUTOR, an_event
from tests.support.lifecycle import random_event
from tutor_quality.domain.columns import Kind
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.verify.log import Outcome, Raw, judge

KEY = TUTOR.encode()


def raw(value: bytes | None, *, key: bytes | None = KEY, timestamp: int = START + 10**8) -> Raw:
    return Raw(0, 7, timestamp, key, value)


def is_accepted_by_the_pipeline(record: Raw) -> bool:
    batch = decode_lifecycle([record.key], [record.value], [record.offset], [record.timestamp])
    return not batch.refused and batch.columns.kind[0] != Kind.MARK


def test_an_outcome_is_read_with_its_slot_instant_id_and_initiator() -> None:
    event = an_event(event_type=EventType.CANCELLED, occurred_at=START - 5)
    record = judge(raw(encode_event(event)))
    assert record is not None
    assert record.outcome == Outcome(
        (event.session_id, START), START - 5, event.event_id, by_tutor=True
    )


def test_only_the_tutors_own_moves_count_against_the_tutor() -> None:
    student = an_event(event_type=EventType.CANCELLED, initiator=InitiatorName.STUDENT)
    odd = an_event(event_type=EventType.NO_SHOW, initiator=InitiatorName.TUTOR)
    for event in (student, odd):
        record = judge(raw(encode_event(event)))
        assert record is not None
        assert record.outcome is not None
        assert not record.outcome.by_tutor


def test_bookings_and_ticks_only_move_the_clock() -> None:
    booked = an_event(event_type=EventType.SCHEDULED)
    for value in (encode_event(booked), encode_tick(TUTOR, START)):
        record = judge(raw(value))
        assert record is not None
        assert record.outcome is None


def test_a_mark_of_the_partitions_time_belongs_to_nobody() -> None:
    assert judge(raw(encode_tick(None, START), key=b"")) is None


@pytest.mark.parametrize(
    "event",
    [
        an_event(student_id=""),
        an_event(student_id="x" * 256),
        an_event(scheduled_start=-1),
        an_event(duration_minutes=525_601),
        an_event(rating=6),
        an_event(started_at=START + 1, ended_at=START),
        an_event(context="[1]"),
        an_event(context='{"a": {}}'),
        an_event(context='{"a": "\\u0000"}'),
        an_event(context="{" + " " * 8192 + "}"),
        an_event(reason="a\0b"),
        an_event(reason_code="x" * 101),
        an_event(occurred_at=START + 10**8 + 300_001),
        an_event(event_type=EventType.RESCHEDULED, new_start=-1),
        replace(an_event(event_type=EventType.CANCELLED), initiator=None),
        an_event(event_id="g" * 36),
    ],
)
def test_what_the_pipeline_refuses_does_not_count(event: SessionEvent) -> None:
    record = raw(encode_event(event))
    assert not is_accepted_by_the_pipeline(record)
    assert judge(record) is None


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0\1", b"{}", b"garbage", b"\0\0\0\0\x63a"])
def test_bytes_that_are_no_event_do_not_count(value: bytes | None) -> None:
    assert judge(raw(value)) is None


def test_the_key_must_be_the_tutor_in_lower_case() -> None:
    value = encode_event(an_event())
    assert judge(raw(value, key=KEY.upper())) is None
    assert judge(raw(value, key=None)) is None


def test_json_counts_like_avro() -> None:
    event = an_event(event_type=EventType.CANCELLED)
    facts = {name: getattr(event, name) for name in event.__slots__}
    assert judge(raw(orjson.dumps(facts))) == judge(raw(encode_event(event)))


def test_random_and_damaged_records_are_judged_as_the_pipeline_judges_them() -> None:
    rng = random.Random(5)
    judged = {True: 0, False: 0}
    for _ in range(3_000):
        event = random_event(rng)
        value = bytearray(encode_event(event))
        if rng.random() < 0.5:
            value[rng.randrange(len(value))] = rng.randrange(256)
        if rng.random() < 0.1:
            del value[rng.randrange(len(value)) :]
        record = raw(bytes(value), key=event.tutor_id.encode(), timestamp=event.occurred_at)
        accepted = is_accepted_by_the_pipeline(record)
        assert (judge(record) is not None) == accepted, bytes(value)
        judged[accepted] += 1
    assert min(judged.values()) > 300
