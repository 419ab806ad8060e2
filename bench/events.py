"""The events of job W: seeded, so that everybody gets the same bytes, and made by the column.

200 days of sessions. Every tutor has a reschedule rate of their own. A quarter of the outcomes
were booked by an earlier event; a tenth comes late, by a day on average; one in a thousand by up
to 120 days, which is too old for any window.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.registry import header, latest
from tutor_quality.domain.columns import Initiator, Kind

HOUR = 3_600_000
DAY = 24 * HOUR
DAYS = 200
BEGIN = 1_750_000_000_000
"""2025-06-15: the whole history is past, whenever it is sent."""
CHUNK = 50_000

Longs = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Job:
    """How much there is to do. `days` is the time that the history takes."""

    events: int
    tutors: int
    days: float = DAYS
    hot_share: float = 0.0
    """Of all events, those that are of one tutor."""
    seed: int = 1


@dataclass(frozen=True)
class Events:
    """In the order in which they are sent; times in ms."""

    tutor: Longs
    session: Longs
    kind: Longs
    initiator: Longs
    """-1 = null."""
    start: Longs
    occurred: Longs
    arrived: Longs
    """The record's timestamp."""

    def __len__(self) -> int:
        return len(self.tutor)

    @property
    def is_outcome(self) -> Flags:
        return np.not_equal(self.kind, Kind.SCHEDULED)

    @property
    def is_moved(self) -> Flags:
        """Rescheduled or cancelled by the tutor."""
        return np.equal(self.initiator, Initiator.TUTOR)


