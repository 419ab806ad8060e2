"""What a decoded batch looks like, and the draft that decoders fill in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.lifecycle.plain import CONTEXT, NO_TEXT, REASON, REASON_CODE, STUDENT_ID
from tutor_quality.domain.columns import NULL_TIME, Initiator, Kind, LifecycleColumns
from tutor_quality.domain.legality import HAS_INITIATOR
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import InvalidRecord

TEXTS = ("student_id", "reason_code", "reason", "context")
KINDS = {event_type: Kind[event_type.name] for event_type in EventType}
INITIATORS = {name: Initiator[name.name] for name in InitiatorName}

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tick:
    """`tutor_id` None marks the partition's time only."""

    tutor_id: str | None
    due_at: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A record for the dead letters: its place in the input of the decoder, and why."""

    index: int
    offset: int
    error: InvalidRecord


class LifecycleTexts:
    """The strings of a batch, aligned with its columns and made only when asked for."""

    def __init__(self, raw: Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        self._raw = raw
        self._starts = starts
        self._lengths = lengths

    @property
    def student_id(self) -> list[str | None]:
        """None for ticks."""
        return self._texts(STUDENT_ID)

    @property
    def reason_code(self) -> list[str | None]:
        return self._texts(REASON_CODE)

    @property
    def reason(self) -> list[str | None]:
        return self._texts(REASON)

    @property
    def context(self) -> list[str | None]:
        """JSON objects of scalars."""
        return self._texts(CONTEXT)

    def _texts(self, field: int) -> list[str | None]:
        raw = self._raw
        spans = zip(self._starts[field].tolist(), self._lengths[field].tolist(), strict=True)
        return [
            None if length == NO_TEXT else raw[start : start + length].tobytes().decode()
            for start, length in spans
        ]


@dataclass(frozen=True, slots=True)
class LifecycleBatch:
    """The valid records of the input in its order, and the refused ones."""

    columns: LifecycleColumns
    texts: LifecycleTexts
    refused: list[Refused]


class Source(NamedTuple):
    """Where keys and values lie in a buffer. A key that is missing is empty."""

    key_begins: NDArray[np.int64]
    key_ends: NDArray[np.int64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]


class Draft:
    """One place for every record of the input; places that nobody accepted are dropped.

    Texts are spans of `raw` followed by `extra`: the plain decoder points into the values
    themselves, the other one appends the texts it made.
    """

    def __init__(
        self,
        raw: Bytes,
        source: Source,
        offsets: Sequence[int] | Longs,
        timestamps: Sequence[int] | Longs,
    ) -> None:
        n = len(source.begins)
        self.raw = raw
        self.source = source
        self.extra = bytearray()
        self.accepted = np.zeros(n, np.bool_)
        self.text_starts = np.zeros((len(TEXTS), n), np.int64)
        self.text_lengths = np.empty((len(TEXTS), n), np.int64)
        self.columns = LifecycleColumns(
            offset=np.array(offsets, np.int64),
            timestamp=np.array(timestamps, np.int64),
            tutor_id=np.zeros((n, 16), np.uint8),
            kind=np.full(n, Kind.TICK, np.uint8),
            event_id=np.zeros((n, 16), np.uint8),
            session_id=np.zeros((n, 16), np.uint8),
            scheduled_start=np.full(n, NULL_TIME, np.int64),
            occurred_at=np.full(n, NULL_TIME, np.int64),
            duration_minutes=np.full(n, -1, np.int32),
            new_start=np.full(n, NULL_TIME, np.int64),
            initiator=np.full(n, -1, np.int8),
            started_at=np.full(n, NULL_TIME, np.int64),
            ended_at=np.full(n, NULL_TIME, np.int64),
            rating=np.zeros(n, np.int8),
            is_first_session=np.full(n, -1, np.int8),
        )

    def put(self, place: int, record: SessionEvent | Tick) -> None:
        if isinstance(record, Tick):
            self._put_tick(place, record)
        else:
            self._put_event(place, record)

    def _put_tick(self, place: int, tick: Tick) -> None:
        self.accepted[place] = True
        self.columns.kind[place] = Kind.MARK if tick.tutor_id is None else Kind.TICK
        self.columns.occurred_at[place] = tick.due_at
        self.text_lengths[:, place] = NO_TEXT
        if tick.tutor_id is not None:
            self.columns.tutor_id[place] = _uuid_bytes(tick.tutor_id)

    def _put_event(self, place: int, event: SessionEvent) -> None:
        """Writes every column: the plain decoder may have left nonsense here."""
        columns = self.columns
        self.accepted[place] = True
        columns.kind[place] = KINDS[event.event_type]
        columns.tutor_id[place] = _uuid_bytes(event.tutor_id)
        columns.event_id[place] = _uuid_bytes(event.event_id)
        columns.session_id[place] = _uuid_bytes(event.session_id)
        columns.scheduled_start[place] = event.scheduled_start
        columns.occurred_at[place] = event.occurred_at
        columns.duration_minutes[place] = _or(event.duration_minutes, -1)
        columns.is_first_session[place] = _or(event.is_first_session, -1)
        self._put_by_type(place, event)
        for field, name in enumerate(TEXTS):
            self._put_text(place, field, getattr(event, name))

    def _put_by_type(self, place: int, event: SessionEvent) -> None:
        columns = self.columns
        initiator = event.initiator if event.event_type in HAS_INITIATOR else None
        rescheduled = event.event_type is EventType.RESCHEDULED
        completed = event.event_type is EventType.COMPLETED
        columns.initiator[place] = -1 if initiator is None else INITIATORS[initiator]
        columns.new_start[place] = _or(event.new_start if rescheduled else None, NULL_TIME)
        columns.started_at[place] = _or(event.started_at if completed else None, NULL_TIME)
        columns.ended_at[place] = _or(event.ended_at if completed else None, NULL_TIME)
        columns.rating[place] = _or(event.rating if completed else None, 0)

    def _put_text(self, place: int, field: int, text: str | None) -> None:
        if text is None:
            self.text_lengths[field, place] = NO_TEXT
            return
        encoded = text.encode()
        self.text_starts[field, place] = len(self.raw) + len(self.extra)
        self.text_lengths[field, place] = len(encoded)
        self.extra += encoded

    def finish(self, refused: list[Refused]) -> LifecycleBatch:
        raw, columns = self.raw, self.columns
        if self.extra:
            raw = np.concatenate((raw, np.frombuffer(self.extra, np.uint8)))
        starts, lengths = self.text_starts, self.text_lengths
        if refused:
            places = np.flatnonzero(self.accepted)
            columns = columns.take(places)
            starts, lengths = starts[:, places], lengths[:, places]
        return LifecycleBatch(columns, LifecycleTexts(raw, starts, lengths), refused)


def _uuid_bytes(uuid: str) -> list[int]:
    return list(bytes.fromhex(uuid.replace("-", "")))


def _or(number: int | None, null: int) -> int:
    return null if number is None else number
