import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

import pytest

from schemas.codec import encode
from schemas.lifecycle import LifecycleBatch, decode_lifecycle, encode_event, encode_tick
from schemas.lifecycle.decoding import decode_one_by_one, draft_of, fill_plain
from schemas.registry import FOLDER, latest
from tests.fuzz.decoder import check_batch, rows_of
from tests.support.lifecycle import ILLEGAL, LEGAL, NOON, TUTOR, an_event, as_json
from tutor_quality.domain.columns import NULL_TIME, Initiator, Kind
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import (
    EventFromTheFuture,
    IllegalEvent,
    InvalidRecord,
    UndecodableRecord,
)

KEY = TUTOR.encode()
COMPLETED = an_event(
    event_type=EventType.COMPLETED,
    duration_minutes=45,
    started_at=NOON,
    ended_at=NOON + 60_000,
    rating=4,
    is_first_session=False,
    context='{"lead_time_days": 3}',
)
MOVED = an_event(
    event_type=EventType.RESCHEDULED,
    initiator=InitiatorName.STUDENT,
    new_start=NOON + 5,
    reason_code="ill",
    reason="Grippe, schönes Wort",
)
Decoder = Callable[..., LifecycleBatch]
BOTH_DECODERS = pytest.mark.parametrize(
    "by", [decode_one_by_one, decode_lifecycle], ids=["one by one", "compiled"]
)


def decode(
    *values: bytes | None, by: Decoder = decode_lifecycle, key: bytes | None = KEY
) -> LifecycleBatch:
    """The values recorded at NOON at offsets 100, 101, …"""
    n = len(values)
    return by([key] * n, values, range(100, 100 + n), [NOON] * n)


def refusal(value: bytes | None, key: bytes | None = KEY) -> InvalidRecord:
    (refused,) = decode(value, key=key).refused
    return refused.error


@BOTH_DECODERS
def test_every_field_of_an_event_is_in_its_column(by: Decoder) -> None:
    batch = decode(encode_event(COMPLETED), encode_event(MOVED), by=by)
    columns, texts = batch.columns, batch.texts

    assert len(columns.offset) == 2
    assert columns.offset[:2].tolist() == [100, 101]
    assert columns.timestamp[:2].tolist() == [NOON, NOON]
    assert columns.tutor_id[1].tobytes() == UUID(TUTOR).bytes
    assert columns.kind[:2].tolist() == [Kind.COMPLETED, Kind.RESCHEDULED]
    assert columns.event_id[0].tobytes() == UUID(COMPLETED.event_id).bytes
    assert columns.session_id[1].tobytes() == UUID(MOVED.session_id).bytes
    assert columns.scheduled_start[:2].tolist() == [NOON + 86_400_000] * 2
    assert columns.occurred_at[:2].tolist() == [NOON, NOON]
    assert columns.duration_minutes[:2].tolist() == [45, -1]
    assert columns.new_start[:2].tolist() == [NULL_TIME, NOON + 5]
    assert columns.initiator[:2].tolist() == [-1, Initiator.STUDENT]
    assert columns.started_at[:2].tolist() == [NOON, NULL_TIME]
    assert columns.ended_at[:2].tolist() == [NOON + 60_000, NULL_TIME]
    assert columns.rating[:2].tolist() == [4, 0]
    assert columns.is_first_session[:2].tolist() == [0, -1]
    assert texts.student_id[:2] == ["student-7", "student-7"]
    assert texts.reason_code[:2] == [None, "ill"]
    assert texts.reason[:2] == [None, "Grippe, schönes Wort"]
    assert texts.context[:2] == ['{"lead_time_days": 3}', None]


@BOTH_DECODERS
def test_fields_that_mean_nothing_for_the_type_are_null(by: Decoder) -> None:
    odd = replace(COMPLETED, event_type=EventType.NO_SHOW, new_start=NOON, rating=99, ended_at=-1)
    columns = decode(encode_event(odd), by=by).columns

    assert columns.new_start[0] == columns.started_at[0] == columns.ended_at[0] == NULL_TIME
    assert columns.rating[0] == 0
    assert columns.duration_minutes[0] == 45


@BOTH_DECODERS
def test_ids_in_upper_case_are_accepted_and_lowered(by: Decoder) -> None:
    upper = replace(
        COMPLETED, event_id=COMPLETED.event_id.upper(), session_id=COMPLETED.session_id.upper()
    )
    value = encode_event(replace(upper, tutor_id=TUTOR.upper()))

    assert rows_of(decode(value, by=by)) == rows_of(decode(encode_event(COMPLETED), by=by))


