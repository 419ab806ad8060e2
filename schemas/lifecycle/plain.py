"""Decodes plain records of the lifecycle topic, compiled.

Whatever is unusual (JSON, odd varints, anything refusable) is left to `records`, so that this
module decides nothing: what it accepts, `records` would accept with the same values. Of a record
only what was checked to lie within its value is read; a position of -1 says that it did not fit.
"""

import numpy as np

from tutor_quality.domain.columns import NULL_TIME, Initiator, Kind
from tutor_quality.domain.legality import (
    LATEST_MS,
    MAX_CONTEXT,
    MAX_DURATION_MINUTES,
    MAX_RATING,
    MAX_REASON,
    MAX_REASON_CODE,
    MAX_STUDENT_ID,
)
from tutor_quality.domain.raw import get_long
from tutor_quality.domain.sessions import FUTURE_TOLERANCE_MS
from tutor_quality.jit import compiled, entry

LEFT, ACCEPTED, CONTEXT_UNSEEN = 0, 1, 2
"""What became of a record; the last is accepted if its context is a legal JSON object."""
NO_TEXT = -1
"""Length of a text that is null."""
STUDENT_ID, REASON_CODE, REASON, CONTEXT = range(4)

RESCHEDULED, CANCELLED = int(Kind.RESCHEDULED), int(Kind.CANCELLED)
COMPLETED, NO_SHOW = int(Kind.COMPLETED), int(Kind.NO_SHOW)
TICK, MARK, SYSTEM = int(Kind.TICK), int(Kind.MARK), int(Initiator.SYSTEM)

HEADER_BYTES, UUID_BYTES = 5, 36
EVENT_SCHEMA, TICK_SCHEMA = 1, 2
LONGEST = 16_384
"""Bytes of a value; longer ones are rare."""
LONGEST_NUMBER = 8
"""Bytes: 56 bits, so that no number looks like NULL_TIME."""
ABSENT, PRESENT = 0, 2
"""The branches of a union with null."""
UUID_LENGTH = 0x48

NIBBLES = np.full(256, 255, np.uint8)
"""Of hexadecimal digits in lower and upper case."""
NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
NIBBLES[np.frombuffer(b"ABCDEF", np.uint8)] = np.arange(10, 16)
HYPHENS = (8, 13, 18, 23)


@entry
def decode_plain(raw, source, timestamps, columns, starts, lengths, verdicts):
    """Fill the columns of what is plain; `starts` and `lengths` of texts have shape (4, n)."""
    for row in range(len(verdicts)):
        begin, end = source.begins[row], source.ends[row]
        verdicts[row] = LEFT
        if not HEADER_BYTES < end - begin <= LONGEST or not _is_framed(raw, begin):
            continue
        if raw[begin + 4] == EVENT_SCHEMA:
            verdicts[row] = _event(
                raw, source, row, begin, end, timestamps[row], columns, starts, lengths
            )
        elif raw[begin + 4] == TICK_SCHEMA:
            verdicts[row] = _tick(raw, source, row, begin, end, columns)
            lengths[:, row] = NO_TEXT


@compiled
def _is_framed(raw, begin):
    return raw[begin] == 0 and raw[begin + 1] == 0 and raw[begin + 2] == 0 and raw[begin + 3] == 0


