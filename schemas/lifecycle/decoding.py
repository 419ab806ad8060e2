"""Decodes a batch: the plain records compiled, then record by record what is left."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.lifecycle.batch import Draft, LifecycleBatch, Refused, Source
from schemas.lifecycle.plain import ACCEPTED, CONTEXT, CONTEXT_UNSEEN, decode_plain
from schemas.lifecycle.records import decode_record
from schemas.packed_records import PackedRecords
from tutor_quality.domain.legality import context_is_legal, contexts_are_legal
from tutor_quality.errors import InvalidRecord

Keys = Sequence[bytes | None]
Values = Sequence[bytes | None]


class Recorded(Protocol):
    """A record of the topic, whoever read it."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...


def decode_records(records: Sequence[Recorded]) -> LifecycleBatch:
    """As `decode_lifecycle`; of packed records no object is made unless a record is unusual."""
    if isinstance(records, PackedRecords):
        return _decode_packed(records)
    return decode_lifecycle(
        [record.key for record in records],
        [record.value for record in records],
        [record.offset for record in records],
        [record.timestamp for record in records],
    )


def decode_lifecycle(
    keys: Keys, values: Values, offsets: Sequence[int], timestamps: Sequence[int]
) -> LifecycleBatch:
    """Records of one partition, in offset order; timestamps are those of the Kafka records, ms.

    Never raises for what a record holds: such a record is among the refused.
    """
    draft = draft_of(keys, values, offsets, timestamps)
    fill_plain(draft)
    return _fill_rest(draft, lambda place: (keys[place], values[place]))


def _decode_packed(records: PackedRecords) -> LifecycleBatch:
    at = records.stretches
    source = Source(at.key_begin, at.key_end, at.begin, at.end)
    draft = Draft(records.raw, source, at.offset, at.timestamp)
    fill_plain(draft)
    return _fill_rest(draft, lambda place: (records[place].key, records[place].value))


def decode_one_by_one(
    keys: Keys, values: Values, offsets: Sequence[int], timestamps: Sequence[int]
) -> LifecycleBatch:
    """The same, slowly: what tests hold the plain decoder to."""
    draft = draft_of(keys, values, offsets, timestamps)
    return _fill_rest(draft, lambda place: (keys[place], values[place]))


def fill_plain(draft: Draft) -> None:
    """Accept into the draft what is plainly valid and leave the rest untouched."""
    verdicts = np.empty(len(draft.accepted), np.uint8)
    decode_plain(
        draft.raw,
        draft.source,
        draft.columns.timestamp,
        draft.columns,
        draft.text_starts,
        draft.text_lengths,
        verdicts,
    )
    draft.accepted[:] = verdicts == ACCEPTED
    unseen = np.flatnonzero(verdicts == CONTEXT_UNSEEN)
    if len(unseen):
        draft.accepted[unseen] = _are_legal(_contexts(draft, unseen))


def _contexts(draft: Draft, places: NDArray[np.int64]) -> list[bytes]:
    starts, lengths = draft.text_starts[CONTEXT, places], draft.text_lengths[CONTEXT, places]
    stretches = zip(starts.tolist(), (starts + lengths).tolist(), strict=True)
    return [draft.raw[begin:end].tobytes() for begin, end in stretches]


def _are_legal(contexts: list[bytes]) -> bool | list[bool]:
    return contexts_are_legal(contexts) or [context_is_legal(context) for context in contexts]


def _fill_rest(
    draft: Draft, record_at: Callable[[int], tuple[bytes | None, bytes | None]]
) -> LifecycleBatch:
    offsets, timestamps = draft.columns.offset, draft.columns.timestamp
    refused: list[Refused] = []
    for place in np.flatnonzero(~draft.accepted).tolist():
        try:
            record = decode_record(*record_at(place), int(timestamps[place]))
        except InvalidRecord as error:
            # A traceback would keep the frames of all callers, and what they hold, alive.
            plain = error.with_traceback(None)
            refused.append(Refused(place, int(offsets[place]), plain))
        else:
            draft.put(place, record)
    return draft.finish(refused)


def draft_of(
    keys: Keys, values: Values, offsets: Sequence[int], timestamps: Sequence[int]
) -> Draft:
    """Keys and values joined into one buffer."""
    parts = [*(key or b"" for key in keys), *(value or b"" for value in values)]
    ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
    begins = np.concatenate(([0], ends[:-1])) if len(parts) else ends
    n = len(values)
    source = Source(begins[:n], ends[:n], begins[n:], ends[n:])
    return Draft(np.frombuffer(b"".join(parts), np.uint8), source, offsets, timestamps)
