"""Records found in Kafka's record batches, and batches made of records, are what aiokafka reads and
writes; no bytes lead out of the batch."""

from collections.abc import Callable, Sequence
from uuid import UUID, uuid5

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import uuid5_bytes
from schemas.packed_records import (
    APPEND_TIME,
    BATCH_BYTES,
    CONTROL,
    HEAD,
    CorruptBatch,
    PackedRecord,
    PackedRecords,
    batches_of,
    unpack,
)
from tests.support.batches import a_batch, records_in, sealed
from tutor_quality.domain.fold import KEY_BYTES, Packed

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
TIME = 1_790_000_000_000


@st.composite
def records(draw: st.DrawFn) -> list[PackedRecord]:
    nullable = st.one_of(st.none(), st.binary(max_size=200))
    headers = st.lists(st.tuples(st.text(max_size=5), nullable), max_size=3).map(tuple)
    parts = st.tuples(nullable, nullable, st.integers(0, 2**42), headers)
    base = draw(st.integers(0, 2**40))
    return [
        PackedRecord(key, value, base + place, timestamp, told)
        for place, (key, value, timestamp, told) in enumerate(
            draw(st.lists(parts, min_size=1, max_size=30))
        )
    ]


def some(count: int, offset: int = 0) -> list[PackedRecord]:
    return [PackedRecord(b"k%d" % n, b"v" * n, offset + n, TIME + n, ()) for n in range(count)]


def read(fetched: bytes, position: int = 0) -> list[PackedRecord]:
    return list(unpack(fetched, position).records)


@given(records(), st.sampled_from([NONE, GZIP, SNAPPY, LZ4, ZSTD]))
@settings(max_examples=300, deadline=None)
def test_records_are_found_as_they_were_sent(sent: list[PackedRecord], compression: int) -> None:
    found, end = unpack(a_batch(sent, compression), 0)
    assert list(found) == sent
    assert [found[place] for place in range(len(sent))] == sent
    assert end == sent[-1].offset + 1


def test_batches_follow_each_other_and_one_that_is_cut_off_is_left() -> None:
    fetched = a_batch(some(3)) + a_batch(some(2, 3), ZSTD) + a_batch(some(4, 5))[:-1]
    assert read(fetched) == [*some(3), *some(2, 3)]
    assert unpack(fetched, 0).end == 5
    assert unpack(fetched[:40], 17).end == 17


def test_reading_begins_at_the_offset_that_was_asked_for() -> None:
    fetched = a_batch(some(3, 10)) + a_batch(some(3, 13))
    assert read(fetched, 12) == [*some(3, 10), *some(3, 13)][2:]
    assert unpack(fetched, 12).end == 16


def test_a_control_batch_gives_no_record_but_moves_on() -> None:
    fetched = a_batch(some(2)) + a_batch(some(1, 2), attributes=CONTROL)
    assert read(fetched) == some(2)
    assert unpack(fetched, 0).end == 3


def test_the_brokers_time_is_that_of_all_records() -> None:
    found = read(a_batch(some(3), attributes=APPEND_TIME))
    assert [record.timestamp for record in found] == [TIME + 2] * 3


def test_slices_are_of_the_same_records() -> None:
    found, _ = unpack(a_batch(some(9, 100)), 0)
    assert list(found[2:5]) == some(9, 100)[2:5]
    assert list(found.since(104)) == some(9, 100)[4:]
    assert list(found.until(104)) == some(9, 100)[:4]
    assert list(found.since(0)) == some(9, 100)


def test_a_header_whose_name_is_no_text_stops_nobody() -> None:
    batch = bytearray(a_batch([PackedRecord(b"k", b"v", 0, TIME, (("name", b"told"),))]))
    batch[batch.index(b"name")] = 0xFF
    ((name, value),) = read(sealed(batch))[0].headers
    assert (name, value) == ("\ufffdame", b"told")


def test_other_bytes_than_were_sent_are_refused() -> None:
    batch = bytearray(a_batch(some(3)))
    batch[-1] ^= 1
    with pytest.raises(CorruptBatch, match="checksum"):
        unpack(bytes(batch), 0)


@given(records(), st.data())
@settings(max_examples=1_000, deadline=None)
def test_no_bytes_lead_out_of_a_batch(sent: list[PackedRecord], data: st.DataObject) -> None:
    """Damaged records under a right checksum: a batch is refused, or its records lie within it."""
    batch = bytearray(a_batch(sent))
    for place in data.draw(st.lists(st.integers(HEAD.size - 4, len(batch) - 1), max_size=4)):
        batch[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, batch[place] ^ 4]))
    try:
        found, _ = unpack(sealed(batch), 0)
    except CorruptBatch:
        return
    assert_within(found, len(batch) - HEAD.size)
    for record in found:
        assert len(record.key or b"") + len(record.value or b"") <= len(batch)


def assert_within(found: PackedRecords, size: int) -> None:
    at = found.stretches
    for begin, end in ((at.key_begin, at.key_end), (at.begin, at.end), (at.headers, at.close)):
        is_null = (begin == -1) & (end == -1)
        assert np.all(is_null | ((begin >= 0) & (begin <= end) & (end <= size)))


SIZES = st.lists(st.sampled_from([0, 1, 62, 63, 64, 8190, 8192, 300_000, 1_100_000]), max_size=12)


@given(SIZES)
@settings(max_examples=60, deadline=None)
def test_batches_hold_what_was_packed_and_are_not_too_long(sizes: list[int]) -> None:
    packed = a_pack(sizes)
    batches = [*batches_of(packed, TIME)]
    told: list[tuple[bytes | None, bytes | None]] = []
    for sequence, batch in enumerate(batches):
        batch._set_producer_state(9, 2, sequence)
        data = bytes(batch._build())
        assert data == bytes(batch._build())
        assert len(data) == batch.size()
        assert len(data) <= BATCH_BYTES or batch.record_count() == 1
        told += [(key, value) for key, value, time, headers in records_in(data) if time == TIME]
    assert told == [*packed.pairs()]


def a_pack(sizes: Sequence[int]) -> Packed:
    keys = np.frombuffer(b"".join(b"%036d" % n for n in range(len(sizes))), np.uint8)
    values = np.frombuffer(b"".join(bytes([n]) * size for n, size in enumerate(sizes)), np.uint8)
    assert len(keys) == KEY_BYTES * len(sizes)
    return Packed(keys, values, np.cumsum(np.array(sizes, np.int64)))


@given(st.uuids(), st.text(st.characters(codec="ascii"), max_size=uuid5_bytes.MOST_BYTES - 16))
@settings(max_examples=300, deadline=None)
def test_ids_by_name_are_those_of_the_standard(namespace: UUID, name: str) -> None:
    text = np.zeros(uuid5_bytes.BLOCKS_BYTES, np.uint8)
    told = np.frombuffer(namespace.bytes + name.encode(), np.uint8)
    text[: len(told)] = told
    compiled: Callable[..., tuple[int, int]] = uuid5_bytes.uuid5
    room = np.empty(5, np.uint64), np.empty(uuid5_bytes.ROUNDS, np.uint64)
    high, low = compiled(text, len(told), *room)
    assert UUID(int=int(high) << 64 | int(low)) == uuid5(namespace, name)
