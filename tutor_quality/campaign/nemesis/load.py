"""What producers send during one schedule: tutors of its own, over a hundred days."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from uuid import UUID

from schemas.lifecycle import encode_event, encode_tick
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SPAN = 100 * DAY
"""A schedule's time; the next schedule's begins after it."""
STEP = 6 * HOUR
"""Slots begin at multiples of it, so that exact expiries meet other records' timestamps."""

TUTORS = 24
SESSIONS = 500
POISON_SHARE = 0.01
KINDS = (*[EventType.COMPLETED] * 5, EventType.RESCHEDULED, EventType.CANCELLED, EventType.NO_SHOW)
DELAYS = (0, 0, 0, 0, 0, 3 * HOUR, 2 * DAY, 30 * DAY, 95 * DAY)
"""From a fact to its record; the last is so late that it only fills history."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as its producer sends it; no partition = by its key."""

    key: bytes
    value: bytes
    timestamp: int
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    records: Sequence[Sent]
    end: int
    """The greatest timestamp, ms; markers say it to every partition."""
    tutors: frozenset[str]
    event_ids: frozenset[str]
    """Of legal events."""


def a_load(
    random: Random,
    start: int,
    storms: Sequence[tuple[float, int]],
    partitions: int,
    sessions: int = SESSIONS,
) -> Load:
    """`storms`: (place in the load as a fraction, number of poisonous records)."""
    return _Writer(random, start).write(storms, partitions, sessions)


class _Writer:
    def __init__(self, random: Random, start: int) -> None:
        self._random = random
        self._start = start
        self._tutors = [self._an_id() for _ in range(TUTORS)]
        self._told: list[tuple[int, SessionEvent]] = []

    def write(self, storms: Sequence[tuple[float, int]], partitions: int, sessions: int) -> Load:
        for _ in range(sessions):
            self._tell_session()
        records = [self._record(at, event) for at, event in sorted(self._told, key=_by_time)]
        for place, count in [*self._drops(len(records)), *storms]:
            index = int(place * len(records))
            now = records[min(index, len(records) - 1)].timestamp
            records[index:index] = [self._poison(now) for _ in range(count)]
        end = self._start + SPAN
        marks = [Sent(b"", encode_tick(None, end), end, p) for p in range(partitions)]
        ids = frozenset(event.event_id for _, event in self._told)
        return Load([*records, *marks], end, frozenset(self._tutors), ids)

    def _tell_session(self) -> None:
        random = self._random
        start = self._start + random.randrange(85 * DAY // STEP) * STEP
        kind = random.choice(KINDS)
        moved = kind in (EventType.RESCHEDULED, EventType.CANCELLED)
        outcome = SessionEvent(
            event_id=self._an_id(),
            event_type=kind,
            session_id=self._an_id(),
            tutor_id=random.choice(self._tutors),
            student_id=f"student-{random.randrange(40)}",
            scheduled_start=start,
            occurred_at=start + random.choice((0, HOUR, -2 * DAY) if moved else (HOUR, HOUR + 1)),
            duration_minutes=60,
            new_start=start + 7 * DAY if kind is EventType.RESCHEDULED else None,
            initiator=random.choice(list(InitiatorName)[:2]) if moved else None,
            rating=random.choice((None, 5)) if kind is EventType.COMPLETED else None,
        )
        if random.random() < 0.3:
            booking = replace(
                outcome,
                event_id=self._an_id(),
                event_type=EventType.SCHEDULED,
                occurred_at=start - 3 * DAY,
                new_start=None,
                initiator=None,
                rating=None,
            )
            self._tell(booking)
        self._tell(outcome)
        if random.random() < 0.08:
            self._correct(outcome)

    def _correct(self, outcome: SessionEvent) -> None:
        """Another fact of the slot: a later one, or of the same instant, so that ids decide."""
        later = self._random.choice((0, DAY))
        correction = replace(
            outcome,
            event_id=self._an_id(),
            event_type=EventType.CANCELLED,
            occurred_at=outcome.occurred_at + later,
            new_start=None,
            initiator=InitiatorName.TUTOR,
            rating=None,
        )
        self._tell(correction)

    def _tell(self, event: SessionEvent) -> None:
        """Sometimes twice, sometimes late, sometimes with a clock that is ahead."""
        random = self._random
        at = event.occurred_at + random.choice(DELAYS) - random.choice((0, 0, 0, 4 * MINUTE))
        at = min(max(at, self._start), self._start + SPAN)
        # A fact from before the schedule's time would be another schedule's past.
        self._told.append((at, event))
        if random.random() < 0.06:
            self._told.append(
                (min(at + random.choice((0, HOUR, 9 * DAY)), self._start + SPAN), event)
            )

    def _record(self, at: int, event: SessionEvent) -> Sent:
        """Some timestamps are behind those of the records before."""
        behind = self._random.choice((0,) * 19 + (HOUR,))
        timestamp = max(at - behind, event.occurred_at - 4 * MINUTE)
        return Sent(event.tutor_id.encode(), encode_event(event), timestamp)

    def _drops(self, records: int) -> list[tuple[float, int]]:
        """Single poisonous records all over the load."""
        return [(self._random.random(), 1) for _ in range(int(records * POISON_SHARE))]

    def _poison(self, now: int) -> Sent:
        random = self._random
        event = SessionEvent(
            event_id=self._an_id(),
            event_type=EventType.CANCELLED,
            session_id=self._an_id(),
            tutor_id=random.choice(self._tutors),
            student_id="student-0",
            scheduled_start=now,
            occurred_at=now,
            initiator=InitiatorName.TUTOR,
        )
        key = event.tutor_id.encode()
        match random.randrange(5):
            case 0:
                return Sent(key, random.randbytes(random.randrange(40)), now)
            case 1:
                return Sent(key, encode_event(event)[:-1], now)
            case 2:
                return Sent(self._an_id().encode(), encode_event(event), now)
            case 3:
                return Sent(key, encode_event(replace(event, initiator=None)), now)
            case _:
                ahead = replace(event, occurred_at=now + 5 * MINUTE + 1)
                return Sent(key, encode_event(ahead), now)

    def _an_id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


def _by_time(told: tuple[int, SessionEvent]) -> int:
    return told[0]
