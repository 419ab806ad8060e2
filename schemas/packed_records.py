"""Record batches as Kafka sends and takes them: records are found in their bytes, and made into
objects only when somebody asks for one."""

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple, overload

import numpy as np
from aiokafka import codec
from aiokafka.record.util import calc_crc32c
from numpy.typing import NDArray

from schemas.binary import AvroReader
from schemas.record_bytes import (
    BROKEN,
    MOST_OVERHEAD,
    NULL,
    Batches,
    Stretches,
    find_records,
    put_records,
)
from tutor_quality.domain.fold import KEY_BYTES, Packed

Header = tuple[str, bytes | None]
"""Kafka allows a header without a value."""

HEAD = Struct(">qiibIhiqqqhii")
"""Of a record batch: base offset, length, leader epoch, format, checksum, attributes, last offset
delta, first and greatest timestamp, producer id, its epoch, base sequence, number of records."""
BEFORE_LENGTH = 12
"""The length of a batch does not count itself and what stands before it."""
FORMAT_AT, CHECKED_FROM = 16, 21
FORMAT = 2
COMPRESSION, APPEND_TIME, CONTROL = 0x07, 0x08, 0x20
NO_EPOCH = -1
EXPAND: dict[int, Callable[[bytes], bytes]] = {
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}
BATCH_BYTES = 1 << 20
"""No batch of ours is longer, unless it is of one record."""


class CorruptBatch(ValueError):
    """What the broker sent is no record batch of format 2, the only one that Kafka 4 writes."""


class PackedRecord(NamedTuple):
    """One record, taken out."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int
    headers: tuple[Header, ...]


class PackedRecords(Sequence[PackedRecord]):
    """Records of one partition in the order of their offsets."""

    def __init__(self, raw: NDArray[np.uint8], stretches: Stretches) -> None:
        self.raw = raw
        self.stretches = stretches

    def __len__(self) -> int:
        return len(self.stretches.offset)

    @overload
    def __getitem__(self, place: int) -> PackedRecord: ...
    @overload
    def __getitem__(self, place: slice) -> "PackedRecords": ...
    def __getitem__(self, place: int | slice) -> "PackedRecord | PackedRecords":
        if isinstance(place, slice):
            return PackedRecords(self.raw, Stretches._make(one[place] for one in self.stretches))
        return self._record(*(int(one[place]) for one in self.stretches))

    def __iter__(self) -> Iterator[PackedRecord]:
        return map(self._record, *(one.tolist() for one in self.stretches))

    def _record(
        self,
        offset: int,
        timestamp: int,
        key_begin: int,
        key_end: int,
        begin: int,
        end: int,
        headers: int,
        close: int,
    ) -> PackedRecord:
        key, value = self._bytes(key_begin, key_end), self._bytes(begin, end)
        told = () if self.raw[headers] == 0 else self._headers(headers, close)
        return PackedRecord(key, value, offset, timestamp, told)

    def _bytes(self, begin: int, end: int) -> bytes | None:
        return None if begin == NULL else self.raw[begin:end].tobytes()

    def _headers(self, begin: int, end: int) -> tuple[Header, ...]:
        """A name that is no UTF-8 is told as far as it is: no producer may stop us with it."""
        reader = AvroReader(self.raw[begin:end].tobytes(), 0)
        return tuple(
            (reader.bytes().decode(errors="replace"), _nullable_bytes(reader))
            for _ in range(reader.long())
        )

    def since(self, offset: int) -> "PackedRecords":
        """Those with this offset and later ones."""
        if not len(self) or self.stretches.offset[0] >= offset:
            return self
        return self[int(np.searchsorted(self.stretches.offset, offset)) :]

    def until(self, offset: int) -> "PackedRecords":
        """Those with an earlier offset."""
        return self[: int(np.searchsorted(self.stretches.offset, offset))]


def _nullable_bytes(reader: AvroReader) -> bytes | None:
    begin = reader.position
    if reader.long() < 0:
        return None
    reader.position = begin
    return reader.bytes()


class Fetched(NamedTuple):
    """What a stretch of a partition held."""

    records: PackedRecords
    end: int
    """The offset to go on from; compaction may have removed the records just before it."""


def unpack(fetched: bytes, position: int) -> Fetched:
    """The records from offset `position` on; a batch that is cut off at the end is left for later.

    Control records are left out. Raises CorruptBatch, also for a wrong checksum.
    """
    batches = [*_batches(memoryview(fetched))]
    data = [batch for batch in batches if not batch.is_control]
    raw = np.frombuffer(b"".join(batch.records for batch in data), np.uint8)
    stretches = new_stretches(sum(batch.size for batch in data))
    if find_records(raw, _as_columns(data), stretches) == BROKEN:
        raise CorruptBatch("a record does not end where it should")
    end = batches[-1].end_offset if batches else position
    return Fetched(PackedRecords(raw, stretches).since(position), max(position, end))


def new_stretches(count: int) -> Stretches:
    return Stretches._make(np.empty((len(Stretches._fields), count), np.int64))


def _as_columns(batches: Sequence["_Batch"]) -> Batches:
    rows = [(len(one.records), one.size, one.base, one.first, one.appended) for one in batches]
    sizes, *columns = np.array(rows, np.int64).reshape(-1, 5).T.copy()
    ends = np.cumsum(sizes)
    return Batches(ends - sizes, ends, *columns)


class _Batch(NamedTuple):
    """One batch of a stretch; `records` are its records' bytes, the rest is as in `Batches`."""

    records: memoryview | bytes
    size: int
    base: int
    first: int
    appended: int
    end_offset: int
    is_control: bool