@compiled
def _event(raw, source, row, begin, end, recorded_at, columns, starts, lengths):
    at = _uuid(raw, begin + HEADER_BYTES, end, columns.event_id, row)
    if at < 0 or at >= end:
        return LEFT
    kind = np.int64(raw[at] >> 1)
    if raw[at] & 1 or kind > NO_SHOW:
        return LEFT
    at = _uuid(raw, at + 1, end, columns.session_id, row)
    at = _uuid(raw, at, end, columns.tutor_id, row)
    if at < 0 or not _is_key(raw, source.key_begins[row], source.key_ends[row], columns, row):
        return LEFT
    at = _text(raw, at, end, STUDENT_ID, MAX_STUDENT_ID, row, starts, lengths)
    scheduled_start, at = _long(raw, at, end)
    occurred_at, at = _long(raw, at, end)
    duration, at = _nullable_long(raw, at, end)
    new_start, at = _nullable_long(raw, at, end)
    initiator, at = _nullable_long(raw, at, end)
    at = _nullable_text(raw, at, end, REASON_CODE, MAX_REASON_CODE, row, starts, lengths)
    at = _nullable_text(raw, at, end, REASON, MAX_REASON, row, starts, lengths)
    started_at, at = _nullable_long(raw, at, end)
    ended_at, at = _nullable_long(raw, at, end)
    rating, at = _nullable_long(raw, at, end)
    first, at = _nullable_boolean(raw, at, end)
    at = _nullable_text(raw, at, end, CONTEXT, MAX_CONTEXT, row, starts, lengths)
    if at != end or lengths[STUDENT_ID, row] == 0:
        return LEFT
    moved = kind in (RESCHEDULED, CANCELLED)
    # The rules of `legality`, also for fields that the type ignores: `records` knows better.
    if not (
        0 <= scheduled_start <= LATEST_MS
        and 0 <= occurred_at <= LATEST_MS
        and occurred_at - FUTURE_TOLERANCE_MS <= recorded_at
        and _null_or_within(duration, 0, MAX_DURATION_MINUTES)
        and _null_or_within(new_start, 0, LATEST_MS)
        and _null_or_within(initiator, 0, SYSTEM)
        and (initiator != NULL_TIME or not moved)
        and _null_or_within(started_at, 0, LATEST_MS)
        and _null_or_within(ended_at, 0, LATEST_MS)
        and (ended_at >= started_at or ended_at == NULL_TIME)
        and _null_or_within(rating, 1, MAX_RATING)
    ):
        return LEFT
    completed = kind == COMPLETED
    columns.kind[row] = kind
    columns.scheduled_start[row] = scheduled_start
    columns.occurred_at[row] = occurred_at
    columns.duration_minutes[row] = max(duration, -1)
    columns.new_start[row] = new_start if kind == RESCHEDULED else NULL_TIME
    columns.initiator[row] = max(initiator, -1) if moved else -1
    columns.started_at[row] = started_at if completed else NULL_TIME
    columns.ended_at[row] = ended_at if completed else NULL_TIME
    columns.rating[row] = max(rating, 0) if completed else 0
    columns.is_first_session[row] = first
    return ACCEPTED if lengths[CONTEXT, row] == NO_TEXT else CONTEXT_UNSEEN


@compiled
def _tick(raw, source, row, begin, end, columns):
    at = begin + HEADER_BYTES
    kind = MARK
    if raw[at] == PRESENT:
        kind = TICK
        at = _uuid(raw, at + 1, end, columns.tutor_id, row)
        if at < 0 or not _is_key(raw, source.key_begins[row], source.key_ends[row], columns, row):
            return LEFT
    elif raw[at] == ABSENT:
        at += 1
    else:
        return LEFT
    due, at = _long(raw, at, end)
    if at != end or not 0 <= due <= LATEST_MS:
        return LEFT
    columns.kind[row] = kind
    columns.occurred_at[row] = due
    return ACCEPTED


@compiled
def _null_or_within(number, least, most):
    return number == NULL_TIME or least <= number <= most


@compiled
def _long(raw, at, end):
    return get_long(raw, at, end, LONGEST_NUMBER)


@compiled
def _branch(raw, at, end):
    """(whether there is a value, position after the branch)."""
    if at < 0 or at >= end or (raw[at] != ABSENT and raw[at] != PRESENT):
        return False, np.int64(-1)
    return raw[at] == PRESENT, at + 1