def test_the_compiled_decoder_itself_takes_usual_records_also_with_words_beyond_ascii() -> None:
    """Left to the other decoder they would come out the same, a hundred times as slowly."""
    values = [encode_event(COMPLETED), encode_event(MOVED), encode_tick(TUTOR, NOON)]
    draft = draft_of([KEY] * 4, [*values, encode_tick(None, NOON)], range(4), [NOON] * 4)

    fill_plain(draft)

    assert draft.accepted.all()


@pytest.mark.parametrize("odd", "0aAgG-/:@`")
def test_both_decoders_agree_about_every_character_of_a_uuid(odd: str) -> None:
    values = [encode_event(COMPLETED), encode_tick(TUTOR, NOON)]
    ids = [COMPLETED.event_id, COMPLETED.session_id, TUTOR]
    batch = [
        (KEY, value.replace(uuid.encode(), f"{uuid[:at]}{odd}{uuid[at + 1 :]}".encode()))
        for value in values
        for uuid in ids
        for at in range(36)
    ]
    check_batch(batch)


@BOTH_DECODERS
def test_a_tick_has_the_key_of_its_tutor_and_the_instant_that_was_due(by: Decoder) -> None:
    batch = decode(encode_tick(TUTOR, NOON - 1), by=by)

    assert batch.columns.kind[0] == Kind.TICK
    assert batch.columns.tutor_id[0].tobytes() == UUID(TUTOR).bytes
    assert batch.columns.occurred_at[0] == NOON - 1
    assert batch.texts.student_id[0] is None


@BOTH_DECODERS
@pytest.mark.parametrize("key", [None, b"", b"partition-3", KEY])
def test_a_mark_of_the_partitions_time_may_have_any_key_and_loses_it(
    key: bytes | None, by: Decoder
) -> None:
    batch = decode(encode_tick(None, NOON), by=by, key=key)

    assert not batch.columns.tutor_id.any()
    assert batch.columns.kind[0] == Kind.MARK


@BOTH_DECODERS
def test_json_gives_the_same_row_as_avro(by: Decoder) -> None:
    for event in (COMPLETED, MOVED):
        avro, plain = decode(encode_event(event)), decode(as_json(event), by=by)
        assert rows_of(plain)[0] == rows_of(avro)[0]


def test_the_example_of_the_readme_is_accepted() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    value = readme.split("```json\n")[1].split("```")[0].encode()
    key = json.loads(value)["tutor_id"].encode()

    assert len(decode(value, key=key).columns.offset) == 1


def test_json_may_have_times_in_iso_8601_and_come_in_an_envelope() -> None:
    fields = asdict(an_event())
    fields["occurred_at"] = "2026-01-01T12:00:00Z"
    envelope = {"specversion": "1.0", "data": fields}

    batch = decode(json.dumps(fields).encode(), json.dumps(envelope).encode())

    assert batch.columns.occurred_at.tolist() == [NOON, NOON]


@BOTH_DECODERS
def test_refused_records_are_told_by_place_and_offset_and_leave_the_rest(by: Decoder) -> None:
    good = encode_event(COMPLETED)
    batch = decode(good, good[:-1], good, by=by)

    assert [(r.index, r.offset) for r in batch.refused[:1]] == [(1, 101)]
    assert len(batch.refused) == 1
    assert batch.columns.offset[:2].tolist() == [100, 102]
    assert batch.texts.context == [COMPLETED.context] * 2