def _batches(fetched: memoryview) -> Iterator[_Batch]:
    at = 0
    while len(fetched) - at >= HEAD.size:
        length = BEFORE_LENGTH + HEAD.unpack_from(fetched, at)[1]
        if fetched[at + FORMAT_AT] != FORMAT or length < HEAD.size:
            raise CorruptBatch("a batch is not of format 2")
        if length > len(fetched) - at:
            return
        yield _batch(fetched[at : at + length])
        at += length


def _batch(data: memoryview) -> _Batch:
    base, _, _, _, checksum, attributes, delta, first, newest, _, _, _, count = HEAD.unpack_from(
        data
    )
    if calc_crc32c(data[CHECKED_FROM:]) != checksum:
        raise CorruptBatch(f"the batch at offset {base} has another checksum than it says")
    records = _expanded(data[HEAD.size :], attributes & COMPRESSION)
    if not 0 <= count <= len(records):
        raise CorruptBatch(f"the batch at offset {base} has no room for its {count} records")
    appended = newest if attributes & APPEND_TIME else -1
    return _Batch(
        records, count, base, first, appended, base + delta + 1, bool(attributes & CONTROL)
    )


def _expanded(records: memoryview, compression: int) -> memoryview | bytes:
    if compression == 0:
        return records
    if compression not in EXPAND:
        raise CorruptBatch(f"compression {compression} is unknown")
    return EXPAND[compression](bytes(records))


class PackedBatch:
    """A record batch to send, in the form that aiokafka's producer takes: see its `BatchBuilder`.

    Every record has the same time; none has headers.
    """

    def __init__(self, records: bytearray, count: int, timestamp: int) -> None:
        """`records` begins with room for the head."""
        self._data = records
        self._count = count
        self._timestamp = timestamp
        self._producer = -1, -1, -1
        self._is_built = False

    def record_count(self) -> int:
        return self._count

    def size(self) -> int:
        return len(self._data)

    def closed(self) -> bool:
        """Nothing can be added."""
        return True

    def close(self) -> None:
        """It always is."""

    def _set_producer_state(self, producer_id: int, epoch: int, sequence: int) -> None:
        self._producer = producer_id, epoch, sequence

    def _build(self) -> bytearray:
        """Asked for again when the batch is sent again."""
        if not self._is_built:
            self._put_head(0)
            self._put_head(calc_crc32c(memoryview(self._data)[CHECKED_FROM:]))
            self._is_built = True
        return self._data

    def _put_head(self, checksum: int) -> None:
        length, last, time = len(self._data) - BEFORE_LENGTH, self._count - 1, self._timestamp
        HEAD.pack_into(
            self._data,
            0,
            *(0, length, NO_EPOCH, FORMAT, checksum, 0, last, time, time),
            *(*self._producer, self._count),
        )


def batches_of(packed: Packed, timestamp: int) -> Iterator[PackedBatch]:
    """Record batches of at most BATCH_BYTES, in the order of the records."""
    first = 0
    while first < len(packed):
        last = _last_that_fits(packed, first)
        yield _packed_batch(packed, first, last, timestamp)
        first = last


def _last_that_fits(packed: Packed, first: int) -> int:
    """Of a batch that begins with the `first` record; the place after it."""
    begin = packed.ends[first - 1] if first else 0
    sizes = packed.ends[first:] - begin
    sizes += np.arange(1, len(sizes) + 1) * (KEY_BYTES + MOST_OVERHEAD)
    if sizes[-1] <= BATCH_BYTES - HEAD.size:
        return len(packed)
    return first + max(1, int(np.searchsorted(sizes, BATCH_BYTES - HEAD.size, side="right")))


def _packed_batch(packed: Packed, first: int, last: int, timestamp: int) -> PackedBatch:
    begin = packed.ends[first - 1] if first else 0
    count = last - first
    most = packed.ends[last - 1] - begin + count * (KEY_BYTES + MOST_OVERHEAD)
    data = bytearray(HEAD.size + int(most))
    out = np.frombuffer(data, np.uint8)
    size = put_records(packed.keys, packed.values, packed.ends, first, last, out, HEAD.size)
    del out  # A buffer that somebody looks into cannot be shortened.
    del data[size:]
    return PackedBatch(data, count, timestamp)