@compiled
def _nullable_long(raw, at, end):
    """NULL_TIME for null."""
    present, at = _branch(raw, at, end)
    if not present:
        return np.int64(NULL_TIME), at
    return _long(raw, at, end)


@compiled
def _nullable_boolean(raw, at, end):
    """-1 for null."""
    present, at = _branch(raw, at, end)
    if not present:
        return np.int64(-1), at
    if at >= end or raw[at] > 1:
        return np.int64(-1), np.int64(-1)
    return np.int64(raw[at]), at + 1


@compiled
def _nullable_text(raw, at, end, field, longest, row, starts, lengths):
    present, at = _branch(raw, at, end)
    if not present:
        lengths[field, row] = NO_TEXT
        return at
    return _text(raw, at, end, field, longest, row, starts, lengths)


@compiled
def _text(raw, at, end, field, longest, row, starts, lengths):
    """Position after the text; -1 also if it has more than `longest` characters or a NUL."""
    length, at = _long(raw, at, end)
    if at < 0 or length < 0 or length > end - at:
        return np.int64(-1)
    starts[field, row], lengths[field, row] = at, length
    characters = _characters(raw, at, at + length)
    if characters < 0 or characters > longest:
        return np.int64(-1)
    return at + length


@compiled
def _characters(raw, at, end):
    """How many characters of UTF-8 there are; -1 for other bytes and for a NUL."""
    count = 0
    while at < end:
        size = _character(raw, at, end)
        if size == 0:
            return -1
        at += size
        count += 1
    return count


@compiled
def _character(raw, at, end):
    """Bytes of the character (RFC 3629, table in section 4); 0 = it is none, or NUL."""
    first = raw[at]
    if first < 0x80:
        return 1 if first else 0
    least, most = 0x80, 0xBF
    if 0xC2 <= first <= 0xDF:
        size = 2
    elif 0xE0 <= first <= 0xEF:
        size = 3
        least = 0xA0 if first == 0xE0 else least
        most = 0x9F if first == 0xED else most
    elif 0xF0 <= first <= 0xF4:
        size = 4
        least = 0x90 if first == 0xF0 else least
        most = 0x8F if first == 0xF4 else most
    else:
        return 0
    if at + size > end or not least <= raw[at + 1] <= most:
        return 0
    for i in range(2, size):
        if raw[at + i] & 0xC0 != 0x80:
            return 0
    return size


@compiled
def _uuid(raw, at, end, ids, row):
    """Read a UUID of 36 characters and its length into 16 bytes; the position after it."""
    if at < 0 or end - at < 1 + UUID_BYTES or raw[at] != UUID_LENGTH:
        return np.int64(-1)
    return at + 1 + UUID_BYTES if _parse(raw, at + 1, ids, row) else np.int64(-1)


@compiled
def _parse(raw, at, ids, row):
    """Whether the 36 characters are a UUID."""
    byte = 0
    i = 0
    while i < UUID_BYTES:
        if i in HYPHENS:
            if raw[at + i] != ord("-"):
                return False
            i += 1
            continue
        high, low = NIBBLES[raw[at + i]], NIBBLES[raw[at + i + 1]]
        if high > 15 or low > 15:
            return False
        ids[row, byte] = high << 4 | low
        byte += 1
        i += 2
    return True


@compiled
def _is_key(raw, at, end, columns, row):
    """Whether the record's key is the tutor's id in lower case."""
    if end - at != UUID_BYTES:
        return False
    byte = 0
    i = 0
    while i < UUID_BYTES:
        if i in HYPHENS:
            if raw[at + i] != ord("-"):
                return False
            i += 1
            continue
        tutor = columns.tutor_id[row, byte]
        if raw[at + i] != _digit(tutor >> 4) or raw[at + i + 1] != _digit(tutor & 15):
            return False
        byte += 1
        i += 2
    return True


@compiled
def _digit(nibble):
    return nibble + (ord("0") if nibble < 10 else ord("a") - 10)
