"""Kafka's record batches (format 2, in `DefaultRecord` of Apache Kafka), compiled: where the parts
of records lie, and records made of keys and values.

Nothing is read outside the stretch that is given, whatever the bytes say.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.raw import get_long, put_long
from tutor_quality.domain.row_bytes import KEY_BYTES
from tutor_quality.jit import compiled, entry

NULL = -1
"""Begins and ends of what is null. The stretch is empty, so nobody reads it by mistake."""
BROKEN = -1
LONGEST_NUMBER = 10
MOST_OVERHEAD = 32
"""Bytes of a record beside its key and value, at most, when it has no headers."""


class Stretches(NamedTuple):
    """Where records lie in a buffer. Every array has length n."""

    offset: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    """ms"""
    key_begin: NDArray[np.int64]
    key_end: NDArray[np.int64]
    begin: NDArray[np.int64]
    """Of the value."""
    end: NDArray[np.int64]
    headers: NDArray[np.int64]
    """Where their number stands."""
    close: NDArray[np.int64]
    """Where the record ends."""


class Batches(NamedTuple):
    """Of each batch in a buffer, what its header says. Every array has the same length."""

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    size: NDArray[np.int64]
    """How many records."""
    base_offset: NDArray[np.int64]
    first_timestamp: NDArray[np.int64]
    append_time: NDArray[np.int64]
    """The broker's time for all its records; -1 = they have their own."""


@entry
def find_records(raw, batches, out):
    """Fill `out`, which has room for all counts; BROKEN for what is no batch, else 0."""
    row = 0
    for b in range(len(batches.size)):
        at, end = batches.begin[b], batches.end[b]
        for _ in range(batches.size[b]):
            at = _find_record(raw, at, end, batches, b, out, row)
            if at < 0:
                return BROKEN
            row += 1
        if at != end:
            return BROKEN
    return 0


@compiled
def _find_record(raw, at, end, batches, b, out, row):
    """The position after the record, which must be as long as it says."""
    length, at = get_long(raw, at, end, LONGEST_NUMBER)
    if at < 0 or length < 1 or length > end - at:
        return np.int64(-1)
    end = at + length
    # The attributes of a record mean nothing yet.
    time, at = get_long(raw, at + 1, end, LONGEST_NUMBER)
    offset, at = get_long(raw, at, end, LONGEST_NUMBER)
    out.offset[row] = batches.base_offset[b] + offset
    late = batches.append_time[b]
    out.timestamp[row] = late if late >= 0 else batches.first_timestamp[b] + time
    at = _find_bytes(raw, at, end, out.key_begin, out.key_end, row)
    at = _find_bytes(raw, at, end, out.begin, out.end, row)
    out.headers[row], out.close[row] = at, end
    return end if _after_headers(raw, at, end) == end else np.int64(-1)


@compiled
def _find_bytes(raw, at, end, begins, ends, row):
    length, at = get_long(raw, at, end, LONGEST_NUMBER)
    if at < 0 or length > end - at:
        return np.int64(-1)
    if length < 0:
        begins[row] = ends[row] = NULL
        return at
    begins[row], ends[row] = at, at + length
    return at + length


@compiled
def _after_headers(raw, at, end):
    count, at = get_long(raw, at, end, LONGEST_NUMBER)
    if not 0 <= count <= end - at:
        return np.int64(-1)
    for _ in range(count):
        length, at = get_long(raw, at, end, LONGEST_NUMBER)
        if at < 0 or not 0 <= length <= end - at:
            return np.int64(-1)
        length, at = get_long(raw, at + length, end, LONGEST_NUMBER)
        if at < 0 or length > end - at:
            return np.int64(-1)
        at += max(length, 0)
    return at


@entry
def put_records(keys, values, ends, first, last, out, at):
    """Records `first` to `last` - 1 with no headers and all of one time; returns where they end."""
    begin = ends[first - 1] if first else 0
    for i in range(first, last):
        size = ends[i] - begin
        offset = i - first
        body = 4 + size_of_long(offset) + KEY_BYTES + size_of_long(size) + size
        at = put_long(out, at, body)
        out[at] = 0
        out[at + 1] = 0
        at = put_long(out, at + 2, offset)
        at = put_long(out, at, KEY_BYTES)
        for k in range(KEY_BYTES):
            out[at + k] = keys[i * KEY_BYTES + k]
        at = put_long(out, at + KEY_BYTES, size)
        for k in range(size):
            out[at + k] = values[begin + k]
        out[at + size] = 0
        at += size + 1
        begin = ends[i]
    return at


@compiled
def size_of_long(number):
    """Bytes of a number that is not negative."""
    size = 1
    number >>= 6
    while number:
        number >>= 7
        size += 1
    return size
