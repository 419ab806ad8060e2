import json
import struct
from typing import Any

import pytest
from hypothesis import given

from schemas.codec import decode, encode
from schemas.forms import compile_record
from schemas.registry import header, latest
from tests.support.lifecycle import NOON, TUTOR
from tests.support.records import values
from tutor_quality.errors import ConfigurationError, UndecodableRecord

PROFILE: dict[str, Any] = {"tutor_id": TUTOR, "updated_at": NOON}
PROGRESS: dict[str, Any] = {
    "partition": 3,
    "generation": 1,
    "applied_offset": 7,
    "applied_until": NOON,
    "score_offset": 9,
    "live": True,
}
ALERT: dict[str, Any] = {
    "event_id": TUTOR,
    "kind": "tutor_left",
    "tutor_id": TUTOR,
    "session_id": None,
    "occurred_at": NOON,
    "evidence": None,
    "reasons": [],
    "reschedule_rate_7d": None,
    "reschedule_rate_30d": 0.25,
    "reschedule_rate_90d": None,
    "risk_threshold": 0.15,
    "probability": None,
    "scheduled_start": None,
}
BOMB = b"\xfe\xff\xff\xff\x0f"
"""2^32 - 1 as a varint."""


def from_json(**fields: object) -> dict[str, Any]:
    return decode("tutor_profile", json.dumps({**PROFILE, **fields}).encode())


def test_a_value_starts_with_the_id_of_its_schema() -> None:
    assert encode("partition_progress", PROGRESS)[:5] == header(9)


def test_a_record_that_does_not_fit_its_schema_is_not_encoded() -> None:
    with pytest.raises((ValueError, TypeError)):
        encode("partition_progress", {**PROGRESS, "partition": "three"})
    with pytest.raises((ValueError, TypeError)):
        encode("partition_progress", {**PROGRESS, "unknown": 1})


def test_another_subjects_record_is_undecodable() -> None:
    with pytest.raises(UndecodableRecord, match="no version of tutor_score"):
        decode("tutor_score", encode("partition_progress", PROGRESS))


def test_an_unknown_schema_id_is_undecodable() -> None:
    with pytest.raises(UndecodableRecord, match="4294967295"):
        decode("tutor_score", header(2**32 - 1) + b"body")


def test_every_truncation_of_a_record_is_undecodable() -> None:
    value = encode("high_risk_alert", ALERT)
    for length in range(len(value)):
        with pytest.raises(UndecodableRecord):
            decode("high_risk_alert", value[:length])


def test_bytes_after_the_record_are_undecodable() -> None:
    with pytest.raises(UndecodableRecord, match="1 bytes after"):
        decode("high_risk_alert", encode("high_risk_alert", ALERT) + b"\0")


def test_an_array_that_claims_billions_of_items_is_refused_at_once() -> None:
    start = encode("high_risk_alert", ALERT)[: 5 + 37 + 1 + 37 + 1 + 6 + 1]
    for count in (BOMB, b"\xfd\xff\xff\xff\x0f\x02"):
        with pytest.raises(UndecodableRecord, match="items"):
            decode("high_risk_alert", start + count + b"\0" * 100)


def test_a_number_that_is_not_finite_is_undecodable() -> None:
    value = encode("high_risk_alert", ALERT)
    for odd in (float("nan"), float("inf")):
        with pytest.raises(UndecodableRecord, match="finite"):
            decode(
                "high_risk_alert",
                value.replace(struct.pack("<d", 0.25), struct.pack("<d", odd)),
            )


@pytest.mark.parametrize("index", [b"\1", b"\x08", BOMB])
def test_an_enum_index_outside_its_symbols_is_undecodable(index: bytes) -> None:
    value = encode("high_risk_alert", ALERT)
    with pytest.raises(UndecodableRecord, match="choices"):
        decode("high_risk_alert", value[:42] + index + value[43:])


@pytest.mark.parametrize("branch", [b"\1", b"\4"])
def test_a_union_branch_that_does_not_exist_is_undecodable(branch: bytes) -> None:
    value = encode("tutor_tick", {"tutor_id": None, "due_at": 1})
    with pytest.raises(UndecodableRecord, match="choices"):
        decode("tutor_tick", value[:5] + branch + value[6:])


def test_a_boolean_of_two_is_undecodable() -> None:
    with pytest.raises(UndecodableRecord, match="boolean"):
        decode("partition_progress", encode("partition_progress", PROGRESS)[:-3] + b"\2\0\0")


