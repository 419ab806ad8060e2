"""Our encoders and decoders against fastavro, and the vector decoder against the scalar one."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.lifecycle import decode_lifecycle, encode_event, encode_tick
from schemas.predictions import (
    FeaturesRecord,
    PredictedRecord,
    ReasonRecord,
    encode_features,
    encode_predicted,
)
from schemas.registry import latest, releases
from tests.fuzz.decoder import check_batch, fastavro_record, rows_of
from tests.support.lifecycle import NOON, random_event
from tests.support.records import values
from tutor_quality.domain.legality import context_is_legal, contexts_are_legal
from tutor_quality.domain.sessions import SessionEvent

SUBJECTS = sorted({release.subject for release in releases()})
EVENTS = st.integers(0, 2**32).map(lambda seed: random_event(random.Random(seed)))


def fields(event: SessionEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__slots__}


@pytest.mark.parametrize("subject", SUBJECTS)
@given(data=st.data())
def test_what_is_encoded_is_decoded_again(subject: str, data: st.DataObject) -> None:
    record: Mapping[str, Any] = data.draw(values(latest(subject).schema()))
    assert decode(subject, encode(subject, record)) == record


@given(event=EVENTS)
def test_events_are_encoded_to_the_bytes_of_fastavro(event: SessionEvent) -> None:
    assert encode_event(event) == encode("session_event", fields(event))


@given(start=st.integers(-(2**62), 2**62), event=EVENTS)
def test_any_time_is_encoded_to_the_bytes_of_fastavro(start: int, event: SessionEvent) -> None:
    moved = {**fields(event), "scheduled_start": start}
    assert encode_event(SessionEvent(**moved)) == encode("session_event", moved)


@given(tutor=st.none() | st.uuids().map(str), due=st.integers(0, 2**43))
def test_ticks_are_encoded_to_the_bytes_of_fastavro(tutor: str | None, due: int) -> None:
    assert encode_tick(tutor, due) == encode("tutor_tick", {"tutor_id": tutor, "due_at": due})


@given(record=values(latest("session_features").schema()))
def test_vectors_are_encoded_to_the_bytes_of_fastavro(record: dict[str, Any]) -> None:
    assert encode_features(FeaturesRecord(**record)) == encode("session_features", record)


@given(record=values(latest("reschedule_predicted").schema()))
def test_predictions_are_encoded_to_the_bytes_of_fastavro(record: dict[str, Any]) -> None:
    plain = {**record, "reasons": [ReasonRecord(**reason) for reason in record["reasons"]]}
    assert encode_predicted(PredictedRecord(**plain)) == encode("reschedule_predicted", record)


@given(events=st.lists(EVENTS, min_size=1, max_size=80))
def test_a_batch_of_legal_events_is_decoded_as_fastavro_decodes_each(
    events: list[SessionEvent],
) -> None:
    batch = [(event.tutor_id.encode(), encode_event(event)) for event in events]

    assert check_batch(batch) == len(events)

    for event, (_, value) in zip(events, batch, strict=True):
        assert fastavro_record(value) == fields(event)


@given(
    events=st.lists(EVENTS, min_size=1, max_size=40),
    damage=st.lists(
        st.tuples(st.integers(0, 39), st.integers(0, 400), st.binary(max_size=12)), max_size=40
    ),
)
def test_damaged_batches_are_judged_alike_by_both_decoders(
    events: list[SessionEvent], damage: list[tuple[int, int, bytes]]
) -> None:
    batch = [(event.tutor_id.encode(), encode_event(event)) for event in events]
    for place, at, inserted in damage:
        key, value = batch[place % len(batch)]
        batch[place % len(batch)] = key, value[:at] + inserted + value[at + len(inserted) :]
    check_batch(batch)


@given(event=EVENTS, data=st.binary(max_size=300))
def test_no_bytes_make_the_decoder_raise(event: SessionEvent, data: bytes) -> None:
    hostile = [b"\0\0\0\0\1" + data, data, b"\0\0\0\0\2" + data, b"{" + data] * 20
    decoded = decode_lifecycle([event.tutor_id.encode()] * 80, hostile, range(80), [NOON] * 80)
    assert len(rows_of(decoded)) + len(decoded.refused) == 80


FRAGMENTS = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", ",", ",\n", ":", '"', '"a"', "1", "null", " ", "\\", "\\u0000", "{}"]
    ),
    max_size=9,
).map("".join)


@given(contexts=st.lists(FRAGMENTS.map(str.encode), max_size=4))
def test_contexts_accepted_together_are_legal_one_by_one(contexts: list[bytes]) -> None:
    if contexts_are_legal(contexts):
        assert all(map(context_is_legal, contexts))
