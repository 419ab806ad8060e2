"""The raw input of a schedule: few tutors, slots and instants, so that corrections, ties, exact
expiries and order that is out of hand are common."""

from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from schemas.lifecycle import encode_event, encode_tick
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_760_000_000_000
"""An instant in October 2025."""
FUTURE = 5 * MINUTE
STEPS = (0, 1, 1, MINUTE, HOUR, HOUR, DAY, DAY, 7 * DAY - 1, 7 * DAY, 23 * DAY, 30 * DAY)
OUTCOMES = (
    EventType.COMPLETED,
    EventType.COMPLETED,
    EventType.COMPLETED,
    EventType.RESCHEDULED,
    EventType.CANCELLED,
    EventType.NO_SHOW,
    EventType.SCHEDULED,
)


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A record as its producer sends it; neighbouring schedules share the very objects."""

    partition: int
    key: bytes
    value: bytes
    timestamp: int
    event: SessionEvent | None
    """None: a time marker or nonsense."""
    legal: bool
    """By itself; a legal event may still be from its record's future."""


@dataclass(frozen=True, slots=True)
class History:
    records: tuple[Raw, ...]
    partitions: int
    faults: int
    """Duplicated, late, out-of-order and refused ones among them."""


def an_id(number: int, of: str) -> str:
    return f"{of}0000000-0000-4000-8000-{number:012x}"


@lru_cache(maxsize=64)
def a_history(seed: int) -> History:
    """Schedules of neighbouring seeds share one, so that decoding it is paid for once."""
    return _Writer(Random(f"history {seed}")).write()


class _Writer:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._partitions = random.choice((1, 1, 2))
        self._tutors = [an_id(number, "7") for number in range(random.randint(1, 3))]
        self._sessions = random.randint(2, 6)
        self._now = START
        self._records: list[Raw] = []
        self._told: list[SessionEvent] = []
        self._faults = 0
        self._bad_share = random.choice((0.0, 0.05, 0.1, 0.2))

    def write(self) -> History:
        random = self._random
        for _ in range(random.randint(10, 26)):
            self._now += random.choice(STEPS)
            chance = random.random()
            if chance < self._bad_share:
                for _ in range(random.choice((1, 1, 4))):
                    self._add_bad()
            elif chance < self._bad_share + 0.05:
                self._add_marker()
            elif chance < self._bad_share + 0.12 and self._records:
                self._repeat()
            elif chance < self._bad_share + 0.22 and self._told:
                self._contradict()
            else:
                self._add(self._an_event())
        return History(tuple(self._records), self._partitions, self._faults)

    def _an_event(self) -> SessionEvent:
        random = self._random
        kind = random.choice(OUTCOMES)
        session = random.randrange(self._sessions)
        start = START + random.choice((0, HOUR, 9 * DAY, 60 * DAY))
        occurred_at = self._now - random.choice((0, 0, 0, 0, -MINUTE, DAY, 7 * DAY, 95 * DAY))
        changes: dict[str, object] = {}
        if kind in (EventType.RESCHEDULED, EventType.CANCELLED):
            changes["initiator"] = random.choice(
                (InitiatorName.TUTOR, InitiatorName.TUTOR, InitiatorName.STUDENT)
            )
        if kind is EventType.RESCHEDULED:
            changes["new_start"] = random.choice((None, start + HOUR, start + DAY))
        if kind is EventType.COMPLETED:
            changes["rating"] = random.choice((None, 5))
        return SessionEvent(
            event_id=an_id(random.randrange(1 << 40), "e"),
            event_type=kind,
            session_id=an_id(session, "5"),
            tutor_id=self._tutors[session % len(self._tutors)],
            student_id="s",
            scheduled_start=start,
            occurred_at=max(occurred_at, START - 100 * DAY),
            duration_minutes=60,
            **changes,  # type: ignore[arg-type]
        )

    def _contradict(self) -> None:
        """Another fact about a slot of the same instant: only the ids tell who wins."""
        self._faults += 1
        event = replace(
            self._random.choice(self._told),
            event_id=an_id(self._random.randrange(1 << 40), "e"),
            event_type=self._random.choice((EventType.COMPLETED, EventType.CANCELLED)),
            initiator=InitiatorName.TUTOR,
        )
        self._add(event)

    def _add(self, event: SessionEvent, *, legal: bool = True) -> None:
        if legal:
            self._told.append(event)
        late = self._random.random() < 0.15
        self._faults += late or event.occurred_at < self._now - HOUR
        timestamp = self._now - self._random.choice((1, HOUR, 8 * DAY)) if late else self._now
        timestamp = max(timestamp, event.occurred_at - FUTURE) if legal else timestamp
        self._put(event.tutor_id.encode(), encode_event(event), timestamp, event, legal)

    def _add_bad(self) -> None:
        self._faults += 1
        event = self._an_event()
        way = self._random.randrange(4)
        if way == 0:
            self._put(event.tutor_id.encode(), b"\0garbage", self._now, None, False)
        elif way == 1:
            value = encode_event(event)
            self._put(b"nobody", value, self._now, event, False)
        elif way == 2:
            illegal = replace(event, event_type=EventType.CANCELLED, initiator=None)
            self._add(illegal, legal=False)
        else:
            ahead = replace(event, occurred_at=self._now + FUTURE + 1)
            self._put(event.tutor_id.encode(), encode_event(ahead), self._now, ahead, True)

    def _add_marker(self) -> None:
        for partition in range(self._partitions):
            value = encode_tick(None, self._now)
            self._records.append(Raw(partition, b"", value, self._now, None, True))

    def _repeat(self) -> None:
        self._faults += 1
        earlier = self._random.choice(self._records)
        self._records.append(replace(earlier, timestamp=max(earlier.timestamp, self._now)))

    def _put(
        self, key: bytes, value: bytes, timestamp: int, event: SessionEvent | None, legal: bool
    ) -> None:
        place = 0 if event is None else self._tutors.index(event.tutor_id) % self._partitions
        self._records.append(Raw(place, key, value, timestamp, event, legal))