def make(job: Job) -> Events:
    """A fifth of the events are bookings, the others outcomes."""
    chance = np.random.default_rng(job.seed)
    outcomes = _outcomes(job, chance, job.events - job.events // 5)
    bookings = _bookings(outcomes, chance, job.events // 5)
    both = [
        np.concatenate([getattr(bookings, column), getattr(outcomes, column)])
        for column in Events.__dataclass_fields__
    ]
    order = np.argsort(both[-1], kind="stable")
    return Events(*(column[order] for column in both))


def _outcomes(job: Job, chance: np.random.Generator, count: int) -> Events:
    span = int(job.days * DAY)
    occurred = BEGIN + np.sort(chance.integers(0, span, count))
    tutor = chance.integers(0, job.tutors, count)
    tutor[chance.random(count) < job.hot_share] = 0
    kind, initiator = _kinds(job, chance, tutor)
    moved = initiator >= 0
    return Events(
        tutor=tutor,
        session=np.arange(count),
        kind=kind,
        initiator=initiator,
        # A slot is moved a day before it would have begun; others are over when that is known.
        start=np.where(moved, occurred + DAY, occurred - HOUR),
        occurred=occurred,
        arrived=np.minimum(occurred + _delays(chance, count), BEGIN + span),
    )


def _kinds(job: Job, chance: np.random.Generator, tutor: Longs) -> tuple[Longs, Longs]:
    """Tutors move between 1 and 25 % of their slots; of the others one in eight is cancelled by the
    student."""
    of_tutor = 0.01 + 0.24 * chance.random(job.tutors) ** 3
    drawn, other = chance.random(len(tutor)), chance.random(len(tutor))
    by_tutor = drawn < of_tutor[tutor]
    by_student = ~by_tutor & (other < 0.125)
    kind = np.where(other < 0.9, int(Kind.COMPLETED), int(Kind.NO_SHOW))
    kind[by_student] = Kind.CANCELLED
    kind[by_tutor] = np.where(other < 0.7, int(Kind.RESCHEDULED), int(Kind.CANCELLED))[by_tutor]
    initiator = np.full(len(tutor), -1)
    initiator[by_student] = Initiator.STUDENT
    initiator[by_tutor] = Initiator.TUTOR
    return kind, initiator


def _delays(chance: np.random.Generator, count: int) -> Longs:
    late = np.where(chance.random(count) < 0.1, chance.exponential(DAY, count), 0)
    very_late = chance.random(count) < 0.001
    return np.where(very_late, chance.uniform(0, 120 * DAY, count), late).astype(np.int64)


def _bookings(outcomes: Events, chance: np.random.Generator, count: int) -> Events:
    booked = chance.choice(len(outcomes), count, replace=False)
    at = np.maximum(outcomes.occurred[booked] - chance.integers(DAY, 5 * DAY, count), BEGIN)
    return Events(
        tutor=outcomes.tutor[booked],
        session=outcomes.session[booked],
        kind=np.full(count, int(Kind.SCHEDULED)),
        initiator=np.full(count, -1),
        start=outcomes.start[booked],
        occurred=at,
        arrived=at,
    )


def tutor_key(number: int) -> bytes:
    return b"70000000-0000-4000-8000-%012x" % number


def encoded(events: Events) -> Iterator[tuple[bytes, bytes, int]]:
    """(key, value, timestamp) of each event in order."""
    for begin in range(0, len(events), CHUNK):
        chunk = slice(begin, min(begin + CHUNK, len(events)))
        values = _values(events, chunk)
        tutors, arrived = events.tutor[chunk].tolist(), events.arrived[chunk].tolist()
        for tutor, value, timestamp in zip(tutors, values, arrived, strict=True):
            yield tutor_key(tutor), value, timestamp


def _values(events: Events, chunk: slice) -> list[bytes]:
    """Events of a kind are equally long, so each kind is a matrix of bytes."""
    values: list[bytes] = [b""] * (chunk.stop - chunk.start)
    shapes = events.kind[chunk] * 4 + events.initiator[chunk]
    for shape in np.unique(shapes):
        places = np.flatnonzero(shapes == shape)
        flat = _matrix(events, places + chunk.start)
        width, data = flat.shape[1], flat.tobytes()
        for number, place in enumerate(places.tolist()):
            values[place] = data[number * width : (number + 1) * width]
    return values


def _matrix(events: Events, rows: Longs) -> Bytes:
    """Avro bodies, with the header, of events that have the same kind and initiator."""
    kind, initiator = int(events.kind[rows[0]]), int(events.initiator[rows[0]])
    occurred, start = events.occurred[rows], events.start[rows]
    completed = kind == Kind.COMPLETED
    text = header(latest("session_event").id) + _uuid_head(b"e")
    parts: list[bytes | Bytes] = [
        text,
        _hex(rows, 12),
        bytes([2 * kind]) + _uuid_head(b"5"),
        _hex(events.session[rows], 12),
        _uuid_head(b"7"),
        _hex(events.tutor[rows], 12),
        b"\x16student",
        _hex(events.session[rows] % 50_000, 4),
        _time(start),
        _time(occurred),
        b"\x02\x78",  # 60 minutes
        *([b"\x02", _time(start + 2 * DAY)] if kind == Kind.RESCHEDULED else [b"\x00"]),
        b"\x00" if initiator < 0 else bytes([2, 2 * initiator]),
        b"\x00\x00",  # no reason
        *([b"\x02", _time(start), b"\x02", _time(start + HOUR)] if completed else [b"\x00\x00"]),
        b"\x02\x08" if completed else b"\x00",  # rated 4
        b"\x00\x00",  # neither first session nor context are said
    ]
    columns = [_column(part, len(rows)) for part in parts]
    return np.concatenate(columns, axis=1)


def _uuid_head(digit: bytes) -> bytes:
    """All but the last 12 digits, after the length of a UUID in text."""
    return b"\x48" + digit + b"0000000-0000-4000-8000-"


def _column(part: bytes | Bytes, rows: int) -> Bytes:
    if isinstance(part, bytes):
        return np.broadcast_to(np.frombuffer(part, np.uint8), (rows, len(part)))
    return part


DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)


def _hex(numbers: Longs, digits: int) -> Bytes:
    shifts = 4 * np.arange(digits - 1, -1, -1)
    return np.take(DIGITS, (numbers[:, None] >> shifts) & 15)


def _time(times: Longs) -> Bytes:
    """Avro longs of 6 bytes: ms from 1970-07-18 to 2039."""
    groups = ((times << 1)[:, None] >> (7 * np.arange(6))) & 0x7F
    groups[:, :5] |= 0x80
    return groups.astype(np.uint8)
