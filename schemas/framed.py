"""What framed Avro records of several schemas have in common, compiled."""

import numpy as np

from schemas.registry import HEADER_BYTES
from tutor_quality.domain.kernels import INSUFFICIENT, LOW, WINDOWS
from tutor_quality.domain.raw import put_double, put_long
from tutor_quality.domain.risk import BASIS, WINDOW_DAYS
from tutor_quality.jit import compiled

NULL, PRESENT = 0, 2
"""The branches of a union with null."""


@compiled
def put_header(schema_id, out, at):
    """Confluent's, of an id below 256."""
    for i in range(HEADER_BYTES - 1):
        out[at + i] = 0
    out[at + HEADER_BYTES - 1] = schema_id
    return at + HEADER_BYTES


@compiled
def put_nullable_long(number, null, out, at):
    """`null` stands for null."""
    if number == null:
        out[at] = NULL
        return at + 1
    out[at] = PRESENT
    return put_long(out, at + 1, number)


@compiled
def put_rate(moved, total, out, at):
    """A nullable double."""
    if total == 0:
        out[at] = NULL
        return at + 1
    out[at] = PRESENT
    return put_double(out, at + 1, moved / total)


@compiled
def bit_if_high(moved, total, threshold, window):
    """The window's bit for `put_reasons` where `RiskRule.is_high`, else 0."""
    return np.int64(moved * BASIS > threshold * total) << window


@compiled
def put_reasons(windows, out, at):
    """An array of "7d", "30d", "90d": blocks of items, ended by a block of none.

    `windows` has bit w set for the w-th window.
    """
    count = 0
    for window in range(WINDOWS):
        count += windows >> window & 1
    if count:
        at = put_long(out, at, count)
        for window in range(WINDOWS):
            if windows >> window & 1:
                at = _put_days(WINDOW_DAYS[window], out, at)
    out[at] = 0
    return at + 1


@compiled
def _put_days(days, out, at):
    size = 2 if days < 10 else 3
    at = put_long(out, at, size)
    if days >= 10:
        out[at] = ord("0") + days // 10
    out[at + size - 2] = ord("0") + days % 10
    out[at + size - 1] = ord("d")
    return at + size


@compiled
def put_evidence(verdict, out, at):
    """A nullable enum."""
    if verdict == LOW:
        out[at] = NULL
        return at + 1
    out[at] = PRESENT
    return put_long(out, at + 1, verdict - INSUFFICIENT)
