"""Decodes plain records of the lifecycle topic in numpy, all at once.

Up to the student everything in an event has a fixed place, because UUIDs have 36 characters; a
cursor reads the rest. Whatever is unusual (JSON, long values, odd varints, anything refusable) is
left to `records`, so that this module decides nothing: what it accepts, `records` would accept
with the same values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.lifecycle.batch import Draft, Rows
from schemas.lifecycle.cursor import NO_TEXT, Cursor, Flags, Longs, Span, has_odd_bytes, words_of
from schemas.lifecycle.uuids import CHARACTERS, Bytes, are_uuids, lowered, uuid_bytes
from tutor_quality.domain.columns import NULL_TIME, Initiator, Kind
from tutor_quality.domain.legality import (
    LATEST_MS,
    MAX_DURATION_MINUTES,
    MAX_RATING,
    MAX_REASON,
    MAX_REASON_CODE,
    MAX_STUDENT_ID,
    context_is_legal,
    contexts_are_legal,
)
from tutor_quality.domain.sessions import FUTURE_TOLERANCE_MS

LONGEST = 4096
"""Bytes of a value; bounds the memory of a batch, and longer ones are rare.

Less than the limit of a context, so that a context here cannot be too long."""
PADDING = bytes(512)
NO_KEY = bytes(CHARACTERS)

EVENT_START = int.from_bytes(b"\0\0\0\0\1\x48", "little")
EVENT_ID, KIND, SESSION_ID, TUTOR_ID, STUDENT = 6, 42, 44, 81, 117
EVENT_IDS = np.array([EVENT_ID, SESSION_ID, TUTOR_ID])
UUID_LENGTH = 0x48
TICK_START = int.from_bytes(b"\0\0\0\0\2\2\x48", "little")
TICK_TUTOR_ID, TICK_DUE = 7, 43
MARK_START = int.from_bytes(b"\0\0\0\0\2\0", "little")
MARK_DUE = 6
SIX_BYTES = np.uint64((1 << 48) - 1)
SEVEN_BYTES = np.uint64((1 << 56) - 1)

TEXT_LIMITS = (MAX_STUDENT_ID, MAX_REASON_CODE, MAX_REASON)
CONTEXT = 3


def fill_plain(draft: Draft, values: Sequence[bytes | None]) -> None:
    """Accepts into the draft what is plainly valid and leaves the rest untouched."""
    batch = Values(values, draft.keys)
    draft.raw = batch.raw
    first = batch.words[batch.starts]
    _fill_events(draft, batch, _rows(first & SIX_BYTES == EVENT_START))
    _fill_ticks(draft, batch, _rows(first & SEVEN_BYTES == TICK_START))
    _fill_marks(draft, batch, _rows(first & SIX_BYTES == MARK_START))


class Values:
    """All values in one buffer; long and missing ones are empty there."""

    def __init__(self, values: Sequence[bytes | None], keys: Sequence[bytes]) -> None:
        plain = [value or b"" for value in values]
        sizes = np.fromiter(map(len, plain), np.int64, len(plain))
        if sizes.max() > LONGEST:
            plain = [value if len(value) <= LONGEST else b"" for value in plain]
            sizes[sizes > LONGEST] = 0
        self.raw = b"".join((*plain, PADDING))
        self.words = words_of(self.raw)
        self.bytes = np.frombuffer(self.raw, np.uint8)
        self.ends = np.cumsum(sizes)
        self.starts = self.ends - sizes
        if set(map(len, keys)) != {CHARACTERS}:
            keys = [key if len(key) == CHARACTERS else NO_KEY for key in keys]
        self.keys = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, CHARACTERS)

    def text(self, start: int, length: int) -> bytes:
        return self.raw[start : start + length]

    def uuids(self, positions: Longs) -> Bytes:
        """The 36 bytes at each position: an array of one more dimension."""
        whole = np.dtype((np.void, CHARACTERS))
        windows: NDArray[np.void] = np.ndarray(
            len(self.raw) - CHARACTERS + 1, whole, self.raw, strides=(1,)
        )
        return windows[positions].view(np.uint8).reshape(*positions.shape, CHARACTERS)


def _rows(wanted: Flags) -> Rows:
    """A slice when it is all of them, which is usual and saves copying."""
    return slice(None) if wanted.all() else np.flatnonzero(wanted)


@dataclass(slots=True)
class Body:
    """Events from the student on, field after field as the schema has them."""

    student_id: Span
    scheduled_start: Longs
    occurred_at: Longs
    duration_minutes: Longs
    new_start: Longs
    initiator: Longs
    reason_code: Span
    reason: Span
    started_at: Longs
    ended_at: Longs
    rating: Longs
    is_first_session: Longs
    context: Span

    @property
    def texts(self) -> tuple[Span, ...]:
        return self.student_id, self.reason_code, self.reason, self.context


def _read_body(cursor: Cursor) -> Body:
    # Python evaluates arguments from left to right: this is the order of reading.
    return Body(
        student_id=cursor.text(),
        scheduled_start=cursor.number(),
        occurred_at=cursor.number(),
        duration_minutes=cursor.nullable_number(),
        new_start=cursor.nullable_number(),
        initiator=cursor.nullable_number(),
        reason_code=cursor.nullable_text(),
        reason=cursor.nullable_text(),
        started_at=cursor.nullable_number(),
        ended_at=cursor.nullable_number(),
        rating=cursor.nullable_number(),
        is_first_session=cursor.nullable_boolean(),
        context=cursor.nullable_text(),
    )


def _fill_events(draft: Draft, batch: Values, rows: Rows) -> None:
    starts = batch.starts[rows]
    if not len(starts):
        return
    ids = lowered(batch.uuids(starts[:, None] + EVENT_IDS))
    kinds = batch.bytes[starts + KIND]
    cursor = Cursor(batch.words, starts + STUDENT, batch.ends[rows])
    body = _read_body(cursor)
    ok = cursor.finished() & _has_layout(batch, starts, kinds) & are_uuids(ids)
    ok &= (ids[:, 2] == batch.keys[rows]).all(axis=1)
    kinds >>= 1
    ok &= _are_legal(kinds, body, draft.columns.timestamp[rows])
    _check_texts(batch, body.texts, ok)
    _store_events(draft, rows, kinds, uuid_bytes(ids[:, :2]), body)
    draft.accepted[rows] = ok


def _has_layout(batch: Values, starts: Longs, kinds: Bytes) -> Flags:
    """UUIDs of 36 characters, a known event type of one byte."""
    session_ids = batch.bytes[starts + SESSION_ID - 1] == UUID_LENGTH
    tutor_ids = batch.bytes[starts + TUTOR_ID - 1] == UUID_LENGTH
    known: Flags = session_ids & tutor_ids & (kinds & 1 == 0) & (kinds <= 2 * Kind.NO_SHOW)
    return known


def _are_legal(kinds: Bytes, body: Body, recorded_at: Longs) -> Flags:
    """The rules of `legality`, also for fields that the type ignores: `records` knows better."""
    moved = (kinds == Kind.RESCHEDULED) | (kinds == Kind.CANCELLED)
    legal: Flags = (
        _within(body.scheduled_start, 0, LATEST_MS)
        & _within(body.occurred_at, 0, LATEST_MS)
        & (body.occurred_at - FUTURE_TOLERANCE_MS <= recorded_at)
        & _null_or_within(body.duration_minutes, 0, MAX_DURATION_MINUTES)
        & _null_or_within(body.new_start, 0, LATEST_MS)
        & _null_or_within(body.initiator, 0, Initiator.SYSTEM)
        & ((body.initiator != NULL_TIME) | ~moved)
        & _null_or_within(body.started_at, 0, LATEST_MS)
        & _null_or_within(body.ended_at, 0, LATEST_MS)
        & ((body.ended_at >= body.started_at) | (body.ended_at == NULL_TIME))
        & _null_or_within(body.rating, 1, MAX_RATING)
    )
    return legal


def _within(numbers: Longs, least: int, most: int) -> Flags:
    within: Flags = (numbers >= least) & (numbers <= most)
    return within


def _null_or_within(numbers: Longs, least: int, most: int) -> Flags:
    legal: Flags = _within(numbers, least, most) | (numbers == NULL_TIME)
    return legal


def _check_texts(batch: Values, texts: Sequence[Span], ok: Flags) -> None:
    """Clears `ok` where a text is illegal; short ASCII without NUL needs no closer look.

    A context has fewer bytes than it may have characters, and its JSON is checked as UTF-8.
    """
    ok &= texts[0][1] > 0
    for (starts, lengths), limit in zip(texts, TEXT_LIMITS, strict=False):
        rows = np.flatnonzero(ok & (lengths > 0))
        odd = has_odd_bytes(batch.words, starts[rows], lengths[rows]) | (lengths[rows] > limit)
        for row in rows[odd].tolist():
            ok[row] = _is_text(batch.text(starts[row], lengths[row]), limit)
    _check_contexts(batch, *texts[CONTEXT], ok)


def _is_text(text: bytes, limit: int) -> bool:
    try:
        return len(text.decode()) <= limit and b"\0" not in text
    except UnicodeDecodeError:
        return False


def _check_contexts(batch: Values, starts: Longs, lengths: Longs, ok: Flags) -> None:
    rows = np.flatnonzero(ok & (lengths != NO_TEXT))
    spans = zip(starts[rows].tolist(), lengths[rows].tolist(), strict=True)
    contexts = [batch.text(start, length) for start, length in spans]
    if not contexts_are_legal(contexts):
        ok[rows] = [context_is_legal(context) for context in contexts]


def _store_events(draft: Draft, rows: Rows, kinds: Bytes, ids: Bytes, body: Body) -> None:
    columns = draft.columns
    moved = (kinds == Kind.RESCHEDULED) | (kinds == Kind.CANCELLED)
    completed = kinds == Kind.COMPLETED
    columns.kind[rows] = kinds
    columns.event_id[rows] = ids[:, 0]
    columns.session_id[rows] = ids[:, 1]
    columns.scheduled_start[rows] = body.scheduled_start
    columns.occurred_at[rows] = body.occurred_at
    columns.duration_minutes[rows] = np.maximum(body.duration_minutes, -1)
    columns.new_start[rows] = np.where(kinds == Kind.RESCHEDULED, body.new_start, NULL_TIME)
    columns.initiator[rows] = np.where(moved, np.maximum(body.initiator, -1), -1)
    columns.started_at[rows] = np.where(completed, body.started_at, NULL_TIME)
    columns.ended_at[rows] = np.where(completed, body.ended_at, NULL_TIME)
    columns.rating[rows] = np.where(completed, np.maximum(body.rating, 0), 0)
    columns.is_first_session[rows] = body.is_first_session
    for field, (starts, lengths) in enumerate(body.texts):
        draft.text_starts[field, rows] = starts
        draft.text_lengths[field, rows] = lengths


def _fill_ticks(draft: Draft, batch: Values, rows: Rows) -> None:
    starts = batch.starts[rows]
    if not len(starts):
        return
    tutors = lowered(batch.uuids(starts + TICK_TUTOR_ID))
    ok = are_uuids(tutors) & (tutors == batch.keys[rows]).all(axis=1)
    _fill_due(draft, batch, rows, TICK_DUE, ok)


def _fill_marks(draft: Draft, batch: Values, rows: Rows) -> None:
    starts = batch.starts[rows]
    if not len(starts):
        return
    _fill_due(draft, batch, rows, MARK_DUE, np.ones(len(starts), np.bool_))
    for place in np.arange(len(draft.keys))[rows].tolist():
        if draft.accepted[place]:
            draft.keys[place] = b""


def _fill_due(draft: Draft, batch: Values, rows: Rows, field: int, ok: Flags) -> None:
    cursor = Cursor(batch.words, batch.starts[rows] + field, batch.ends[rows])
    due = cursor.number()
    draft.columns.occurred_at[rows] = due
    draft.accepted[rows] = ok & cursor.finished() & _within(due, 0, LATEST_MS)
