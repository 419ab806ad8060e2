"""Record batches as aiokafka writes and reads them: what ours are held to."""

from collections.abc import Iterable, Sequence
from struct import pack_into

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from schemas.packed_records import CHECKED_FROM, Header, PackedRecord

CHECKSUM_AT, ATTRIBUTES_AT = 17, 21
ROOM = 1 << 24


def a_batch(records: Sequence[PackedRecord], compression: int = 0, attributes: int = 0) -> bytes:
    """Of records with consecutive offsets; `attributes` are bits to add to those of the batch."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, 7, 1, 5, ROOM)
    for place, record in enumerate(records):
        builder.append(place, record.timestamp, record.key, record.value, list(record.headers))
    batch = bytearray(builder.build())
    pack_into(">q", batch, 0, records[0].offset if records else 0)
    batch[ATTRIBUTES_AT + 1] |= attributes
    return sealed(batch)


def sealed(batch: bytearray) -> bytes:
    """With the checksum of what stands in it."""
    pack_into(">I", batch, CHECKSUM_AT, calc_crc32c(bytes(batch[CHECKED_FROM:])))
    return bytes(batch)


def records_in(batch: bytes) -> list[tuple[bytes | None, bytes | None, int, tuple[Header, ...]]]:
    """(key, value, timestamp, headers)"""
    read = DefaultRecordBatch(batch)
    assert read.validate_crc()
    return [(one.key, one.value, one.timestamp, tuple(one.headers)) for one in read]


def of_values(
    keys: Iterable[bytes | None],
    values: Iterable[bytes | None],
    offsets: Iterable[int],
    timestamps: Iterable[int],
) -> list[PackedRecord]:
    return [
        PackedRecord(key, value, offset, timestamp, ())
        for key, value, offset, timestamp in zip(keys, values, offsets, timestamps, strict=True)
    ]
