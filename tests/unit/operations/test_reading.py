"""A refused value is shown as far as it can be read."""

from schemas.lifecycle import encode_event
from tests.support.builders import an_event
from tutor_quality.operations.reading import read_value

EVENT = an_event(1)
VALUE = encode_event(EVENT)


def test_a_whole_value_is_read_to_its_end() -> None:
    reading = read_value(VALUE)
    assert reading.problem is None
    assert reading.fields["session_id"] == EVENT.session_id


def test_a_value_cut_short_shows_the_fields_before_the_cut_and_names_the_next() -> None:
    reading = read_value(VALUE[:60])
    assert reading.schema == "session_event version 1"
    assert reading.fields["event_id"] == EVENT.event_id
    assert "session_id" not in reading.fields
    assert reading.problem is not None and reading.problem.startswith("session_id, at byte ")


def test_bytes_after_the_end_are_told() -> None:
    assert read_value(VALUE + b"xyz").problem == "3 bytes after the end"


def test_json_garbage_and_nothing_are_told_apart() -> None:
    assert read_value(b'{"a": 1}').fields == {"a": 1}
    assert "not JSON" in str(read_value(b'{"a": ').problem)
    assert "Confluent" in str(read_value(b"\xff\xfe").problem)
    assert "tombstone" in str(read_value(None).problem)