VALUE = encode_event(COMPLETED)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (None, UndecodableRecord, "no value"),
        (b"", UndecodableRecord, "header"),
        (b"\0\0\0\0\x09" + VALUE[5:], UndecodableRecord, "id 9"),
        (b"\0\0\0\0\3" + VALUE[5:], UndecodableRecord, "id 3"),
        (VALUE + b"\0", UndecodableRecord, "after the end"),
        (VALUE[:42] + b"\x0a" + VALUE[43:], UndecodableRecord, "choices"),
        (VALUE[:42] + b"\1" + VALUE[43:], UndecodableRecord, "choices"),
        (VALUE.replace(b"-4111-", b"_4111-"), UndecodableRecord, "UUID"),
        (VALUE.replace(b"-4111-", b"-411g-"), UndecodableRecord, "UUID"),
        (VALUE.replace(b"student", b"stud\xffnt"), UndecodableRecord, "UTF-8"),
        (VALUE.replace(b"student", b"stud\0nt"), UndecodableRecord, "NUL"),
        (VALUE.replace(b"days", b'd"ys'), IllegalEvent, "context"),
        (encode_event(replace(COMPLETED, rating=6)), IllegalEvent, "rating"),
        (encode_event(replace(COMPLETED, occurred_at=NOON + 300_001)), EventFromTheFuture, "300 s"),
        (encode_tick(TUTOR.replace("3", "4"), NOON), IllegalEvent, "key"),
        (encode_tick(TUTOR, -1), IllegalEvent, "due_at"),
        (b"{" + b"[" * 60_000, UndecodableRecord, "JSON"),
        (b"{" + b" " * 65_536, UndecodableRecord, "65536"),
        (b'{"event_type": "scheduled"}', UndecodableRecord, "event_id is missing"),
    ],
)
def test_each_way_to_be_invalid_has_its_reason(
    value: bytes | None, kind: type[InvalidRecord], message: str
) -> None:
    together = decode(value, VALUE)

    assert type(refusal(value)) is kind
    assert message in str(refusal(value))
    assert {str(refused.error) for refused in together.refused} == {str(refusal(value))}
    assert len(together.columns.offset) == 1


@BOTH_DECODERS
@pytest.mark.parametrize("event", LEGAL.values(), ids=LEGAL)
def test_both_decoders_accept_what_is_at_the_edge_of_a_rule(
    event: SessionEvent, by: Decoder
) -> None:
    assert not decode(encode_event(event), by=by).refused


@BOTH_DECODERS
@pytest.mark.parametrize(("message", "event"), ILLEGAL.items(), ids=ILLEGAL)
def test_both_decoders_refuse_what_is_beyond_it(
    message: str, event: SessionEvent, by: Decoder
) -> None:
    refused = decode(encode_event(event), by=by).refused

    assert len(refused) == 1
    # A NUL is refused by the reader of strings, before there is an event.
    assert message in str(refused[0].error) or "NUL" in message


@BOTH_DECODERS
@pytest.mark.parametrize("key", [None, b"", KEY.upper(), KEY + b" ", KEY.replace(b"3", b"4")])
def test_a_key_other_than_the_tutor_in_lower_case_is_illegal(
    key: bytes | None, by: Decoder
) -> None:
    batch = decode(VALUE, by=by, key=key)

    assert [type(refused.error) for refused in batch.refused] == [IllegalEvent]
    assert "key" in str(batch.refused[0].error)


def test_keys_of_odd_lengths_do_not_shift_the_keys_of_others() -> None:
    """Joined, a short and a long key are as long as two good ones."""
    keys = [KEY[:-1], KEY[-1:] + KEY] * 40
    n = len(keys)
    assert len(decode_lifecycle(keys, [VALUE] * n, range(n), [NOON] * n).refused) == n


def test_a_batch_of_nothing_is_empty() -> None:
    batch = decode_lifecycle([], [], [], [])
    assert len(batch.columns.offset) == 0
    assert batch.columns.event_id.shape == (0, 16)
    assert batch.texts.student_id == []
    assert batch.refused == []


@BOTH_DECODERS
@pytest.mark.parametrize(
    "changes", [{"context": json.dumps({"a": "x" * 8000})}, {"reason": "é" * 2000}]
)
def test_long_texts_are_decoded_whole(changes: dict[str, Any], by: Decoder) -> None:
    texts = decode(encode_event(an_event(**changes)), VALUE, by=by).texts
    assert {name: getattr(texts, name)[0] for name in changes} == changes


@pytest.mark.parametrize(
    "event", [COMPLETED, MOVED, an_event(student_id="学" * 255, reason="")], ids=str
)
def test_an_event_is_encoded_to_the_same_bytes_as_by_the_general_encoder(
    event: SessionEvent,
) -> None:
    assert encode_event(event) == encode("session_event", asdict(event))


def test_an_id_that_is_no_uuid_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="UUID"):
        encode_event(an_event(tutor_id="7"))


def test_the_vector_decoder_knows_the_latest_versions() -> None:
    """Its layout is written by hand: a new version needs a new layout there."""
    assert [latest("session_event").id, latest("tutor_tick").id] == [1, 2]