@pytest.mark.parametrize("number", [b"\x80" * 10 + b"\1", b"\xff" * 9 + b"\2", b"\x80"])
def test_a_number_that_has_no_end_or_too_many_bits_is_undecodable(number: bytes) -> None:
    with pytest.raises(UndecodableRecord, match="number"):
        decode("tutor_tick", header(2) + b"\0" + number)


def test_a_timestamp_that_no_calendar_has_is_undecodable() -> None:
    for due in (2**62, -(2**62)):
        with pytest.raises(UndecodableRecord, match="years"):
            decode("tutor_tick", encode("tutor_tick", {"tutor_id": None, "due_at": due}))


def test_a_value_of_more_than_64_kib_is_refused_unread() -> None:
    with pytest.raises(UndecodableRecord, match="65536"):
        from_json(name="x" * 65536)


def test_profiles_may_be_json_with_defaults_for_what_is_missing() -> None:
    profile = from_json(tutor_id=TUTOR.upper(), updated_at="2026-01-01T13:00:00.5+01:00", age=41)

    assert profile["tutor_id"] == TUTOR
    assert profile["updated_at"] == NOON + 500
    assert profile["is_active"] is True
    assert profile["name"] is None
    assert profile["age"] == 41


def test_json_may_come_in_a_cloud_events_envelope() -> None:
    envelope = {"specversion": "1.0", "id": "1", "type": "t", "source": "/s", "data": PROFILE}
    assert decode("tutor_profile", json.dumps(envelope).encode()) == from_json()


def test_unknown_json_fields_are_ignored_because_a_later_version_may_have_them() -> None:
    assert from_json(shoe_size=44) == from_json()


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("updated_at is not a time in ISO 8601", {"updated_at": "yesterday"}),
        ("updated_at has no zone", {"updated_at": "2026-01-01T12:00:00"}),
        ("updated_at is not a whole number", {"updated_at": 1.5}),
        ("updated_at is not a whole number", {"updated_at": True}),
        ("updated_at is not a whole number", {"updated_at": 2**63}),
        ("tutor_id is not a UUID", {"tutor_id": "7"}),
        ("tutor_id is not a UUID", {"tutor_id": TUTOR[:-1] + "K"}),
        ("tutor_id is not a string", {"tutor_id": None}),
        ("is_active is not true or false", {"is_active": 1}),
        ("age is not a whole number of 32 bits", {"age": 2**31}),
        ("name is not a string", {"name": ["x"]}),
        ("name contains a NUL", {"name": "a\0b"}),
    ],
)
def test_json_that_does_not_fit_the_schema_names_the_field(
    message: str, fields: dict[str, object]
) -> None:
    with pytest.raises(UndecodableRecord, match=message):
        from_json(**fields)


def test_a_missing_field_without_default_is_named() -> None:
    with pytest.raises(UndecodableRecord, match="updated_at is missing"):
        decode("tutor_profile", json.dumps({"tutor_id": TUTOR}).encode())


@pytest.mark.parametrize("value", [b"{", b'{"specversion": "1.0"}', b"{" * 60_000, b'{"a": NaN}'])
def test_what_is_no_json_object_is_undecodable(value: bytes) -> None:
    with pytest.raises(UndecodableRecord):
        decode("tutor_profile", value)


@given(older=values(latest("tutor_score").schema()))
def test_an_older_record_is_brought_into_the_latest_form_also_inside(
    older: dict[str, Any],
) -> None:
    """As `decode` does it with a record of an older id: by the newest version's defaults."""
    newer = latest("tutor_score").schema()
    attendance = next(f for f in newer["fields"] if f["name"] == "attendance_7d")["type"]
    attendance["fields"].append({"name": "excused", "type": "int", "default": 0})
    newer["fields"] = [field for field in newer["fields"] if field["name"] != "next_change_at"]

    record = compile_record(newer).take("the value", older)

    assert record["attendance_90d"] == {**older["attendance_90d"], "excused": 0}
    assert "next_change_at" not in record


def test_json_is_not_accepted_where_only_we_write() -> None:
    with pytest.raises(UndecodableRecord, match="Confluent"):
        decode("partition_progress", json.dumps(PROGRESS).encode())


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "map", "values": "int"},
        {"type": "array", "items": "null"},
        {"type": "bytes", "logicalType": "decimal", "precision": 9},
        ["int", "string"],
        ["null", "Tree"],
    ],
)
def test_constructs_that_make_readers_run_away_are_refused(kind: object) -> None:
    tree = {"type": "record", "name": "Tree", "fields": [{"name": "branch", "type": kind}]}
    with pytest.raises(ConfigurationError):
        compile_record(tree)
